"""
Made-up addresses through rewriting and routing, Debian's and ours: as recipients by SMTP and by
sendmail, in headers, and asked of trivial-rewrite itself.
"""
import os
import pathlib
import random
import re
import socket
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "system"))
import generated_addresses as generated  # noqa: E402
from counting import compared
from queue_files import Session, both, differences, normal  # noqa: E402
from test_rewrite import ask, frame  # noqa: E402

CASES = int(os.environ.get("DIFFER_CASES", "2400"))
SEED = int(os.environ.get("DIFFER_SEED", "20"))
CLASSES = {0: 256, 1: 512, 2: 1024, 3: 2048, 4: 4096}
ROUTED, BAD = 2, 4

ROUTES = {
    "virtual_alias_domains": "valias.test", "virtual_mailbox_domains": "vmbox.test",
    "relay_domains": "relay.test", "relayhost": "[rhost]", "proxy_interfaces": "192.0.2.7",
    "relocated_maps": "inline:{ {moved@local.test = new place}, {mm=elsewhere} }",
    "transport_maps": "inline:{ {user@t.test=smtp:n}, {t.test=slow:}, {.t.test=:dot}, "
                      "{null.test=:}, {err.test=error:5.7.1 no}, {err2.test=error:}, "
                      "{relay.test=:relaynext}, {UP.test=SMTP:Foo.Bar}, {valias.test=x:y}, "
                      "{joe@canon.test=joe:}, {joe+ext@canon.test=ext:at:25} }",
}
MAPS = {
    "virtual_alias_maps": "inline:{ {list@local.test = a@b.test, bob, joe+x@origin.test}, "
                          "{bob = robert@canon.test}, {@valias.test = @t.test}, {loop = loop, a}, "
                          "{joe@canon.test = \"quo ted\"@t.test, h!u} }",
    "canonical_maps": "inline:{ {Robert = bob.canon}, {joe@local.test = j.oe@canon.test}, "
                      "{@host=@canon.test}, {user@t.test = \"u ser\"@canon.test} }",
    "sender_canonical_maps": "inline:{ {a@t.test=sender.a@canon.test}, {x.y=sender.xy} }",
    "recipient_canonical_maps": "inline:{ {a@t.test=rcpt.a@canon.test}, {x.y=rcpt.xy} }",
    "sender_bcc_maps": "inline:{ {@t.test = archive} }",
    "always_bcc": "always", "recipient_bcc_maps": "inline:{ {user@local.test = copy} }",
}
# Named in doc/differences.md.
NULL_BEHIND_ROUTE = re.compile("@.*:.*@$")

VARIANTS = {
    "plain": {},
    "maps": {**ROUTES, **MAPS},
    "few": {**ROUTES, "swap_bangpath": "no", "allow_percent_hack": "no",
            "append_dot_mydomain": "yes", "resolve_dequoted_address": "no",
            "resolve_null_domain": "yes", "resolve_numeric_domain": "yes",
            "recipient_delimiter": "-+", "default_transport": "deft:",
            "parent_domain_matches_subdomains": "", "local_transport": "lt:lh",
            "transport_maps": "inline:{ {*=all:}, {t.test=:n}, {host=e:rr} }",
            "allow_min_user": "yes", "smtpd_sender_restrictions": ""},
    "sender dependent": {
        **ROUTES, **MAPS, "parent_domain_matches_subdomains": "transport_maps,relay_domains",
        "sender_dependent_relayhost_maps": "inline:{ {a@t.test=[srelay]}, {@local.test=dunno}, "
                                           "{joe@canon.test=x:26}, {<>=null} }",
        "sender_dependent_default_transport_maps":
            "inline:{ {user@t.test=sdt:}, {@canon.test=sdt:hop}, "
            "{bob@origin.test=DUNNO}, {<>=nt:} }",
        "propagate_unmatched_extensions": "", "enable_original_recipient": "no",
        "masquerade_domains": "not.masq.test !keep.masq.test masq.test",
        "masquerade_exceptions": "root, bob", "masquerade_classes":
        "envelope_sender, header_sender, header_recipient, envelope_recipient",
    },
}


def quoted(text):
    return text.encode("utf-8", "surrogateescape")


