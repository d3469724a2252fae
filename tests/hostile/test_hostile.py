"""
A daemon that was taken over can touch nothing outside its rights.

hostiled runs with the rights that each real daemon declares (DAEMON --rights) and tries what an
attacker would.  The same attempts by an unconfined root succeed: the test can fail.
"""
import os
import pathlib
import re
import socket
import subprocess

import pytest
from instance import PREFIX, free_port

LIBEXEC = PREFIX / "libexec/postfix"
TRUSTED = {"become-users", "execute"}
QUEUES = ("incoming", "active", "deferred", "hold", "corrupt", "bounce", "defer", "trace",
          "maildrop", "flush", "private", "public", "pid")
WRITES = {"write-queue": {"incoming", "active", "deferred", "hold", "corrupt"},
          "write-logs": {"bounce", "defer", "trace"}, "write-flush": {"flush"},
          "read-maildrop": {"maildrop", "corrupt"}}
READS = {"read-queue": {"incoming", "active", "deferred", "hold", "corrupt", "maildrop",
                        "bounce", "defer", "trace"}, **WRITES}


def profiles():
    """(program, rights as a number, their names) of every daemon that is confined."""
    found = []
    for path in sorted(LIBEXEC.glob("*")):
        if path.name in ("master", "hostiled", "testd") or not os.access(path, os.X_OK):
            continue
        result = subprocess.run([path, "--rights"], capture_output=True, text=True, timeout=10)
        match = re.match(r"(\d+) (.*)", result.stdout)
        if match:
            found.append((path.name, int(match.group(1)), set(match.group(2).split())))
    return found


PROFILES = profiles() if LIBEXEC.exists() else []
CONFINED = [profile for profile in PROFILES if not profile[2] & TRUSTED]


def lines(extra=""):
    text = "".join(f"hostile-{name} unix - - n - 20 hostiled {extra} {rights}\n"
                   for name, rights, _ in CONFINED)
    return text + ("free unix - n n - 20 hostiled -o confinement=off 0\n"
                   "other unix - - n - 20 hostiled 0\n")


@pytest.fixture(scope="module")
def house():
    from instance import Instance
    instance = Instance(master_extra=lines())
    secret = instance.folder / "secret"
    secret.write_text("secret\n")
    secret.chmod(0o644)
    open_folder = instance.folder / "open"
    open_folder.mkdir()
    open_folder.chmod(0o1777)
    instance.start()
    yield instance
    instance.close()


