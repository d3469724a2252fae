"""
postqueue, postcat, postsuper and mailq say and do what Debian's do, over generated spools.

A spool is made of messages with odd envelopes, contents, modes and time stamps, some of them
damaged, and of logs of earlier attempts.  Both suites get the same one.  DIFFER_CASES sets how many
commands are compared.
"""
import concurrent.futures
import difflib
import os
import pathlib
import queue
import random
import re
import shutil
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
from counting import compared
from instance import PREFIX, Instance  # noqa: E402

CASES = int(os.environ.get("DIFFER_CASES", "360"))
SEED = int(os.environ.get("DIFFER_SEED", "1"))
WORKERS = 6
PLACES = ["deferred", "hold", "incoming", "active", "maildrop", "corrupt"]
HASHED = {"deferred", "defer"}       # hash_queue_names
LETTERS = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz"
NOW = 1795328120
DEBIAN, OURS = pathlib.Path("/usr/sbin"), PREFIX / "sbin"


def record(kind, data=b""):
    data = data if isinstance(data, bytes) else data.encode()
    length, head = len(data), b""
    while length > 127:
        head += bytes([0x80 | length & 0x7f])
        length >>= 7
    return kind.encode() + head + bytes([length]) + data


class Maker:
    """Messages and logs, from a seed."""

    LOCALS = ["alice", "bob+x", "o'brien", '"q r"', "a..b", "x" * 70, "ü", "", "two words", "a,b",
              "<odd>", "MiXed", "root", "a\\b", 'a"b', "(c)", "%p", "-dash", "tab\tbed"]
    DOMAINS = ["far.example", "FAR.example", "[192.0.2.1]", "[IPv6:2001:db8::1]", "é.test", "x",
               "a.very.long.domain.name." + "label." * 12 + "example", ""]

    def __init__(self, seed):
        self.random = random.Random(seed)

    def some(self, chance):
        return self.random.random() < chance

    def address(self):
        choose = self.random.choice
        if self.some(0.05):
            return ""
        if self.some(0.6):
            return f"{choose('abcdef')}{self.random.randrange(99)}@{choose(self.DOMAINS[:2])}"
        local, domain = choose(self.LOCALS), choose(self.DOMAINS)
        if not local and ":" in domain:
            return ""       # "@a:b" is a route to Postfix
        return local + ("@" + domain if self.some(0.9) else "")

    def name(self, long_ids):
        micros = self.random.randrange(10**6)
        if not long_ids:
            return f"{micros:05X}{self.random.randrange(1 << 20, 1 << 28):X}"
        digits = ""
        for _ in range(4):
            micros, digit = divmod(micros, len(LETTERS))
            digits = LETTERS[digit] + digits
        return ("".join(self.random.choice(LETTERS[1:-1]) for _ in range(6)) + digits + "z"
                + "".join(self.random.choice(LETTERS[:-1]) for _ in range(5)))

    def attributes(self):
        pairs = [("rewrite_context", "local"), ("log_client_name", "client.example"),
                 ("log_client_address", "192.0.2.9"), ("log_message_origin", "x[1.2.3.4]"),
                 ("encoding", self.random.choice(["8bit", "7bit"])), ("create_time", str(NOW)),
                 ("client_name", "unknown"), ("sasl_username", "u=v"), ("empty", ""),
                 ("trace_flags", "1024"), ("dsn_envid", "E+20"), ("envelope_id", "QQ 314")]
        count = self.random.randrange(5)
        return b"".join(record("A", f"{name}={value}")
                        for name, value in self.random.sample(pairs, count))

    def recipient(self):
        out, address = b"", self.address()
        if self.some(0.2):
            out += record("A", f"dsn_orig_rcpt=rfc822;{self.address()}")
        if self.some(0.2):
            out += record("A", f"notify_flags={self.random.randrange(16)}")
        if self.some(0.4):
            out += record("O", address if self.some(0.5) else self.address())
        return out + record("D" if self.some(0.2) else "R", address)

    def content(self):
        lines = []
        for _ in range(self.random.randrange(4)):
            lines.append(record("N", self.random.choice(
                ["Subject: hello", "From: a@b", "X-Long: " + "w " * 50, "To: c@d, e@f",
                 "Received: from x by y; date", "\tfolded continuation"])))
        if self.some(0.9):
            lines.append(record("N"))
        for _ in range(self.random.randrange(6)):
            kind = "L" if self.some(0.1) else "N"
            text = self.random.choice([b"line", b"", b".", b"..", b"From here", b"8bit \xe9\xff",
                                       b"x" * 200, b"tab\tand \x07bell", b"From: looks like one"])
            lines.append(record(kind, text))
        if lines and self.some(0.1):
            lines.append(record("L", b"unterminated"))
        return b"".join(lines)

    def envelope(self):
        time = f"{NOW - self.random.randrange(10**6)}"
        if self.some(0.8):
            time += f" {self.random.randrange(10**6)}"
        out = record("T", time) + self.attributes()
        if self.some(0.2):
            out += record("F", self.random.choice(["Full Name", "", "Name <odd>"]))
        if self.some(0.1):
            out += record("I", "inspected")
        if self.some(0.1):
            out += record("L", "smtp:[127.0.0.1]:10025")
        if self.some(0.1):
            out += record("V", "+=")
        out += record("S", self.address())
        if self.some(0.2):
            out += record("W", f"{NOW + self.random.randrange(1, 9999)}")
        return out

    def message(self, drop=False):
        people = [self.recipient() for _ in range(self.random.choice([0, 1, 1, 1, 2, 2, 3, 9]))]
        late = people.pop() if people and self.some(0.15) else b""
        head = self.envelope() + b"".join(people) + record("M")
        body = self.content()
        tail = record("X")
        if self.some(0.15):
            tail += record("r", self.address())
        if self.some(0.1):
            tail += record("e", self.address())
        tail += late + record("E")
        if drop:
            return head + body + tail
        numbers = (len(body), 97 + len(head), len(people) + bool(late), 0, len(body),
                   self.random.choice([0, 0, 1]))
        return record("C", " ".join(f"{number:15d}" for number in numbers)) + head + body + tail

    def damaged(self, data):
        how = self.random.randrange(4)
        if how == 0:
            return data[:self.random.randrange(len(data))]
        if how == 1:
            # Ours lists nothing of what has a record in its envelope that no queue file has.
            place = self.random.randrange(data.index(b"M\0") + 2, len(data))
            return data[:place] + bytes([self.random.randrange(256)]) + data[place + 1:]
        if how == 2:
            return b""
        return b"g" + bytes(self.random.randrange(256) for _ in range(self.random.randrange(300)))

    def log(self):
        out = ""
        for _ in range(self.random.randrange(1, 4)):
            reason = self.random.choice(
                ["connect to far.example[192.0.2.1]:25: Connection timed out", "r", "",
                 "host x said: 450 4.2.0 <a@b>: Recipient address rejected: " + "Greylisted " * 9,
                 "8bit \xe9", "long" * 60, "odd (brackets) [x]"])
            out += f"\n<x>: {reason}\nrecipient={self.address()}\noffset=100\ndsn_orig_rcpt=rfc822;x\n" \
                   f"status=4.4.1\naction=delayed\nreason={reason}\n\n"
        return out.encode("latin-1")


