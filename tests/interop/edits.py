"""A milter that edits every message in every way the protocol has."""
import socket
import struct
import threading

SEEN = (b"O", b"C", b"H", b"M", b"R", b"T", b"L", b"N", b"B", b"E", b"U")


def text(*parts):
    return b"".join(part.encode() + b"\0" for part in parts)


EDITS = [
    (b"h", text("X-Added", "at the end")),
    (b"i", struct.pack("!I", 0) + text("X-First", "at the top\n\tfolded")),
    (b"m", struct.pack("!I", 1) + text("Subject", "a subject that is longer than the one before")),
    (b"m", struct.pack("!I", 1) + text("X-Gone", "")),
    (b"m", struct.pack("!I", 1) + text("Subject", "short")),
    (b"+", text("<added@far.example>")),
    (b"-", text("<removed@far.example>")),
    (b"e", text("<changed@near.example>")),
    (b"b", b"a new body\r\nof two lines\r\n"),
    (b"b", b"z" * 3000 + b"\r\n"),
]


class Milter:
    def __init__(self, edits=None):
        self.edits = EDITS if edits is None else edits
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        stream = connection.makefile("rwb")
        while head := stream.read(5):
            length, command = struct.unpack("!Ic", head)
            data = stream.read(length - 1)
            if command == b"Q":
                break
            answers = []
            if command == b"O":
                version, _, _ = struct.unpack("!III", data[:12])
                answers = [(b"O", struct.pack("!III", min(version, 6), 0x1ff, 0))]
            elif command == b"E":
                answers = self.edits + [(b"c", b"")]
            elif command in SEEN:
                answers = [(b"c", b"")]
            for kind, payload in answers:
                stream.write(struct.pack("!Ic", len(payload) + 1, kind) + payload)
            stream.flush()
        connection.close()

    def close(self):
        self.listener.close()
