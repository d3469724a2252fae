"""The header of a proxy in front of smtpd (haproxy): good ones and bad ones, as with Debian."""
import re
import socket
import struct

from instance import wait_for
from test_smtpd_dialogues import COMMON, read_reply

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def header(command, family, body, version=2):
    return SIGNATURE + bytes([version << 4 | command, family]) + struct.pack(">H", len(body)) + body


PORTS = struct.pack(">HH", 1234, 25)
FOUR = socket.inet_aton("192.0.2.7") + socket.inet_aton("192.0.2.99") + PORTS
SIX = (socket.inet_pton(socket.AF_INET6, "2001:db8::7") +
       socket.inet_pton(socket.AF_INET6, "2001:db8::99") + PORTS)
LINE = b"PROXY TCP4 192.0.2.7 192.0.2.99 1234 25"

HEADERS = [
    LINE + b"\r\n", b"PROXY TCP6 2001:db8::7 2001:db8::99 1234 25\r\n", b"PROXY UNKNOWN\r\n",
    b"PROXY UNKNOWN a b c d\r\n", b"PROXY TCP4 192.0.2.7\r\n", LINE[:-2] + b"x\r\n",
    LINE[:-2] + b"99999\r\n", b"PROXY TCP4 192.0.2.777 192.0.2.99 1234 25\r\n", b"EHLO x\r\n",
    LINE + b"\nEHLO y\r\n", LINE + b" x\r\n", header(0, 0, b""), header(1, 0x11, FOUR),
    header(1, 0x21, SIX), header(1, 0x11, FOUR + b"\x04\0\1x"), header(1, 0x12, FOUR),
    header(1, 0x31, b"x" * 16), header(1, 0x11, FOUR[:8]), header(2, 0x11, FOUR),
    header(1, 0x11, b"", 3), header(0, 0x11, FOUR), b"PROXY TCP4 ::1 ::1 1 1\r\n",
    b"PROXY TCP4 192.0.2.7 192.0.2.99 0 0\r\n", b"PROXY TCP6 ::ffff:1.2.3.4 ::ffff:1.2.3.5 1 1\r\n",
    LINE.lower() + b"\r\n", header(1, 0, b""), header(1, 0x10, FOUR), header(0, 0, b"abc"), b"",
    None]


def answer(port, sent):
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        file = connection.makefile("rb")
        if sent is None:
            connection.shutdown(socket.SHUT_WR)
        elif sent:
            connection.sendall(sent)
        first = read_reply(file)
        if not first[0].startswith(b"220"):
            return [first]
        connection.sendall(b"QUIT\r\n")
        return [first, read_reply(file)]


def observe(instance):
    instance.answers = lambda: socket.create_connection(("127.0.0.1", instance.port)).close() or True
    instance.start()
    replies = [answer(instance.port, sent) for sent in HEADERS]
    assert wait_for(lambda: instance.log().count("disconnect from") >= len(HEADERS) + 1)
    lines = re.findall(r"postfix/smtpd\[\d+\]: (.*)", instance.log())
    return replies, sorted(re.sub(r"\]:\d+", "]:PORT", line) for line in lines)


def test_proxies_say_who_the_client_is(ours, debian):
    settings = {**COMMON, "smtpd_upstream_proxy_protocol": "haproxy", "inet_protocols": "all",
                "smtpd_upstream_proxy_timeout": "1s", "smtpd_client_port_logging": "yes"}
    got, wanted = (observe(make(settings=settings, start=False)) for make in (ours, debian))
    assert got[0] == wanted[0]
    assert set(got[1]) ^ set(wanted[1]) == set()
