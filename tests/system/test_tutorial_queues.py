"""What tutorials show of the queues, of reloads, of filters behind the queue, of null clients."""
import contextlib
import re
import shutil
import smtplib
import threading

import pytest
from host import make_host
from instance import free_port, wait_for
from peer import DEFAULTS, Peer

MAIN_CF = """
myorigin = $mydomain
mynetworks = 127.0.0.0/8
relayhost = [127.0.0.1]:{internet}
transport_maps = hash:{etc}/transport
relay_domains = branch.example
fast_flush_domains = $relay_domains
mail_spool_directory = {spool}/
smtpd_authorized_xclient_hosts = 127.0.0.1
message_size_limit = 51200
mailbox_size_limit = 102400
header_checks = regexp:{etc}/header_checks
body_checks = regexp:{etc}/body_checks
notify_classes =
queue_run_delay = 300s
"""

TABLES = {
    "transport": "branch.example smtp:[127.0.0.1]:{gateway}\ndown.example smtp:[127.0.0.1]:1\n",
    # BACKSCATTER_README
    "header_checks": "if /^Received:/\n/^Received: +from +(test\\.example) / reject forged client "
                     "name in Received: header: $1\nendif\n/^Message-ID:.*@(test\\.example)/ reject "
                     "forged domain name in Message-ID header: $1\n",
    "body_checks": "/^[> ]*Message-ID:.*@(test\\.example)/ reject forged domain name in Message-ID "
                   "header: $1\n",
}


@pytest.fixture(scope="module")
def host():
    with make_host(MAIN_CF, TABLES, "postmaster: root\nroot: {joe}\nboth: {joe}, far@branch.example\n") as host:
        yield host


def run(host, command, *args):
    result = host.instance.run(command, *args)
    return result.stdout + result.stderr


def queue(host):
    return run(host, "postqueue", "-p")


def processes(host):
    return {pid for name in ("smtpd", "cleanup", "qmgr", "local", "smtp")
            for pid in host.instance.processes(name)}


def reload(host):
    """Returns when nothing is left of what read main.cf before."""
    before = processes(host)
    run(host, "postfix", "reload")
    assert wait_for(lambda: not before & processes(host)), host.instance.log()


@contextlib.contextmanager
def configured(host, *settings):
    """postconf -e and postfix reload, as every tutorial says; afterwards it is as before."""
    run(host, "postconf", "-e", *settings)
    reload(host)
    try:
        yield
    finally:
        host.instance.write_main()
        reload(host)


def queued(host, recipient, sender="a@elsewhere.example", subject="queued"):
    before = host.instance.log().count(f"from=<{sender}>, size=")
    host.send(sender, recipient, subject)
    assert wait_for(lambda: host.instance.log().count(f"from=<{sender}>, size=") > before)
    return re.findall(rf"(\w+): from=<{sender}>, size=", host.instance.log())[-1]


def emptied(host):
    run(host, "postsuper", "-d", "ALL")
    assert wait_for(lambda: "Mail queue is empty" in queue(host)), queue(host)


def counts(host, *queues):
    """The total line of qshape, its first number, and the line of each domain."""
    lines = run(host, "qshape", *queues).splitlines()
    return {line.split()[0]: int(line.split()[1]) for line in lines[1:]}


