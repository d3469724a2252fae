"""The way of a message: in by SMTP or sendmail, out to a mailbox or to another server."""
import email
import email.policy
import os
import pathlib
import re
import smtplib

import measure
import pytest
from instance import wait_for

MAILDIR = {"home_mailbox": "Maildir/"}


def test_mail_by_smtp_reaches_a_maildir(ours, reader, mailbox):
    instance = ours(settings=MAILDIR)
    refused = instance.send("a@example.org", [f"{reader.pw_name}@test.example"],
                            "Subject: one\r\n\r\n.dot\r\nline\r\n")
    assert refused == {}
    [message] = mailbox(1)
    lines = message.decode().split("\n")
    assert lines[0] == "Return-Path: <a@example.org>"
    assert lines[1] == f"X-Original-To: {reader.pw_name}@test.example"
    assert lines[2] == f"Delivered-To: {reader.pw_name}@test.example"
    assert lines[3].startswith("Received: from ")
    assert message.endswith(b"\n\n.dot\nline\n")
    parsed = email.message_from_bytes(message, policy=email.policy.default)
    assert parsed["Subject"] == "one" and parsed["Message-Id"] and parsed["Date"]
    found = instance.wait_log(
        r"postfix/local\[\d+\]: (\w+): to=<" + reader.pw_name +
        r"@test.example>, relay=local, delay=[\d.]+, delays=[\d./]+, dsn=2.0.0, "
        r"status=sent \(delivered to maildir\)")
    queue_id = found.group(1)
    instance.wait_log(rf"postfix/qmgr\[\d+\]: {queue_id}: removed")
    for line in (rf"postfix/smtpd\[\d+\]: {queue_id}: client=\S+\[127.0.0.1\]",
                 rf"postfix/cleanup\[\d+\]: {queue_id}: message-id=<",
                 rf"postfix/qmgr\[\d+\]: {queue_id}: from=<a@example.org>, size=\d+, nrcpt=1 "
                 r"\(queue active\)"):
        assert re.search(line, instance.log()), line


def test_mail_by_sendmail_reaches_a_maildir(ours, reader, mailbox):
    instance = ours(settings=MAILDIR)
    instance.sendmail("-f", "me@example.org", f"{reader.pw_name}@test.example",
                      text="Subject: two\n\nbody\n")
    [message] = mailbox(1)
    assert b"\nSubject: two\n" in message and message.endswith(b"\n\nbody\n")
    instance.wait_log(r"postfix/pickup\[\d+\]: \w+: uid=0 from=<me@example.org>")


def test_mail_reaches_an_mbox(ours, reader):
    spool = pathlib.Path(f"{reader.pw_dir}-spool")
    spool.mkdir(exist_ok=True)
    spool.chmod(0o1777)
    box = spool / reader.pw_name
    box.unlink(missing_ok=True)
    instance = ours(settings={"mail_spool_directory": str(spool)})
    for number in range(3):
        instance.send("a@example.org", [f"{reader.pw_name}@test.example"],
                      f"Subject: {number}\r\n\r\nFrom here\r\n")
    assert wait_for(lambda: box.exists() and box.read_text().count("\nFrom ") >= 2)
    text = box.read_text()
    assert text.startswith("From a@example.org ")
    assert text.count("\n>From here\n") == 3
    assert os.stat(box).st_uid == reader.pw_uid
    assert wait_for(lambda: not list(spool.glob("*.lock")))
    box.unlink()


def test_an_alias_leads_on(ours, reader, mailbox):
    instance = ours(start=False, settings=MAILDIR)
    (instance.config / "aliases").write_text(f"team: {reader.pw_name}, second\n"
                                             f"second: {reader.pw_name}\n")
    instance.run("postalias", f"hash:{instance.config}/aliases")
    instance.start()
    instance.send("a@example.org", ["team@test.example"])
    [message] = mailbox(1)
    assert b"Delivered-To: " in message


def test_mail_for_others_is_relayed(ours):
    with measure.Sink() as sink:
        instance = ours(settings={"relayhost": f"[127.0.0.1]:{sink.port}"})
        instance.send("a@test.example", ["x@far.example", "y@far.example"])
        instance.wait_log(r"postfix/smtp\[\d+\]: \w+: to=<x@far.example>, "
                          rf"relay=127.0.0.1\[127.0.0.1\]:{sink.port}, delay=[\d.]+, "
                          r"delays=[\d./]+, dsn=2.0.0, status=sent \(250 2.0.0 Ok\)")
        instance.wait_log(r"to=<y@far.example>")
        measure.drained(instance)