def owned(path):
    while path.name not in ("queue", "") and path.owner() != "postfix":
        shutil.chown(path, "postfix", "postfix")
        path = path.parent


class Spool:
    """A queue directory that was never in service, and the names in it."""

    def __init__(self, instance, seed, damage=False, drafts=True):
        self.instance, self.queue = instance, instance.queue
        self.logs = ["defer", "bounce"] + ["trace"] * drafts
        self.logged = ["deferred", "hold", "active", "maildrop"] if drafts else ["deferred"]
        self.log_long_ids = drafts
        self.modes = [0o700, 0o700, 0o700, 0o740, 0o710, 0o750] + [0o600] * drafts
        self.make = Maker(seed)
        self.files = []
        for place in PLACES + ["defer", "bounce", "trace", "flush"]:
            shutil.rmtree(self.queue / place, ignore_errors=True)
            (self.queue / place).mkdir(mode=0o700)
            shutil.chown(self.queue / place, "postfix", "postfix")
        for _ in range(self.make.random.randrange(2, 12)):
            self.add(damage)

    def path(self, place, name):
        folder = self.queue / place
        return (folder / self.hash(name) if place in HASHED else folder) / name

    @staticmethod
    def hash(name):
        """By the microseconds, which short names begin with in hexadecimal."""
        if "z" not in name:
            return name[0]
        number = 0
        for letter in name[6:10]:
            number = number * len(LETTERS) + LETTERS.index(letter)
        return f"{number:05X}"[0]

    def add(self, damage):
        make = self.make
        place = make.random.choice(["deferred", "deferred", "hold", "incoming", "active", "maildrop",
                                    "corrupt"])
        name = make.name(make.some(0.3))
        data = make.message(place == "maildrop")
        if damage and make.some(0.3):
            data = make.damaged(data)
        path = self.path(place, name)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.write_bytes(data)
        path.chmod(make.random.choice(self.modes))
        stamp = NOW + make.random.randrange(-10**5, 10**5)
        os.utime(path, (stamp, stamp))
        owned(path)
        self.files.append((place, name))
        for log in self.logs if self.log_long_ids or "z" not in name else []:
            if place in self.logged and make.some(0.3 if log == "defer" else 0.1):
                self.path(log, name).parent.mkdir(mode=0o700, exist_ok=True)
                self.path(log, name).write_bytes(make.log())
                self.path(log, name).chmod(0o600)
                owned(self.path(log, name))

    def snapshot(self):
        found = []
        for place in PLACES + ["defer", "bounce", "trace"]:
            for path in sorted((self.queue / place).rglob("*")):
                if path.is_file():
                    status = path.stat()
                    found.append((str(path.relative_to(self.queue)), oct(status.st_mode),
                                  status.st_size, path.owner()))
        return found


