"""Restrictions on what is not there (a login, a certificate), those of former days, those that stand
behind a decision, and TLS that is wanted and not to be had: as with Debian's smtpd."""
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


LEVELS = ["security_level=encrypt", "security_level=may", "security_level=SECURE", "security_level=none",
          "wrappermode=yes", "auth_only=yes"]
OLDER = ["enforce_tls=yes", "use_tls=yes", "enforce_tls=yes -o smtpd_tls_security_level=none"]
IN_CLEAR = ["NOOP", "RSET", "VRFY a", "FOO", "HELO x", "EHLO x", "STARTTLS x", "STARTTLS", "ETRN x.example",
            "XCLIENT ADDR=192.0.2.1", "MAIL FROM:<>", "DATA", "BDAT 0 LAST", "XFORWARD NAME=x", "AUTH",
            "RCPT TO:<b@test.example>", "NOOP", "QUIT"]


def converse(port, commands):
    replies = []
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        stream = client.makefile("rwb")
        for command in [None, *commands]:
            if command:
                stream.write(command.encode() + b"\r\n")
                stream.flush()
            line = stream.readline()
            while line[3:4] == b"-":
                line = stream.readline()
            replies.append(line.decode().rstrip())
            if not line:
                break
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
        replies = [[converse(port, [f"HELO {helo}", *COMMANDS, "QUIT"]) for helo in HELO]
                   for port in ports]
        assert wait_for(lambda: instance.log().count(": disconnect from") >= len(ports) * len(HELO))
        warnings = sorted(set(re.findall(r"(list\d+)/smtpd\[\d+\]: (warning: .*)", instance.log())))
    return replies, warnings


def observe_tls(kind):
    options = [f"smtpd_tls_{level}" for level in LEVELS] + [f"smtpd_{level}" for level in OLDER]
    ports = [free_port() for _ in options]
    with Instance({"smtpd_authorized_xclient_hosts": "127.0.0.1", "smtpd_hard_error_limit": "50",
                   "smtpd_soft_error_limit": "50", "local_recipient_maps": ""}, kind=kind,
                  master_extra="".join(f"127.0.0.1:{port} inet n - n - - smtpd -o {option}\n"
                                       for port, option in zip(ports, options))):
        return {option: converse(port, IN_CLEAR) for port, option in zip(ports, options)}


def test_who_wants_tls_gets_none_and_gives_no_mail():
    assert observe_tls("ours") == observe_tls("debian")


def test_they_are_as_debians():
    ours, debian = observe("ours"), observe("debian")
    for text, mine, theirs in zip(LISTS, ours[0], debian[0]):
        assert mine == theirs, text
    assert ours[1] == debian[1]