def test_relaying_is_refused_to_strangers(ours):
    instance = ours(settings={"mynetworks": "10.0.0.0/8"})
    with instance.smtp() as client:
        client.ehlo("client.example")
        client.mail("a@example.org")
        assert client.rcpt("x@far.example") == (
            454, b"4.7.1 <x@far.example>: Relay access denied")
    instance.wait_log(r"NOQUEUE: reject: RCPT from \S+\[127.0.0.1\]: 454 4.7.1 <x@far.example>: "
                      r"Relay access denied; from=<a@example.org> to=<x@far.example> "
                      r"proto=ESMTP helo=<client.example>")


def test_unknown_local_users_are_refused(ours):
    instance = ours()
    with instance.smtp() as client:
        client.ehlo("client.example")
        client.mail("a@example.org")
        assert client.rcpt("nobody-here@test.example") == (
            550, b"5.1.1 <nobody-here@test.example>: Recipient address rejected: "
                 b"User unknown in local recipient table")


def test_an_unreachable_host_defers(ours):
    instance = ours(settings={"relayhost": "[127.0.0.1]:1"})
    instance.send("a@test.example", ["x@far.example"])
    instance.wait_log(r"to=<x@far.example>, relay=none, delay=[\d.]+, delays=[\d./]+, dsn=4.4.1, "
                      r"status=deferred \(connect to 127.0.0.1\[127.0.0.1\]:1: Connection refused\)")
    listing = wait_for(lambda: "Connection refused" in instance.run("postqueue", "-p").stdout and
                       instance.run("postqueue", "-p").stdout)
    assert re.search(r"^[0-9A-F]{6,}\s+\d+ \w{3} \w{3} [ \d]\d [\d:]{8}  a@test.example$", listing,
                     re.M), listing
    assert "-- 0 Kbytes in 1 Request." in listing


def test_a_refused_recipient_bounces_to_the_sender(ours, reader, mailbox):
    with measure.Sink("-f", "RCPT") as sink:
        instance = ours(settings={**MAILDIR, "relayhost": f"[127.0.0.1]:{sink.port}"})
        instance.send(f"{reader.pw_name}@test.example", ["x@far.example"],
                      "Subject: will fail\r\n\r\nHello\r\n")
        [message] = mailbox(1)
    parsed = email.message_from_bytes(message, policy=email.policy.default)
    assert parsed["Return-Path"] == "<>"
    assert parsed.get_content_type() == "multipart/report"
    kinds = [part.get_content_type() for part in parsed.iter_parts()]
    assert kinds == ["text/plain", "message/delivery-status", "message/rfc822"]
    status = list(parsed.iter_parts())[1].as_string()
    assert "Final-Recipient: rfc822; x@far.example" in status
    assert "Action: failed" in status and "Status: 5." in status
    instance.wait_log(r"postfix/bounce\[\d+\]: \w+: sender non-delivery notification: \w+")
    measure.drained(instance)


def test_deferred_mail_goes_out_after_a_flush(ours):
    with measure.Sink() as sink:
        port = sink.port
    instance = ours(settings={"relayhost": f"[127.0.0.1]:{port}"})
    instance.send("a@test.example", ["x@far.example"])
    instance.wait_log(r"status=deferred")
    late = measure.Sink.__new__(measure.Sink)
    late.port = port
    import subprocess
    late.process = subprocess.Popen([measure.SMTP_SINK, "-u", "nobody", f"127.0.0.1:{port}", "50"])
    try:
        wait_for(lambda: "Connection refused" in instance.run("postqueue", "-p").stdout)
        instance.run("postqueue", "-f")
        instance.wait_log(r"status=sent")
    finally:
        late.close()


def test_message_size_limit_is_announced_and_kept(ours):
    instance = ours(settings={"message_size_limit": "20000"})
    with instance.smtp() as client:
        client.ehlo()
        assert client.esmtp_features["size"] == "20000"
        with pytest.raises(smtplib.SMTPSenderRefused) as refused:
            client.sendmail("a@test.example", ["x@far.example"], "S: x\r\n\r\n" + "y" * 30000)
        assert refused.value.smtp_code == 552
        client.rset()
        client.mail("a@test.example")
        client.rcpt("root@test.example")
        code, text = client.data(b"Subject: x\r\n\r\n" + b"long line\r\n" * 3000)
        assert (code, text) == (552, b"5.3.4 Error: message file too big")


def test_held_mail_stays_until_released(ours, reader, mailbox):
    instance = ours(settings={**MAILDIR, "smtpd_recipient_restrictions": "static:HOLD"})
    instance.send("a@example.org", [f"{reader.pw_name}@test.example"])
    assert wait_for(lambda: "!" in instance.run("mailq").stdout)
    assert mailbox(1, seconds=1) == []
    instance.run("postsuper", "-H", "ALL")
    instance.run("postqueue", "-f")
    assert len(mailbox(1)) == 1
