#!/usr/bin/env python3
"""House style that a machine can see.  Prints each finding as file:line: text; exit 1 when any."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
LINE_LIMIT, FUNCTION_LIMIT, FILE_LIMIT, HEADER_LIMIT = 100, 60, 500, 260
ROOMS = ("base log config stream dns ipc table address message queue tls sasl milter smtp "
         "deliver service").split()
# service.h names streams and lanes in its interface only; see the room order of the plan.
BANNED = {
    r"\bstrcpy\(": "strcpy", r"\bstrcat\(": "strcat", r"\bsprintf\(": "sprintf",
    r"\bvsprintf\(": "vsprintf", r"\bgets\(": "gets", r"\batoi\(": "atoi", r"\batol\(": "atol",
    r"\bstrtok\(": "strtok", r"\bpthread_cancel\(": "pthread_cancel",
    r"\bpthread_kill\(": "pthread_kill", r"\blongjmp\(": "longjmp", r"\balloca\(": "alloca",
    r"\btypedef\b[^(]*;": "typedef",
}
# Where a banned word is right, with the reason.
ALLOWED = {}


def sources():
    return sorted(path for pattern in ("*.c", "*.h") for path in ROOT.rglob(pattern)
                  if path.relative_to(ROOT).parts[0] != "build")


def without_comments(text):
    def blank(match):
        return re.sub(r"[^\n]", " ", match.group(0))
    text = re.sub(r"/\*.*?\*/", blank, text, flags=re.S)
    return re.sub(r'"(?:\\.|[^"\\\n])*"', blank, text)


def long_functions(lines):
    start = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            start = number
        elif line == "}" and start:
            if number - start - 1 > FUNCTION_LIMIT:
                yield start, number - start - 1
            start = None


def includes(path, text):
    parts = path.relative_to(ROOT).parts
    for number, line in enumerate(text.split("\n"), 1):
        match = re.match(r'#include "([^"]+)"', line)
        if not match:
            continue
        room = match.group(1).split("/")[0]
        if parts[0] == "lib" and room in ROOMS and ROOMS.index(room) > ROOMS.index(parts[1]):
            yield number, f"lib/{parts[1]} may not use lib/{room}, which stands below it"


def findings(path):
    text = path.read_text()
    code = without_comments(text)
    lines = text.split("\n")
    name = str(path.relative_to(ROOT))
    limit = HEADER_LIMIT if path.suffix == ".h" else FILE_LIMIT
    if len(lines) > limit and not name.endswith("_test.c"):
        yield 1, f"{len(lines)} lines: is there a second noun in it? (limit {limit})"
    for number, line in enumerate(lines, 1):
        if len(line) > LINE_LIMIT:
            yield number, f"{len(line)} columns (limit {LINE_LIMIT})"
        if "\t" in line:
            yield number, "a tab"
        if line != line.rstrip():
            yield number, "white space at the end of the line"
    for number, line in enumerate(code.split("\n"), 1):
        for pattern, word in BANNED.items():
            if re.search(pattern, line) and (name, word) not in ALLOWED:
                yield number, f"{word} is banned"
        if re.search(r"\bgoto\b", line):
            yield number, "goto"
    # A test is a table of cases, and a table is as long as it is.
    for start, length in [] if name.endswith("_test.c") else long_functions(lines):
        yield start, f"a function of {length} lines (limit {FUNCTION_LIMIT})"
    yield from includes(path, text)
    if path.suffix == ".h" and "#pragma once" not in text:
        yield 1, "no #pragma once"


def lost_paths(page):
    """Files and folders that a page names in backquotes and that are not there."""
    for number, line in enumerate(page.read_text().split("\n"), 1):
        for name in re.findall(r"`([a-z]+/[\w./-]*)`", line):
            if (ROOT / name.split("/")[0]).is_dir() and not (ROOT / name).exists():
                yield number, f"{name} is not there"


def main():
    count = 0
    files, pages = sources(), [*ROOT.glob("*.md"), *ROOT.glob("doc/*.md")]
    for look, paths in ((findings, files), (lost_paths, pages)):
        for path in paths:
            for number, text in look(path):
                print(f"{path.relative_to(ROOT)}:{number}: {text}")
                count += 1
    print(f"style: {len(files)} files, {count} findings")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
