"""Our trivial-rewrite beside Debian's: thousands of made-up addresses go the same ways."""
import pathlib
import random
import socket
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))
from test_rewrite import ask, frame  # noqa: E402

ADDRESSES = 1500
CLASSES = {0: 256, 1: 512, 2: 1024, 3: 2048, 4: 4096}
ROUTED, BAD = 2, 4

SETTINGS = {
    "myhostname": "mx.example.test", "mydomain": "example.test", "myorigin": "origin.test",
    "mydestination": "$myhostname, localhost, local.test", "recipient_delimiter": "+",
    "virtual_alias_maps": "", "virtual_alias_domains": "valias.test",
    "virtual_mailbox_domains": "vmbox.test", "relay_domains": "relay.test",
    "relayhost": "[rhost]", "proxy_interfaces": "192.0.2.7", "inet_protocols": "all",
    "relocated_maps": "inline:{ {moved@local.test = new place}, {mm=elsewhere} }",
    "transport_maps": "inline:{ {user@t.test=smtp:n}, {t.test=slow:}, {.t.test=:dot}, "
                      "{null.test=:}, {err.test=error:5.7.1 no}, {err2.test=error:}, "
                      "{relay.test=:relaynext}, {up.test=SMTP:Foo.Bar}, {valias.test=x:y} }",
}
PARTS = ["user", "a", "mm", "moved", "+x", ".", "..", "@", "@", "%", "!", "local.test",
         "vmbox.test", "valias.test", "relay.test", "t.test", "sub.t.test", "mx.example.test",
         "[127.0.0.1]", "[192.0.2.7]", "1.2.3.4", "-", "é", "UP.test", "null.test", "err.test",
         "err2.test", "host"]
DOMAINS = ["local.test", "mx.example.test", "default.test", "t.test", "relay.test", "vmbox.test"]


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

    def resolve(self, address):
        self.socket.sendall(b"request\0resolve\0sender\0\0address\0" + address.encode() + b"\0\0")
        found = self.read()
        flags = int(found["flags"])
        if flags & BAD:
            return flags & BAD
        return flags, found["transport"], found["nexthop"], found["recipient"]


def resolve_ours(lane, address):
    _, kind, flags, transport, nexthop, recipient, _ = ask(
        lane, frame("FRAME_RESOLVE_REQUEST", 0, b"", address.encode()))
    if flags & 2:
        return BAD
    return CLASSES[kind] | (ROUTED if flags & 1 else 0), transport, nexthop, recipient


def made_up(chance):
    address = "".join(chance.choice(PARTS) for _ in range(chance.randint(1, 4)))
    return address + (f"@{chance.choice(DOMAINS)}" if chance.random() < 0.6 else "")


def test_addresses_resolve_alike(ours, debian):
    mine, theirs = ours(settings=SETTINGS), debian(settings=SETTINGS)
    reference = Theirs(theirs.queue / "private/rewrite")
    chance = random.Random(20)
    differing = []
    with socket.socket(socket.AF_UNIX) as lane:
        lane.settimeout(20)
        lane.connect(str(mine.queue / "private/rewrite"))
        for _ in range(ADDRESSES):
            address = made_up(chance)
            pair = resolve_ours(lane, address), reference.resolve(address)
            if pair[0] != pair[1]:
                differing.append((address, *pair))
    assert not differing
