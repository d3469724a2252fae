"""Restrictions on what is not there (a login, a certificate), those of former days, and those that
stand behind a decision: replies and warnings are those of Debian's smtpd."""
import pathlib
import re
import socket
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
from instance import Instance, free_port, wait_for  # noqa: E402

LISTS = [
    "reject_sender_login_mismatch, reject_known_sender_login_mismatch, reject_unauth_destination",
    "reject_authenticated_sender_login_mismatch, reject_unauthenticated_sender_login_mismatch, reject",
    "check_sasl_access hash:/none, reject_unauth_destination",
    "check_ccert_access hash:/none, reject_unauth_destination",
    "permit_sasl_authenticated, permit_tls_clientcerts, permit_tls_all_clientcerts, reject",
    "permit_naked_ip_address, reject",
    "check_relay_domains",
    "check_relay_domains, permit",
    "permit, reject",
    "defer, permit_mynetworks",
    "reject, check_sender_access static:OK",
    "warn_if_reject reject, permit, nosuch",
    "check_recipient_access inline:{b@test.example={permit, reject}}, reject",
]
HELO = ["127.0.0.1", "::1", "1.2.3", "[127.0.0.1]", "foo"]
COMMANDS = ["MAIL FROM:<a@test.example>", "RCPT TO:<b@test.example>", "RCPT TO:<c@relay.example>",
            "RCPT TO:<d@other.example>", "RCPT TO:<e%other.example@test.example>"]


def converse(port, helo):
    replies = []
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        stream = client.makefile("rwb")
        stream.readline()
        for command in [f"HELO {helo}", *COMMANDS, "QUIT"]:
            stream.write(command.encode() + b"\r\n")
            stream.flush()
            replies.append(stream.readline().decode().rstrip())
    return replies


def observe(kind):
    ports = [free_port() for _ in LISTS]
    services = "".join(
        f"127.0.0.1:{port} inet n - n - - smtpd -o syslog_name=list{number}\n"
        f"  -o {{ smtpd_recipient_restrictions = {text} }}\n"
        for number, (port, text) in enumerate(zip(ports, LISTS)))
    with Instance({"smtpd_relay_restrictions": "check_client_access static:OK, reject", "local_recipient_maps": "", "mynetworks": "192.0.2.1",
                   "relay_domains": "relay.example", "smtpd_sender_login_maps": "static:joe",
                   "smtpd_recipient_restrictions": "reject"}, kind=kind,
                  master_extra=services) as instance:
        replies = [[converse(port, helo) for helo in HELO] for port in ports]
        assert wait_for(lambda: instance.log().count(": disconnect from") >= len(ports) * len(HELO))
        warnings = sorted(set(re.findall(r"(list\d+)/smtpd\[\d+\]: (warning: .*)", instance.log())))
    return replies, warnings


def test_they_are_as_debians():
    ours, debian = observe("ours"), observe("debian")
    for text, mine, theirs in zip(LISTS, ours[0], debian[0]):
        assert mine == theirs, text
    assert ours[1] == debian[1]
