"""Mail that comes and goes over IPv6."""
import contextlib
import re
import smtplib

from instance import free_port, wait_for
from peer import Peer


def serving(ours, **settings):
    """An instance that also listens on ::1; and that port."""
    port = free_port()
    instance = ours(settings={"inet_protocols": "all", "inet_interfaces": "127.0.0.1, ::1",
                              "mynetworks": "[::1]/128, 127.0.0.0/8", "smtpd_authorized_xclient_hosts": "[::1]",
                              **settings},
                    master_extra=f"[::1]:{port} inet n - n - - smtpd\n")
    return instance, port


def replies(port, *lines):
    with contextlib.closing(smtplib.SMTP("::1", port, timeout=60)) as client:
        return [client.docmd(line) for line in lines]


def test_mail_passes_over_ipv6(ours):
    with contextlib.closing(Peer(host="::1")) as outside:
        instance, port = serving(ours, relayhost=f"[::1]:{outside.port}")
        with smtplib.SMTP("::1", port, timeout=60) as client:
            client.sendmail("a@elsewhere.example", ["b@other.example"], "Subject: six\r\n\r\nx\r\n")
        assert wait_for(lambda: outside.messages), instance.log()
    assert re.search(r"client=\S+\[::1\]$", instance.log(), re.M)
    instance.wait_log(rf"relay=::1\[::1\]:{outside.port}, .* status=sent")
    assert b" [IPv6:::1])\r\n" in outside.messages[0]


def test_networks_tables_and_literals_know_ipv6(ours):
    instance, port = serving(
        ours, smtpd_client_restrictions="check_client_access inline:{{2001:db8:0:1 = 554 this one}, "
        "{2001:db8:1 = 554 those}}, check_client_access cidr:{{2001:db8:2::/48 REJECT a network}}",
        smtpd_delay_reject="no")
    for address, answer in (("2001:db8:0:1::5", b"this one"), ("2001:DB8:1:9::1", b"those"),
                            ("2001:db8:2:3::", b"a network"), ("2001:db8:3::1", None)):
        code, text = replies(port, "EHLO x.example", f"XCLIENT NAME=[UNAVAILABLE] ADDR=IPV6:{address}",
                             "EHLO x.example")[1]
        assert (code, answer is None or answer in text) == (554 if answer else 220, True), text
    # Who comes from elsewhere may not relay; an address of ours as a literal is ours.
    got = replies(port, "EHLO x.example", "XCLIENT NAME=[UNAVAILABLE] ADDR=IPV6:2001:db8:3::1",
                  "EHLO x.example", "MAIL FROM:<a@elsewhere.example>", "RCPT TO:<b@other.example>",
                  "RCPT TO:<postmaster@[IPv6:::1]>", "RCPT TO:<nobody-there@[IPv6:::1]>",
                  "RCPT TO:<b@[IPv6:2001:db8::9]>")[-4:]
    assert [code for code, _ in got] == [454, 250, 550, 454], got
