#!/usr/bin/env python3
"""
Debian's Postfix and ours in turns on the same work; prints each figure and the ratio.

CPU is user + system time of all processes of an instance, and of the commands that are run, for a
message (an entry, a start); memory is the proportional set size (PSS) of all its processes.
Arguments: names of rows (default all).  Times depend on the machine, ratios hardly do, but for one
thing: ext4 without a journal looks at every inode that was freed in the last half minute before it
makes a file, so that there hold and maildir show what others have deleted.  TMPDIR names another disk.
"""
import argparse
import shutil
import statistics
import subprocess
import sys
import time

from rows import HOME, ROWS, USER
import measure
import whole

ROUNDS = 3


def one_round(row, instance):
    """CPU milliseconds and wall milliseconds for one of what the row counts."""
    before, start = measure.cpu_seconds(instance), time.monotonic()
    commands = row.work(instance) or 0
    wall = time.monotonic() - start
    used = measure.cpu_seconds(instance) - before + commands
    return used * 1000 / row.count, wall * 1000 / row.count


def compare(row):
    figures = {"ours": [], "debian": []}
    with measure.Sink() as sink:
        instances = {kind: row.make(kind, sink) for kind in figures}
        try:
            for instance in instances.values():
                instance.start()
                row.warm(instance)
            for _ in range(ROUNDS):
                for kind, instance in instances.items():
                    figures[kind].append(one_round(row, instance))
        finally:
            for instance in instances.values():
                instance.close()
    return report(row, figures)


def report(row, figures):
    cpu = {kind: statistics.median(f[0] for f in rows) for kind, rows in figures.items()}
    wall = {kind: statistics.median(f[1] for f in rows) for kind, rows in figures.items()}
    ratio = cpu["ours"] / cpu["debian"]
    verdict = "ok" if ratio <= row.bar else "MISSED"
    print(f"{row.title}: CPU ours {cpu['ours']:.3f} ms, Debian's {cpu['debian']:.3f} ms, "
          f"ratio {ratio:.2f} (bar {row.bar}: {verdict}); "
          f"wall ours {wall['ours']:.2f} ms, Debian's {wall['debian']:.2f} ms", flush=True)
    return ratio <= row.bar


def make_user():
    subprocess.run(["useradd", "--system", "--no-create-home", "--home-dir", str(HOME), USER],
                   stderr=subprocess.DEVNULL)
    subprocess.run(["usermod", "--home", str(HOME), USER], check=True,
                   capture_output=True)
    shutil.rmtree(HOME, ignore_errors=True)
    HOME.mkdir()
    shutil.chown(HOME, USER)


def main():
    special = {"idle": whole.idle_sessions_row, "instance": whole.instance_row,
               "start": whole.start_row}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="*", choices=[*ROWS, *special, []])
    chosen = parser.parse_args().rows or [*ROWS, *special]
    make_user()
    good = [special[name]() if name in special else compare(ROWS[name]) for name in chosen]
    shutil.rmtree(HOME, ignore_errors=True)
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