def test_mail_goes_through_the_queues_as_they_are_explained(host):
    gate = threading.Event()
    host.gateway.replies["."] = lambda line, number: "250 Ok" if gate.wait(60) else "451 no"
    active = queued(host, "x@branch.example", "1@elsewhere.example")
    assert wait_for(lambda: host.gateway.messages)
    waiting = queued(host, "x@down.example", "2@elsewhere.example")
    host.instance.wait_log(rf"{waiting}: to=<x@down\.example>, .*status=deferred")
    held = queued(host, "y@down.example", "3@elsewhere.example")
    assert f"postsuper: {held}: placed on hold" in run(host, "postsuper", "-h", held)
    shown = queue(host)
    assert shown.startswith("-Queue ID-  --Size-- ----Arrival Time---- -Sender/Recipient-------\n")
    for mark in (rf"^{active}\*", rf"^{held}!", rf"^{waiting} "):
        assert re.search(mark, shown, re.M), shown
    assert re.search(r"^ *\(connect to 127\.0\.0\.1\[127\.0\.0\.1\]:1: Connection refused\)\n"
                     r" +x@down\.example$", shown, re.M), shown
    assert shown.endswith(" Kbytes in 3 Requests.\n")
    assert [(host.instance.queue / name / key).exists() or bool(list(
        (host.instance.queue / name).rglob(key))) for name, key in
        (("active", active), ("deferred", waiting), ("hold", held))] == [True] * 3
    assert counts(host, "deferred") == {"TOTAL": 1, "down.example": 1}
    assert counts(host, "hold") == {"TOTAL": 1, "down.example": 1}
    assert counts(host, "incoming", "active") == {"TOTAL": 1, "branch.example": 1}
    assert "Subject: queued" in run(host, "postcat", "-q", waiting)
    gate.set()
    host.instance.wait_log(rf"{active}: removed")
    assert f"postsuper: {held}: released from hold" in run(host, "postsuper", "-H", held)
    run(host, "postqueue", "-i", held)
    host.instance.wait_log(rf"{held}: to=<y@down\.example>, .*status=deferred")
    run(host, "postsuper", "-r", held)
    host.instance.wait_log(rf"postsuper\[\d+\]: {held}: requeued")
    assert wait_for(lambda: host.instance.log().count("to=<y@down.example>") >= 2)
    assert "postsuper: Deleted: 1 message" in run(host, "postsuper", "-d", waiting)
    emptied(host)


def test_a_damaged_file_is_saved_in_corrupt(host):
    path = host.instance.queue / "deferred/0/0DEADBEEF0"
    path.parent.mkdir(exist_ok=True)
    shutil.chown(path.parent, "postfix")
    path.write_text("not a queue file\n")
    path.chmod(0o700)
    shutil.chown(path, "postfix")
    run(host, "postfix", "flush")
    assert wait_for(lambda: list((host.instance.queue / "corrupt").iterdir())), host.instance.log()
    assert [entry.name for entry in (host.instance.queue / "corrupt").iterdir()] == ["0DEADBEEF0"]
    host.instance.wait_log("0DEADBEEF0")


def test_a_soft_bounce_keeps_what_would_be_refused(host):
    assert host.rcpt("nosuch@test.example").startswith("550 5.1.1")
    with configured(host, "soft_bounce = yes"):
        host.internet.replies["RCPT"] = "550 5.1.1 nobody here"
        assert wait_for(lambda: host.rcpt("nosuch@test.example").startswith("450 4.1.1"))
        queued(host, "x@remote.example", "soft@elsewhere.example", "soft")
        host.instance.wait_log(r"to=<x@remote\.example>, .*dsn=4\.1\.1, status=SOFTBOUNCE "
                               r"\(host .* said: 550 5\.1\.1 nobody here")
        assert "nobody here" in queue(host)
    host.internet.replies["RCPT"] = DEFAULTS["RCPT"]
    run(host, "postqueue", "-f")
    host.sent_to(host.internet, "soft")
    assert wait_for(lambda: host.rcpt("nosuch@test.example").startswith("550 5.1.1"))
    emptied(host)


def test_deferred_transports_keep_mail_until_it_is_flushed(host):
    """SOHO_README: a host that is not always connected."""
    with configured(host, "defer_transports = smtp"):
        queued(host, "x@remote.example", "dial@elsewhere.example", "dial up")
        host.instance.wait_log(r"to=<x@remote\.example>, relay=none, .*dsn=4\.3\.2, "
                               r"status=deferred \(deferred transport\)")
        queued(host, f"{host.joe.name}@test.example", "near@elsewhere.example", "near")
        host.gets(host.joe, "near")
        assert "deferred transport" in queue(host)
        # The connection is there: what a flush finds goes out, deferred transport or not.
        run(host, "sendmail", "-q")
        host.sent_to(host.internet, "dial up")
    emptied(host)


