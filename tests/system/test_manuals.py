"""
The examples of the manual pages work: a table of an example is written to a file, and the
commands below it print what the page says.
"""
import os
import pathlib
import re
import shlex
import subprocess

import pytest

from instance import PREFIX, ROOT

PAGES = sorted([*ROOT.glob("conf/*.5"), *ROOT.glob("post*/post*.1")])
# What needs no mail system that runs.
HARMLESS = ("postmap", "postalias", "postconf", "postlock", "newaliases", "printf",
            "echo")


def unescape(text):
    return text.replace(r"\&", "").replace(r"\e", "\\").replace(r"\(dq", '"')


def examples(page):
    """Blocks of literal lines of the section EXAMPLES, and single ones (.Dl)."""
    text = re.search(r"^\.Sh EXAMPLES\n(.*?)(?=^\.Sh |\Z)", page.read_text(), re.M | re.S)
    for block, line in re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed$|^\.Dl ([^\n]*)$",
                                  text.group(1) if text else "", re.M | re.S):
        yield unescape(block or line).strip("\n").split("\n")


def is_session(lines):
    return re.match(r"[$#] (?:%s)\b" % "|".join(HARMLESS), lines[0])


def commands(lines):
    """Each command of a session with the lines that it prints."""
    for line in lines:
        if re.match(r"[$#] ", line):
            yield (found := (line[2:], []))
        else:
            found[1].append(line)


class Place:
    """A folder in the place of /etc/postfix, and of the others that pages name."""

    def __init__(self, folder):
        self.folder = folder
        for name in ("main.cf", "master.cf"):
            (folder / name).write_text((ROOT / "conf" / name).read_text())
        (folder / "message").write_text("Subject: ** buy\n\ny\n")
        (folder / "header_checks").write_text("/^Subject:/ WARN\n")
        (folder / "virtual").write_text("a@example.test b@example.test\n")

    def here(self, text):
        return re.sub(r"/etc/postfix|/etc(?=/aliases)", str(self.folder), text)

    def run(self, command):
        path = f"{PREFIX}/sbin:{os.environ['PATH']}"
        return subprocess.run(["sh", "-ec", self.here(command)], cwd=self.folder, text=True,
                              capture_output=True, timeout=60,
                              env={"PATH": path, "MAIL_CONFIG": str(self.folder)})


def tables_named(sessions):
    return set(re.findall(r"/etc/(?:postfix/)?(\w+(?:\.cf)?)\b",
                          "\n".join("\n".join(lines) for lines in sessions)))


def write_tables(place, page, blocks, sessions):
    """What is not a session is the text of the tables, the one block of each page that is."""
    names = tables_named(sessions) - {"main", "master", "main.cf", "master.cf"}
    texts = [lines for lines in blocks if not re.match(r"[$#] (?:post|new)", lines[0])]
    for name in names:
        for lines in texts[-1:]:
            (place.folder / name).write_text("\n".join(lines) + "\n")
    if page.name == "master.5":
        (place.folder / "master.cf").write_text("\n".join(texts[0]) + "\n")


@pytest.mark.parametrize("page", [page for page in PAGES
                                  if any(is_session(lines) for lines in examples(page))],
                         ids=lambda page: page.name)
def test_what_an_example_shows_is_what_happens(page, tmp_path):
    place, blocks = Place(tmp_path), list(examples(page))
    sessions = [lines for lines in blocks if is_session(lines)]

    write_tables(place, page, blocks, sessions)
    for lines in sessions:
        for command, expected in commands(lines):
            if shlex.split(command)[0] not in HARMLESS:
                continue
            done = place.run(command)
            assert done.returncode == 0, (command, done.stderr)
            assert "warning" not in done.stderr, (command, done.stderr)
            if expected:
                assert done.stdout.splitlines() == expected, command


def test_there_are_examples_to_try():
    tried = [page for page in PAGES if any(is_session(lines) for lines in examples(page))]
    assert len(tried) > 15
    assert pathlib.Path(PREFIX, "sbin/postmap").exists()
