"""
Generated sendmail command lines and messages, given to Debian's sendmail and to ours: the
same exit status, the same words, the same records in maildrop.

DIFFER_CASES says how many, DIFFER_SEED which ones; a failure names the seed of its case.
"""
import os
import random
import re

import pytest

from counting import compared
from instance import Instance

CASES = int(os.environ.get("DIFFER_CASES", 320))
SEED = int(os.environ.get("DIFFER_SEED", 7))
BATCH = 40

ADDRESSES = [
    "joe", "joe@example.com", "<joe@example.com>", "Joe User <joe@example.com>", "joe,jane",
    "joe@example.com, jane@example.com", '"joe user"@example.com', "joe (comment)",
    "list: a@b.example, c@d.example;", "@route:joe@example.com", "", "<>", "joe@",
    "@example.com", "joe@[127.0.0.1]", "a b", "a b@c.example", "joe@example.com.", "joe+ext",
    "j\u00f6e@example.com", '"Joe, User" <joe@example.com>', "<a@b.example", "a@b.example>",
    "joe@example.com;jane", "a!b", "a%b@c", "-dash", "joe\\@home@example.com", '""@example.com',
    "Joe <joe@a.example> (x) more", "a@b@c", "<joe@example.com> <jane@example.com>",
    "undisclosed-recipients:;", "joe\ttab@example.com", "'joe'@example.com", "<<a@b.example>>",
]

OPTIONS = [
    ["-f", "sender@example.com"], ["-r", "sender@example.com"], ["-f", ""], ["-f", "<>"],
    ["-f", "Full Name <s@example.com>"], ["-fsender"], ["-f", '"a b"@example.com'], ["-i"],
    ["-oi"], ["-t"], ["-t"], ["-ti"], ["-oem"], ["-om"], ["-o7"], ["-o8"], ["-oQ/x"], ["-G"],
    ["-B8BITMIME"], ["-B", "7BIT"], ["-b7bit"], ["-B8bitmime"], ["-Bfoo"], ["-F", "Full Name"],
    ["-F", ""], ["-F", 'A "quoted" (name)'], ["-N", "never"], ["-N", "success,failure"],
    ["-Ndelay"], ["-N", "NEVER,success"], ["-N", "foo"], ["-N", ""], ["-N", "failure success"],
    ["-R", "full"], ["-Rhdrs"], ["-R", "HDRS"], ["-R", "x"], ["-V", "envid123"],
    ["-V", "a+b=c d"], ["-V+="], ["-V"], ["-V", "-="], ["-V", "++"], ["-XV"], ["-XV+="], ["-XV-="],
    ["-XV**"], ["-Xfile"], ["-bm"], ["-bv"], ["-bz"], ["-bh"], ["-bH"], ["-ba"], ["-A", "c"],
    ["-Am"], ["-c"], ["-em"], ["-h5"], ["-L", "tag"], ["-m"], ["-n"], ["-O", "Opt=value"], ["-p",
    "smtp:host"], ["-U"], ["-x"], ["-v"], ["-q15m"], ["-qSsite"], ["-q5"], ["-qx"], ["-Z"],
    ["-oee"], ["-odb"], ["--"], ["-Ooq"], ["-I", "-bm"],
]

HEADERS = [
    "To: {a}", "Cc: {a}", "Bcc: {a}", "To: {a},\n {b}", "Resent-To: {a}", "Resent-Cc: {a}",
    "Resent-Bcc: {a}", "Resent-From: r@example.com", "Apparently-To: {a}", "From: {a}", "Subject: text",
    "Date: now", "Message-ID: <x@y>", "X-Long: " + "x" * 3000, "To:{a}", "to: {a}", "To :{a}",
    "To: {a}\n\t,{b}", "Return-Receipt-To: {a}", "Errors-To: {a}", "Reply-To: {a}", "To: {a} {b}",
    "MIME-Version: 1.0", "Return-Path: <x>", "Received: by x", "Content-Length: 5", "TO: {a}", "To:",
    "Sender: {a}", "Delivered-To: {a}", "Disposition-Notification-To: {a}", "To: =?x?q?a?= <{a}>",
]

