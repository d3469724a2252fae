"""Broken table sources: postmap and postalias name file, line and fault in Debian's words."""
import concurrent.futures
import pathlib
import subprocess

import pytest

from instance import PREFIX

MAPS = ["key\n", "key \n", " lead value\n", "a b\na c\n", "A b\na c\n", "# c\nkey\n\nk2 v\n",
        "a: b\n", "a\n b\n", "\"a b\" c\n", "\"a b\n", "a b\n# c\n c\n", "a b\nc\nd\n",
        "a\tb\n\n \nc\n", "x y", "x", "a b\na b\n"]
ALIASES = ["a b\n", "a:\n", ": b\n", "a: b\na: c\n", " a: b\n", "\"a: b\n", "a b: c\n", "a@b: c\n",
           "a: \"|x\n", "# c\n\nfoo\n", "A: b\na: c\n", "a: b,\nc\n", "a\n", "a, b: c\n"]
TABLES = ["foo:t", "hash:nosuch", "hash:", "nosuch/t", "hash:/nosuch/t"]


def outcome(folder, program, table, source):
    folder.mkdir(parents=True)
    (folder / "main.cf").write_text("myhostname = h.example\n")
    (folder / "t").write_text(source)
    done = subprocess.run([program, "-c", ".", table], cwd=folder, text=True,
                          capture_output=True, timeout=30)
    return done.returncode, done.stdout, done.stderr.replace(f"{pathlib.Path(program).parent}/", "")


@pytest.mark.parametrize("command,cases", [
    ("postmap", [("hash:t", text) for text in MAPS]),
    ("postalias", [("hash:t", text) for text in ALIASES]),
    ("postmap", [(table, "a b\n") for table in TABLES]),
], ids=["maps", "aliases", "names"])
def test_broken_tables_are_refused_alike(tmp_path, command, cases):
    def both(number):
        return [outcome(tmp_path / f"{number}{kind}", str(pathlib.Path(place, command)),
                        *cases[number])
                for kind, place in (("theirs", "/usr/sbin"), ("ours", PREFIX / "sbin"))]

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        pairs = list(pool.map(both, range(len(cases))))
    different = [f"{case}\nDebian: {wanted}\nours:   {got}"
                 for case, (wanted, got) in zip(cases, pairs) if wanted != got]
    assert not different, "\n".join(different)
