"""The same dialogues with Debian's smtpd and with ours: replies and log lines must be the same.

Ids and times are blanked.  What differs on purpose (doc/differences.md) is set alike.
Run it by hand or by pytest: python3 -m pytest tests/interop/differ/test_smtpd_dialogues.py
"""
import itertools
import pathlib
import random
import re
import socket
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
from instance import Instance, wait_for  # noqa: E402

COMMON = {
    "myhostname": "mx.example.test",
    "mydomain": "example.test",
    "myorigin": "$myhostname",
    "mydestination": "example.test, localhost, mx.example.test",
    "mynetworks": "127.0.0.2/32",
    "append_dot_mydomain": "no",
    "local_recipient_maps": "inline:{alice=x, bob=x}",
    "relay_domains": "relay.test",
    "fast_flush_domains": "",
    "virtual_alias_domains": "virt.test",
    "virtual_alias_maps": "inline:{ {ok@virt.test = alice} }",
    "virtual_mailbox_domains": "vbox.test",
    "virtual_mailbox_maps": "inline:{ {ok@vbox.test = ok/} }",
    "default_transport": "discard:",
    "local_transport": "discard:",
    "relay_transport": "discard:",
    "virtual_transport": "discard:",
    "smtpd_error_sleep_time": "0",
    "smtpd_forbid_bare_newline": "normalize",
    "smtpd_forbid_unauth_pipelining": "yes",
}

ACTIONS = ["REJECT", "REJECT go away", "REJECT 5.9.9 foo", "REJECT 4.9.9 foo", "DEFER",
           "DEFER later", "450 4.1.2 foo", "550 foo", "550 5.1.1 foo", "421 bye", "521 5.3.4 bye",
           "555", "OK", "1234", "DUNNO", "RELAY", "WARN hey", "WARN", "INFO foo", "HOLD", "HOLD x",
           "DISCARD", "DISCARD x", "FILTER discard:x", "FILTER x", "REDIRECT x@relay.test",
           "REDIRECT x", "BCC x@relay.test", "BCC x", "PREPEND X-Foo: bar", "PREPEND foo",
           "DEFER_IF_PERMIT", "DEFER_IF_PERMIT 4.9.9 foo", "DEFER_IF_REJECT foo", "HANGUP foo",
           "reject", "permit", "defer", "warn_if_reject reject", "foo_bar", "permit_mynetworks reject",
           "defer_if_permit", "defer_if_reject reject", "sleep 0"]

SENDER_TABLE = ", ".join(f"{{s{i}@x.test = {action}}}" for i, action in enumerate(ACTIONS))

VERIFY = {
    "smtpd_recipient_restrictions": "reject_unverified_recipient, reject_unverified_sender",
    "transport_maps": "inline:{ {bad.test=error:5.1.9 no such}, {later.test=retry:4.9.9 later} }",
    "relay_domains": "bad.test later.test good.test", "address_verify_map": "",
    "local_recipient_maps": "", "address_verify_poll_delay": "1s", "notify_classes": "",
    "smtpd_relay_restrictions": "permit_mynetworks, reject_unauth_destination"}