def test_a_customer_fetches_mail_with_etrn(host):
    good = host.gateway.replies["GREETING"]
    host.gateway.replies["GREETING"] = "421 4.3.2 not now"
    queued(host, "x@branch.example", "etrn@elsewhere.example", "etrn")
    host.instance.wait_log(r"from=<etrn@(?s:.*)to=<x@branch\.example>, .*status=deferred")
    host.gateway.replies["GREETING"] = good
    assert host.talk("ETRN branch.example") == ["250 Queuing started"]
    host.sent_to(host.gateway, "etrn")
    assert host.talk("ETRN other.example")[0].startswith("459 ")
    emptied(host)


def test_unknown_users_go_to_luser_relay_only_when_they_are_let_in(host):
    relay = f"luser_relay = {host.jane.name}+$local@test.example"
    with configured(host, relay, "recipient_delimiter = +"):
        assert host.rcpt("stranger@test.example").startswith("550 5.1.1")
    with configured(host, relay, "recipient_delimiter = +", "local_recipient_maps ="):
        assert wait_for(lambda: host.rcpt("stranger@test.example").startswith("250"))
        host.send("a@elsewhere.example", "stranger@test.example", "stranger")
        assert "Delivered-To: stranger@test.example" in host.gets(host.jane, "stranger")


def test_letting_unknown_users_in_makes_backscatter(host):
    with configured(host, "local_recipient_maps ="):
        assert wait_for(lambda: host.rcpt("stranger@test.example").startswith("250"))
        host.send("victim@elsewhere.example", "stranger@test.example", "backscatter")
        host.sent_to(host.internet, "Undelivered Mail Returned to Sender")
        assert any("RCPT TO:<victim@elsewhere.example>" in line for line in host.internet.commands)
    assert wait_for(lambda: host.rcpt("stranger@test.example").startswith("550 5.1.1"))


@pytest.mark.parametrize("content,reply", [
    ("Message-ID: <1@test.example>\r\n\r\nx\r\n.",
     "550 5.7.1 forged domain name in Message-ID header: test.example"),
    ("Received: from test.example (unknown [192.0.2.9])\r\n\tby x\r\n\r\nx\r\n.",
     "550 5.7.1 forged client name in Received: header: test.example"),
    ("Subject: Undelivered\r\n\r\n> Message-ID: <1@test.example>\r\n.",
     "550 5.7.1 forged domain name in Message-ID header: test.example"),
    ("Message-ID: <1@remote.example>\r\n\r\nx\r\n.", "250 2.0.0 Ok: queued as"),
])
def test_forged_bounces_are_known_by_their_headers(host, content, reply):
    said = host.talk("MAIL FROM:<>", f"RCPT TO:<{host.joe.name}@test.example>", "DATA", content)
    assert said[-1].startswith(reply)


def test_sizes_are_announced_and_enforced(host):
    assert "250-SIZE 51200" in host.talk("EHLO client.example")[0]
    assert host.talk("MAIL FROM:<a@elsewhere.example> SIZE=60000")[0] == \
        "552 5.3.4 Message size exceeds fixed limit"
    with pytest.raises(smtplib.SMTPDataError, match="552.*5.3.4 Error: message file too big"):
        with host.instance.smtp() as client:
            client.ehlo()
            client.docmd("MAIL FROM:<a@elsewhere.example>")
            client.docmd(f"RCPT TO:<{host.joe.name}@test.example>")
            code, text = client.data("Subject: large\r\n\r\n" + ("x" * 70 + "\r\n") * 800)
            raise smtplib.SMTPDataError(code, text)


# FILTER_README, the advanced content filter; the filter takes mail and gives it back by SMTP.
FILTER_MASTER_CF = """\
scan unix - - n - 10 smtp
    -o smtp_send_xforward_command=yes
    -o disable_mime_output_conversion=yes
    -o smtp_generic_maps=
127.0.0.1:{back} inet n - n - 10 smtpd
    -o content_filter=
    -o receive_override_options=no_unknown_recipient_checks,no_header_body_checks,no_milters
    -o smtpd_helo_restrictions=
    -o smtpd_client_restrictions=
    -o smtpd_sender_restrictions=
    -o smtpd_relay_restrictions=permit_mynetworks,reject
    -o smtpd_recipient_restrictions=permit_mynetworks,reject
    -o mynetworks=127.0.0.0/8
    -o smtpd_authorized_xforward_hosts=127.0.0.0/8
"""