class Theirs:
    """Attributes, each name NUL value NUL, ended by an empty name."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20)
        self.socket.connect(str(path))
        self.stream = self.socket.makefile("rb")
        self.read()

    def text(self):
        return b"".join(iter(lambda: self.stream.read(1), b"\0")).decode()

    def read(self):
        return {name: self.text() for name in iter(self.text, "")}

    def resolve(self, sender, address):
        self.socket.sendall(b"request\0resolve\0sender\0" + sender.encode() + b"\0address\0"
                            + address.encode() + b"\0\0")
        found = self.read()
        flags = int(found["flags"])
        if flags & BAD:
            return flags & BAD
        return flags, found["transport"], found["nexthop"], found["recipient"]


class Ours:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20)
        self.socket.connect(str(path))

    def resolve(self, sender, address):
        _, kind, flags, transport, nexthop, recipient, _ = ask(
            self.socket, frame("FRAME_RESOLVE_REQUEST", 0, sender.encode(), address.encode()))
        if flags & 2:
            return BAD
        return CLASSES[kind] | (ROUTED if flags & 1 else 0), transport, nexthop, recipient


def resolve_all(peer, cases):
    rewrite = (Theirs if peer.kind == "debian" else Ours)(peer.instance.queue / "private/rewrite")
    return [rewrite.resolve(*case) for case in cases]


def talk(peer, senders, recipients, headers):
    """Replies to many commands, and the queue file of one message to all that were accepted."""
    session = Session(peer.instance.port)
    lines = []
    for sender in senders:
        lines += [b"MAIL FROM:" + quoted(sender), b"RSET"]
    replies = session.commands(lines)[::2]
    session.command(b"MAIL FROM:<s@t.test>")
    replies += session.commands([b"RCPT TO:" + quoted(path) for path in recipients])
    content = "".join(f"{name}: {value}\n" for name, value in headers) + "Subject: x\n\nbody\n"
    return [reply[:9] for reply in replies], peer.queued(session.content(quoted(content)))


def by_sendmail(peer, recipients, headers):
    """One message with recipients as arguments, and one that takes them from its headers."""
    # However few they are, one recipient is good.
    headers = [*headers, ("To", "user@t.test")]
    content = "".join(f"{name}: {value}\n" for name, value in headers) + "Subject: x\n\nbody\n"
    for arguments in (["-f", "user@t.test", "-i", "--", *recipients], ["-t", "-i", "-f", "bob"]):
        result = peer.instance.run("sendmail", *arguments, check=False, text=False,
                                   input=quoted(content))
        assert result.returncode == 0, result.stderr
    found = [normal(path) for path in peer.all_queued(2)]
    return sorted(found, key=lambda parts: str(parts["envelope"]))


def odd_path(chance):
    return chance.choice(["{}", "<{}>"]).format(generated.odd(chance))


def make_cases(variant):
    chance = random.Random(f"{SEED} {variant}")
    share = max(1, CASES // len(VARIANTS) // 6)

    def some(make, count=share):
        return [make(chance) for _ in range(count)]

    senders = ["", "a@t.test", "user@t.test", "joe+x@canon.test", "b@local.test", "bob@origin.test"]
    header_names = ["To", "From", "Cc", "Reply-To", "Sender"]
    return {
        "resolve": [case for case in
                    [(chance.choice(senders), make(chance)) for make in
                     (generated.pick, generated.pick, generated.odd) for _ in range(share)]
                    if not NULL_BEHIND_ROUTE.match(case[1])],
        "senders": some(generated.path, share // 4) + some(odd_path, share // 4),
        "recipients": some(generated.path, share // 2) + some(odd_path, share // 2),
        "headers": [(chance.choice(header_names), value)
                    for value in some(generated.header_value, share // 2)
                    + some(generated.odd, share // 2)],
        "arguments": [text for text in some(generated.pick, share // 4)
                      + some(generated.odd, share // 4)
                      if text and "\n" not in text and not text.startswith("-")],
    }


def run(peer, cases):
    found = {"resolve": resolve_all(peer, cases["resolve"])}
    found["replies"], found["smtp"] = talk(peer, cases["senders"], cases["recipients"],
                                           cases["headers"])
    for path in (peer.instance.queue / "incoming").iterdir():
        path.unlink()
    found["sendmail"] = by_sendmail(peer, cases["arguments"], cases["headers"][:200])
    return found


def compare(cases, wanted, got):
    different = [f"resolve {case}\nDebian: {one}\nours:   {other}" for case, one, other
                 in zip(cases["resolve"], wanted["resolve"], got["resolve"]) if one != other]
    paths = cases["senders"] + cases["recipients"]
    different += [f"path {path!r}\nDebian: {one}\nours:   {other}" for path, one, other
                  in zip(paths, wanted["replies"], got["replies"]) if one != other]
    different += [f"smtp {text}" for text in differences(wanted["smtp"], got["smtp"])]
    for one, other in zip(wanted["sendmail"], got["sendmail"]):
        different += [f"sendmail {text}" for text in differences(one, other)]
    return different


@pytest.mark.parametrize("variant", VARIANTS)
def test_addresses_go_the_same_ways(variant):
    cases = make_cases(variant)
    compared(sum(map(len, cases.values())))
    wanted, got = both(VARIANTS[variant], lambda peer: run(peer, cases))
    different = compare(cases, wanted, got)
    assert not different, f"{len(different)} differences\n" + "\n".join(different[:100])
