"""A whole private mail system in a temporary folder, ours or Debian's."""
import contextlib
import os
import pathlib
import random
import re
import shutil
import smtplib
import socket
import subprocess
import tempfile
import time

import sanitizer

ROOT = pathlib.Path(__file__).resolve().parent.parent
PREFIX = pathlib.Path(os.environ.get("POSTREITER_TEST_PREFIX", ROOT / "build/prefix"))

MASTER_CF = """\
{smtpd}
pickup    unix  n       -       n       60      1       pickup
cleanup   unix  n       -       n       -       0       cleanup
qmgr      unix  n       -       n       300     1       qmgr
rewrite   unix  -       -       n       -       -       trivial-rewrite
bounce    unix  -       -       n       -       0       bounce
defer     unix  -       -       n       -       0       bounce
trace     unix  -       -       n       -       0       bounce
verify    unix  -       -       n       -       1       verify
proxymap  unix  -       -       n       -       -       proxymap
proxywrite unix -       -       n       -       1       proxymap
smtp      unix  -       -       n       -       -       smtp
relay     unix  -       -       n       -       -       smtp
showq     unix  n       -       n       -       -       showq
flush     unix  n       -       n       1000?   0       flush
error     unix  -       -       n       -       -       error
retry     unix  -       -       n       -       -       error
discard   unix  -       -       n       -       -       discard
virtual   unix  -       n       n       -       -       virtual
local     unix  -       n       n       -       -       local
lmtp      unix  -       -       n       -       -       lmtp
anvil     unix  -       -       n       -       1       anvil
postlog   unix-dgram n  -       n       -       1       postlogd
"""

DEBIAN_MORE = """\
tlsmgr    unix  -       -       n       1000?   1       tlsmgr
scache    unix  -       -       n       -       1       scache
"""


def _ports():
    """
    Below the range from which the kernel takes the ports of clients, and each one once: a probe
    that asked the kernel would get some port twice.  Workers that run beside each other share none.
    """
    first, count = 10000, 22000
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    size = count // 8
    start = random.randrange(size)
    while True:
        start = (start + 1) % size
        yield first + worker % 8 * size + start


_next_port = _ports()


def free_port():
    for port in _next_port:
        with contextlib.closing(socket.socket()) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def wait_for(claim, seconds=20, every=0.05):
    """The first true value of claim(), or the last false one when time is up."""
    end = time.monotonic() + seconds
    while True:
        value = claim()
        if value or time.monotonic() > end:
            return value
        time.sleep(every)


