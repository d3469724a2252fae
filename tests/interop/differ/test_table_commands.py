"""Our postmap and postalias, and Debian's, over the same files: the same words, the same answers."""
import os
import pathlib
import random
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
OURS = ROOT / "build/plain/bin"
if "POSTREITER_TEST_PREFIX" in os.environ:
    OURS = pathlib.Path(os.environ["POSTREITER_TEST_PREFIX"]) / "sbin"
DEBIAN = pathlib.Path("/usr/sbin")

MAIN_CF = """compatibility_level = 3.6
queue_directory = {0}/spool
data_directory = {0}/data
myhostname = mx.example.test
"""

POSTMAP_BAD = """\
key
"open v
alias: value
{latin} bad
good {latin}
DUP x
dup y
"a"b z
"" empty
  continued  line
"q \\" r" v
# comment
only:
k v
"""

ALIASES = """\
postmaster: root
Root: admin, "|cmd a b", :include:/x
"quoted key": foo
dup: a
dup: b
nocolon value
: novalue
empty:
emptyblank:
list: a,
  b,  c
 d
owner-x: x@y, "a b"@c, Full <f@g>
a b: c
a@b: c
"x@y": /file/name
comm: a (comment), b
path: |/usr/bin/foo bar
q: \\user, "\\user"
semi: a; b
g: grp: a, b;
  continued
key(c): v
"unb: v
"""

CIDR = """\
10.0.0.1/8 a
10.0.0.0/33 b
10.0.0.0/x b
foo c
1.2.3.4
[1.2.3.4] ok
[1.2.3.4 ok
[1.2.3.9]v x
1.2.3.4/ ok
if 10.0.0.0/8
10.1.0.0/16 in
endif foo
endif
if 1.2.3.4 trailing
!1.2.3.5 neg
if
!
10.0.0.0/8/8 x
2001:db8::1/64 x
10.0.0/8 short
endifx
if !! 1.2.3.4
010.1.2.3 octal
"""

PATTERNS = """\
/foo/ ok
/foo/z badflag
/foo
/(foo/ unbalanced
foo bar
!/foo/ $1
/(a)/ $2
/(a)/ ${2
/(a)/ $x
/(a)/ $
/nores/
if /x/ extra
/y/ in
endif
endif
if
if x
!foo
/a[/ bracket
/^(a)(x)?(b)$/ [$1|${2}|$(3)|$$]
/n(.)/m got$1
/case/i case
if !/q/
/zz/ inner
endif
"""


@pytest.fixture
def folders(tmp_path):
    """One folder for each of the two, with the same files in them."""
    (tmp_path / "main.cf").write_text(MAIN_CF.format(tmp_path))
    found = []
    for name in ("ours", "debian"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "bad").write_bytes(POSTMAP_BAD.encode().replace(b"{latin}", b"\xff"))
        (folder / "aliases").write_text(ALIASES)
        (folder / "cidr").write_text(CIDR)
        (folder / "patterns").write_text(PATTERNS)
        (folder / "t").write_text("a 1\nb 2\nC 3\n")
        (folder / "message").write_text("From: a\nSubject: b\n c\n\nbody\n more\n")
        found.append(folder)
    return found


def run(program, folder, *args, stdin=""):
    command = [str((OURS if folder.name == "ours" else DEBIAN) / program), "-c",
               str(folder.parent), *args]
    done = subprocess.run(command, cwd=folder, input=stdin.encode(), capture_output=True,
                          timeout=60)
    said = done.stderr.decode("utf8", "replace")
    printed = re.sub(r"(YP_LAST_MODIFIED:\t)\d+", r"\1N", done.stdout.decode("utf8", "replace"))
    return done.returncode, printed, said


def same(folders, program, *args, stdin="", ordered=True):
    ours, debian = (run(program, folder, *args, stdin=stdin) for folder in folders)
    if not ordered:
        ours, debian = ((status, sorted(out.splitlines()), err) for status, out, err
                        in (ours, debian))
    assert ours == debian, f"{program} {args}"


def test_broken_lines_get_the_same_warnings(folders):
    for kind in ("hash", "btree"):
        same(folders, "postmap", f"{kind}:bad")
        same(folders, "postmap", "-s", f"{kind}:bad", ordered=False)
    for key in ("dup", '"a"b', '""', "k", "absent", "Ünï"):
        same(folders, "postmap", "-q", key, "texthash:bad")
    for key in ("1.2.3.4", "10.1.2.3", "2001:db8::1", "nothing"):
        same(folders, "postmap", "-q", key, "cidr:cidr")
    for kind in ("regexp", "pcre"):
        for key in ("foo", "ab", "axb", "nx", "Case", "case", "zz", "zzq", "y", "xy", ""):
            same(folders, "postmap", "-q", key, f"{kind}:patterns")


