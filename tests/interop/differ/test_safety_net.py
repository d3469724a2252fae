"""compatibility_level: what daemons and commands say of old defaults, ours and Debian's."""
import collections
import pathlib
import re
import socket
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
from instance import Instance, wait_for  # noqa: E402

MAIL = "MAIL FROM:<a@b.example>"
FOREIGN = ["XCLIENT NAME=foo.example.net ADDR=10.0.0.2", "EHLO x", MAIL]
NEIGHBOUR = ["XCLIENT NAME=lo2 ADDR=127.0.0.2", "EHLO x", MAIL]
RECIPIENTS = [f"RCPT TO:<{address}>" for address in (
    "u@sub.test.example", "u@other.example", "u@test.example", "u@localhost", "u@host",
    "@host:u@other.example", "postmaster")]
CONTENT = ["DATA", "To: foo@host2, bar@localhost\r\n\r\nx\r\n."]
OTHERS = ["EHLO x", "VRFY u@vrfy.test.example", "ETRN sub.test.example", "ETRN other.example",
          "MAIL FROM:<\u00e4@b.example>", "RCPT TO:<\u00f6@test.example>", "RSET",
          "MAIL FROM:<\u00e4@b.example> SMTPUTF8", "RCPT TO:<\u00f6@test.example>", "QUIT"]
TALKS = [FOREIGN + RECIPIENTS + CONTENT + ["QUIT"], NEIGHBOUR + RECIPIENTS + CONTENT + ["QUIT"],
         OTHERS]

STRICT = "permit_mynetworks,reject_unauth_destination"
CASES = {
    "0": {"smtpd_recipient_restrictions": STRICT},
    "0 refuses": {"smtpd_recipient_restrictions": "permit_mynetworks,reject",
                  "mydestination": "$myhostname,test.example"},
    "0 open": {"smtpd_recipient_restrictions": "check_client_access static:OK, reject",
               "smtpd_client_restrictions": "permit_mynetworks"},
    "0 explicit": {"smtpd_recipient_restrictions": STRICT, "smtpd_relay_restrictions": "",
                   "mynetworks_style": "subnet", "relay_domains": "$mydestination",
                   "smtputf8_enable": "no", "append_dot_mydomain": "yes",
                   "smtpd_relay_before_recipient_restrictions": "no"},
    "2": {"smtpd_recipient_restrictions": "permit_mynetworks,reject_unauth_destination,reject"},
    "3.5": {"smtpd_recipient_restrictions": "reject_unauth_destination",
            "smtpd_relay_restrictions": "permit_mynetworks,reject"},
    "3.6": {"smtpd_recipient_restrictions": "reject"},
}


def converse(port, lines):
    with socket.create_connection(("127.0.0.1", port), timeout=20) as talk:
        replies = talk.makefile("rb")
        replies.readline()
        for line in lines:
            talk.sendall(line.encode() + b"\r\n")
            while replies.readline()[3:4] == b"-":
                pass


def said(kind, level, settings):
    instance = Instance({
        "compatibility_level": level, "local_recipient_maps": "", "local_transport": "discard:",
        "default_transport": "discard:", "relay_transport": "discard:",
        "smtpd_authorized_xclient_hosts": "127.0.0.1", **settings}, kind=kind)
    instance.settings.pop("mynetworks")
    instance.write_main()
    lines = instance.config / "master.cf"
    lines.write_text(re.sub(r"(?m)^((?:showq|flush)\s+unix\s+n\s+-\s+)n", r"\1-",
                            lines.read_text()))
    try:
        instance.start()
        for talk in TALKS:
            converse(instance.port, talk)
        assert wait_for(lambda: len(re.findall(": removed", instance.log())) >=
                        len(re.findall("message-id=", instance.log())), 20)
        instance.run("postfix", "reload")
        assert wait_for(lambda: ": reload -- version" in instance.log(), 20)
        if level < "1":
            assert wait_for(lambda: instance.log().count("setting chroot=y") == 4, 20)
        log = instance.log()
    finally:
        instance.close()
    found = re.findall(r"\S+ \S+? (\S+?)\[\d+\]: (.*(?:backwards-compat|COMPATIB).*)", log)
    return [(tag, re.sub(r"\S+/master.cf", "master.cf", text)) for tag, text in found]


def comparable(lines):
    """How often a program says that it completes a name depends on how it keeps addresses."""
    counted = collections.Counter(line for line in lines if "append_dot" not in line[1])
    return counted, {text for _, text in lines if "append_dot" in text}


@pytest.mark.parametrize("case", CASES)
def test_old_defaults_are_told_as_debian_tells_them(case):
    level = case.split()[0]
    wanted, got = (comparable(said(kind, level, CASES[case])) for kind in ("debian", "ours"))
    assert wanted[1] == got[1]
    assert wanted[0] == got[0], (wanted[0] - got[0], got[0] - wanted[0])
    assert bool(wanted[0]) == (level < "3.6")