BODIES = [
    "", "text\n", "text", ".\n", "before\n.\nbehind\n", "..\n.x\n", "a" * 5000 + "\n", "no end" * 900,
    "cr\r\ncr\r\n", "one\r\ntwo\n", "lone\rreturn\n", "nul\0byte\n", "\n\n\n", "From x\nFrom y\n",
    "\u00e4\u00f6\n", ".", "x\n.", "x\n.\r\ny\n", "tab\t\n", "line\n" * 300, "\0\0\n", "x" * 2048 + "\n",
    "x" * 2047 + "\n", "x" * 2049 + "\n", "To: not@header.example\n",
]

FIRST = ["From me Sat Jan 1\n", ">From me\n", "From: x@y.example\n", "no header at all\n", "\n",
         " continued\n", ": empty name\n", "From me\nFrom again\n", "X: y\r\n", "Mail-From: x\n"]


def make_case(seed):
    chance = random.Random(seed)

    def address():
        return chance.choice(ADDRESSES)
    arguments = []
    for _ in range(chance.choice([0, 0, 1, 1, 1, 2, 2, 3])):
        arguments += chance.choice(OPTIONS)
    recipients = [address() for _ in range(chance.choice([0, 1, 1, 1, 2, 3]))]
    if any(recipient.startswith("-") for recipient in recipients):
        arguments.append("--")
    text = chance.choice([""] * 6 + FIRST)
    for _ in range(chance.choice([0, 1, 2, 3, 4])):
        text += chance.choice(HEADERS).format(a=address(), b=address()) + "\n"
    text += chance.choice(["\n", "\n", "\n", ""]) + chance.choice(BODIES)
    if chance.random() < 0.1:
        text = text.replace("\n", "\r\n")
    environment = {}
    if chance.random() < 0.1:
        environment["NAME"] = chance.choice(["Env Name", "", "x" * 300])
    return arguments + recipients, text, environment


def records(data):
    """Type and bytes of each record of a queue file, its time left out."""
    found, at = [], 0
    while at < len(data):
        kind, length, shift = chr(data[at]), 0, 0
        while True:
            at += 1
            length |= (data[at] & 127) << shift
            shift += 7
            if not data[at] & 128:
                break
        text = data[at + 1:at + 1 + length]
        found.append((kind, text if kind != "T" else b"TIME"))
        at += 1 + length
    return found


def submit(instance, case):
    arguments, text, environment = case
    result = instance.run("sendmail", *arguments, check=False, text=False,
                          input=text.encode(), env={**os.environ, **environment})
    dropped = []
    for path in (instance.queue / "maildrop").iterdir():
        dropped.append((oct(path.stat().st_mode), records(path.read_bytes())))
        path.unlink()

    def words(output):
        output = output.decode(errors="replace").replace(str(instance.folder), "FOLDER")
        output = re.sub(r"sendmail: name_mask: .*\n", "", output)      # debugging
        # Ours does not begin what it will refuse, so postdrop has nothing to complain of.
        output = re.sub(r"postdrop: warning: stdin: unexpected EOF .*\n"
                        r"postdrop: fatal: uid=\d+: malformed input\n", "", output)
        return re.sub(r"/usr/sbin|" + re.escape(str(instance.commands)), "COMMANDS", output)
    return result.returncode, words(result.stdout), words(result.stderr), dropped


@pytest.fixture(scope="module")
def pair():
    """Neither is started: what is submitted stays in maildrop."""
    made = [Instance(kind=kind) for kind in ("debian", "ours")]
    for instance in made:
        instance.run("postfix", "check", check=False)
    yield made
    for instance in made:
        instance.close()


@pytest.mark.parametrize("batch", range(0, CASES, BATCH))
def test_what_is_submitted_is_the_same(pair, batch):
    differences = []
    for seed in range(SEED * 1_000_000 + batch, SEED * 1_000_000 + min(batch + BATCH, CASES)):
        case = make_case(seed)
        theirs, ours = (submit(instance, case) for instance in pair)
        if theirs != ours:
            differences.append(f"case {seed}: {case}\n  theirs {theirs}\n  ours   {ours}")
    compared(min(BATCH, CASES - batch))
    report = re.sub(r"(.)\1{30,}", r"\1...", "\n".join(differences))
    assert not differences, f"{len(differences)} differ\n{report}"
