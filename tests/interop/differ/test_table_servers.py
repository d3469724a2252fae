"""tcp: and socketmap: tables: the same servers asked by postmap of both suites."""
import os
import random
import socketserver
import subprocess
import threading
import urllib.parse

import pytest

from instance import PREFIX

CASES = int(os.environ.get("DIFFER_CASES", "120"))
SEED = int(os.environ.get("DIFFER_SEED", "1"))
COMMANDS = {"ours": PREFIX / "sbin/postmap", "debian": "/usr/sbin/postmap"}


class Server(socketserver.ThreadingTCPServer):
    """Answers each key with the bytes of a script, and notes what it was asked."""
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, handler, answers):
        super().__init__(("127.0.0.1", 0), handler)
        self.answers, self.asked = answers, []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def answer(self, asked):
        self.asked.append(asked)
        return self.answers.get(asked, self.answers.get(None))


class Lines(socketserver.StreamRequestHandler):
    """tcp_table(5)."""
    def handle(self):
        for line in self.rfile:
            answer = self.server.answer(line)
            if answer is None:
                return
            self.wfile.write(answer)


class Netstrings(socketserver.StreamRequestHandler):
    """socketmap_table(5)."""
    def handle(self):
        while True:
            digits = b""
            while (byte := self.rfile.read(1)) not in (b":", b""):
                digits += byte
            if not digits:
                return
            answer = self.server.answer(self.rfile.read(int(digits) + 1)[:-1])
            if answer is None:
                return
            self.wfile.write(answer)


def netstring(data):
    return b"%d:%s," % (len(data), data)


def text(chance):
    """A key or a value: words, addresses, bytes that need care."""
    return b"".join(chance.choice([b"a", b"user", b"@", b"example.com", b"%", b"%41", b"+", b"\xc3\xa4",
                                   b".", b"=", b"\"", b"\\", b"{", b"$x", b":", b"B", b"~",
                                   b" ", b"\t", b"\x7f", b"\x01"])
                    for _ in range(chance.randrange(1, 7)))


def key_of(chance):
    return text(chance).strip() or b"k"


def postmap(kind, table, keys):
    """Each key asked in turn by one process; the last may end it."""
    done = subprocess.run([COMMANDS[kind], "-q", "-", table], input=b"\n".join(keys) + b"\n",
                          capture_output=True, timeout=60)
    return done.returncode, done.stdout


def one(kind, table, key):
    done = subprocess.run([COMMANDS[kind], "-q", key, table], capture_output=True, timeout=100)
    return done.returncode, done.stdout


def encoded(chance, data):
    """As a server may send it: what must be encoded, and some of what need not be."""
    return b"".join(b"%%%02X" % byte if byte <= 32 or byte in b"%\x7f" or byte > 126
                    or chance.random() < .1 else bytes([byte]) for byte in data)


def compare(server, table, keys):
    answers = []
    for kind in COMMANDS:
        server.asked.clear()
        result = postmap(kind, table, keys)
        answers.append((result, list(server.asked)))
    assert answers[0] == answers[1], keys


def test_values_of_tcp_tables_are_alike():
    chance = random.Random(SEED)
    keys = [key_of(chance) for _ in range(CASES)]
    answers = {}
    for key in keys:
        sent = urllib.parse.quote_from_bytes(key, safe="".join(map(chr, range(33, 127))).replace(
            "%", "")).encode()
        answers[b"get " + sent + b"\n"] = chance.choice([
            b"500 not here\n", b"200 " + encoded(chance, text(chance)) + b"\n",
            b"200 " + b"x" * chance.choice([1, 4000]) + b"\n", b"500 %41\n"])
    answers[None] = b"500 unknown\n"
    with Server(Lines, answers) as server:
        compare(server, f"tcp:127.0.0.1:{server.server_address[1]}", keys)


WRONG_LINES = [b"400 later\n", b"400 la%20ter\n", b"200 %zz\n", b"200 %4\n", b"300 what\n", b"\n",
               b"200\n", b"500\n", b"no\n", b"200x y\n", b"200 a\r\n", b"200 " + b"y" * 120000 + b"\n",
               b"200  two\n", b"200 a b\n", b"200 \xc3\xa4\n", b"200 a\x00b\n"]


@pytest.mark.parametrize("number", range(len(WRONG_LINES)))
def test_wrong_answers_of_tcp_servers_end_alike(number):
    with Server(Lines, {None: WRONG_LINES[number]}) as server:
        table = f"tcp:127.0.0.1:{server.server_address[1]}"
        assert one("ours", table, "key") == one("debian", table, "key")


def test_values_of_socketmap_tables_are_alike():
    chance = random.Random(SEED + 1)
    keys = [key_of(chance) for _ in range(CASES)]
    answers = {b"name " + key: netstring(chance.choice([
        b"NOTFOUND ", b"NOTFOUND", b"NOTFOUND why", b"OK " + text(chance), b"OK " + b"x" * 90000,
        b"OK  two"])) for key in keys}
    answers[None] = netstring(b"NOTFOUND ")
    with Server(Netstrings, answers) as server:
        compare(server, f"socketmap:inet:127.0.0.1:{server.server_address[1]}:name", keys)


WRONG_STRINGS = [netstring(b"TEMP later"), netstring(b"TIMEOUT late"), netstring(b"PERM never"),
                 netstring(b"ok x"), netstring(b"OK"), netstring(b"OK "), netstring(b""),
                 netstring(b"WHAT x"), b"x:OK y,", b"4:OK y;", b"04:OK y,", b"-1:,", b"4OK y,",
                 netstring(b"OK " + b"z" * 120000), b"99999999999:OK", netstring(b"OK a\nb"),
                 netstring(b"OK \xc3\xa4"), netstring(b"NOTFOUNDx"), netstring(b"OKx y"),
                 netstring(b"OK a\0b"), b" 4:OK y,"]


@pytest.mark.parametrize("number", range(len(WRONG_STRINGS)))
def test_wrong_answers_of_socketmap_servers_end_alike(number):
    with Server(Netstrings, {None: WRONG_STRINGS[number]}) as server:
        table = f"socketmap:inet:127.0.0.1:{server.server_address[1]}:name"
        assert one("ours", table, "key") == one("debian", table, "key")