SETTINGS = {
    "stock": {},
    "sender": {"smtpd_sender_restrictions": f"check_sender_access inline:{{ {SENDER_TABLE} }}"},
    "recipient": {"smtpd_recipient_restrictions":
                  f"check_sender_access inline:{{ {SENDER_TABLE} }}"},
    "names": {"smtpd_helo_required": "yes",
              "smtpd_helo_restrictions":
              "reject_invalid_helo_hostname, reject_non_fqdn_helo_hostname",
              "smtpd_sender_restrictions": "reject_non_fqdn_sender",
              "smtpd_recipient_restrictions": "reject_non_fqdn_recipient"},
    "eager": {"smtpd_delay_reject": "no", "smtpd_helo_restrictions":
              "reject_invalid_helo_hostname", "smtpd_sender_restrictions":
              f"check_sender_access inline:{{ {SENDER_TABLE} }}"},
    "limits": {"smtpd_recipient_limit": "2", "smtpd_recipient_overshoot_limit": "2",
               "message_size_limit": "2000", "smtpd_hard_error_limit": "8",
               "smtpd_junk_command_limit": "3", "disable_vrfy_command": "yes",
               "smtpd_discard_ehlo_keywords": "dsn, etrn, silent-discard",
               "show_user_unknown_table_name": "no"},
    "flush": {"fast_flush_domains": "$relay_domains, example.test",
              "smtpd_etrn_restrictions":
              "check_etrn_access inline:{ {no.test = REJECT not you}, {later.test = DEFER} }"},
    "footer": {"smtpd_reject_footer": "For help, mail $server_name\\nor call $client_name "
               "$$ ($helo_name)"},
    "joined": {"smtpd_reject_footer": "\\c; tell $client_address, $client $nothing"},
    "proxy": {"smtpd_authorized_xclient_hosts": "!11.0.0.0/8, 0.0.0.0/0, [::]/0",
              "smtpd_authorized_xforward_hosts": "127.0.0.0/8", "inet_protocols": "all",
              "smtpd_client_restrictions":
              "check_client_access inline:{{1.2.3.4 = REJECT go}, {1.2.3.5 = 450 wait}}, "
              "check_reverse_client_hostname_access inline:{{no.example = REJECT you}}",
              "smtpd_delay_reject": "no", "mynetworks": "127.0.0.2/32, 10.0.0.0/8",
              "smtpd_client_port_logging": "yes", "smtpd_recipient_restrictions":
              "reject_unknown_client_hostname, warn_if_reject "
              "reject_unknown_reverse_client_hostname"},
    "filters": {
        "smtpd_command_filter": "pcre:{ {/^FOO (.*)/ NOOP $$1}, {/^DAT$$/ DATA}, "
                                "{/^(RCPT TO:<)x(.*)/ $${1}alice@example.test>$${2}} }",
        "smtpd_reject_footer": "def $server_name", "smtpd_reject_footer_maps":
        "pcre:{ {/^550 (.*)/ matched $$1 for $$$$client_address}, {/^451/ later}, "
        "{/not recog/ \\c joined $$$$nothing} }",
        "smtpd_noop_commands": "BLAH, vrfy",
        "smtpd_discard_ehlo_keyword_address_maps": "cidr:{{127.0.0.0/8 dsn, etrn}}",
        "smtpd_log_access_permit_actions": "static:all", "smtpd_sender_restrictions":
        f"check_sender_access inline:{{ {SENDER_TABLE} }}, permit_inet_interfaces",
        "smtpd_recipient_restrictions": "permit_auth_destination"},
    "open": {"smtpd_delay_open_until_valid_rcpt": "no", "info_log_address_format": "internal",
             "smtpd_authorized_verp_clients": "127.0.0.1", "smtpd_helo_restrictions": "reject",
             "smtpd_discard_ehlo_keywords": "etrn, 8bitmime"},
    "verify": {**VERIFY},
    "verify with codes": {
        **VERIFY, "unverified_recipient_reject_code": "550",
        "unverified_recipient_defer_code": "250", "unverified_sender_reject_reason": "my reason",
        "unverified_sender_tempfail_action": "defer"},
    "routed": {"smtpd_recipient_restrictions": "check_recipient_access inline:{"
               "{x@nowhere.test=REJECT a}, {alice%relay.test@example.test=REJECT b}, "
               "{alice@relay.test=REJECT c}, {nowhere.test=REJECT d}}, check_sender_access "
               "inline:{{a@b.test=REJECT e}, {a%b=REJECT f}, {a@b=REJECT g}}",
               "allow_untrusted_routing": "yes"},
    "broken tables": {"smtpd_recipient_restrictions": "warn_if_reject check_sender_access fail:x, "
                      "check_recipient_access fail:x",
                      "smtpd_etrn_restrictions": "check_etrn_access fail:x"},
    "broken for names": {"smtpd_delay_reject": "no", "smtpd_helo_restrictions":
                         "check_helo_access fail:x"},
    "strict": {"strict_rfc821_envelopes": "yes", "strict_smtputf8": "yes",
               "smtpd_relay_restrictions": "permit_mynetworks, reject_unauth_destination",
               "soft_bounce": "yes"},
}

ADDRESSES = ["a@b.test", "a", "", "a@", "@b.test", "a b@c.test", '"a b"@c.test', "a@[192.0.2.1]",
             "a@[192.0.2.1", "a@b@c.test", "a@b..test", "a@-b", "a@b_c.test", "-a@b.test",
             ".a@b.test", "a..b@c.test", "@x,@y:a@b.test", "a%b@c.test", "a!b", "x" * 300 + "@b.test",
             "a@" + "x" * 300, "a\\ b@c.test", "a(c)b@c.test", "a@c.test (c)", "a,b@c.test",
             "a;b@c.test", "(c)",
             '""@c.test', '"a"@c.test', "j\u00f6@c.test", "a@b.test."]

