"""
Processes end while they have work in hand: worn out, idle, replaced, stopped.  None of it shows:
every accepted mail is delivered once, and that is logged once.
"""
import collections
import re
import smtplib
import threading

import pytest

import measure
from instance import wait_for


class Client(threading.Thread):
    """Sends mail and counts what was accepted; a mail system that is away is tried again."""

    def __init__(self, instance, recipients):
        super().__init__()
        self.instance, self.recipients = instance, recipients
        self.accepted, self.doubtful, self.running = [], 0, True
        self.start()

    def send_one(self, client):
        client.ehlo_or_helo_if_needed()
        client.mail("sender@test.example")
        for recipient in self.recipients:
            assert client.rcpt(recipient)[0] == 250
        assert client.docmd("DATA")[0] == 354
        try:
            client.send("Subject: work\r\n\r\n" + "Hello\r\n" * 20 + ".\r\n")
            code, text = client.getreply()
        except (OSError, smtplib.SMTPServerDisconnected):
            self.doubtful += 1      # it may have been accepted
            raise
        assert code == 250, text
        self.accepted.append(text.split()[-1].decode())

    def run(self):
        while self.running:
            try:
                with smtplib.SMTP("127.0.0.1", self.instance.port, timeout=30) as client:
                    for _ in range(5):
                        self.send_one(client)
            except (OSError, smtplib.SMTPException, AssertionError):
                pass


def reload(instance):
    turns = instance.log().count(": reload -- version")
    instance.run("postfix", "reload")
    wait_for(lambda: instance.log().count(": reload -- version") > turns)


def restart(instance):
    instance.stop()
    instance.start()


def nothing(_):
    pass


@pytest.mark.parametrize("disturb, settings", [
    (reload, {}),
    (restart, {}),
    (restart, {"queue_intake_log": "no"}),
    (nothing, {"max_use": "2", "max_idle": "1s", "sessions_per_process": "2"}),
], ids=["reload", "restart", "restart without a log", "worn out"])
def test_what_is_accepted_is_delivered_and_logged_once(ours, reader, mailbox, disturb, settings):
    with measure.Sink() as sink:
        here = f"{reader.pw_name}@test.example"
        instance = ours(settings={"home_mailbox": "Maildir/",
                                  "relayhost": f"[127.0.0.1]:{sink.port}", **settings})
        clients = [Client(instance, recipients) for recipients in
                   (["x@far.example"], [here], ["y@far.example", "z@elsewhere.example"])]
        for turn in range(1, 5):
            disturb(instance)
            assert wait_for(lambda: all(len(client.accepted) >= 20 * turn for client in clients),
                            60), instance.log()
        for client in clients:
            client.running = False
        for client in clients:
            client.join()
        assert sum(client.doubtful for client in clients) == 0
        measure.drained(instance)
        wanted = collections.Counter((identity, recipient) for client in clients
                                     for identity in client.accepted
                                     for recipient in client.recipients)

        def logged():
            return collections.Counter(re.findall(r": (\w+): to=<([^>]+)>,.* status=sent",
                                                  instance.log()))

        wait_for(lambda: sum(logged().values()) >= sum(wanted.values()))
        assert logged() == wanted
        assert "status=deferred" not in instance.log()
        assert len(mailbox(len(clients[1].accepted))) == len(clients[1].accepted)
        removed = re.findall(r"qmgr\[\d+\]: (\w+): removed", instance.log())
        assert sorted(removed) == sorted(identity for client in clients
                                         for identity in client.accepted)
        relayed = len(clients[0].accepted) + len(clients[2].accepted)   # y and z go together
        assert wait_for(lambda: sink.messages() >= relayed) and sink.messages() == relayed
    assert not re.search(r"killed by signal|panic|fatal|lines before this", instance.log())
