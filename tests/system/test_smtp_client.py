"""smtp(8) and lmtp(8): what they say to servers, beside what Debian's Postfix says."""
import re
import subprocess
import time

import pytest
from instance import wait_for
from peer import DROP, SILENCE, Peer

MIME = ("Subject: x\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n"
        "Content-Transfer-Encoding: 8bit\n\ngr\u00fc\u00df = x\n.dot\n")


def refuse_a(line, _):
    return "550 5.1.1 No such user" if "a@" in line else "250 2.1.5 Ok"


TWO = ["a@x.example", "b@x.example"]
SAME = {
    "two recipients": dict(to=TWO),
    "one is refused": dict(to=TWO, replies={"RCPT": refuse_a}),
    "all are put off": dict(to=TWO, replies={"RCPT": "450-4.2.0 Later\r\n450 4.2.0 really"}),
    "MAIL is refused": dict(replies={"MAIL": "550 denied"}),
    "DATA is refused": dict(replies={"DATA": "554 5.7.1 no"}, ignore=("RSET",)),
    "the end is put off": dict(replies={".": "451 4.3.0 disk"}),
    "the end is refused": dict(to=TWO, replies={".": "554 5.7.1 spam"}),
    "a busy server": dict(replies={"GREETING": "421 4.3.2 busy"}),
    "a refusing server": dict(replies={"GREETING": "554 5.3.2 go"}),
    "a refusing server that counts": dict(replies={"GREETING": "554 5.3.2 go"},
                                          settings={"smtp_skip_5xx_greeting": "no"}),
    "no greeting": dict(replies={"GREETING": DROP}),
    "an old server": dict(replies={"EHLO": "500 what"}),
    "an old and angry server": dict(replies={"EHLO": "500 what", "HELO": "550 bad"}),
    "gone after EHLO": dict(replies={"EHLO": DROP}),
    "gone after MAIL": dict(replies={"MAIL": DROP}),
    "gone after RCPT": dict(replies={"RCPT": DROP}),
    "gone after DATA": dict(replies={"DATA": DROP}),
    "gone at the end": dict(replies={".": DROP}),
    "closing at MAIL": dict(replies={"MAIL": "421 4.3.0 bye"}),
    "closing at RCPT": dict(replies={"RCPT": "421 4.3.0 bye"}),
    "a silent greeting": dict(replies={"GREETING": SILENCE},
                              settings={"smtp_helo_timeout": "1s"}),
    "a silent EHLO": dict(replies={"EHLO": SILENCE}, settings={"smtp_helo_timeout": "1s"}),
    "without pipelining": dict(to=TWO, replies={"EHLO": "250-peer.example\r\n250-SIZE 1000\r\n250 HELP"}),
    "too large": dict(replies={"EHLO": "250-peer.example\r\n250 SIZE 100"}, ignore=("QUIT",)),
    "8-bit text": dict(text=MIME),
    "long lines": dict(text="Subject: x\n\n" + "abcdefghij" * 250 + "\n" + "A" * 998 + "\n"
                            + "B" * 999 + "\n" + "." * 1000 + "\n"),
    "a long header": dict(text="Subject: x\nX-Long: " + "abcdefghij " * 250 + "\n\nhi\n"),
    "quoted local parts": dict(to=['"a b"@x.example', '"x"@x.example']),
    "keywords that are discarded": dict(settings={"smtp_discard_ehlo_keywords":
                                                  "dsn, pipelining size"}),
    "HELO only": dict(settings={"smtp_never_send_ehlo": "yes"}),
    "a name of its own": dict(settings={"smtp_helo_name": "other.example"}),
    "notifications": dict(options=("-N", "success,delay", "-R", "hdrs", "-V", "id=1")),
}