RECIPIENTS = ["alice@example.test", "ALICE@EXAMPLE.TEST", "alice", "zork@example.test", "zork",
              "x@nowhere.test", "x@relay.test", "x@sub.relay.test", "ok@virt.test", "no@virt.test",
              "ok@vbox.test", "no@vbox.test", "postmaster", "postmaster@example.test",
              "mailer-daemon", "double-bounce@example.test", "alice%relay.test@example.test",
              "x%nowhere.test@example.test", '"x@nowhere.test"@example.test',
              "alice@[127.0.0.1]", "x@[192.0.2.1]", "nowhere.test!x", "@relay.test:x@nowhere.test",
              "alice+x@example.test", "alice@localhost", "alice@mx.example.test"]

RECIPIENT_PATHS = ["(c)<alice@example.test>", "(c)<alice@example.test> NOTIFY=NEVER",
                   "<alice@example.test>(c)", "<alice@example.test> (c)", "(c)", "x<alice@example.test>",
                   "(c)alice@example.test", "((c)<alice@example.test>", "(c)<>",
                   '"x y"<alice@example.test>']

SENDER_PATHS = ["<a@b.test>(d)<c@d.test>", "(c)<>", "(<x@y.test>)<a@b.test>"]

OPTIONS = ["SIZE=10", "SIZE=", "SIZE=x", "SIZE=-1", "SIZE=99999999999", "BODY=8BITMIME", "BODY=7BIT",
           "BODY=X", "RET=FULL", "RET=HDRS RET=FULL", "RET=X", "ENVID=x", "ENVID=", "ENVID=+zz",
           "ENVID=a ENVID=b", "AUTH=<>", "XVERP", "XVERP=+=", "XVERP=+", "XVERP=ab", "XVERP=", "SMTPUTF8", "SMTPUTF8=1", "FOO", "FOO=BAR", "x y"]

RCPT_OPTIONS = ["NOTIFY=NEVER", "NOTIFY=", "NOTIFY=FOO", "NOTIFY=NEVER,DELAY",
                "NOTIFY=SUCCESS,FAILURE,DELAY", "ORCPT=rfc822;x", "ORCPT=x", "ORCPT=rfc822;+zz",
                "ORCPT=rfc822;a ORCPT=rfc822;b", "NOTIFY=DELAY NOTIFY=DELAY", "FOO"]

COMMANDS = ["EHLO h.test", "HELO h.test", "EHLO", "HELO", "EHLO a b", "HELO <x>", "EHLO [1.2.3.4]",
            "NOOP", "NOOP x", "RSET", "RSET x", "VRFY alice", "VRFY zork", "VRFY <alice>",
            "VRFY a b", "VRFY", "VRFY alice SMTPUTF8", "HELP", "FOO", "", " ", "DATA x",
            "MAIL FROM:<a@b.test>", "MAIL FROM:<>", "MAIL", "RCPT TO:<alice@example.test>",
            "RCPT TO:<zork@example.test>", "RCPT TO:<x@relay.test>", "RCPT",
            "DATA", "BDAT 4\r\nab\r\n", "BDAT 4 LAST\r\nab\r\n", "BDAT 0 LAST", "BDAT 0", "STARTTLS",
            "AUTH PLAIN", "XCLIENT NAME=x", "XFORWARD NAME=x", "ETRN x.test", "ETRN", "ETRN -x",
            "ETRN relay.test", "ETRN @relay.test", "ETRN #relay.test", "ETRN sub.relay.test",
            "ETRN [1.2.3.4]", "ETRN [x]", "ETRN relay.test.", "FOO bar", "BLAH", "DAT", "MAIL FROM:<> XVERP", "ETRN no.test", "ETRN later.test"]

