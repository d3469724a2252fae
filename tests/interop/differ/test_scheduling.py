"""
Who overtakes whom: a list and smaller mail behind it, to a host that takes one delivery at a
time, leave in the order in which Debian's qmgr sends them.

Each case is a transport of its own with slot parameters of its own, so one instance runs all.
"""
import os
import pathlib
import random
import re
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "system"))
from counting import compared
from instance import Instance, wait_for  # noqa: E402
from peer import Peer  # noqa: E402
from test_scheduler import send_list  # noqa: E402

CASES = int(os.environ.get("DIFFER_CASES", "12"))
SEED = int(os.environ.get("DIFFER_SEED", "1"))


class Case:
    """Deliveries of each message, two recipients each; the first message is the list."""

    def __init__(self, number, seed):
        choose = random.Random(f"{seed} {number}")
        self.domain = f"case{number}.test"
        self.transport = f"t{number}"
        self.mails = [choose.randrange(8, 60)] + [choose.choice([1, 1, 1, 2, 3, 5, 8])
                                                  for _ in range(choose.randrange(1, 7))]
        self.rules = {"delivery_slot_cost": choose.choice([0, 2, 2, 3, 5, 5, 5, 10]),
                      "delivery_slot_loan": choose.choice([0, 0, 1, 3, 3]),
                      "delivery_slot_discount": choose.choice([0, 50, 50, 100]),
                      "minimum_delivery_slots": choose.choice([1, 3, 3, 5])}

    def settings(self):
        return {f"{self.transport}_{name}": value for name, value in self.rules.items()} | {
            f"{self.transport}_destination_concurrency_limit": 1,
            f"{self.transport}_destination_recipient_limit": 2}


class Run:
    """A case in an instance: the host answers nothing until all mail is there."""

    def __init__(self, case):
        self.case = case
        self.open = threading.Event()
        self.peer = Peer({".": lambda line, number: "250 2.0.0 Ok" if self.open.wait(60) else "451 no"})

    def send(self, instance, which):
        count = self.case.mails[which]
        send_list(instance, [f"r{number:03}@{self.case.domain}" for number in range(2 * count)],
                  sender=f"{chr(ord('A') + which)}@near.test")

    def order(self):
        return "".join(re.search(r"FROM:<(.)", line).group(1) for line in self.peer.commands
                       if line.startswith("MAIL"))


def observe(kind, cases):
    runs = [Run(case) for case in cases]
    table = ", ".join(f"{{ {run.case.domain} = {run.case.transport}:[127.0.0.1]:{run.peer.port} }}"
                      for run in runs)
    settings = {"transport_maps": f"inline:{{ {table} }}", "notify_classes": "", "in_flow_delay": "0s"}
    for case in cases:
        settings |= case.settings()
    extra = "".join(f"{case.transport} unix - - n - - smtp\n" for case in cases)
    with Instance(settings=settings, kind=kind, master_extra=extra) as instance:
        sent = 0
        for run in runs:
            run.send(instance, 0)
            assert wait_for(lambda: run.peer.messages), instance.log()[-2000:]
        for which in range(1, max(len(case.mails) for case in cases)):
            for run in runs:
                if which < len(run.case.mails):
                    run.send(instance, which)
        sent = sum(len(case.mails) for case in cases)
        assert wait_for(lambda: instance.log().count("(queue active)") == sent), instance.log()[-2000:]
        # Merit is age by size: the ages must be alike but for those who came first.
        time.sleep(2)
        for run in runs:
            run.open.set()
        assert wait_for(lambda: instance.log().count(": removed\n") == sent, 60), instance.log()[-2000:]
        return [run.order() for run in runs]


def test_mail_overtakes_a_list_as_with_debian():
    cases = [Case(number, SEED) for number in range(CASES)]
    compared(len(cases))
    theirs, mine = observe("debian", cases), observe("ours", cases)
    wrong = [f"{case.mails} {case.rules}\nDebian: {one}\nours:   {other}"
             for case, one, other in zip(cases, theirs, mine) if one != other]
    assert not wrong, f"{len(wrong)} of {len(cases)}\n" + "\n".join(wrong)
