"""Generated tables: postmap and postalias here and Debian's say the same, and read each other."""
import concurrent.futures
import difflib
import os
import pathlib
import random
import re
import subprocess

import pytest

from counting import compared
from instance import PREFIX
from table_sources import Aliases, Networks, Patterns, Source

CASES = int(os.environ.get("DIFFER_CASES", "1100"))
SEED = int(os.environ.get("DIFFER_SEED", "1"))
PLACES = {"ours": PREFIX / "sbin", "debian": pathlib.Path("/usr/sbin")}
QUESTIONS = 30

FILES = ["hash:t", "btree:b", "lmdb:t", "cdb:t"]
MAKE_OPTIONS = ["", "", "", "-f", "-n", "-N", "-r", "-w", "-u", "-o", "-p", "-nf", "-wf", "-ru"]
ASK_OPTIONS = ["", "", "", "-f", "-u", "-v"]

MAIN_CF = """compatibility_level = 3.6
myhostname = mx.example.test
queue_directory = {0}/spool
data_directory = {0}/data
"""


def run(kind, folder, command, *args, stdin=b""):
    done = subprocess.run([str(PLACES[kind] / command), "-c", str(folder.parent), *args],
                          cwd=folder, input=stdin, capture_output=True, timeout=60)
    printed = re.sub(rb"(YP_LAST_MODIFIED:?\t)\d+", rb"\1N", done.stdout)
    said = done.stderr.replace(f"{PLACES[kind]}/".encode(), b"")
    # libdb's own words about a file that is none; Postfix lets them pass in most places.
    said = b"".join(line for line in said.splitlines(True) if not line.startswith(b"BDB0641 "))
    # Our log cuts long lines; Postfix loses what it has not written when it ends in an error.
    said = b"".join(line[:1500] + b"\n" for line in said.splitlines())
    said = re.sub(rb"[? ]*' -- ignoring this line", b"' -- ignoring this line", said)
    return done.returncode, b"" if b": fatal: " in said else printed, said


class Folders:
    """The same source in two folders, one for each suite."""

    def __init__(self, base, source):
        base.mkdir()
        (base / "main.cf").write_text(MAIN_CF.format(base))
        self.places = {}
        for kind in PLACES:
            self.places[kind] = base / kind
            self.places[kind].mkdir()
            for name in ("t", "b"):     # the files of hash and btree have the same suffix
                (self.places[kind] / name).write_bytes(source.text)

    def differences(self, command, *args, stdin=b"", crossed=False):
        """What each says in its own folder; crossed: each in the other's too."""
        seen = {(kind, kind): run(kind, folder, command, *args, stdin=stdin)
                for kind, folder in self.places.items()}
        if crossed:
            seen["ours", "debian"] = run("ours", self.places["debian"], command, *args, stdin=stdin)
            seen["debian", "ours"] = run("debian", self.places["ours"], command, *args, stdin=stdin)
        wanted = seen["debian", "debian"]
        return [f"{command} {' '.join(args)}: {who} with the tables of {whose}:\n"
                + compare_lines(wanted, got)
                for (who, whose), got in seen.items() if got != wanted]


def compare_lines(wanted, got):
    """Only what differs."""
    lines = [f"   status {wanted[0]} is {got[0]}"] if wanted[0] != got[0] else []
    for theirs, ours in zip(wanted[1:], got[1:]):
        lines += [line[:300] for line in difflib.unified_diff(
            [repr(line) for line in theirs.splitlines()],
            [repr(line) for line in ours.splitlines()], "Debian", "ours", n=0, lineterm="")]
    return "\n".join(lines)


def without_empty(questions):
    """Postfix ends at a key that LMDB cannot hold, such as an empty one: doc/differences.md."""
    return b"".join(line + b"\n" for line in questions.split(b"\n") if line)


def words(options, *more):
    return ([options] if options else []) + list(more)


def compare_files(base, chance, number):
    """hash, btree, lmdb and cdb from one source: eleven comparisons or more."""
    command, source = (("postalias", Aliases(chance)) if number % 4 == 3
                       else ("postmap", Source(chance)))
    folders = Folders(base, source)
    options = chance.choice([option for option in MAKE_OPTIONS
                             if command == "postmap" or "u" not in option])
    wrong, count = [], 0
    for kind in FILES:
        wrong += folders.differences(command, *words(options, kind))
    ask = chance.choice(ASK_OPTIONS[:-1] if command == "postmap" else ASK_OPTIONS[:-2])
    questions = without_empty(source.questions(QUESTIONS))
    for kind in FILES:
        wrong += folders.differences(command, *words(ask, "-q", "-", kind),
                                     stdin=questions, crossed=True)
    for kind in FILES[:3]:
        wrong += folders.differences(command, "-s", kind, crossed=True)
    extra = type(source)(chance, 3)
    for kind in FILES[:3]:
        change = chance.choice(["-i", "-ir", "-iw", "-in"])
        wrong += folders.differences(command, change, kind, stdin=extra.text)
        wrong += folders.differences(command, "-d", "-", kind, stdin=without_empty(source.questions(4)))
        wrong += folders.differences(command, *words(ask, "-q", "-", kind),
                                     stdin=questions)
    count = 4 + 16 + 6 + 9
    return count, show(wrong, source)