ATTRIBUTES = [
    "NAME=[UNAVAILABLE]", "NAME=[tempunavail]", "NAME=a_b", "NAME=-x", "NAME=1.2.3.4", "NAME=", "=x",
    "NAME", "FOO=bar", "NAME=x+2Ey", "NAME=x(y", "name=foo.example", "NAME=j\u00f6.test",
    "REVERSE_NAME=rev.example", "REVERSE_NAME=[UNAVAILABLE]", "REVERSE_NAME=[TEMPUNAVAIL]",
    "REVERSE_NAME=no.example", "REVERSE_NAME=-x", "ADDR=1.2.3", "ADDR=::1", "ADDR=IPV6:::1",
    "ADDR=ipv6:2001:DB8::1", "ADDR=IPV6:::ffff:1.2.3.4", "ADDR=[UNAVAILABLE]", "ADDR=10.1.1.1",
    "ADDR=11.1.1.1", "ADDR=1.2.3.4", "ADDR=1.2.3.5", "PORT=x", "PORT=[UNAVAILABLE]", "PORT=99999",
    "PORT=0", "PORT=00077", "PORT=123456", "PORT=-5", "PORT=1+312", "PROTO=smtp", "PROTO=ESMTP",
    "PROTO=FOO", "PROTO=[UNAVAILABLE]", "PROTO=f+28o", "PROTO=" + "b" * 100, "HELO=[UNAVAILABLE]",
    "HELO=a+2Bb", "HELO=a+zz", "HELO=a b", "HELO=he+40lo", "HELO=-x", "HELO=" + "a" * 300,
    "LOGIN=joe", "LOGIN=[UNAVAILABLE]", "LOGIN=a+20b", "DESTADDR=x", "DESTADDR=[UNAVAILABLE]",
    "DESTADDR=IPV6:2001:db8::1", "DESTPORT=[UNAVAILABLE]", "DESTPORT=+", "DESTPORT=25",
    "IDENT=12345", "IDENT=+40x", "IDENT=[UNAVAILABLE]", "SOURCE=LOCAL", "SOURCE=remote",
    "SOURCE=FOO", "SOURCE=[UNAVAILABLE]", ""]

# For commands with more than one: a wrong one among several is in doc/differences.md.
GOOD_ATTRIBUTES = [
    "NAME=[UNAVAILABLE]", "NAME=[TEMPUNAVAIL]", "NAME=foo.example", "REVERSE_NAME=no.example",
    "REVERSE_NAME=rev.example", "ADDR=1.2.3.4", "ADDR=1.2.3.5", "ADDR=[UNAVAILABLE]",
    "ADDR=IPV6:2001:db8::7", "ADDR=10.1.1.1", "HELO=foo", "PROTO=ESMTP", "PORT=77", "LOGIN=joe",
    "LOGIN=[UNAVAILABLE]", "DESTADDR=1.1.1.1", "DESTPORT=2525"]

CONTENT = b"Subject: x\r\n\r\n..dot\r\n.\r\n"


def verified():
    """Addresses that probes can and cannot deliver to."""
    yield ["EHLO h.test", "MAIL FROM:<>"] + [f"RCPT TO:<{r}>" for r in (
        "alice@example.test", "x@bad.test", "x@bad.test", "x@later.test", "x@good.test",
        "double-bounce@mx.example.test", "double-bounce", "postmaster", "q@nowhere.test")]
    yield ["EHLO h.test"] + [line for sender in ("x@bad.test", "x@later.test", "y@good.test",
                                                 "z@other.test")
                             for line in (f"MAIL FROM:<{sender}>", "RCPT TO:<alice@example.test>",
                                          "RSET")]


def dialogues(name):
    if name.startswith("verify"):
        yield from verified()
        return
    mail, rcpt = "MAIL FROM:<a@b.test>", "RCPT TO:<alice@example.test>"
    ehlo = ["EHLO h.test"]
    yield ehlo + list(itertools.chain.from_iterable((f"MAIL FROM:<{a}>", "RSET")
                                                    for a in ADDRESSES[:13]))
    yield ehlo + list(itertools.chain.from_iterable((f"MAIL FROM:<{a}>", "RSET")
                                                    for a in ADDRESSES[13:]))
    yield ehlo + list(itertools.chain.from_iterable((f"MAIL FROM:<a@b.test> {o}", "RSET")
                                                    for o in OPTIONS))
    yield ehlo + [f"MAIL FROM:{a}" for a in SENDER_PATHS]
    yield ehlo + [mail] + [f"RCPT TO:{a}" for a in RECIPIENT_PATHS]
    for part in (RECIPIENTS[:9], RECIPIENTS[9:18], RECIPIENTS[18:]):
        yield ehlo + [mail] + [f"RCPT TO:<{r}>" for r in part]
        yield ["HELO foo", mail] + [f"RCPT TO:<{r}>" for r in part]
    yield ehlo + [mail] + [f"RCPT TO:<alice@example.test> {o}" for o in RCPT_OPTIONS]
    for helo in ("-a", "[1.2.3]", "1.2.3.4", "foo", "foo.bar", "[192.0.2.1]", "a_b.c"):
        yield [f"HELO {helo}", "MAIL FROM:<x>", rcpt, "RSET", mail, rcpt, "RCPT TO:<x>", "QUIT"]
    if name in ("sender", "recipient", "eager", "filters"):
        for i in range(len(ACTIONS)):
            yield ["EHLO h.test", f"MAIL FROM:<s{i}@x.test>", rcpt, "RCPT TO:<zork@example.test>",
                   "RCPT TO:<x@nowhere.test>", "DATA", "QUIT"]
    yield ["FOO"] * 25
    yield ["NOOP"] * 30
    if name == "flush":
        for command in (c for c in COMMANDS if c.startswith("ETRN")):
            yield [command, "EHLO h.test", command, mail, command]
    if name == "proxy":
        yield from proxied(mail, rcpt)
    chance = random.Random(name)
    for _ in range(40):
        yield [chance.choice(COMMANDS) for _ in range(chance.randrange(3, 15))]


