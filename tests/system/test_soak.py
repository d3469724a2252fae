"""Many messages through one instance: no daemon grows with the mail that it has seen.

A backlog makes qmgr grow once, a leak makes a process grow in every round.
"""
import os
import pathlib
import re

import measure
import pytest
from sanitizer import SANITIZED

MESSAGES = int(os.environ.get("SOAK_MESSAGES", "2000"))
ROUNDS = 4
LEAK_BYTES = 100        # for each message: what grows by less in any round has found its size


def resident(instance):
    """Kilobytes that belong to each process of the instance alone, by (name, process id)."""
    sizes = {}
    for pid in measure.tree(instance):
        process = pathlib.Path(f"/proc/{pid}")
        text = (process / "smaps_rollup").read_text()
        sizes[(process / "comm").read_text().strip(), pid] = sum(
            int(number) for number in re.findall(r"^Private_\w+:\s+(\d+)", text, re.M))
    return sizes


def soak(instance, reader, count):
    for options in ({}, {"reuse": True}):
        for recipient in ("x@far.example", f"{reader.pw_name}@test.example"):
            measure.source(instance.port, count // 4, sessions=8, recipient=recipient, **options)
    measure.drained(instance, 600)


@pytest.mark.skipif(bool(SANITIZED), reason="a sanitizer keeps what was freed")
def test_daemons_do_not_grow(ours, reader, mailbox):
    with measure.Sink() as sink:
        instance = ours(settings={"home_mailbox": "Maildir/", "max_use": "1000000",
                                  "relayhost": f"[127.0.0.1]:{sink.port}"})
        soak(instance, reader, 1000)
        rounds = [resident(instance)]
        for _ in range(ROUNDS):
            soak(instance, reader, MESSAGES // ROUNDS)
            rounds.append(resident(instance))
    lasting = set.intersection(*(set(sizes) for sizes in rounds))
    assert {"master", "smtpd", "cleanup", "qmgr", "smtp", "local", "postlogd"} <= {
        name for name, _ in lasting}
    sizes = {process: [size[process] for size in rounds] for process in sorted(lasting)}
    print(sizes)
    for process, (first, *later) in sizes.items():
        growth = [after - before for before, after in zip([first, *later], later)]
        assert min(growth) * 1024 < MESSAGES // ROUNDS * LEAK_BYTES, (process, sizes[process])
