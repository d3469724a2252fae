"""The intake log: mail that is not delivered at once becomes files, whatever happens."""
import os
import pathlib
import re
import signal
import subprocess
import threading

import measure
import pytest

from instance import wait_for
from peer import Peer

COUNT = 40


@pytest.fixture
def gate():
    event = threading.Event()
    yield event
    event.set()


def files(instance, *places):
    return [path for place in places for path in (instance.queue / place).rglob("*")
            if path.is_file()]


def waiting(ours, gate, **settings):
    """An instance with mail that waits for a server, which says nothing until the gate opens."""
    peer = Peer({".": lambda line, number: gate.wait(60) and "250 2.0.0 Ok"})
    instance = ours(settings={"default_transport": f"smtp:[127.0.0.1]:{peer.port}",
                              "notify_classes": "", "minimal_backoff_time": "1s",
                              "maximal_backoff_time": "2s", "queue_run_delay": "1s",
                              **settings})
    with instance.smtp() as client:
        for number in range(COUNT):
            client.sendmail("a@test.example", [f"r{number}@far.test"],
                            f"Subject: s{number}\r\n\r\nbody {number}\r\n")
    return instance, peer


def kill(pids):
    for pid in pids:
        try:
            os.kill(int(pid), signal.SIGKILL)
        except ProcessLookupError:
            pass


def kill_everything(instance):
    master = (instance.queue / "pid/master.pid").read_text().strip()
    children = pathlib.Path(f"/proc/{master}/task/{master}/children").read_text()
    kill([master, *children.split()])


def test_mail_that_waits_is_in_the_log_then_in_files(ours, gate):
    instance, peer = waiting(ours, gate)
    assert measure.logged(instance) > COUNT // 2
    listing = instance.run("postqueue", "-p").stdout
    assert len(re.findall(r"^[0-9A-F]+\*? ", listing, re.M)) == COUNT
    assert wait_for(lambda: len(files(instance, "active", "incoming")) == COUNT, 30)
    assert measure.logged(instance) == 0
    gate.set()
    assert wait_for(lambda: not files(instance, "active", "incoming", "deferred"), 30), \
        instance.log()
    assert {int(number) for message in peer.messages
            for number in re.findall(rb"Subject: s(\d+)\r\n", message)} == set(range(COUNT))


def test_tools_find_a_message_of_the_log(ours, gate):
    instance, _ = waiting(ours, gate)
    listing = instance.run("postqueue", "-p").stdout
    ids = re.findall(r"^([0-9A-F]+)\*? ", listing, re.M)
    assert measure.logged(instance) > COUNT // 2
    shown = instance.run("postcat", "-q", ids[-1]).stdout
    assert "Subject: s" in shown and "body " in shown
    instance.run("postsuper", "-h", ids[-1])
    assert [path.name for path in files(instance, "hold")] == [ids[-1]]
    instance.run("postsuper", "-d", "ALL")
    assert not files(instance, "incoming", "active", "deferred", "hold")
    assert measure.logged(instance) == 0


def test_a_stop_leaves_nothing_but_queue_files(ours, gate):
    instance, _ = waiting(ours, gate)
    assert measure.logged(instance) > COUNT // 2
    instance.stop()
    assert not files(instance, "intake")
    found = files(instance, "incoming", "active", "deferred")
    assert len(found) == COUNT
    for path in found:          # Postfix's own tool reads them
        shown = subprocess.run(["/usr/sbin/postcat", path], capture_output=True, check=True)
        assert b"*** MESSAGE FILE END " in shown.stdout


def test_kill_of_everything_loses_nothing_of_the_log(ours, gate):
    instance, peer = waiting(ours, gate)
    assert measure.logged(instance) > COUNT // 2
    kill_everything(instance)
    assert wait_for(lambda: not instance.running())
    assert measure.logged(instance) > COUNT // 2
    gate.set()
    instance.start()
    assert wait_for(lambda: not files(instance, "active", "incoming", "deferred")
                    and measure.logged(instance) == 0, 30), instance.log()
    assert {int(number) for message in peer.messages
            for number in re.findall(rb"Subject: s(\d+)\r\n", message)} == set(range(COUNT))


def test_postsuper_settles_what_a_dead_master_left(ours, gate):
    instance, _ = waiting(ours, gate)
    kill_everything(instance)
    assert wait_for(lambda: not instance.running())
    assert measure.logged(instance) > COUNT // 2
    instance.run("postsuper", "-s")
    assert measure.logged(instance) == 0
    assert len(files(instance, "incoming", "active", "deferred")) == COUNT


def test_a_parameter_switches_the_log_off(ours, gate):
    instance, _ = waiting(ours, gate, queue_intake_log="no")
    assert not files(instance, "intake")
    assert len(files(instance, "active", "incoming")) == COUNT
