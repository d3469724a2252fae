#!/usr/bin/env python3
"""
Manual pages: every program and file format has one, mandoc has nothing to say of them, and
every option that a program takes is in its page.  Arguments: the pages that are built.
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FORMATS = ("access aliases bounce canonical cidr_table generic header_checks lmdb_table master "
           "memcache_table pcre_table postconf regexp_table relocated socketmap_table tcp_table "
           "transport virtual").split()
LINKS = {"mailq": "sendmail", "newaliases": "sendmail", "lmtp": "smtp"}


def programs(kind):
    """The words of COMMANDS or DAEMONS in the Makefile: folder/name."""
    text = (ROOT / "Makefile").read_text()
    words = re.search(rf"^{kind} = \\\n((?:    .*\n)+)", text, re.M).group(1)
    return words.replace("\\", "").split()


def options_of(path):
    """Letters of its getopt(3) calls."""
    letters = set()
    for source in path.parent.glob("*.c"):
        if source.name == f"{path.name}.c" or source.name.startswith("options"):
            for text in re.findall(r'getopt\([^"]*"([^"]*)"', source.read_text()):
                letters |= set(re.sub(r"[^A-Za-z0-9]", "", text))
    return letters


def findings(pages):
    by_name = {page.name: page for page in pages}
    wanted = {f"{pathlib.Path(name).name}.1": name for name in programs("COMMANDS")}
    wanted |= {f"{pathlib.Path(name).name}.8": name for name in programs("DAEMONS")
               if pathlib.Path(name).name not in LINKS}
    for name in sorted([*wanted, *(f"{name}.5" for name in FORMATS)]):
        if name not in by_name:
            yield f"{name}: there is no such manual page"
    for name, program in wanted.items():
        if not name.endswith(".1") or name not in by_name:
            continue
        text = by_name[name].read_text()
        flags = set("".join(re.findall(r"(?:Fl|\\-|Fl Ns) ?([A-Za-z0-9]+)", text)))
        for letter in sorted(options_of(ROOT / program) - flags):
            yield f"{name}: option -{letter} is not described"
    lint = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", *map(str, pages)],
                          capture_output=True, text=True)
    for line in lint.stdout.splitlines():
        if "referenced manual not found" not in line:
            yield line


def main():
    count = 0
    for line in findings([pathlib.Path(name) for name in sys.argv[1:]]):
        print(line)
        count += 1
    print(f"manuals: {len(sys.argv) - 1} pages, {count} findings")
    return 1 if count else 0


sys.exit(main())
