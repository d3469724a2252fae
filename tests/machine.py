"""
A whole machine to try an installation on: this host's files under overlays that are thrown
away, with a process tree, a network, a /dev/log and a name server of its own.  It is
192.0.2.1; behind its eth0 are 192.0.2.2 and 192.0.2.3, the rest of the world.
"""
import contextlib
import fcntl
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import threading

import pytest
from dnslib import QTYPE, RR
from dnslib.server import BaseResolver, DNSLogger, DNSServer

import sanitizer
from instance import ROOT, wait_for

OVERLAID = ["/usr", "/etc", "/var", "/home", "/root"]
BORROWED = ["null", "zero", "full", "random", "urandom", "tty"]

SETUP = """\
set -e
mount --make-rprivate /
mount -t tmpfs -o mode=755 none "$1"
for folder in $2; do
    mkdir -p "$1/upper$folder" "$1/work$folder"
    mount -t overlay overlay -o "lowerdir=$folder,upperdir=$1/upper$folder,workdir=$1/work$folder" \
        $folder
done
mkdir -p "$1/dev/pts" "$1/dev/shm"
for name in $3; do
    touch "$1/dev/$name"
    mount --bind "/dev/$name" "$1/dev/$name"
done
ln -s /proc/self/fd "$1/dev/fd"
ln -s /proc/self/fd/1 "$1/dev/stdout"
ln -s /proc/self/fd/2 "$1/dev/stderr"
mount --rbind "$1/dev" /dev
mount -t tmpfs -o mode=1777 none /dev/shm
mount -t tmpfs -o mode=755 none /run
mkdir /run/lock
ip link set lo up
unshare --net sh -c 'ip link set lo up; while :; do sleep 1000 & wait $!; done' 1>&- &
remote=$!
until [ "$(readlink /proc/$remote/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do :; done
ip link add eth0 type veth peer name eth0 netns $remote
ip address add 192.0.2.1/24 dev eth0
ip link set eth0 up
for host in 2 3; do
    nsenter --target=$remote --net ip address add 192.0.2.$host/24 dev eth0
done
nsenter --target=$remote --net ip link set eth0 up
echo $remote >"$1/remote"
echo ready
exec 1>&-
while :; do sleep 1000 & wait $!; done     # the first process reaps
"""


def require_namespaces():
    """Where the kernel, or the container around us, refuses namespaces there is no machine."""
    probe = subprocess.run(["unshare", "--mount", "--net", "--pid", "--fork", "true"],
                           capture_output=True, text=True)
    if probe.returncode != 0:
        pytest.skip(f"unshare is refused here: {probe.stderr.strip()}")


class Zone(BaseResolver):
    def __init__(self, records):
        self.records = RR.fromZone(records)

    def resolve(self, request, handler):
        reply = request.reply()
        kind, name = QTYPE[request.q.qtype], request.q.qname
        known = [record for record in self.records if record.rname == name]
        for record in known:
            if QTYPE[record.rtype] == kind:
                reply.add_answer(record)
        if not known:
            reply.header.rcode = 3
        return reply


