"""kill -9 of one daemon or of all, under load: every message that was answered 250 arrives."""
import os
import random
import signal
import smtplib
import socket
import threading
import time

import measure
from instance import wait_for

ROUNDS = int(os.environ.get("CRASH_ROUNDS", "50"))


class Load(threading.Thread):
    """Sends numbered messages, one after the other, and remembers those answered 250."""

    def __init__(self, instance, recipient, name):
        super().__init__()
        self.instance, self.recipient, self.label = instance, recipient, name
        self.accepted, self.running = [], True

    def run(self):
        number = 0
        while self.running:
            number += 1
            mark = f"{self.label}-{number}"
            try:
                with smtplib.SMTP("127.0.0.1", self.instance.port, timeout=20) as client:
                    client.sendmail("a@example.org", [self.recipient],
                                    f"Subject: {mark}\r\n\r\n" + "x" * 500 + f"\r\nend {mark}\r\n")
                    self.accepted.append(mark)
            except smtplib.SMTPServerDisconnected:
                # sendmail may have been answered before QUIT failed: then it is in the list.
                time.sleep(0.02)
            except (OSError, smtplib.SMTPException):
                time.sleep(0.02)


def victims(instance):
    """Every process of the suite but master, with its name."""
    found = []
    for pid in measure.tree(instance)[1:]:
        try:
            with open(f"/proc/{pid}/comm") as file:
                found.append((pid, file.read().strip()))
        except OSError:
            pass
    return found


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def kill_all(instance):
    pids = measure.tree(instance)
    for pid in pids:
        kill(pid)
    assert wait_for(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids), 10)
    assert wait_for(lambda: instance.run("postfix", "start", check=False).returncode == 0, 30)


def test_nothing_that_was_accepted_is_lost(ours, reader, mailbox):
    seed = int(os.environ.get("CRASH_SEED", "1"))
    chance = random.Random(seed)
    # What an agent had in hand when it died is tried again at once, not after minutes.
    instance = ours(settings={"home_mailbox": "Maildir/", "minimal_backoff_time": "1s",
                              "maximal_backoff_time": "2s", "queue_run_delay": "1s",
                              "transport_retry_time": "1s", "service_throttle_time": "1s"})
    loads = [Load(instance, f"{reader.pw_name}@test.example", f"load{number}")
             for number in range(3)]
    for load in loads:
        load.start()
    try:
        for number in range(ROUNDS):
            time.sleep(chance.uniform(0.05, 0.4))
            if number % 10 == 9:
                kill_all(instance)
                continue
            alive = victims(instance)
            if alive:
                kill(chance.choice(alive)[0])
    finally:
        for load in loads:
            load.running = False
        for load in loads:
            load.join()
    accepted = [mark for load in loads for mark in load.accepted]
    assert len(accepted) >= ROUNDS, "too little load to show anything"
    wait_for(lambda: measure.queue_is_empty(instance), 60)
    messages = mailbox(len(accepted))
    arrived = {line[len(b"Subject: "):].decode() for message in messages
               for line in message.split(b"\n") if line.startswith(b"Subject: ")}
    missing = sorted(set(accepted) - arrived)
    assert not missing, f"{len(missing)} of {len(accepted)} accepted are missing: {missing[:5]}"
    for message in messages:
        if b"\nSubject: load" in message:
            mark = message.split(b"\nSubject: ", 1)[1].split(b"\n", 1)[0]
            assert message.endswith(b"\nend " + mark + b"\n"), f"half a message: {mark}"
    print(f"{len(accepted)} accepted, {len(messages)} arrived, {ROUNDS} rounds, seed {seed}")


def test_a_crash_with_30_sessions_isolates_the_service(ours):
    instance = ours()
    clients = []
    for _ in range(30):
        client = socket.create_connection(("127.0.0.1", instance.port), timeout=20)
        assert client.recv(500).startswith(b"220")
        clients.append(client)
    before = instance.processes("smtpd")
    assert len(before) < 30, "sessions do not share processes: nothing to show"
    os.kill(before[0], signal.SIGSEGV)
    instance.wait_log(r"postfix/master\[\d+\]: warning: process \S+/smtpd pid \d+ "
                      r"killed by signal 11")
    instance.wait_log(r"postfix/master\[\d+\]: warning: service \"\S+\": one client for each "
                      r"process for the next 3600 seconds, because a process died of a signal")
    for client in clients:
        client.close()
    assert wait_for(instance.answers, 20), instance.log()
    fresh = []
    for _ in range(5):
        client = socket.create_connection(("127.0.0.1", instance.port), timeout=20)
        client.settimeout(20)
        assert client.recv(500).startswith(b"220")
        fresh.append(client)
    others = set(instance.processes("smtpd")) - set(before[1:])
    assert len(others) >= 5, "each session has a process of its own"
    os.kill(sorted(others)[0], signal.SIGSEGV)
    time.sleep(0.5)
    answered = 0
    for client in fresh:
        try:
            client.sendall(b"NOOP\r\n")
            answered += client.recv(100).startswith(b"250")
        except OSError:
            pass
        client.close()
    assert answered == 4, "the crash hit more than its author"
