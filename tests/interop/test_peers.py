"""Real programs exchange mail with us: swaks, smtplib, smtp-source, smtp-sink, Debian's Postfix."""
import hashlib
import os
import re
import smtplib
import socket
import subprocess

import measure
from instance import wait_for

MAILDIR = {"home_mailbox": "Maildir/"}


def body_of(message):
    return message.split(b"\n\n", 1)[1]


def test_swaks_delivers(ours, reader, mailbox):
    instance = ours(settings=MAILDIR)
    result = subprocess.run(
        ["swaks", "--server", f"127.0.0.1:{instance.port}", "--from", "a@example.org",
         "--to", f"{reader.pw_name}@test.example", "--pipeline", "--body", "from swaks"],
        capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stdout
    assert b"from swaks" in mailbox(1)[0]


def test_eight_bit_mail_comes_through_unchanged(ours, reader, mailbox):
    instance = ours(settings=MAILDIR)
    text = "Subject: x\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n".encode() + \
        bytes(range(128, 256)) + b"\r\n"
    with instance.smtp() as client:
        client.sendmail("a@example.org", [f"{reader.pw_name}@test.example"], text,
                        mail_options=["BODY=8BITMIME"])
    assert body_of(mailbox(1)[0]) == bytes(range(128, 256)) + b"\n"


def test_utf8_addresses_come_through(ours, reader, mailbox):
    instance = ours(settings=MAILDIR)
    with instance.smtp() as client:
        client.ehlo()
        assert client.has_extn("smtputf8")
        client.sendmail("gr\u00fc\u00dfe@b\u00fccher.example", [f"{reader.pw_name}@test.example"],
                        "Subject: gr\u00fc\u00df\r\n\r\nHello\r\n".encode(),
                        mail_options=["SMTPUTF8", "BODY=8BITMIME"])
    assert mailbox(1)[0].startswith("Return-Path: <gr\u00fc\u00dfe@b\u00fccher.example>".encode())


def test_bdat_chunks_make_one_message(ours, reader, mailbox):
    instance = ours(settings=MAILDIR)
    first = b"Subject: chunks\r\n\r\nfirst li"
    second = b"ne\r\n.\r\nlast line without end"
    with instance.smtp() as client:
        client.ehlo()
        assert client.has_extn("chunking")
        client.mail("a@example.org")
        client.rcpt(f"{reader.pw_name}@test.example")
        client.send(b"BDAT %d\r\n" % len(first) + first)
        assert client.getreply() == (250, b"2.0.0 Ok: %d bytes" % len(first))
        client.send(b"BDAT %d LAST\r\n" % len(second) + second)
        code, text = client.getreply()
        assert code == 250 and re.match(rb"2.0.0 Ok: \d+ bytes queued as \w+", text)
    assert body_of(mailbox(1)[0]) == b"first line\n.\nlast line without end\n"


def test_fifty_megabytes_arrive_whole(ours, reader, mailbox):
    instance = ours(settings={**MAILDIR, "message_size_limit": "60000000",
                              "mailbox_size_limit": "0"})
    block = os.urandom(30000).hex().encode()
    lines = b"\r\n".join(block[start:start + 70] for start in range(0, len(block), 70))
    content = (lines + b"\r\n") * (50_000_000 // (len(lines) + 2))
    with instance.smtp() as client:
        client.sendmail("a@example.org", [f"{reader.pw_name}@test.example"],
                        b"Subject: large\r\n\r\n" + content)
    [message] = mailbox(1, seconds=60)
    assert hashlib.sha256(body_of(message)).digest() == \
        hashlib.sha256(content.replace(b"\r\n", b"\n")).digest()


def test_fifty_megabytes_are_relayed_whole(ours, debian, reader, mailbox):
    limits = {"message_size_limit": "60000000", "mailbox_size_limit": "0"}
    server = debian(settings={**MAILDIR, **limits})
    client = ours(settings={"relayhost": f"[127.0.0.1]:{server.port}", "mydestination": "",
                            **limits})
    content = b"".join(b"%07d %s\r\n" % (number, b"x" * (number % 100))
                       for number in range(860_000))
    assert len(content) > 48_000_000
    client.send("a@example.org", [f"{reader.pw_name}@test.example"],
                b"Subject: large\r\n\r\n" + content)
    [message] = mailbox(1, seconds=90)
    assert hashlib.sha256(body_of(message)).digest() == \
        hashlib.sha256(content.replace(b"\r\n", b"\n")).digest()


def test_a_thousand_recipients_are_relayed_once_each(ours, tmp_path):
    dump = tmp_path / "dump"
    dump.mkdir()
    os.chmod(tmp_path, 0o777)
    os.chmod(dump, 0o777)
    for parent in tmp_path.parents:
        if str(parent).startswith("/tmp/pytest"):
            os.chmod(parent, 0o755)
    with measure.Sink("-d", f"{dump}/%M.", program=measure.DEBIAN_SINK) as sink:
        instance = ours(settings={"relayhost": f"[127.0.0.1]:{sink.port}"})
        wanted = {f"user{number}@far.example" for number in range(1000)}
        assert instance.send("a@test.example", sorted(wanted)) == {}
        measure.drained(instance)
    seen = [match for path in dump.glob("*") for match in
            re.findall(r"^X-Rcpt-Args: <(\S+)>", path.read_text(), re.M)]
    assert sorted(seen) == sorted(wanted)
    assert wait_for(lambda: len(re.findall(r"status=sent", instance.log())) == 1000)


def test_debians_postfix_sends_to_us(ours, debian, reader, mailbox):
    server = ours(settings=MAILDIR)
    client = debian(settings={"relayhost": f"[127.0.0.1]:{server.port}", "mydestination": ""})
    for number in range(20):
        client.send("a@example.org", [f"{reader.pw_name}@test.example"],
                    f"Subject: {number}\r\n\r\nBody {number}\r\n")
    assert len(mailbox(20)) == 20
    measure.drained(client)


def test_we_send_to_debians_postfix(ours, debian, reader, mailbox):
    server = debian(settings=MAILDIR)
    client = ours(settings={"relayhost": f"[127.0.0.1]:{server.port}", "mydestination": ""})
    for number in range(20):
        client.send("a@example.org", [f"{reader.pw_name}@test.example"],
                    f"Subject: {number}\r\n\r\nBody {number}\r\n")
    assert len(mailbox(20)) == 20
    measure.drained(client)
    assert re.search(r"status=sent \(250 2.0.0 Ok: queued as \w+\)", client.log())


def test_utf8_addresses_are_relayed_to_debians_postfix(ours, debian, reader, mailbox):
    server = debian(settings=MAILDIR)
    client = ours(settings={"relayhost": f"[127.0.0.1]:{server.port}", "mydestination": ""})
    with client.smtp() as session:
        session.sendmail("gr\u00fc\u00dfe@example.org", [f"{reader.pw_name}@test.example"],
                         "Subject: gr\u00fc\u00df\r\n\r\nHello\r\n".encode(),
                         mail_options=["SMTPUTF8", "BODY=8BITMIME"])
    assert mailbox(1)[0].startswith("Return-Path: <gr\u00fc\u00dfe@example.org>".encode())


def test_smtp_source_sends_many_messages_at_once(ours):
    with measure.Sink(program=measure.DEBIAN_SINK) as sink:
        instance = ours(settings={"relayhost": f"[127.0.0.1]:{sink.port}"})
        measure.source(instance.port, 500, sessions=20,
                       program=measure.DEBIAN_SOURCE)
        measure.drained(instance)
    # A line may reach the file after its message has left the queue.
    wait_for(lambda: instance.log().count("status=sent") >= 500)
    assert instance.log().count("status=sent") == 500


def test_a_client_that_vanishes_leaves_nothing(ours):
    instance = ours()
    with socket.create_connection(("127.0.0.1", instance.port)) as client:
        client.recv(500)
        client.sendall(b"EHLO x\r\n")
        client.recv(2000)
        client.sendall(b"MAIL FROM:<a@b.example>\r\nRCPT TO:<root@test.example>\r\nDATA\r\n")
        answers = b""
        while b"\r\n354 " not in answers:
            answers += client.recv(2000)
        client.sendall(b"Subject: half\r\n\r\n" + b"line\r\n" * 50000)
    instance.wait_log(r"lost connection after DATA \(\d+ bytes\) from \S+\[127.0.0.1\]")
    assert measure.queue_is_empty(instance)
    assert "Mail queue is empty" in instance.run("mailq").stdout


def test_smtplib_can_use_one_session_for_many_messages(ours, reader, mailbox):
    instance = ours(settings=MAILDIR)
    with instance.smtp() as client:
        for number in range(30):
            client.sendmail("a@example.org", [f"{reader.pw_name}@test.example"],
                            f"Subject: {number}\r\n\r\nx\r\n")
    assert len(mailbox(30)) == 30
    instance.wait_log(r"disconnect from \S+\[127.0.0.1\] ehlo=1 mail=30 rcpt=30 data=30 quit=1 "
                      r"commands=92")