@pytest.mark.parametrize("args, stdin", [
    ((), ""), (("-z", "t"), ""), (("-q",), ""), (("nonexist",), ""), (("static:x",), ""),
    (("regexp:patterns",), ""), (("foo:t",), ""), (("-d", "a", "static:x"), ""),
    (("-s", "static:x"), ""), (("-q", "a", "-d", "b", "t"), ""), (("-s", "-q", "a", "t"), ""),
    (("-b", "t"), ""), (("-q", "a", "nonexist"), ""), (("-q", "a", "inline:{a}"), ""),
    (("-q", "a", "foo:bar"), ""), (("-q", "a", "fail:x"), ""), (("-q", "a", "unix:foo"), ""),
    (("-q", "-", "static:foo"), "a\n\nb\n"), (("-hq", "-", "static:x"), "From: a\n b\n\nbody\n"),
    (("-bq", "-", "static:x"), "From: a\n b\n\nbody\n"), (("-q", "a", "unionmap:x"), ""),
    (("-q", "a", "regexp:{/a/ b}"), ""), (("-q", "a", "static:{foo"), ""),
])
def test_options_and_errors_are_the_same(folders, args, stdin):
    same(folders, "postmap", *args, stdin=stdin)


def test_tables_are_changed_the_same_way(folders):
    steps = [
        (("t",), ""), (("-q", "a", "t"), ""), (("-q", "A", "t"), ""), (("-fq", "A", "t"), ""),
        (("-q", "-", "t"), "a\nzz\nb\n"), (("-s", "t"), ""), (("-d", "a", "t"), ""),
        (("-d", "a", "t"), ""), (("-d", "-", "t"), "b\nzz\n"), (("-i", "t"), "a 5\nc 9\nd\n"),
        (("-s", "t"), ""), (("-ir", "t"), "a 6\n"), (("-iw", "t"), "a 7\n"),
        (("-q", "a", "t"), ""), (("-n", "t"), ""), (("-q", "a", "t"), ""), (("-N", "t"), ""),
    ]
    for args, stdin in steps:
        same(folders, "postmap", *args, stdin=stdin)


def test_alias_files_are_normalised_the_same_way(folders):
    same(folders, "postalias", "aliases")
    same(folders, "postalias", "-s", "aliases", ordered=False)
    same(folders, "postalias", "-q", "-", "aliases", stdin="Root\nlist\nquoted key\nabsent\n")
    same(folders, "postalias", "-i", "aliases", stdin="new: x\nbad\n")
    same(folders, "postalias", "-d", "root", "aliases")
    same(folders, "postalias", "-s", "aliases", ordered=False)


def test_a_table_takes_the_mode_of_its_source(folders):
    for mode in (0o600, 0o640, 0o644):
        for folder in folders:
            (folder / "t").chmod(mode)
            (folder / "t.db").unlink(missing_ok=True)
        same(folders, "postmap", "t")
        modes = {(folder / "t.db").stat().st_mode & 0o777 for folder in folders}
        assert modes == {mode & 0o644}


@pytest.mark.parametrize("kind", ["hash", "btree"])
def test_each_reads_the_tables_of_the_other(folders, kind):
    chance = random.Random(kind)
    letters = "abcXYZ0189.@+-_äß"
    pairs = {"".join(chance.choices(letters, k=chance.randint(1, 30))): f"value {i}  é"
             for i in range(2000)}
    text = "".join(f"{key} {value}\n" for key, value in pairs.items() if key[-1] != ":")
    for folder in folders:
        (folder / "big").write_text(text)
    same(folders, "postmap", f"{kind}:big")
    same(folders, "postmap", "-s", f"{kind}:big", ordered=False)
    keys = "".join(f"{key}\n" for key in pairs)
    ours, debian = folders
    (ours / "big.db").rename(ours / "mine.db")
    (debian / "big.db").rename(debian / "mine.db")
    crossed = [run("postmap", ours, "-q", "-", f"{kind}:{debian}/mine", stdin=keys),
               run("postmap", debian, "-q", "-", f"{kind}:{ours}/mine", stdin=keys)]
    assert crossed[0] == crossed[1]
    assert crossed[0][0] == 0 and len(crossed[0][1].splitlines()) == len(pairs)


MESSAGE = """\
From: a
Content-Type: multipart/mixed;
 boundary="b1"

preamble

--b1
Content-Type: text/plain
X-Part: one

body one

--b1
Content-Type: message/rfc822

Subject: nested
Content-Type: text/plain

nested body
--b1--
epilogue
"""


@pytest.mark.parametrize("options", ["-h", "-b", "-hb", "-hm", "-bm", "-hbm", "-m"])
def test_the_keys_of_a_message_are_the_same(folders, options):
    for folder in folders:
        (folder / "rules").write_text("/^$/ empty\n/./ hit\n")
    for text in (MESSAGE, MESSAGE.replace("--b1--\n", ""), "no header\n\nFrom: x\n", "",
                 "A: b\n c\nno header\nD: e\n\nbody\n"):
        same(folders, "postmap", options, "-q", "-", "regexp:rules", stdin=text)