def normal(text):
    text = re.sub(r"\b[0-9A-F]{8,}\b", "QID", text)
    text = re.sub(r"delay=[\d.]+, delays=[\d./]+, ", "", text)
    text = re.sub(r"\]:\d+", "]:PORT", text)
    text = re.sub(r"\d{14}\.", "TIME.", text)
    return re.sub(r"[A-Z][a-z]{2}, +\d+ \w{3} \d{4} [\d:]{8} ", "DATE ", text)


def talk(kind, case):
    with Peer(case.get("replies")) as peer:
        # One message for a connection: what is under test is the conversation.
        instance = kind(start=False, settings={
            "relayhost": f"[127.0.0.1]:{peer.port}", "notify_classes": "",
            "smtp_connection_cache_on_demand": "no", **case.get("settings", {})})
        instance.start()
        recipients = case.get("to", ["a@x.example"])
        instance.sendmail("-f", "s@test.example", *case.get("options", ()), "--", *recipients,
                          **({"text": case["text"]} if "text" in case else {}))
        wait_for(lambda: len(re.findall(r"/smtp\[\d+\].*status=", instance.log()))
                 >= len(recipients))
        time.sleep(0.2)
        log = sorted(normal(line) for line in re.findall(r"/smtp\[\d+\]: (.*)", instance.log()))
        commands = [normal(line) for line in peer.commands
                    if line not in case.get("ignore", ())]
        # Bounces go back through the same relay when it takes them: they are not under test.
        messages = [normal(text.decode("utf-8", "replace")) for text in peer.messages[:1]]
        instance.close()
    return {"log": log, "commands": commands[:8], "messages": messages}


@pytest.mark.parametrize("name", SAME)
def test_smtp_talks_as_debian_does(ours, debian, name):
    wanted = talk(debian, SAME[name])
    assert talk(ours, SAME[name]) == wanted


def test_a_connection_carries_many_messages(ours):
    with Peer() as peer:
        instance = ours(settings={"relayhost": f"[127.0.0.1]:{peer.port}",
                         "default_destination_concurrency_limit": "1"})
        for _ in range(5):
            instance.send("s@test.example", ["a@x.example"])
        assert wait_for(lambda: len(peer.messages) == 5)
        instance.wait_log("conn_use=5, ")
        assert peer.connections == 1
        assert sum(command.startswith("EHLO") for command in peer.commands) == 1
        # An idle connection is closed politely.
        assert wait_for(lambda: peer.commands[-1] == "QUIT", 10)


def test_a_connection_that_died_while_idle_is_replaced(ours):
    def end_first(_, number):
        return DROP if number == 1 and len(peer.messages) else "250 2.1.0 Ok"

    with Peer({"MAIL": end_first}) as peer:
        instance = ours(settings={"relayhost": f"[127.0.0.1]:{peer.port}",
                         "smtp_connection_cache_time_limit": "60s"})
        instance.send("s@test.example", ["a@x.example"])
        assert wait_for(lambda: len(peer.messages) == 1)
        instance.send("s@test.example", ["b@x.example"])
        assert wait_for(lambda: len(peer.messages) == 2)
        assert peer.connections == 2
        assert "status=deferred" not in instance.log()


def test_limits_of_reuse_are_kept(ours):
    with Peer() as peer:
        instance = ours(settings={"relayhost": f"[127.0.0.1]:{peer.port}",
                         "smtp_connection_reuse_count_limit": "1"})
        for _ in range(4):
            instance.send("s@test.example", ["a@x.example"])
            time.sleep(0.3)
        assert wait_for(lambda: len(peer.messages) == 4)
        assert "conn_use=3" not in instance.log()
        assert peer.connections >= 2


def test_a_small_message_costs_two_writes(ours):
    with Peer() as peer:
        instance = ours(settings={"relayhost": f"[127.0.0.1]:{peer.port}"})
        instance.send("s@test.example", ["a@x.example"], "Subject: x\r\n\r\n" + "line\r\n" * 700)
        assert wait_for(lambda: len(peer.messages) == 1)
        assert peer.groups[1].startswith(b"MAIL FROM:") and peer.groups[1].endswith(b"DATA\r\n")
        assert peer.groups[2].endswith(b"\r\n.\r\n")
        assert len(peer.groups) == 3


