"""A host that follows tutorials: main.cf, tables and aliases as texts, people with accounts, and
scripted servers around it."""
import contextlib
import fcntl
import os
import pathlib
import pwd
import re
import shutil
import socket
import subprocess
import tempfile
import zlib

from instance import PREFIX, ROOT, Instance, wait_for
from peer import Peer

KIND = os.environ.get("TEST_KIND", "ours")


class Person:
    """An account of this checkout alone."""

    def __init__(self, name, spool):
        self.name = f"{name}-{zlib.crc32(str(ROOT).encode()):08x}"
        self.home = pathlib.Path(f"/tmp/{self.name}-home")
        self.spool = spool / self.name
        try:
            pwd.getpwnam(self.name)
        except KeyError:
            subprocess.run(["useradd", "--system", "--no-create-home", "--home-dir",
                            str(self.home), self.name], check=True)
        shutil.rmtree(self.home, ignore_errors=True)
        self.home.mkdir(mode=0o755)
        shutil.chown(self.home, self.name)

    def forward(self, text, mode=0o644):
        path = self.home / ".forward"
        path.write_text(text)
        path.chmod(mode)
        shutil.chown(path, self.name)

    def mail(self, subject):
        """The person's messages of that subject."""
        texts = [path.read_text() for path in sorted((self.spool / "new").glob("*"))]
        return [text for text in texts if f"\nSubject: {subject}\n" in text]


class Host:
    """An instance that follows tutorials, its people, and the hosts around it."""

    def __init__(self, main_cf, **more):
        self.internet, self.gateway, self.provider = Peer(), Peer(), Peer()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tutorial-"))
        self.folder.chmod(0o755)
        spool = self.folder / "spool"
        for name in ("spool", "archive", "vhosts", "vhosts/boxes.example"):
            (self.folder / name).mkdir()
            (self.folder / name).chmod(0o1777)
        self.joe, self.jane = Person("joe", spool), Person("jane", spool)
        self.instance = Instance(kind=KIND, **more)
        self.words = {"etc": self.instance.config, "folder": self.folder, "spool": spool,
                      "internet": self.internet.port, "gateway": self.gateway.port,
                      "provider": self.provider.port, "joe": self.joe.name, "jane": self.jane.name}
        self.instance.set(**settings(main_cf.format(**self.words)))

    def tables(self, tables, aliases):
        for name, text in tables.items():
            path = self.instance.config / name
            path.write_text(text.format(**self.words))
            if not name.endswith("checks") and name != "destinations":
                self.instance.run("postmap", f"hash:{path}")
        (self.instance.config / "aliases").write_text(aliases.format(**self.words))
        self.instance.run("newaliases")

    def send(self, sender, recipient, subject, text="Hello", header=""):
        self.instance.send(sender, [recipient], f"From: {sender}\r\nTo: {recipient}\r\n"
                           f"Subject: {subject}\r\n{header}\r\n{text}\r\n")

    def talk(self, *lines, client=None, name="[UNAVAILABLE]"):
        """The replies to an EHLO and these lines, as one who comes from that address."""
        with socket.create_connection(("127.0.0.1", self.instance.port), timeout=60) as talk:
            stream = talk.makefile("rwb")

            def answer():
                reply = []
                while not reply or reply[-1][3:4] == "-":
                    reply.append(stream.readline().decode().rstrip("\r\n"))
                return "\n".join(reply)

            def say(line):
                stream.write(line.encode() + b"\r\n")
                stream.flush()
                return answer()

            answer()
            if client:
                assert say(f"XCLIENT ADDR={client} NAME={name}").startswith("220")
            if not lines[0].startswith(("EHLO", "HELO")):
                say("EHLO client.example")
            return [say(line) for line in lines]

    def rcpt(self, recipient, sender="a@elsewhere.example", client="192.0.2.1", **more):
        return self.talk(f"MAIL FROM:<{sender}>", f"RCPT TO:<{recipient}>", client=client, **more)[-1]

    def gets(self, person, subject, count=1):
        assert wait_for(lambda: len(person.mail(subject)) >= count), self.instance.log()
        found = person.mail(subject)
        assert len(found) == count
        return found[0]

    def sent_to(self, peer, subject):
        """What a host outside got of that subject; its envelope is in peer.commands."""
        def found():
            return [text.decode() for text in peer.messages if f"Subject: {subject}\r\n".encode() in text]
        assert wait_for(found), self.instance.log()
        return found()[0]

    def outcome(self, address):
        return self.instance.wait_log(rf"to=<{re.escape(address)}>,.* status=(.*)").group(1)

    def close(self):
        self.instance.close()
        for peer in (self.internet, self.gateway, self.provider):
            peer.close()
        for path in (self.folder, self.joe.home, self.jane.home):
            shutil.rmtree(path, ignore_errors=True)


def settings(text):
    """main.cf lines as a dict; a line that begins with a blank goes on."""
    lines = re.sub(r"\n[ \t]+", " ", text.strip()).split("\n")
    return dict(re.split(r"\s*=\s*", line, maxsplit=1) for line in lines)


@contextlib.contextmanager
def make_host(main_cf, tables, aliases="postmaster: root\n", **more):
    host = Host(main_cf, **more)
    try:
        host.tables(tables, aliases)
        host.instance.start()
        yield host
    finally:
        host.close()


@contextlib.contextmanager
def trusted(instance):
    """Users may name the instance's folder to sendmail, as an administrator would allow it."""
    path = (PREFIX / "etc" if instance.kind == "ours" else pathlib.Path("/etc")) / "postfix/main.cf"
    with open("/tmp/postreiter-trusted.lock", "w") as alone:
        fcntl.flock(alone, fcntl.LOCK_EX)
        before = path.read_text()
        path.write_text(before + f"\nalternate_config_directories = {instance.config}\n")
        try:
            yield
        finally:
            path.write_text(before)