class Instance:
    """kind is "ours" or "debian"; settings are main.cf lines, as a dict."""

    def __init__(self, settings=None, kind="ours", master_extra="", smtpd_options="",
                 master_cf=None):
        self.kind = kind
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"{kind}-"))
        self.folder.chmod(0o755)
        self.config = self.folder / "etc"
        self.queue = self.folder / "queue"
        self.data = self.folder / "data"
        self.log_file = self.folder / "log" / "maillog"
        self.port = free_port()
        if kind == "ours":
            self.commands, self.daemons = PREFIX / "sbin", PREFIX / "libexec/postfix"
        else:
            self.commands, self.daemons = pathlib.Path("/usr/sbin"), "/usr/lib/postfix/sbin"
        self.settings = {
            "compatibility_level": "3.6",
            "queue_directory": self.queue,
            "data_directory": self.data,
            "command_directory": self.commands,
            "daemon_directory": self.daemons,
            "inet_interfaces": "127.0.0.1",
            "inet_protocols": "ipv4",
            "myhostname": "mail.test.example",
            "mydestination": "$myhostname, localhost, test.example",
            "mynetworks": "127.0.0.0/8",
            "alias_maps": f"hash:{self.config}/aliases",
            "alias_database": f"hash:{self.config}/aliases",
            "biff": "no",
            "maillog_file": self.log_file,
            "maillog_file_prefixes": self.folder,
            **(sanitizer.settings() if kind == "ours" else {}),
            **(settings or {}),
        }
        self.config.mkdir()
        self.log_file.parent.mkdir()
        self.log_file.touch(0o600)
        shutil.chown(self.log_file.parent, "postfix")
        shutil.chown(self.log_file, "postfix")
        self.queue.mkdir(mode=0o755)
        self.data.mkdir(mode=0o700)
        shutil.chown(self.data, "postfix")
        (self.config / "aliases").write_text("postmaster: root\n")
        self.write_main()
        smtpd = f"127.0.0.1:{self.port} inet n - n - - smtpd {smtpd_options}"
        if master_cf is None:
            master_cf = MASTER_CF + (DEBIAN_MORE if kind == "debian" else "")
        (self.config / "master.cf").write_text(master_cf.format(smtpd=smtpd) + master_extra)
        if kind == "debian":
            for name in ("postfix-script", "post-install", "postfix-files"):
                if pathlib.Path("/etc/postfix", name).exists():
                    (self.config / name).symlink_to(f"/etc/postfix/{name}")
            (self.config / "dynamicmaps.cf").write_text(
                pathlib.Path("/etc/postfix/dynamicmaps.cf").read_text())
        self.run("postalias", f"hash:{self.config}/aliases")

    def write_main(self):
        text = "".join(f"{name} = {value}\n" for name, value in self.settings.items())
        (self.config / "main.cf").write_text(text)

    def set(self, **settings):
        """Change main.cf; a reload is the caller's."""
        self.settings.update(settings)
        self.write_main()

    def run(self, command, *args, check=True, **more):
        """One of the suite's commands, told of this instance."""
        folder = self.commands
        if self.kind == "debian" and command in ("mailq", "newaliases"):
            folder = pathlib.Path("/usr/bin")
        option = "-C" if command in ("sendmail", "mailq", "newaliases") else "-c"
        more.setdefault("capture_output", True)
        more.setdefault("text", True)
        more.setdefault("timeout", 120)
        if self.kind == "ours" and sanitizer.SANITIZED:
            # postfix becomes master, which is a daemon.
            more["env"] = {**os.environ, **more.get("env", {}),
                           **sanitizer.environment(leaks=command != "postfix")}
        return subprocess.run([str(folder / command), option, str(self.config),
                               *map(str, args)], check=check, **more)

    def start(self, **more):
        result = self.run("postfix", "start", check=False, **more)
        assert result.returncode == 0, result.stdout + result.stderr + self.log()
        assert wait_for(self.answers), "no greeting: " + self.log()
        return self

    def answers(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as probe:
                probe.settimeout(5)
                return probe.recv(3) == b"220"
        except OSError:
            return False

    def stop(self):
        self.run("postfix", "stop", check=False)
        wait_for(lambda: not self.running(), 20)

    def running(self):
        return self.run("postfix", "status", check=False).returncode == 0

    def close(self):
        self.stop()
        if not os.environ.get("KEEP_INSTANCES"):
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.close()

    def log(self):
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def wait_log(self, pattern, seconds=20):
        """The first match of the pattern in the log; fails with the log when none comes."""
        found = wait_for(lambda: re.search(pattern, self.log()), seconds)
        assert found, f"not in the log: {pattern}\n{self.log()}"
        return found

    def smtp(self, **more):
        return smtplib.SMTP("127.0.0.1", self.port, timeout=60, **more)

    def send(self, sender, recipients, text="Subject: test\r\n\r\nHello\r\n", **more):
        with self.smtp() as client:
            return client.sendmail(sender, recipients, text, **more)

    def sendmail(self, *args, text="Subject: test\n\nHello\n", **more):
        return self.run("sendmail", *args, input=text, **more)

    def processes(self, name):
        """Process ids of this instance's daemons with that program name."""
        master = int((self.queue / "pid/master.pid").read_text())
        found = []
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                text = stat.read_text()
            except OSError:
                continue
            head, _, tail = text.rpartition(")")
            if int(tail.split()[1]) == master and head.split("(", 1)[1] == name[:15]:
                found.append(int(head.split()[0]))
        return found