def test_a_thousand_recipients(ours):
    with Peer() as peer:
        instance = ours(settings={"relayhost": f"[127.0.0.1]:{peer.port}",
                         "smtp_destination_recipient_limit": "1000"})
        recipients = [f"user{number}@x.example" for number in range(1000)]
        instance.send("s@test.example", recipients)
        assert wait_for(lambda: len(re.findall("status=sent", instance.log())) == 1000, 60)
        accepted = {line.split("<")[1].split(">")[0] for line in peer.commands
                    if line.startswith("RCPT")}
        assert accepted == set(recipients)


def test_fifty_megabytes_arrive_whole(ours):
    with Peer({"EHLO": "250-peer.example\r\n250 PIPELINING"}) as peer:
        instance = ours(settings={"relayhost": f"[127.0.0.1]:{peer.port}",
                         "message_size_limit": "100000000", "mailbox_size_limit": "0"})
        text = "Subject: big\r\n\r\n" + ("0123456789" * 7 + "\r\n") * (50_000_000 // 72)
        instance.send("s@test.example", ["a@x.example"], text)
        assert wait_for(lambda: len(peer.messages) == 1, 120)
        assert peer.messages[0].endswith(text[100:].encode())
        instance.wait_log("status=sent")


def test_utf8_addresses_need_a_server_that_knows_them(ours):
    with Peer() as peer:
        instance = ours(settings={"relayhost": f"[127.0.0.1]:{peer.port}"})
        with instance.smtp() as client:
            client.ehlo()
            client.mail("s@test.example", ["SMTPUTF8"])
            client.sock.sendall("RCPT TO:<j\u00fcrgen@x.example>\r\n".encode())
            assert client.getreply()[0] == 250
            client.data("Subject: x\r\n\r\nhi\r\n")
        assert wait_for(lambda: peer.messages)
        assert any(command.startswith("MAIL") and "SMTPUTF8" in command
                   for command in peer.commands)
        assert any("<j\u00fcrgen@x.example>" in command for command in peer.commands)
        peer.replies["EHLO"] = "250-peer.example\r\n250-8BITMIME\r\n250 PIPELINING"
        instance.set(smtp_connection_cache_on_demand="no")
        instance.run("postfix", "reload")
        time.sleep(3)
        with instance.smtp() as client:
            client.ehlo()
            client.mail("s@test.example", ["SMTPUTF8"])
            client.sock.sendall("RCPT TO:<j\u00fcrgen@x.example>\r\n".encode())
            assert client.getreply()[0] == 250
            client.data("Subject: x\r\n\r\nhi\r\n")
        instance.wait_log(r"dsn=5.6.7, status=bounced \(SMTPUTF8 is required, but was not offered")


def test_lmtp_answers_for_each_recipient(ours, tmp_path):
    answers = iter(["250 2.1.5 one", "452 4.2.2 full", "550 5.2.0 never"])
    socket_path = f"/tmp/lmtp-{tmp_path.name}"
    subprocess.run(["rm", "-f", socket_path], check=True)
    with Peer({".": lambda *_: next(answers)}, path=socket_path, lmtp=True) as peer:
        instance = ours(settings={"default_transport": f"lmtp:unix:{socket_path}",
                         "lmtp_destination_recipient_limit": "10"})
        instance.send("s@test.example", ["a@x.example", "b@x.example", "c@x.example"])
        instance.wait_log(r"to=<a@x.example>, relay=mail.test.example\[" + socket_path
                          + r"\], .*status=sent \(250 2.1.5 one\)")
        instance.wait_log(r"to=<b@x.example>.*dsn=4.2.2, status=deferred")
        instance.wait_log(r"to=<c@x.example>.*dsn=5.2.0, status=bounced")
        assert peer.commands[0] == "LHLO mail.test.example"
    subprocess.run(["rm", "-f", socket_path], check=True)


def test_debian_postfix_as_the_server_takes_our_mail(ours, debian):
    server = debian(settings={"myhostname": "server.example", "mydestination": "x.example",
                     "local_transport": "discard", "local_recipient_maps": ""})
    client = ours(settings={"relayhost": f"[127.0.0.1]:{server.port}"})
    for number in range(3):
        client.send("s@test.example", [f"a{number}@x.example", f"b{number}@x.example"])
    assert wait_for(lambda: len(re.findall("status=sent", client.log())) == 6, 30), client.log()
    assert wait_for(lambda: server.log().count("status=sent") == 6, 30), server.log()


def test_plaintext_is_refused_where_tls_is_required(ours):
    with Peer() as peer:
        instance = ours(settings={"relayhost": f"[127.0.0.1]:{peer.port}",
                         "smtp_tls_security_level": "encrypt"})
        instance.send("s@test.example", ["a@x.example"])
        instance.wait_log(r"dsn=4.7.4, status=deferred \(TLS is required")
        assert not peer.messages


def test_more_destinations_than_places_are_served(ours):
    """An idle lane of the queue manager gives its place to a delivery that waits for one."""
    with Peer(host="0.0.0.0") as peer:
        instance = ours(start=False, master_extra="few unix - - n - 2 smtp\n", settings={
            "transport_maps": "texthash:$config_directory/transport", "sessions_per_process": "1"})
        (instance.config / "transport").write_text("".join(
            f"d{number}.example few:[127.0.{number + 1}.1]:{peer.port}\n" for number in range(12)))
        instance.start()
        instance.send("s@test.example", [f"a@d{number}.example" for number in range(12)])
        assert wait_for(lambda: len(peer.messages) == 12, 20), instance.log()


WATCHED = {
    "the server's address": "127.0.0.0/8",
    "the next hop": "[127.0.0.1]:{port}",
    "the server's name": "127.0.0.1",
    "a table": "inline:{{127.0.0.1=x}}",
    "another next hop": "[127.0.0.1]:1",
    "nobody": "192.0.2.1 other.example",
}


@pytest.mark.parametrize("name", WATCHED)
def test_the_log_shows_what_is_said_to_debug_peers(name, ours, debian):
    results = []
    for kind in (debian, ours):
        with Peer() as peer:
            instance = kind(settings={
                "relayhost": f"[127.0.0.1]:{peer.port}",
                "debug_peer_list": WATCHED[name].format(port=peer.port)})
            instance.send("s@test.example", ["a@x.example"])
            instance.wait_log(r"status=sent")
            results.append({normal(line) for line in
                            re.findall(r"/smtp\[\d+\]: ([<>] .*)", instance.log())
                            if "QUIT" not in line and "221 " not in line})
            instance.close()
    assert results[1] == results[0]
    assert bool(results[0]) == (name not in ("nobody", "another next hop"))


PROBES = {
    "RCPT tells": dict(replies={}),
    "RCPT refuses": dict(replies={"RCPT": "550 5.1.1 no"}),
    "RCPT puts off": dict(replies={"RCPT": "450 4.1.1 later"}),
    "DATA tells": dict(replies={}, settings={"smtp_address_verify_target": "data"}),
    "DATA refuses": dict(replies={"DATA": "550 5.1.1 no"},
                         settings={"smtp_address_verify_target": "data"}),
    "DATA without pipelining": dict(replies={"EHLO": "250 peer.example"},
                                    settings={"smtp_address_verify_target": "data"}),
}


@pytest.mark.parametrize("name", PROBES)
def test_probes_end_where_debians_do(ours, debian, name):
    case = {**PROBES[name], "options": ("-bv",)}
    assert talk(ours, case) == talk(debian, case)
