#!/usr/bin/env python3
"""
Manual pages: every program and file format has one, mandoc has nothing to say of them, every
option that a program takes is in its page, and that of a daemon names the rights that it declares
and its lines of the stock master.cf.  Arguments: the folder of the programs, and the pages that
are built.
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FORMATS = ("access aliases bounce canonical cidr_table generic header_checks lmdb_table master "
           "memcache_table pcre_table postconf regexp_table relocated socketmap_table tcp_table "
           "transport virtual").split()
# Pages of the host that ours name; those of sections 2, 3 and 7 are the host's, too.
FOREIGN = "inetd.8 logger.1 mbox.5 nsswitch.conf.5 syslogd.8".split()
LINKS = {"mailq": "sendmail", "newaliases": "sendmail", "lmtp": "smtp", "defer": "bounce",
         "trace": "bounce", "retry": "error"}


def programs(kind):
    """The words of COMMANDS or DAEMONS in the Makefile: folder/name."""
    text = (ROOT / "Makefile").read_text()
    words = re.search(rf"^{kind} = \\\n((?:    .*\n)+)", text, re.M).group(1)
    return words.replace("\\", "").split()


def options_of(path):
    """Letters of its getopt(3) calls, also where they stand in a constant."""
    letters = set()
    for source in path.parent.glob("*.c"):
        if source.name == f"{path.name}.c" or source.name.startswith("options"):
            for text in re.findall(r'(?:getopt\([^";]*|\.options = | letters\[\] = )"([^"]*)"',
                                   source.read_text()):
                letters |= set(re.sub(r"[^A-Za-z0-9]", "", text))
    return letters


def rights_in(text):
    """The words of the list in the section RIGHTS."""
    section = re.search(r"^\.Sh RIGHTS\n(.*?)^\.Sh ", text, re.M | re.S)
    listed = re.search(r"^\.Bl.*?^\.El", section.group(1), re.M | re.S) if section else None
    return set(re.findall(r"^\.It Cm (\S+)$", listed.group(0), re.M)) if listed else set()


def declared_rights(program):
    output = subprocess.run([program, "--rights"], capture_output=True, text=True, check=True)
    return set(output.stdout.split()[1:]) - {"nothing"}


def stock_lines():
    """Of master.cf: (program, words of the line)."""
    for line in (ROOT / "conf/master.cf").read_text().splitlines():
        words = line.split()
        if words and not line.startswith(("#", " ")):
            yield words[7], words


def daemon_findings(binaries, by_name):
    for name in sorted(by_name):
        if name.endswith(".8") and name != "master.8":
            named, declared = rights_in(by_name[name].read_text()), declared_rights(
                binaries / name.removesuffix(".8"))
            if named != declared:
                yield f"{name}: the rights are {' '.join(sorted(declared)) or 'none'}"
    for program, words in stock_lines():
        page = by_name.get(f"{LINKS.get(program, program)}.8")
        if page and not re.search(r"^" + r"\s+".join(map(re.escape, words)), page.read_text(), re.M):
            yield f"{page.name}: the line of master.cf is {' '.join(words)}"


def reference_findings(by_name):
    links = {f"{link}.{section}" for link, name in LINKS.items() for section in "18"
             if f"{name}.{section}" in by_name}
    for name, page in sorted(by_name.items()):
        for other, section in re.findall(r"\bXr (\S+) ([158])", page.read_text()):
            if f"{other}.{section}" not in {*by_name, *links, *FOREIGN}:
                yield f"{name}: there is no {other}({section})"


def findings(binaries, pages):
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
        flags = set(re.findall(r"^\.It Fl ([A-Za-z0-9])\b", text, re.M))
        for letter in sorted(options_of(ROOT / program) - flags):
            yield f"{name}: option -{letter} is not described"
    yield from daemon_findings(binaries, by_name)
    yield from reference_findings(by_name)
    lint = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", *map(str, pages)],
                          capture_output=True, text=True)
    for line in lint.stdout.splitlines():
        if "referenced manual not found" not in line:
            yield line


def main():
    count = 0
    binaries, *pages = map(pathlib.Path, sys.argv[1:])
    for line in findings(binaries, pages):
        print(line)
        count += 1
    print(f"manuals: {len(pages)} pages, {count} findings")
    return 1 if count else 0


sys.exit(main())