class Machine:
    """
    run() executes a command in it; syslog() is what its programs logged.  Everything that
    happens inside ends with close().
    """

    def __init__(self, zone="", hostname="mx.machine.example"):
        require_namespaces()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="machine-"))
        self.folder.chmod(0o755)
        self.lines = []
        self.servers = []
        self.holder = subprocess.Popen(
            ["unshare", "--mount", "--net", "--uts", "--ipc", "--pid", "--fork", "--kill-child",
             "--mount-proc", "sh", "-c", SETUP, "machine", str(self.folder),
             " ".join(OVERLAID), " ".join(BORROWED)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        assert self.holder.stdout.readline() == "ready\n", "the machine does not start"
        children = pathlib.Path(f"/proc/{self.holder.pid}/task/{self.holder.pid}/children")
        self.pid = int(children.read_text().split()[0])
        self.root = pathlib.Path(f"/proc/{self.pid}/root")
        self.run("hostname", hostname)
        self.write("/etc/hosts", f"127.0.0.1 localhost\n127.0.1.1 {hostname}\n")
        self.write("/etc/resolv.conf", "nameserver 127.0.0.1\n")
        self.log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.log.bind(f"{self.root}/dev/log")
        (self.root / "dev/log").chmod(0o666)
        threading.Thread(target=self.collect, daemon=True).start()
        if zone:
            self.serve_names(zone)

    def collect(self):
        with contextlib.suppress(OSError):      # closed
            while line := self.log.recv(8192):
                self.lines.append(line.decode(errors="replace"))

    def syslog(self):
        """Lines without their priority: "Nov 22 00:57:27 postfix/smtpd[12]: text"."""
        return "\n".join(line.split(">", 1)[-1] for line in list(self.lines)) + "\n"

    def settle_log(self):
        """What was logged before this call is in syslog() after it."""
        self.run("logger", "-t", "machine", f"settled {len(self.lines)}")
        self.wait(lambda: re.search(r" machine: settled \d+$", self.lines[-1]), "the log")

    @contextlib.contextmanager
    def inside_network(self, remote=False):
        """What this thread opens meanwhile belongs to the machine's network, or the remote's."""
        # setns(2) is of this thread alone; Python before 3.12 has no os.setns.
        import ctypes
        libc = ctypes.CDLL(None, use_errno=True)
        pid = self.read(f"{self.folder}/remote").strip() if remote else 1
        place = self.path(f"/proc/{pid}/ns/net")
        with open("/proc/self/ns/net") as ours, open(place) as theirs:
            assert libc.setns(theirs.fileno(), 0) == 0, os.strerror(ctypes.get_errno())
            try:
                yield
            finally:
                assert libc.setns(ours.fileno(), 0) == 0

    def serve_names(self, zone):
        with self.inside_network():
            server = DNSServer(Zone(zone), address="127.0.0.1", port=53,
                               logger=DNSLogger("error"))
        server.start_thread()
        self.servers.append(server)

    def connect(self, port):
        with self.inside_network():
            return socket.create_connection(("127.0.0.1", port), timeout=20)

    def run(self, *command, check=True, **more):
        more.setdefault("capture_output", True)
        more.setdefault("text", True)
        more.setdefault("timeout", 120)
        if "input" not in more:
            more.setdefault("stdin", subprocess.DEVNULL)
        environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                       "HOME": "/root", "LANG": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive",
                       **sanitizer.environment(leaks=False), **more.pop("env", {})}
        result = subprocess.run(
            # --root: the machine's, where this process runs in a chroot.
            ["nsenter", f"--target={self.pid}", "--root", "--wd", "--mount", "--net", "--uts",
             "--ipc", "--pid", *map(str, command)], env=environment, **more)
        assert not check or result.returncode == 0, \
            f"{command}: {result.returncode}\n{result.stdout}\n{result.stderr}\n{self.syslog()}"
        return result

    def shell(self, text, **more):
        return self.run("sh", "-c", text, **more)

    def path(self, name):
        return self.root / name.lstrip("/")

    def read(self, name):
        return self.path(name).read_text(errors="replace")

    def write(self, name, text):
        self.path(name).parent.mkdir(parents=True, exist_ok=True)
        self.path(name).write_text(text)

    def wait(self, claim, what, seconds=30):
        value = wait_for(claim, seconds)
        assert value, f"{what}\n{self.syslog()}"
        return value

    def send(self, sender, recipients, text, port=25):
        """One message by SMTP, its lines ended by \\n."""
        import smtplib
        client = smtplib.SMTP(timeout=60)
        client._host = "localhost"
        client.sock = self.connect(port)
        client.file = None
        code, greeting = client.getreply()
        assert code == 220, greeting
        client.local_hostname = "client.example"
        client.sendmail(sender, recipients, text.replace("\n", "\r\n"))
        client.quit()

    def install_debian(self, mailer="Internet Site", **answers):
        """Configure the package anew, as it does it on a fresh host."""
        answers = {"main_mailer_type": f"select {mailer}", "mailname": "string machine.example",
                   # Where procmail is installed it would be chosen.
                   "procmail": "boolean false",
                   "destinations": "string machine.example, $myhostname, localhost", **answers}
        self.run("debconf-set-selections", input="".join(
            f"postfix postfix/{name} {value}\n" for name, value in answers.items()))
        self.shell("rm -rf /etc/postfix/main.cf /etc/postfix/master.cf /etc/aliases"
                   " /etc/aliases.db /etc/mailname; rm -f /usr/sbin/policy-rc.d")
        # The certificate of the package ssl-cert, so that the TLS part of main.cf is there.
        self.shell("mkdir -p /etc/ssl/private /etc/ssl/certs && "
                   "[ -e /etc/ssl/private/ssl-cert-snakeoil.key ] || openssl req -x509 -nodes "
                   "-newkey rsa:2048 -subj /CN=mx -keyout /etc/ssl/private/ssl-cert-snakeoil.key "
                   "-out /etc/ssl/certs/ssl-cert-snakeoil.pem 2>/dev/null")
        self.run("/var/lib/dpkg/info/postfix.postinst", "configure", "",
                 env={"DEBCONF_NONINTERACTIVE_SEEN": "true", "DPKG_MAINTSCRIPT_NAME": "postinst",
                      "DPKG_MAINTSCRIPT_PACKAGE": "postfix"})
        if sanitizer.SANITIZED:
            self.collect_reports()
        # invoke-rc.d starts nothing where there is no runlevel.
        self.run("service", "postfix", "start")

    def collect_reports(self):
        """What a sanitizer says of the daemons, in their chroot too, is found by the test."""
        for name, value in sanitizer.settings().items():
            self.run("postconf", "-e", f"{name}={value}")
        place = f"/var/spool/postfix{sanitizer.FOLDER}"
        self.shell(f"mkdir -p {place}; mountpoint -q {place} || "
                   f"mount --bind {sanitizer.FOLDER} {place}")
        self.shell("sed -i 's/env -i /env /' /usr/sbin/service")

    def make(self, target):
        kind = [f"{sanitizer.SANITIZED}=1"] if sanitizer.SANITIZED else []
        with open(ROOT / "build/machine.lock", "w") as alone:   # two would build the same files
            fcntl.flock(alone, fcntl.LOCK_EX)
            self.run("make", "--no-print-directory", "-s", "-C", ROOT, target, "LAYOUT=debian",
                     *kind, timeout=600)

    def install_ours(self):
        self.make("install")

    def uninstall_ours(self):
        self.make("uninstall")

    def close(self):
        for server in self.servers:
            server.stop()
        self.holder.kill()
        self.holder.wait()
        self.holder.stdout.close()
        self.log.shutdown(socket.SHUT_RDWR)
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
