"""Everything at once: made to be run under the thread sanitizer (./check does)."""
import contextlib
import itertools
import re
import socket
import subprocess
import threading
import time

import measure
from instance import wait_for

TURNS = 5           # of each of those who disturb
MESSAGES = 200      # of each client


def virtual_text(turn):
    """The table that is rebuilt all the time: what is looked up in it stays."""
    return ("list@test.example x@far.example, y@far.example\n" +
            "".join(f"n{number}@test.example x@far.example\n"
                    for number in range(turn % 2 * 50, turn % 2 * 50 + 50)))


def access_text(turn):
    return f"a@test.example {'OK' if turn % 2 else 'DUNNO'}\nbad@test.example REJECT\n"


def build_tables(instance, turn):
    for name, text in (("virtual", virtual_text(turn)), ("access", access_text(turn))):
        (instance.config / name).write_text(text)
        instance.run("postmap", f"hash:{instance.config}/{name}")


def write_transport(instance, relay):
    (instance.config / "transport").write_text(
        f"deferred.example {relay}\nbounced.example error:5.1.2 no such domain\n")
    instance.run("postmap", f"hash:{instance.config}/transport")


def drop_in_the_middle(instance):
    """A client that is gone before the end of its message."""
    for drop in (b"MAIL FROM:<a@test.example>\r\n",
                 b"MAIL FROM:<a@test.example>\r\nRCPT TO:<lost@far.example>\r\n",
                 b"MAIL FROM:<a@test.example>\r\nRCPT TO:<lost@far.example>\r\nDATA\r\n"
                 b"Subject: lost\r\n\r\n" + b"half a line\r\n" * 3000 + b"and th"):
        with contextlib.suppress(OSError), \
                socket.create_connection(("127.0.0.1", instance.port), timeout=30) as client:
            client.recv(1)
            client.sendall(b"EHLO client.example\r\n" + drop)
            time.sleep(0.05)


def be_refused(instance):
    with instance.smtp() as client:
        client.ehlo("client.example")
        client.mail("bad@test.example")
        assert client.rcpt("x@far.example")[0] == 554


def submit(instance, reader):
    for recipient in ("x@far.example", "list@test.example", f"{reader.pw_name}@test.example",
                      "x@deferred.example", "x@bounced.example"):
        instance.sendmail("-f", f"{reader.pw_name}@test.example", recipient)


def look(instance):
    assert instance.run("postqueue", "-p").stdout
    instance.run("postqueue", "-f")


class Disturbance(threading.Thread):
    """Calls work TURNS times and more, until told to end; keeps what it raised."""

    def __init__(self, work, *arguments):
        super().__init__()
        self.work, self.arguments, self.going, self.failure = work, arguments, True, None
        self.turns = 0
        self.start()

    def run(self):
        try:
            while self.going or self.turns < TURNS:
                self.work(*self.arguments)
                self.turns += 1
        except Exception as failure:  # noqa: B902 (given to the test by end())
            self.failure = failure

    def end(self):
        self.going = False
        self.join()
        if self.failure:
            raise self.failure


def clients(instance, reader):
    return [subprocess.Popen([measure.SMTP_SOURCE, "-s", "10", "-m", str(MESSAGES), "-l", "4000",
                              *options, "-f", "a@test.example", "-t", recipient,
                              f"127.0.0.1:{instance.port}"])
            for options in ([], ["-d"])
            for recipient in ("x@far.example", "list@test.example",
                              f"{reader.pw_name}@test.example")]


class Outcomes:
    """What a log says of deliveries; a busy host loses lines, and the log says how many."""

    def __init__(self, log):
        self.log = log
        self.lost = sum(map(int, re.findall(r" \[(\d+) lines before this one were lost\]", log)))

    def check(self, recipient, status, count):
        logged = len(re.findall(rf"to=<{recipient}>, .*status={status}", self.log))
        assert logged <= count <= logged + self.lost, (recipient, logged, self.lost, count)

    def reached(self, recipient, status, count):
        logged = len(re.findall(rf"to=<{recipient}>, .*status={status}", self.log))
        return count <= logged + self.lost


def test_a_storm_of_clients_is_served(ours, reader, mailbox):
    with measure.Sink() as sink:
        instance = ours(start=False, settings={
            "home_mailbox": "Maildir/", "relayhost": f"[127.0.0.1]:{sink.port}",
            "transport_maps": "hash:$config_directory/transport",
            "virtual_alias_maps": "hash:$config_directory/virtual",
            "smtpd_recipient_restrictions":
                "check_sender_access hash:$config_directory/access, permit_mynetworks, reject"})
        build_tables(instance, 0)
        write_transport(instance, "smtp:[127.0.0.1]:1")
        instance.start()
        workers = clients(instance, reader)
        rebuilds = itertools.count()
        disturbances = [
            Disturbance(lambda: build_tables(instance, next(rebuilds))),
            Disturbance(drop_in_the_middle, instance),
            Disturbance(be_refused, instance),
            Disturbance(submit, instance, reader),
            Disturbance(look, instance),
        ]
        for _ in range(6):
            time.sleep(0.5)
            instance.run("postfix", "reload")
        for worker in workers:
            assert worker.wait(timeout=120) == 0
        for disturbance in disturbances:
            disturbance.end()
        turns = disturbances[3].turns
        wait_for(lambda: Outcomes(instance.log()).reached("x@deferred.example", "deferred", turns),
                 60)
        write_transport(instance, f"smtp:[127.0.0.1]:{sink.port}")
        wait_for(lambda: instance.run("postqueue", "-f") and
                 Outcomes(instance.log()).reached("x@deferred.example", "sent", turns), 60,
                 every=1)
        measure.drained(instance)
        # The sink's own count, since a busy host may lose log lines: at least these, and no
        # more than were sent; y@ and x@ of the list may share a transaction.
        wanted = 4 * MESSAGES + 2 * turns
        taken = wait_for(lambda: sink.messages() >= wanted + turns and sink.messages(), 20)
        # A line may reach the file after its message has left the queue.
        wait_for(lambda: Outcomes(instance.log()).reached(".*", "sent", 8 * MESSAGES + 6 * turns))
        log = instance.log()
    assert taken and wanted + turns <= taken <= 6 * MESSAGES + 4 * turns, (taken, wanted, turns)
    outcomes = Outcomes(log)
    reader_address = f"{reader.pw_name}@test.example"
    outcomes.check("x@far.example", "sent", 4 * MESSAGES + 2 * turns)
    outcomes.check("y@far.example", "sent", 2 * MESSAGES + turns)
    outcomes.check("x@deferred.example", "sent", turns)
    outcomes.check("x@bounced.example", "bounced", turns)
    outcomes.check(reader_address, "sent", 2 * MESSAGES + 2 * turns)
    assert len(mailbox(2 * MESSAGES + 2 * turns)) == 2 * MESSAGES + 2 * turns
    assert "lost@far.example>, relay" not in log
    assert not re.search(r"killed by signal|panic|fatal", log)