def compare_rules(base, chance, number):
    """Types that are read as they are."""
    kinds, source = [(["texthash:t"], Source(chance)), (["regexp:t"], Patterns(chance)),
                     (["cidr:t"], Networks(chance)), (["pcre:t"], Patterns(chance))][number % 4]
    folders = Folders(base, source)
    wrong = []
    ask = chance.choice(ASK_OPTIONS[:-1])
    for kind in kinds:
        wrong += folders.differences("postmap", *words(ask, "-q", "-", kind),
                                     stdin=source.questions(QUESTIONS))
        name = kind if chance.random() < 0.5 else f"unionmap:{{{kind}, static:more}}"
        wrong += folders.differences("postmap", *words(ask, "-q", "-", name),
                                     stdin=source.questions(10))
    return 2, show(wrong, source)


INLINE = ["inline:{{a=b}}", "inline:{{a=b, {{c = d e}}, A=f}}", "inline:{{ x = {0} }}", "inline:{{}}",
          "inline:{{a}}", "inline:{{=a}}", "inline:{{{{a=b}}", "inline:a=b", "inline:{{a=}}",
          "static:{0}", "static:{{ {0} }}", "static:{{{0}", "static:", "fail:{0}", "environ:x",
          "unionmap:{{static:{0},inline:{{a=c}}}}", "unionmap:{{static:a,fail:x}}",
          "unionmap:{{inline:{{a=1}},inline:{{a=2,b=3}}}}", "unionmap:{{nosuch:x}}", "unionmap:{{}}",
          "pipemap:{{inline:{{a=b,x=b}},inline:{{b=c}}}}", "pipemap:{{static:{0},inline:{{{0}=z}}}}",
          "pipemap:{{inline:{{a=b}},static:q}}", "pipemap:static:a", "randmap:{{{0}}}",
          "randmap:{{{{ {0} }}}}", "randmap:{0}", "randmap:{{}}", "cidr:{{{{10.0.0.0/8 {0}}}}}",
          "regexp:{{{{/^a/ {0}}}, {{/b$/ $1}}}}", "pcre:{{{{/^(a)/ $1{0}}}, {{!/b/ x}}}}",
          "regexp:{{/a/ b}}", "texthash:nosuch", "unix:passwd.byname", "unix:group.byname", "unix:x",
          "internal:x", "hash:nosuch", "lmdb:nosuch", "cdb:nosuch", "btree:", ":x", "nosuch", "",
          "socketmap:inet:127.0.0.1", "socketmap:x", "memcache:/nosuch",
          "regexp:nosuch", "pcre:nosuch", "cidr:nosuch", "foo:bar"]


def compare_names(base, chance, number):
    """Tables without a file: what stands in the name."""
    source = Source(chance, 4)
    folders = Folders(base, source)
    wrong = []
    for name in INLINE[number % 4::4]:
        table = name.format("".join(chance.choices("abxäB", k=chance.randint(1, 3))))
        wrong += folders.differences("postmap", "-q", "-", table,
                                     stdin=b"a\nA\nb\nroot\n10.1.1.1\n" + source.questions(4))
    return len(INLINE) // 4, show(wrong, source)


def show(wrong, source):
    return [f"{source.text!r}\n{text}" for text in wrong]


@pytest.mark.parametrize("compare, share", [(compare_files, 0.8), (compare_rules, 0.12),
                                            (compare_names, 0.08)],
                         ids=["files", "rules", "names"])
def test_generated_tables_are_made_and_read_alike(tmp_path, compare, share):
    done, number, wrong = 0, 0, []
    with concurrent.futures.ThreadPoolExecutor(24) as pool:
        while done < CASES * share:
            jobs = [pool.submit(compare, tmp_path / str(n), random.Random(SEED * 1000003 + n), n)
                    for n in range(number, number + 24)]
            number += len(jobs)
            for job in jobs:
                count, found = job.result()
                done += count
                wrong += found
    compared(done)
    if wrong:
        pytest.fail(f"{len(wrong)} differences in {done} cases:\n" + "\n\n".join(wrong[:12]),
                    pytrace=False)
