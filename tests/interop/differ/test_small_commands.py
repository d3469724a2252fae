"""postfix, postlog, postkick, postlock and postdrop: what they print and exit with, side by side."""
import os
import re
import subprocess

import pytest

from instance import Instance
from sanitizer import SANITIZED

LETTER = "S\x04rootR\x01aM\x00N\x01xX\x00E\x00"

CASES = [
    ("postfix", "status"), ("postfix", "nosuch"), ("postfix",), ("postfix", "stop"),
    ("postfix", "reload"), ("postfix", "abort"), ("postfix", "drain"), ("postfix", "quick-stop"),
    ("postfix", "logrotate"), ("postfix", "tls"), ("postfix", "-D", "status"),
    ("postlog", "a", "b"), ("postlog", "-p", "warn", "x"), ("postlog", "-p", "warning", "x"),
    ("postlog", "-p", "fatal", "x"), ("postlog", "-p", "panic", "x"), ("postlog", "-p", "err", "x"),
    ("postlog", "-p", "error", "x"), ("postlog", "-p", "nosuch", "x"), ("postlog", "-i", "x"),
    ("postlog", "-t", "tag", "x"), ("postlog", "-Z"), ("postlog", "-p", "info", "\x01a"),
    ("postkick",), ("postkick", "public"), ("postkick", "public", "nosuch", "W"), ("postkick", "-Z"),
    ("postkick", "x", "qmgr", "W"), ("postkick", "public", "qmgr", "W", "x"),
    ("postlock",), ("postlock", "FOLDER/lck"), ("postlock", "FOLDER/lck", "true"),
    ("postlock", "FOLDER/lck", "sh", "-c", "exit 7"), ("postlock", "FOLDER/none/x", "true"),
    ("postlock", "FOLDER/lck", "/nosuch"), ("postlock", "-l", "flock", "FOLDER/lck", "true"),
    ("postlock", "-l", "fcntl", "FOLDER/lck", "echo", "hi"), ("postlock", "-Z"),
    ("postlock", "-l", "dotlock", "FOLDER/lck", "ls", "FOLDER/lck.lock"),
    ("postlock", "-l", "flock,dotlock", "FOLDER/lck", "ls", "FOLDER/lck.lock"),
    ("postlock", "-l", "nosuch", "FOLDER/lck", "true"), ("postlock", "FOLDER", "true"),
    ("postlock", "FOLDER/lck", "sh", "-c", "kill -9 $$"),
    ("mailq",), ("mailq", "x"), ("newaliases",), ("newaliases", "x"), ("sendmail", "-bp"),
    ("sendmail", "-bi"), ("sendmail", "-q"), ("sendmail", "-qI3"), ("sendmail", "-qRsite"),
    ("sendmail", "-bs", "x"), ("sendmail", "-bh"), ("sendmail", "-q15m"), ("sendmail", "-bd", "x"),
    ("mailq", "-q"), ("newaliases", "-oA/x"),
    ("postdrop", "-Z"), ("postdrop", "-r", ""), ("postdrop", "-r", LETTER),
    ("postdrop", "-r", LETTER + "junk"), ("postdrop", "-r", LETTER[:-2]),
    ("postdrop", "-r", "T\x01a"), ("postdrop", "-r", "T\x0210" + LETTER),
    ("postdrop", "-r", "R\x01aM\x00X\x00E\x00"), ("postdrop", "-r", "S\x00M\x00X\x00E\x00"),
    ("postdrop", "-r", "S\x01aA\x03x=yR\x01bM\x00X\x00E\x00"),
    ("postdrop", "-r", "S\x01aA\x02xyR\x01bM\x00X\x00E\x00"),
    ("postdrop", "-r", "S\x01aR\x01bM\x00X\x00A\x03x=yE\x00"),
    ("postdrop", "-r", "S\x01aW\x01bM\x00L\x01xX\x00R\x01cE\x00"),
    ("postdrop", "-r", "S\x01aR\x01bO\x01bD\x01bM\x00L\x01xX\x00R\x01cE\x00"),
]