def ask(instance, service, *words):
    """The daemon's answer, or "killed"."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(30)
        client.connect(str(instance.queue / "private" / service))
        reader = client.makefile()
        assert reader.readline() == "ready\n"
        client.sendall((" ".join(map(str, words)) + "\n").encode())
        try:
            return reader.readline().strip() or "killed"
        except ConnectionError:
            return "killed"


class Listener:
    def __init__(self, family, address):
        self.socket = socket.socket(family)
        self.socket.bind(address)
        self.socket.listen(5)

    def __enter__(self):
        return self.socket

    def __exit__(self, *_):
        self.socket.close()


def command_line(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:       # it has ended meanwhile
        return b""


def bystanders(instance):
    """Process ids of the service "other": the same user, but never the one that is asked."""
    return [pid for pid in instance.processes("hostiled")
            if b"\0other\0" in command_line(pid)][:1]


def attempts(instance, names):
    """(words, True when these rights allow it)."""
    folder = instance.folder
    master = int((instance.queue / "pid/master.pid").read_text())
    network = bool(names & {"connect-tcp", "nss"})
    dns = bool(names & {"resolve", "nss"})
    yield ("read", "/etc/shadow"), False
    yield ("read", folder / "secret"), False
    yield ("list", "/root"), False
    yield ("list", "/home"), False
    yield ("write", folder / "open/made"), False
    yield ("write", "/tmp/hostile-was-here"), False
    yield ("write", instance.queue / "made"), False
    yield ("write", instance.config / "main.cf"), False
    yield ("chmod", folder / "open"), False
    yield ("remove", folder / "open/file"), False
    yield ("symlink", folder / "open/link"), False
    yield ("mknod", folder / "open/pipe"), False
    for queue in QUEUES:
        allowed = any(queue in WRITES.get(name, ()) for name in names)
        yield ("write", instance.queue / queue / "hostile"), allowed
        allowed = any(queue in READS.get(name, ()) for name in names)
        yield ("list", instance.queue / queue), allowed
    yield ("execute", "/bin/true"), False
    yield ("become", "/bin/true"), False
    yield ("fork",), False
    for word in ("ptrace", "process_vm", "proc_mem", "kill", "tgkill"):
        yield (word, master), False
        for other in bystanders(instance):
            yield (word, other), False
    yield ("unix", "@hostile-test"), False
    yield ("unix", instance.queue / "private/other"), bool(names & {"connect-unix", "nss"})
    yield ("tcp", "127.0.0.1", instance.port), network
    yield ("listen", "127.0.0.1", free_port()), False
    yield ("udp", "127.0.0.1", 53), dns
    for word in ("raw", "netlink", "setuid", "setgid", "setgroups", "unshare", "bpf", "keys",
                 "io_uring", "userfaultfd", "perf", "dumpable"):
        yield (word,), False
    yield ("memfd",), "memory-file" in names
    yield ("chroot", folder), False
    yield ("mount", folder / "open"), False
    yield ("handle", "/etc/passwd"), False


@pytest.mark.parametrize("name,rights,names", CONFINED, ids=[row[0] for row in CONFINED])
def test_a_taken_over_daemon_fails_at_everything(house, name, rights, names):
    (house.folder / "open/file").write_text("x")
    wrong = []
    with Listener(socket.AF_UNIX, "\0hostile-test"):
        ask(house, "other", "fork")
        for words, allowed in attempts(house, names):
            got = ask(house, f"hostile-{name}", *words)
            if (got == "done") != allowed:
                wrong.append(f"{' '.join(map(str, words))}: {got}")
    assert not wrong, "\n".join(wrong)
    assert not os.path.exists("/tmp/hostile-was-here")


def test_the_same_attempts_succeed_unconfined(house):
    """What would be "done" for the wrong reason is found here."""
    (house.folder / "open/file").write_text("x")
    hard = {"bpf", "userfaultfd", "process_vm", "io_uring", "perf", "keys", "handle", "mount",
            "raw", "netlink", "unshare", "execute", "fork", "memfd"}
    with Listener(socket.AF_UNIX, "\0hostile-test"):
        for words, _ in attempts(house, set()):
            if words[0] in hard or words[0] in ("become", "ptrace", "mknod", "chroot", "setuid",
                                                "tcp", "udp", "setgid", "setgroups"):
                continue
            if words[0] == "write" and str(words[1]).endswith("main.cf"):
                continue
            assert ask(house, "free", *words) == "done", words
    for words in (("execute", "/bin/true"), ("fork",), ("memfd",), ("netlink",), ("setuid",),
                  ("setgroups",), ("tcp", "127.0.0.1", house.port)):
        assert ask(house, "free", *words) == "done", words
    pathlib.Path("/tmp/hostile-was-here").unlink(missing_ok=True)


def status_of(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


def test_each_running_daemon_is_what_its_row_says(ours, reader):
    import pwd
    instance = ours()
    instance.send("a@example.org", [f"{reader.pw_name}@test.example"])
    instance.run("postqueue", "-p")
    instance.wait_log("status=sent")
    postfix = pwd.getpwnam("postfix").pw_uid
    rows = {name: names for name, _, names in PROFILES}
    seen = set()
    for name, names in rows.items():
        for pid in instance.processes(name):
            status = status_of(pid)
            seen.add(name)
            capabilities = int(status["CapEff"], 16)
            if names & TRUSTED:
                # setuid, setgid, dac_*, chown, fowner, kill and nothing else
                assert capabilities & ~0xef == 0, (name, status["CapEff"])
                continue
            assert capabilities == 0 and int(status["CapPrm"], 16) == 0, name
            assert int(status["CapBnd"], 16) == 0, name
            assert status["NoNewPrivs"] == "1", name
            assert status["Seccomp"] == "2", name
            if name != "postlogd":
                assert set(status["Uid"].split()) == {str(postfix)}, name
    assert {"smtpd", "cleanup", "qmgr", "local"} <= seen, seen
