"""What a message costs: system calls, CPU, memory of an instance's processes."""
import collections
import contextlib
import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import time

from instance import PREFIX, free_port, wait_for

TICK = os.sysconf("SC_CLK_TCK")
SMTP_SOURCE, SMTP_SINK = PREFIX / "sbin/smtp-source", PREFIX / "sbin/smtp-sink"
DEBIAN_SOURCE, DEBIAN_SINK = "/usr/sbin/smtp-source", "/usr/sbin/smtp-sink"


class Sink:
    """smtp-sink, ours unless the test is about a foreign peer, on a port of its own."""

    def __init__(self, *options, program=SMTP_SINK):
        self.port = free_port()
        # smtp-sink does not take -u below a private root; it needs none for a high port.
        self.counters = tempfile.NamedTemporaryFile(prefix="sink-")
        self.process = subprocess.Popen(
            [program, "-c", "-u", "nobody", *options, f"127.0.0.1:{self.port}", "200"],
            stdout=self.counters, stderr=subprocess.DEVNULL)

    def messages(self):
        """How many it has taken so far."""
        with open(self.counters.name, "rb") as file:
            file.seek(max(0, os.path.getsize(self.counters.name) - 1000))
            found = re.findall(rb"mesg=(\d+)", file.read())
        return int(found[-1]) if found else 0

    def close(self):
        self.process.terminate()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def tree(instance):
    """Process ids of master and everything below it."""
    master = int((instance.queue / "pid/master.pid").read_text())
    parents = collections.defaultdict(list)
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(fields[1])].append(int(stat.parent.name))
    found, todo = [], [master]
    while todo:
        pid = todo.pop()
        found.append(pid)
        todo.extend(parents[pid])
    return found


def cpu_seconds(instance):
    """User and system time of all processes of the instance, dead ones too."""
    total = 0
    for pid in tree(instance):
        try:
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        # utime, stime, and those of children that were waited for
        total += sum(int(fields[index]) for index in (11, 12, 13, 14))
    return total / TICK


def pss_kilobytes(instance):
    total = 0
    for pid in tree(instance):
        try:
            text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        total += int(re.search(r"^Pss:\s+(\d+)", text, re.M).group(1))
    return total


def source(port, count, sessions=4, size=4000, recipient="someone@sink.example", reuse=False,
           sender="sender@test.example", recipients=1, program=SMTP_SOURCE):
    """Messages from smtp-source; returns the wall time in seconds."""
    start = time.monotonic()
    subprocess.run([program, "-s", str(min(sessions, count)), "-m", str(count), "-l", str(size),
                    *(["-d"] if reuse else []), "-f", sender, "-t", recipient,
                    "-r", str(recipients), f"127.0.0.1:{port}"], check=True, timeout=600)
    return time.monotonic() - start


def send_list(instance, recipients, sender="list@test.example"):
    """One message to all of them, in a pipeline."""
    with socket.create_connection(("127.0.0.1", instance.port)) as client:
        stream = client.makefile("rwb")

        def say(*lines):
            stream.write(b"".join(line.encode() + b"\r\n" for line in lines))
            stream.flush()
            for _ in lines:
                while (reply := stream.readline())[3:4] == b"-":
                    pass
                assert reply[:1] in b"23", reply

        stream.readline()
        say("EHLO client.example")
        say(f"MAIL FROM:<{sender}>")
        for start in range(0, len(recipients), 500):
            say(*(f"RCPT TO:<{address}>" for address in recipients[start:start + 500]))
        say("DATA")
        say("Subject: list\r\n\r\nHello\r\n.")


def logged(instance):
    """Mails that are in the intake log and in no file."""
    count = 0
    for segment in (instance.queue / "intake").glob("*"):
        with contextlib.suppress(FileNotFoundError):
            count += len(re.findall(rb"INTAKE1\n....L", segment.read_bytes(), re.S))
    return count


UNDER_WAY = ("maildrop", "incoming", "active")


def queue_is_empty(instance, folders=(*UNDER_WAY, "deferred", "active", "deferred")):
    """Folders in the order of a message's way; active again, as deferred mail returns to it."""
    return not logged(instance) and not any(
        path.is_file() for name in folders for path in (instance.queue / name).rglob("*"))


def drained(instance, seconds=120):
    assert wait_for(lambda: queue_is_empty(instance), seconds), "the queue does not drain"


def system_calls(instance, work):
    """Calls of all processes of the instance while work() runs, by name."""
    with tempfile.NamedTemporaryFile(prefix="strace-") as report:
        pids = [option for pid in tree(instance) for option in ("-p", str(pid))]
        tracer = subprocess.Popen(["strace", "-f", "-c", "-U", "calls,name", "-o", report.name, *pids],
                                  stderr=subprocess.PIPE, text=True)
        attached = 0
        while attached < len(pids) // 2:
            if "attached" in tracer.stderr.readline():
                attached += 1
        time.sleep(0.3)
        work()
        tracer.send_signal(signal.SIGINT)
        tracer.stderr.read()
        tracer.wait()
        counts = {}
        for line in pathlib.Path(report.name).read_text().splitlines():
            match = re.match(r"\s*(\d+)\s+(\w+)$", line)
            if match and match.group(2) != "total":
                counts[match.group(2)] = int(match.group(1))
        return counts


class MemoryGroup:
    """A memory cgroup: what all processes started in it cost, the kernel's share included."""

    ROOTS = (("/sys/fs/cgroup/memory", "memory.usage_in_bytes", "memory.stat", "total_cache"),
             ("/sys/fs/cgroup", "memory.current", "memory.stat", "file"))

    def __init__(self, name):
        self.folder = None
        for root, usage, stat, cache in self.ROOTS:
            if pathlib.Path(root, "cgroup.procs").exists():
                self.folder = pathlib.Path(root, f"postreiter-{name}-{os.getpid()}")
                self.usage, self.stat, self.cache = usage, stat, cache
                break
        if self.folder:
            try:
                self.folder.mkdir()
            except OSError:
                self.folder = None

    def enter(self):
        """For preexec_fn: the calling process and its children belong to the group."""
        if self.folder:
            (self.folder / "cgroup.procs").write_text(str(os.getpid()))

    def kilobytes(self):
        """Without the page cache, or None where there is no such cgroup."""
        if not self.folder or not (self.folder / self.usage).exists():
            return None
        cache = re.search(rf"^{self.cache} (\d+)", (self.folder / self.stat).read_text(), re.M)
        return (int((self.folder / self.usage).read_text()) - int(cache.group(1))) / 1024

    def close(self):
        if self.folder:
            wait_for(lambda: not (self.folder / "cgroup.procs").read_text(), 20)
            self.folder.rmdir()