FILTER_MAIN_CF = """
content_filter = scan:[127.0.0.1]:{gateway}
receive_override_options = no_address_mappings
mail_spool_directory = {spool}/
virtual_alias_maps = hash:{etc}/virtual
smtpd_authorized_xclient_hosts = 127.0.0.1
"""


def test_a_filter_behind_the_queue_gives_mail_back_once():
    back = free_port()
    with make_host(FILTER_MAIN_CF, {"virtual": "info@test.example {joe}@test.example\n"},
                   master_extra=FILTER_MASTER_CF.format(back=back)) as host:
        def scan(_line, _number):
            """What a filter such as amavis does between DATA and its answer."""
            def last(word):
                return [line for line in host.gateway.commands if line.startswith(word)][-1]

            with smtplib.SMTP("127.0.0.1", back, timeout=30) as client:
                client.ehlo("filter.example")
                for line in host.gateway.commands:
                    if line.startswith("XFORWARD"):
                        assert client.docmd(line)[0] == 250
                client.docmd(last("MAIL FROM").split(" SIZE")[0])
                client.docmd(last("RCPT TO").split(" ORCPT")[0])
                code, text = client.data(b"X-Scanned: yes\r\n" + host.gateway.messages[-1])
                return f"{code} {text.decode()}"

        host.gateway.replies.update({
            "EHLO": "250-filter.example\r\n250-XFORWARD NAME ADDR PROTO HELO SOURCE IDENT\r\n250 8BITMIME",
            "XFORWARD": "250 Ok", ".": scan})
        said = host.talk("MAIL FROM:<a@elsewhere.example>", "RCPT TO:<info@test.example>", "DATA",
                         "Subject: filtered\r\n\r\nHello\r\n.", client="192.0.2.1",
                         name="mx.elsewhere.example")
        assert said[-1].startswith("250")
        text = host.gets(host.joe, "filtered")
        assert text.count("X-Scanned: yes") == 1 and len(host.gateway.messages) == 1
        # Addresses are mapped behind the filter, and the client is still known there.
        assert "RCPT TO:<info@test.example>" in host.gateway.commands[-2:-1] + host.gateway.commands
        host.instance.wait_log(r"client=\S+\[127\.0\.0\.1\], orig_queue_id=\w+, "
                               r"orig_client=mx\.elsewhere\.example\[192\.0\.2\.1\]")
        host.instance.wait_log(r"to=<info@test\.example>, relay=127\.0\.0\.1\[127\.0\.0\.1\]:\d+, .*"
                               r"status=sent \(250 2\.0\.0 Ok: queued as ")


# STANDARD_CONFIGURATION_README: a null client; SOHO_README: the provider's addresses.
NULL_MAIN_CF = """
myorigin = $mydomain
relayhost = [127.0.0.1]:{internet}
inet_interfaces = loopback-only
mydestination =
smtp_generic_maps = hash:{etc}/generic
"""


def test_a_null_client_sends_everything_away_in_the_providers_names():
    with make_host(NULL_MAIN_CF, {"generic": "{joe}@test.example hisaccount@isp.example\n"
                                             "@mail.test.example herhost@isp.example\n"}) as host:
        host.instance.sendmail("-f", host.joe.name, "root", text="Subject: to root\n\nx\n")
        text = host.sent_to(host.internet, "to root")
        assert "RCPT TO:<root@test.example>" in [line.split(" ORCPT")[0]
                                                 for line in host.internet.commands]
        assert re.search(r"^From: .*hisaccount@isp\.example", text, re.M), text
        assert [line.split(" SIZE")[0] for line in host.internet.commands
                if line.startswith("MAIL")] == ["MAIL FROM:<hisaccount@isp.example>"]