def proxied(mail, rcpt):
    """What proxies say of their clients."""
    end = [mail, rcpt, "DATA", mail, rcpt, "XCLIENT NAME=x", "XFORWARD NAME=x", "QUIT"]
    for attribute in ATTRIBUTES:
        yield ["EHLO h.test", f"XCLIENT {attribute}", *end]
        yield [f"XFORWARD {attribute}", *end]
        yield ["EHLO h.test", f"XFORWARD {attribute}", "RSET", *end]
    chance = random.Random(8)
    for _ in range(40):
        some = chance.sample(GOOD_ATTRIBUTES, 3)
        yield ["EHLO h.test", "XCLIENT " + " ".join(some[:2]), "EHLO h.test",
               f"XCLIENT {some[2]}", "XFORWARD NAME=x HELO=y", *end]
    yield ["EHLO h.test"] + ["XCLIENT NAME=x"] * 25
    yield ["EHLO h.test"] + ["FOO"] * 15 + ["XCLIENT NAME=x"] + ["FOO"] * 15
    yield ["XCLIENT ADDR=1.2.3.4"] + COMMANDS
    yield ["XCLIENT ADDR=1.2.3.4", "QUIT"]
    yield ["XCLIENT ADDR=1.2.3.4", "Subject: x"]


def read_reply(file):
    lines = []
    while True:
        line = file.readline()
        if not line:
            return lines + [b"<gone>"]
        line = re.sub(rb"queued as [0-9A-F]+", b"queued as ID", line)
        lines.append(re.sub(rb"\]:\d{4,5}\b", b"]:PORT", line))
        if line[3:4] != b"-":
            return lines


def converse(port, dialogue):
    """The replies to each line of a dialogue, up to where the server hangs up."""
    replies = []
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        file = connection.makefile("rb")
        replies.append(("connect", read_reply(file)))
        for command in dialogue:
            line = command.encode()
            try:
                connection.sendall(line if line.endswith(b"\n") and b"BDAT" in line
                                   else line + b"\r\n")
                reply = read_reply(file)
            except OSError:
                reply = [b"<gone>"]
            replies.append((command, reply))
            if reply[-1] == b"<gone>":
                break
            if reply[0].startswith(b"354"):
                connection.sendall(CONTENT)
                replies.append(("content", read_reply(file)))
    return replies


def log_lines(instance):
    """What smtpd logged, blanked and sorted: sessions overlap."""
    lines = []
    for line in instance.log().splitlines():
        found = re.search(r"postfix/smtpd\[\d+\]: (.*)", line)
        if found:
            text = re.sub(r"\b[0-9A-F]{9,14}: ", "ID: ", found.group(1))
            text = re.sub(r"\]:\d{4,5}\b", "]:PORT", text)
            lines.append(text.replace(str(instance.folder), "DIR"))
    return sorted(lines)


@pytest.mark.parametrize("name", SETTINGS)
def test_replies_and_log_lines_are_debians(name):
    settings = {**COMMON, **SETTINGS[name]}
    with Instance(settings, kind="ours") as ours, Instance(settings, kind="debian") as debian:
        different = []
        for dialogue in dialogues(name):
            got, wanted = converse(ours.port, dialogue), converse(debian.port, dialogue)
            different += [f"{ours_said} Debian: {said[1]}" for ours_said, said in zip(got, wanted)
                          if ours_said != said]
        assert not different, "\n".join(different)
        ends = 1 + sum(1 for _ in dialogues(name))
        for instance in (ours, debian):
            assert wait_for(lambda: instance.log().count("disconnect from") >= ends)
        got, wanted = log_lines(ours), log_lines(debian)
    different = [f"ours:   {line}" for line in got if line not in wanted]
    different += [f"Debian: {line}" for line in wanted if line not in got]
    assert not different, "\n".join(different)