NOISE = re.compile(rb"^\w+: (name_mask|inet_addr_local|removed file|been_here|set_permissions).*\n",
                   re.M)


def run(folder, instance, command, *args, **more):
    result = subprocess.run([command, "-c" if command != "mailq" else "-C", str(instance.config),
                             *args], executable=str(folder / command), capture_output=True,
                            timeout=60, **more)
    return result.stdout, NOISE.sub(b"", result.stderr), result.returncode


@pytest.fixture(scope="module")
def instances():
    """Several, since Debian's commands sleep for a second before they end with an error."""
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        made = list(pool.map(lambda _: Instance(kind="debian"), range(WORKERS)))
        list(pool.map(lambda one: one.run("postfix", "check", check=False), made))
        yield made
        list(pool.map(Instance.close, made))


def compare_seeds(instances, compare, first, count, shown=12):
    """compare(instance, seed) says what differs and how many commands there were, up to count."""
    free = queue.SimpleQueue()
    for instance in instances:
        free.put(instance)

    def compare_one(seed):
        instance = free.get()
        try:
            return compare(instance, seed)
        finally:
            free.put(instance)

    wrong, done = [], 0
    with concurrent.futures.ThreadPoolExecutor(len(instances)) as pool:
        while done < count:
            for texts, commands in pool.map(compare_one, range(first, first + WORKERS)):
                wrong += texts
                done += commands
            first += WORKERS
    compared(done)
    assert not wrong, f"{len(wrong)} of {done}\n" + "\n\n".join(wrong[:shown])


def contrast(theirs, mine):
    """The lines that differ, for a person."""
    shown = []
    for one, other in zip(theirs, mine):
        if isinstance(one, bytes):
            shown += difflib.unified_diff(one.decode("latin-1").splitlines(),
                                          other.decode("latin-1").splitlines(), "Debian", "ours",
                                          lineterm="", n=1)
        elif one != other:
            shown.append(f"status: Debian {one}, ours {other}")
    return "\n".join(shown)


def differences(instance, commands):
    """Each command by both suites; what is not the same."""
    found = []
    for command in commands:
        theirs, mine = (run(folder, instance, *command) for folder in (DEBIAN, OURS))
        if theirs != mine:
            found.append(f"{' '.join(command)}\n{contrast(theirs, mine)}")
    return found


def listing_commands(spool):
    return [("postqueue", "-p"), ("postqueue", "-j")]


CAT_OPTIONS = ["", "-e", "-h", "-b", "-hb", "-eh", "-eb", "-d", "-o", "-do", "-r", "-v", "-dv", "-rv",
               "-eho", "-bd"]


def cat_commands(spool, count, shown=None):
    choose, commands = spool.make.random, []
    for place, name in choose.sample(spool.files, min(count, len(spool.files))):
        options = choose.choice(shown or CAT_OPTIONS).split()
        if choose.random() < 0.3:
            commands.append(("postcat", *options, "-q", name))
        else:
            commands.append(("postcat", *options, str(spool.path(place, name))))
    return commands


