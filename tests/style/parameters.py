"""Every config->NAME in a program's folder is read by a program of that folder.

The "used by" column of lib/config/parameters.def says which programs evaluate a parameter;
a member that is read elsewhere is always zero.  Library code is not looked at: its callers
differ.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROW = re.compile(r'^(?:PARAMETER|NEWER|OURS)\((\w+),\s*\w+,\s*(?:COMPUTED|(?:"(?:[^"\\]|\\.)*"\s*)+),'
                 r'\s*-?\d+,\s*-?\d+,\s*((?:"[^"]*"\s*)+),', re.M)


def rows():
    """Member -> programs."""
    text = (ROOT / "lib/config/parameters.def").read_text()
    found = {name: set() if used.startswith('"-') else
             set(re.sub(r'"|\s', "", used).split(",")) - {""} for name, used in ROW.findall(text)}
    assert len(found) == len(re.findall(r"^(?:PARAMETER|NEWER|OURS)\(", text, re.M)), \
        "a row of parameters.def was not understood"
    return found


def programs():
    """Folder -> names of its programs, as the Makefile lists them."""
    found = {}
    for folder, name in re.findall(r"^ {4}(\w[\w-]*)/([\w-]+)\b", (ROOT / "Makefile").read_text(),
                                   re.M):
        found.setdefault(folder, set()).add(name)
    return found


def main():
    wrong = []
    table = rows()
    for folder, names in programs().items():
        for source in sorted((ROOT / folder).rglob("*.[ch]")):
            if source.name.endswith("_test.c"):
                continue
            for number, line in enumerate(source.read_text().splitlines(), 1):
                for member in re.findall(r"\bconfig->(\w+)", line):
                    used = table.get(member)
                    if used is not None and "*" not in used and not used & names:
                        wrong.append(f"{source.relative_to(ROOT)}:{number}: config->{member}: its "
                                     f"row is used by \"{','.join(sorted(used))}\", not by "
                                     f"{' or '.join(sorted(names))}")
    print("\n".join(wrong) or "parameters: every config->NAME is evaluated for its reader")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