@pytest.fixture(scope="module")
def pair():
    """Neither runs; both have their folders."""
    made = [Instance(kind=kind, settings={"maillog_file": "", "deliver_lock_attempts": "2"})
            for kind in ("debian", "ours")]
    for instance in made:
        instance.run("postfix", "check", check=False)
    yield made
    for instance in made:
        instance.close()


def outcome(instance, case):
    words = [word.replace("FOLDER", str(instance.folder)) for word in case]
    more = {"input": words.pop()} if case[:2] == ("postdrop", "-r") \
        else {"stdin": subprocess.DEVNULL}
    result = instance.run(*words, check=False, **more)
    dropped = []
    for path in (instance.queue / "maildrop").iterdir():
        # Debian's leaves an unfinished file behind what it refuses.
        if path.stat().st_mode & 0o100:
            dropped.append(path.read_bytes().split(b"S", 1)[1])
        path.unlink()

    def masked(text):
        text = text.replace(str(instance.folder), "FOLDER").replace(str(instance.commands), "SBIN")
        return re.sub(r"\b[0-9A-F]{6,}\b", "ID", text)
    return result.returncode, masked(result.stdout), masked(result.stderr), dropped


@pytest.mark.parametrize("case", CASES, ids=lambda case: ascii(" ".join(case)).strip("'"))
def test_small_commands_do_the_same(pair, case):
    theirs, ours = (outcome(instance, case) for instance in pair)
    assert ours == theirs


@pytest.fixture
def submitter(pair):
    """Our postdrop with a message half submitted: its process, and the folder of what it writes."""
    instance = pair[1]
    process = subprocess.Popen([instance.commands / "postdrop", "-c", instance.config, "-r"],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout.read(9) == b"protocol\0"      # it greets before it reads
    process.stdin.write(LETTER[:12].encode())
    process.stdin.flush()
    yield process, instance.queue / "maildrop"
    process.kill()
    process.wait()


@pytest.mark.parametrize("end", [2, 1, 15, 9, 0])
def test_a_half_submission_leaves_nothing(submitter, end):
    process, maildrop = submitter
    if end:
        process.send_signal(end)
    else:
        process.stdin.close()
    process.wait(timeout=20)
    assert list(maildrop.iterdir()) == []


def test_what_the_caller_leaves_open_or_ignored_is_no_matter(pair):
    """Closed descriptors, ignored signals, an odd environment, limits on files."""
    instance = pair[1]
    (instance.folder / "letter").write_text(LETTER)
    for setup in ("exec >&- 2>&-", "exec 2>&-", "trap '' TERM INT HUP CHLD", "umask 0777",
                  "export LD_PRELOAD= MALLOC_CHECK_=3 POSTFIX= MAIL_VERBOSE=1 TZ=../../etc/passwd",
                  "exec 9</etc/passwd 8>/dev/null", "cd /", "ulimit -n 16"):
        result = subprocess.run(
            ["sh", "-c", f"{setup}; exec {instance.commands}/postdrop -c {instance.config} "
             f"<{instance.folder}/letter"], capture_output=True)
        assert result.returncode == 0, (setup, result.stderr)
        found = list((instance.queue / "maildrop").iterdir())
        assert [oct(path.stat().st_mode) for path in found] == ["0o100744"], setup
        found[0].unlink()
    if SANITIZED == "THREADS":
        return      # its runtime writes a file of its own before main()
    result = subprocess.run(["sh", "-c", f"ulimit -f 0; exec {instance.commands}/postdrop -c "
                             f"{instance.config} <{instance.folder}/letter"], capture_output=True)
    assert result.returncode == 75, result
    assert list((instance.queue / "maildrop").iterdir()) == []


def test_who_is_not_root_cannot_choose_the_configuration(pair):
    instance = pair[1]
    result = subprocess.run([instance.commands / "postdrop", "-c", instance.config],
                            input=LETTER.encode(), capture_output=True, user="nobody",
                            group="nogroup", extra_groups=[], env={**os.environ})
    assert result.returncode != 0
    assert b"unauthorized configuration directory" in result.stderr