def test_lists_and_contents_are_shown_alike(instances):
    def compare(instance, seed):
        spool = Spool(instance, seed)
        commands = listing_commands(spool) + cat_commands(spool, 10)
        return [f"seed {seed}: {text}" for text in differences(instance, commands)], len(commands)

    compare_seeds(instances, compare, SEED * 1000, CASES // 2)


def test_damaged_files_are_told_of_alike(instances):
    """
    Where a file breaks off is said by ours, so of damaged ones the status and the list count.
    Debian's postcat skips a body that is not to be shown, and so the damage in it.
    """
    def compare(instance, seed):
        spool, wrong = Spool(instance, seed, damage=True), []
        commands = listing_commands(spool) + cat_commands(spool, 4, ["", "-d", "-o", "-v"])
        for command in commands:
            theirs, mine = (run(folder, instance, *command) for folder in (DEBIAN, OURS))
            same = theirs == mine if command[0] == "postqueue" else theirs[2] == mine[2]
            if b"malformed showq server response" in theirs[1]:
                same = mine[2] == 0     # Debian's cannot read what it has written itself
            if not same:
                wrong.append(f"seed {seed}: {' '.join(command)}\n{contrast(theirs, mine)}")
        return wrong, len(commands)

    compare_seeds(instances, compare, SEED * 1000 + 500, CASES // 4)


def orders(spool):
    """Some of postsuper's options, in any number, with names that are there or not."""
    choose = spool.make.random
    names = [name for _, name in spool.files] + ["NOSUCH1", "0123456789", "a/b", "ALL", "ALL"]
    args = []
    for _ in range(choose.randrange(1, 4)):
        args += [choose.choice(["-d", "-e", "-f", "-h", "-H", "-r"]), choose.choice(names)]
    if choose.random() < 0.1:
        args[-1] = "-"
    if choose.random() < 0.3:
        args += choose.sample(["hold", "deferred", "incoming", "active", "maildrop"],
                              choose.randrange(1, 3))
    return args


def postsuper_outcomes(spool, keep, args):
    """What each suite says to the same spool, and makes of it."""
    typed, outcomes = "\n".join(name for _, name in spool.files[:3]) + "\nbad id\n", []
    for folder in (DEBIAN, OURS):
        shutil.rmtree(spool.queue)
        subprocess.run(["cp", "-a", str(keep), str(spool.queue)], check=True)
        outcomes.append((run(folder, spool.instance, "postsuper", *args, input=typed.encode()),
                         spool.snapshot()))
    return outcomes


def test_postsuper_does_the_same(instances):
    """Ours leaves alone what is being written; Debian's leaves some logs behind."""
    def compare(instance, seed):
        spool, wrong = Spool(instance, seed, drafts=False), []
        keep = instance.folder / "keep"
        shutil.rmtree(keep, ignore_errors=True)
        subprocess.run(["cp", "-a", str(spool.queue), str(keep)], check=True)
        for _ in range(6):
            args = orders(spool)
            (said, made), (ours_said, ours_made) = postsuper_outcomes(spool, keep, args)
            if (said, made) != (ours_said, ours_made):
                wrong.append(f"seed {seed}: postsuper {' '.join(args)}\n"
                             f"{contrast(said, ours_said)}\n"
                             f"Debian's: {set(made) - set(ours_made)}\n"
                             f"ours:     {set(ours_made) - set(made)}")
        return wrong, 6

    compare_seeds(instances, compare, SEED * 1000 + 700, CASES // 4)


def test_qshape_counts_the_same(instances):
    """
    Domains of the same weight and length stand in the order of a hash table with Debian's, which
    leaves out mail that is to expire.
    """
    def compare(instance, seed):
        spool, wrong = Spool(instance, seed), []
        for path in (spool.path(*file) for file in spool.files):
            path.chmod(path.stat().st_mode & 0o760)
        choose = spool.make.random
        for _ in range(5):
            args = choose.sample(["-s", "-p", "-l", "-m 1", "-m 2", "-b 3", "-b 14", "-t 1", "-w 100"],
                                 choose.randrange(4))
            args = " ".join(args).split() + choose.sample(
                ["deferred", "hold", "incoming", "active", str(spool.queue / "hold")],
                choose.randrange(3))
            theirs, mine = (run(folder, instance, "qshape", *args) for folder in (DEBIAN, OURS))
            if [sorted(theirs[0].splitlines()), theirs[2]] != [sorted(mine[0].splitlines()), mine[2]]:
                wrong.append(f"seed {seed}: qshape {' '.join(args)}\n{contrast(theirs, mine)}")
        return wrong, 5

    compare_seeds(instances, compare, SEED * 1000 + 900, CASES // 12, shown=6)


def test_wrong_use_is_refused_alike(instances):
    Spool(instances[0], SEED)
    uses = ["postqueue", "postqueue -f", "postqueue -i A/B", "postqueue -i AAAAAA", "postqueue -Z",
            "postqueue -s far.example", "postqueue -s [127.0.0.1]", "postqueue -pf", "postqueue -p x",
            "postqueue -i", "postqueue -s x -s y", "postqueue -s ''", "postqueue -s 127.0.0.1",
            "postsuper -Z", "postsuper -d", "postsuper -d x/y", "postsuper -d ALL corrupt",
            "postsuper -h all", "postsuper -d '' hold", "postcat", "postcat -q", "postcat -q nosuch",
            "postcat -q A/B", "postcat /nosuch", "postcat -Z", "postcat -s x", "postcat -s 5 -q ABC",
            "postcat /etc/passwd", "postcat -d /etc/passwd"]
    commands = [tuple(word.strip("'") for word in use.split(" ")) for use in uses]
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        found = pool.map(lambda command: differences(instances[0], [command]), commands)
        wrong = [text for texts in found for text in texts]
    assert not wrong, f"{len(wrong)} of {len(commands)}\n" + "\n\n".join(wrong)
