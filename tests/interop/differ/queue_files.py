"""Two instances without a queue manager, ours and Debian's, and what their queue files say."""
import concurrent.futures
import difflib
import pathlib
import re
import socket
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
from instance import MASTER_CF, Instance, wait_for  # noqa: E402

# Without qmgr what cleanup wrote stays where it is.
WITHOUT_QMGR = "".join(line + "\n" for line in MASTER_CF.splitlines()
                       if not line.startswith("qmgr"))

COMMON = {
    "myorigin": "origin.test", "mydomain": "example.test", "myhostname": "mx.example.test",
    "mydestination": "$myhostname, localhost, local.test",
    "local_recipient_maps": "", "in_flow_delay": "0",
    "smtpd_hard_error_limit": "100000", "smtpd_soft_error_limit": "100000",
    "smtpd_error_sleep_time": "0", "smtpd_recipient_limit": "20000",
    "smtpd_recipient_overshoot_limit": "20000", "smtpd_junk_command_limit": "100000",
    "smtpd_reject_unlisted_recipient": "no", "recipient_delimiter": "+",
}

# Attributes that tell one run from another, or that only one reader of its own suite needs.
VOLATILE = re.compile(rb"^(create_time|log_ident|log_client_port|client_port|server_port)=")


def records(path):
    """(type, data) of each record of a queue file."""
    data, position, found = pathlib.Path(path).read_bytes(), 0, []
    while position < len(data):
        kind, length, shift = chr(data[position]), 0, 0
        position += 1
        while True:
            byte = data[position]
            position += 1
            length |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        found.append((kind, data[position:position + length]))
        position += length
    return found


def blank(data, queue_id):
    data = data.replace(queue_id.encode(), b"QUEUEID")
    data = re.sub(rb"\w{3}, +\d+ \w{3} \d{4} \d\d:\d\d:\d\d [-+]\d{4} \(\w+\)", b"DATE", data)
    return re.sub(rb"\d{14}\.QUEUEID", b"STAMP.QUEUEID", data)


def normal(path):
    """What a reader gets of a queue file, ids and times blanked, attributes in any order."""
    parts, segment = {"envelope": [], "recipients": [], "content": b"", "extracted": []}, "envelope"
    for kind, data in records(path):
        if kind == "M":
            segment = "content"
        elif kind == "X":
            segment = "extracted"
        elif segment == "content":
            parts["content"] += data + (b"\n" if kind == "N" else b"")
        elif kind == "C":
            parts["recipient count, send options"] = [int(data.split()[i]) for i in (2, 5)]
        elif kind in "OR" or data.startswith((b"notify_flags", b"dsn_orig_rcpt")):
            parts["recipients"].append((kind, blank(data, path.name)))
        elif kind == "W":
            parts["envelope"].append(("W", b""))
        elif kind != "T" and not (kind == "A" and VOLATILE.match(data)):
            parts[segment].append((kind, blank(data, path.name)))
    parts["envelope"].sort()
    parts["content"] = blank(parts["content"], path.name).splitlines(keepends=True)
    return parts


def grouped(recipients):
    """The records of each recipient together."""
    found, group = [], []
    for record in recipients:
        if record[0] == "R" and ("O", b"") in group:    # doc/differences.md
            group[group.index(("O", b""))] = ("O", record[1])
        group.append(record)
        if record[0] == "R":
            found.append(tuple(group))
            group = []
    return found + group


def differences(wanted, got):
    """Each part in which two queue files differ, as text."""
    if isinstance(wanted, str) or isinstance(got, str):
        return [] if wanted == got else [f"Debian: {wanted}\nours:   {got}"]
    found = []
    for part in wanted:
        lines = [[repr(item) for item in (grouped(file[part]) if part == "recipients"
                                          else file[part])] for file in (wanted, got)]
        found += [f"{part} {line}" for line in difflib.unified_diff(*lines, n=0, lineterm="")
                  if line[:3] not in ("---", "+++") and line[:2] != "@@"]
    return found


class Session:
    """One SMTP session that pipelines raw bytes."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.stream = self.socket.makefile("rb")
        self.reply()
        assert self.command(b"EHLO client.test").startswith("250")

    def reply(self):
        text = b""
        while True:
            line = self.stream.readline()
            assert line, "the server hung up"
            text += line
            if line[3:4] != b"-":
                return text.decode(errors="replace").strip()

    def command(self, line):
        self.socket.sendall(line + b"\r\n")
        return self.reply()

    def commands(self, lines):
        """The replies to many commands, sent in pieces that fit into the socket's buffers."""
        replies = []
        for start in range(0, len(lines), 50):
            piece = lines[start:start + 50]
            self.socket.sendall(b"".join(line + b"\r\n" for line in piece))
            replies += [self.reply() for _ in piece]
        return replies

    def content(self, data):
        """DATA; the queue id, or the reply that refused it."""
        answer = self.command(b"DATA")
        if not answer.startswith("354"):
            return answer
        data = re.sub(rb"(?m)^\.", b"..", data).replace(b"\n", b"\r\n")
        if data and not data.endswith(b"\r\n"):
            data += b"\r\n"
        self.socket.sendall(data + b".\r\n")
        return self.reply()


class Peer:
    def __init__(self, kind, settings):
        master_cf = WITHOUT_QMGR
        if kind == "debian":
            master_cf += "verify unix - - n - 1 verify\nanvil unix - - n - 1 anvil\n"
        self.kind = kind
        own = {"queue_intake_log": "no"} if kind == "ours" else {}
        self.instance = Instance(kind=kind, settings={**COMMON, **settings, **own},
                                 master_cf=master_cf)

    def queued(self, answer):
        """The queue file that a reply names, or the reply, without what differs by nature."""
        found = re.match(r"250 2.0.0 Ok: queued as (\w+)$", answer)
        if not found:
            return answer
        return normal(self.instance.queue / "incoming" / found.group(1))

    def all_queued(self, count):
        """Every queue file, once count are complete."""
        def complete():
            return [path for path in (self.instance.queue / "incoming").iterdir()
                    if "." not in path.name and path.stat().st_mode & 0o100]
        wait_for(lambda: len(complete()) >= count, 60)
        return complete()


def both(settings, act):
    """act(peer) at Debian's and at ours, at the same time."""
    def run(kind):
        peer = Peer(kind, settings)
        try:
            peer.instance.start()
            return act(peer)
        finally:
            peer.instance.close()

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return list(pool.map(run, ("debian", "ours")))
