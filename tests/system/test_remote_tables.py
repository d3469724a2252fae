"""socketmap, tcp and memcache tables: asked by postmap and by a confined smtpd and cleanup."""
import socket
import subprocess
import threading

import pytest

from instance import wait_for

ALIASES = {"far@example.test": "alice@example.test", "nul@x": "a\0b", "long@x": "y" * 5000}


class Server:
    """Answers each question of a connection with what answer() makes of it."""

    def __init__(self, read, answer):
        self.read, self.answer, self.asked = read, answer, []
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
        with connection, connection.makefile("rb") as file:
            while question := self.read(file):
                self.asked.append(question)
                connection.sendall(self.answer(question))


def read_netstring(file):
    length = b""
    while (byte := file.read(1)) != b":":
        if not byte:
            return None
        length += byte
    question = file.read(int(length))
    return question if file.read(1) == b"," else None


def socketmap_answer(question):
    name, _, key = question.decode().partition(" ")
    found = ALIASES.get(key) if name == "aliases" else None
    text = f"OK {found}" if found else "TEMP later" if key == "temp" else "NOTFOUND "
    return f"{len(text)}:{text},".encode()


def tcp_answer(question):
    key = question.decode().rstrip("\n").partition(" ")[2]
    found = ALIASES.get(key.replace("%40", "@"))
    return f"200 {found}\n".replace(" y", "%20y").encode() if found else b"500 none\n"


@pytest.fixture
def socketmap():
    return Server(read_netstring, socketmap_answer)


@pytest.fixture
def tcp():
    return Server(lambda file: file.readline(), tcp_answer)


def is_up(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


@pytest.fixture
def memcached():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(["memcached", "-u", "nobody", "-l", "127.0.0.1", "-p", str(port)])
    assert wait_for(lambda: is_up(port))
    yield port
    process.terminate()
    process.wait()


def ask(instance, key, table):
    done = instance.run("postmap", "-q", key, table, check=False)
    return done.returncode, done.stdout, done.stderr


def test_postmap_asks_servers(ours, socketmap, tcp):
    instance = ours(settings={})
    table = f"socketmap:inet:127.0.0.1:{socketmap.port}:aliases"
    assert ask(instance, "far@example.test", table)[:2] == (0, "alice@example.test\n")
    assert ask(instance, "Far@example.test", table)[0] == 1      # keys are not folded
    assert ask(instance, "nul@x", table)[:2] == (0, "a\n")
    status, _, said = ask(instance, "temp", table)
    assert status == 1 and "socketmap server temporary error: later" in said
    table = f"tcp:127.0.0.1:{tcp.port}"
    assert ask(instance, "far@example.test", table)[:2] == (0, "alice@example.test\n")
    assert ask(instance, "none", table)[:2] == (1, "")
    assert "input exceeds size limit" in ask(instance, "long@x", table)[2]


def test_an_answer_that_broke_off_is_asked_for_anew(ours):
    """What came over a kept connection before it ended is no part of the next answer."""
    broken, said = b"9:OK bro", []
    answers = iter([b"4:OK 1,", broken, b"4:OK 2,"])

    def answer(_):
        said.append(next(answers))
        return said[-1]

    def read(file):
        if said[-1:] == [broken]:
            said.append(None)       # the end of that connection
            return None
        return read_netstring(file)

    server = Server(read, answer)
    found = ours(settings={}, start=False).run(
        "postmap", "-q", "-", f"socketmap:inet:127.0.0.1:{server.port}:aliases", input="a\nb\n")
    assert found.stdout == "a\t1\nb\t2\n"


def test_memcache_stands_before_its_backup(ours, memcached):
    instance = ours(settings={})
    folder = instance.config
    (folder / "back").write_text("a@b 1\nc@d 2\n")
    instance.run("postmap", f"hash:{folder}/back")
    (folder / "cache.cf").write_text(f"memcache = inet:127.0.0.1:{memcached}\nkey_format = t:%s\n"
                                     f"backup = hash:{folder}/back\n")
    table = f"memcache:{folder}/cache.cf"
    assert ask(instance, "A@b", table)[:2] == (0, "1\n")
    instance.run("postmap", "-d", "a@b", f"hash:{folder}/back")
    assert ask(instance, "a@b", table)[:2] == (0, "1\n")         # memcached has it
    assert instance.run("postmap", "-d", "c@d", table, check=False).returncode == 0
    assert ask(instance, "c@d", table)[0] == 1
    assert instance.run("postmap", "-s", table, check=False).stdout == ""


def test_confined_programs_ask_servers(ours, socketmap, tcp):
    instance = ours(settings={
        "virtual_alias_maps": f"socketmap:inet:127.0.0.1:{socketmap.port}:aliases",
        "smtpd_recipient_restrictions":
            f"check_recipient_access tcp:127.0.0.1:{tcp.port}, permit_mynetworks, reject",
        "smtpd_relay_restrictions": "permit_mynetworks, reject",
    })
    instance.run("sendmail", "far@example.test", input="Subject: x\n\nx\n")
    instance.wait_log(r"to=<alice@example.test>, orig_to=<far@example.test>")
    assert b"aliases far@example.test" in socketmap.asked
