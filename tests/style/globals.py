#!/usr/bin/env python3
"""
No object of lib/ or of a program has writable data (threads would share it).
Exceptions stand here by name, each with its reason.  Argument: the build folder.
"""
import pathlib
import subprocess
import sys

EXCEPTIONS = {
    "the_log": "the log of the process, opened before there are threads; lines are atomics",
    "opened": "whether log_open ran before, single-threaded",
}


def writable(path):
    listed = subprocess.run(["nm", "--defined-only", str(path)], capture_output=True,
                            text=True, check=True).stdout
    for line in listed.splitlines():
        kind, name = line.split()[-2:]
        if kind in "dDbBC" and name.split(".")[0] not in EXCEPTIONS:
            yield name


def thread_local(path):
    listed = subprocess.run(["readelf", "-sW", str(path)], capture_output=True, text=True,
                            check=True).stdout
    return {line.split()[7].split("@")[0] for line in listed.splitlines()
            if len(line.split()) > 7 and line.split()[3] == "TLS"}


def main():
    count = 0
    build = pathlib.Path(sys.argv[1])
    objects = [path for path in build.rglob("*.o") if not path.name.endswith("_test.o")
               and "tests" not in path.relative_to(build).parts]
    for path in objects:
        # Relocated constant tables stand in .data.rel.ro, which nm calls d as well.
        constant = read_only(path)
        for name in writable(path):
            if name not in constant and name not in thread_local(path):
                print(f"{path}: {name} is writable data")
                count += 1
    print(f"globals: {len(objects)} objects, {count} findings")
    return 1 if count else 0


def read_only(path):
    listed = subprocess.run(["objdump", "-t", str(path)], capture_output=True, text=True,
                            check=True).stdout
    return {line.split()[-1] for line in listed.splitlines() if ".data.rel.ro" in line}


if __name__ == "__main__":
    sys.exit(main())
