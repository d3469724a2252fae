"""socketmap, tcp and memcache tables: asked by postmap and by a confined smtpd and cleanup."""
import contextlib
import os
import pathlib
import smtplib
import socket
import subprocess
import threading

import pytest

from instance import MASTER_CF, wait_for

ALIASES = {"far@example.test": "alice@example.test", "nul@x": "a\0b", "long@x": "y" * 5000}


class Server:
    """Answers each question of a connection with what answer() makes of it."""

    def __init__(self, read, answer, with_port=False):
        self.read, self.answer, self.asked = read, answer, []
        self.with_port = with_port      # answer() is given the client's port, too
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, (_, port) = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection, port), daemon=True).start()

    def serve(self, connection, port):
        more = [port] if self.with_port else []
        with connection, connection.makefile("rb") as file:
            while question := self.read(file):
                self.asked.append(question)
                connection.sendall(self.answer(question, *more))


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


def owner(port):
    """The program that holds the client's end of a connection from a local port."""
    rows = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
    wanted = {f"socket:[{row[9]}]" for row in rows if row[1].endswith(f":{port:04X}")}
    for link in pathlib.Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            if os.readlink(link) in wanted:
                return (link.parents[1] / "comm").read_text().strip()
    return None


@pytest.mark.parametrize("parameter,entry", [
    ("transport_maps", "discard:far"), ("relay_domains", "far"), ("virtual_mailbox_domains", "far"),
])
def test_only_trivial_rewrite_asks_where_mail_goes(ours, parameter, entry):
    """smtpd, qmgr and local have no right to the network for it."""
    askers = set()

    def answer(question, port):
        askers.add(owner(port))
        return f"200 {entry}\n".encode() if b"far.test" in question else b"500 none\n"

    tcp = Server(lambda file: file.readline(), answer, with_port=True)
    instance = ours(settings={
        parameter: f"tcp:127.0.0.1:{tcp.port}", "fast_flush_domains": "",
        "default_transport": "discard:other", "relay_transport": "discard:far",
        "virtual_transport": "discard:far", "alias_maps": "inline:{here=me@far.test}",
        "local_recipient_maps": "",
    })
    instance.send("a@b.test", ["x@far.test", "here@test.example"])
    assert wait_for(lambda: instance.log().count("status=sent (far)") == 2), instance.log()
    assert askers == {"trivial-rewrite"}
    assert any(b"far.test" in question for question in tcp.asked)


def test_mail_waits_while_nobody_can_say_where_it_goes(ours):
    with socket.create_server(("127.0.0.1", 0)) as tcp:
        table = f"tcp:127.0.0.1:{tcp.getsockname()[1]}"
    lines = "".join(line + "\n" for line in MASTER_CF.splitlines() if "trivial-rewrite" not in line)
    instance = ours(settings={"transport_maps": table, "notify_classes": ""}, master_cf=lines)
    with smtplib.SMTP("127.0.0.1", instance.port) as client:
        client.ehlo()
        client.mail("a@b.test")
        assert client.rcpt("x@far.test") == \
            (451, b"4.3.0 <x@far.test>: Temporary lookup failure")
    instance.wait_log(r"smtpd\[\d+\]: warning: problem talking to service rewrite: .*No such file")
    instance.run("sendmail", "x@far.test", input="Subject: x\n\nx\n")
    instance.wait_log(r"to=<x@far.test>, relay=none, .*dsn=4\.3\.0, "
                      r"status=deferred \(address resolver failure\)")


def test_an_answer_is_asked_for_once_in_a_session(ours, tcp):
    instance = ours(settings={"transport_maps": f"tcp:127.0.0.1:{tcp.port}",
                              "local_recipient_maps": "", "smtpd_recipient_restrictions":
                              "permit_auth_destination, reject_unauth_destination, permit",
                              "smtpd_relay_restrictions": "permit_mynetworks, reject"})
    with smtplib.SMTP("127.0.0.1", instance.port) as client:
        client.ehlo()
        client.mail("a@b.test")
        assert client.rcpt("x@test.example")[0] == 250
    assert tcp.asked.count(b"get x%40test.example\n") + \
        tcp.asked.count(b"get x@test.example\n") == 1, tcp.asked
