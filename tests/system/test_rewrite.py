"""trivial-rewrite, asked over its own frames (lib/ipc/frame.h)."""
import pathlib
import re
import socket
import struct

FRAME_H = (pathlib.Path(__file__).resolve().parents[2] / "lib/ipc/frame.h").read_text()


def names_of(enum):
    body = re.search(r"enum %s \{(.*?)\};" % enum, re.sub(r"/\*.*?\*/", "", FRAME_H, flags=re.S),
                     re.S).group(1)
    number, found = -1, {}
    for name, value in re.findall(r"(\w+)(?:\s*=\s*(\d+))?\s*,", body + ","):
        number = int(value) if value else number + 1
        found[name] = number
    return found


KINDS, TYPES = names_of("frame_kind"), names_of("field_type")


def frame(kind, *fields):
    body = struct.pack(">H", KINDS[kind])
    for field in fields:
        if isinstance(field, int):
            body += struct.pack(">Bq", TYPES["FIELD_NUMBER"], field)
        else:
            body += struct.pack(">BI", TYPES["FIELD_BYTES"], len(field)) + field
    return struct.pack(">I", len(body)) + body


def fields_of(body):
    found, at = [], 2
    while at < len(body):
        if body[at] == TYPES["FIELD_NUMBER"]:
            found.append(struct.unpack_from(">q", body, at + 1)[0])
            at += 9
        else:
            length = struct.unpack_from(">I", body, at + 1)[0]
            found.append(body[at + 5:at + 5 + length].decode())
            at += 5 + length
    return found


def ask(lane, request):
    lane.sendall(request)
    stream = lane.makefile("rb")
    return fields_of(stream.read(struct.unpack(">I", stream.read(4))[0]))


def test_it_resolves(ours):
    instance = ours(settings={
        "transport_maps": "inline:{{t.test=slow:[next]:2525}}", "relayhost": "[relay.test]",
    }, master_extra="rewrite unix - - n - - trivial-rewrite\n")
    with socket.socket(socket.AF_UNIX) as lane:
        lane.settimeout(20)
        lane.connect(str(instance.queue / "private/rewrite"))
        assert ask(lane, frame("FRAME_CLASS_REQUEST", b"t.test")) == [0, 4, 0, "", "", "", ""]
        assert ask(lane, frame("FRAME_RESOLVE_REQUEST", 0, b"", b"a@t.test")) == \
            [0, 4, 0, "slow", "[next]:2525", "a@t.test", ""]
        assert ask(lane, frame("FRAME_RESOLVE_REQUEST", 0, b"", b"a@other.test")) == \
            [0, 4, 0, "smtp", "[relay.test]", "a@other.test", ""]
        assert ask(lane, frame("FRAME_RESOLVE_REQUEST", 0, b"", b"postmaster")) == \
            [0, 0, 0, "local", "mail.test.example", "postmaster@mail.test.example", ""]
