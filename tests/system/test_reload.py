"""Change without loss: reload, a changed table, a broken main.cf, all under load."""
import re
import smtplib
import socket
import threading
import time

import measure
from instance import wait_for


class Sessions(threading.Thread):
    """One long session that goes on sending; a reset or refused message is remembered."""

    def __init__(self, instance, recipient):
        super().__init__()
        self.instance, self.recipient = instance, recipient
        self.sent, self.trouble, self.running = 0, [], True

    def run(self):
        while self.running:
            try:
                with smtplib.SMTP("127.0.0.1", self.instance.port, timeout=30) as client:
                    for _ in range(10):
                        client.sendmail("a@example.org", [self.recipient],
                                        "Subject: x\r\n\r\nHello\r\n")
                        self.sent += 1
                        time.sleep(0.01)
            except smtplib.SMTPResponseException as answer:
                # 421 between messages is a polite end of a session, not a loss.
                if answer.smtp_code != 421:
                    self.trouble.append(repr(answer))
            except (OSError, smtplib.SMTPException) as trouble:
                self.trouble.append(repr(trouble))


def under_load(instance, recipient, work):
    threads = [Sessions(instance, recipient) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        time.sleep(0.5)
        work()
        time.sleep(1)
    finally:
        for thread in threads:
            thread.running = False
        for thread in threads:
            thread.join()
    trouble = [text for thread in threads for text in thread.trouble]
    return sum(thread.sent for thread in threads), trouble


def test_reloads_under_load_lose_nothing(ours, reader, mailbox):
    instance = ours(settings={"home_mailbox": "Maildir/"})

    def reloads():
        for count in range(1, 6):
            instance.run("postfix", "reload")
            # Two signals that come at once are one.
            assert wait_for(lambda: len(re.findall(r"postfix/master\[\d+\]: reload -- version",
                                                   instance.log())) == count)

    sent, trouble = under_load(instance, f"{reader.pw_name}@test.example", reloads)
    assert not trouble
    measure.drained(instance)
    assert len(mailbox(sent)) == sent


def test_a_session_survives_a_reload(ours):
    instance = ours()
    with instance.smtp() as client:
        client.ehlo()
        instance.run("postfix", "reload")
        time.sleep(1)
        assert client.mail("a@example.org")[0] == 250
        assert client.rcpt("root@test.example")[0] == 250
        assert client.data(b"Subject: x\r\n\r\nHello\r\n")[0] == 250


def test_a_changed_table_serves_new_clients(ours):
    instance = ours(start=False)
    access = instance.config / "access"
    access.write_text("a@example.org REJECT first\n")
    instance.run("postmap", f"hash:{access}")
    instance.set(smtpd_sender_restrictions=f"check_sender_access hash:{access}")
    instance.start()

    def answer():
        with instance.smtp() as client:
            client.ehlo()
            client.mail("a@example.org")
            return client.rcpt("root@test.example")[1]

    assert answer().endswith(b"Sender address rejected: first")
    access.write_text("a@example.org REJECT second\n")
    instance.run("postmap", f"hash:{access}")
    assert wait_for(lambda: answer().endswith(b"rejected: second"), 10)


def test_a_changed_main_cf_serves_after_a_reload(ours):
    instance = ours()
    instance.set(smtpd_banner="$myhostname ESMTP second")
    instance.run("postfix", "reload")

    def banner():
        with socket.create_connection(("127.0.0.1", instance.port), timeout=10) as client:
            return client.recv(500)

    assert wait_for(lambda: b"ESMTP second" in banner(), 10)


def test_a_broken_main_cf_leaves_the_old_one_in_service(ours, reader, mailbox):
    instance = ours(settings={"home_mailbox": "Maildir/"})
    instance.set(line_length_limit="nonsense", smtpd_helo_required="maybe")
    instance.run("postfix", "reload", check=False)
    sent, trouble = under_load(instance, f"{reader.pw_name}@test.example", lambda: time.sleep(1))
    assert sent > 0 and not trouble
    instance.wait_log(r"bad boolean configuration: smtpd_helo_required = maybe")
    measure.drained(instance)
    assert len(mailbox(sent)) == sent


def test_a_broken_option_in_master_cf_leaves_the_old_one_in_service(ours, reader, mailbox):
    instance = ours(settings={"home_mailbox": "Maildir/"})
    path = instance.config / "master.cf"
    path.write_text(path.read_text() +
                    "relay unix - - n - - smtp\n  -o smtp_connect_timeout=never\n")
    instance.run("postfix", "reload")
    instance.wait_log(r"warning: parameter smtp_connect_timeout: bad time value or unit: never")
    instance.wait_log(r"warning: the old configuration stays in service")
    instance.send("a@example.org", [f"{reader.pw_name}@test.example"])
    assert len(mailbox(1)) == 1
    assert "throttling" not in instance.log()


def test_a_mended_main_cf_is_taken_into_service(ours):
    instance = ours(settings={"smtpd_banner": "$myhostname ESMTP first"})
    instance.set(smtpd_helo_required="maybe", smtpd_banner="$myhostname ESMTP second")
    instance.run("postfix", "reload")
    instance.wait_log(r"warning: the old configuration stays in service")
    # The line is named once, though two services read it.
    assert instance.log().count("smtpd_helo_required = maybe") == 1

    def banner():
        with socket.create_connection(("127.0.0.1", instance.port), timeout=10) as client:
            return client.recv(500)

    assert b"ESMTP first" in banner()
    instance.set(smtpd_helo_required="no")
    instance.run("postfix", "reload")
    assert wait_for(lambda: b"ESMTP second" in banner(), 10)


def test_a_broken_main_cf_at_the_first_start_is_fatal_in_the_log_it_names(ours):
    instance = ours(start=False, settings={"smtpd_helo_required": "maybe",
                                           "service_throttle_time": "1s"})
    instance.run("postfix", "start")
    with socket.create_connection(("127.0.0.1", instance.port), timeout=10):
        instance.wait_log(r"postfix/smtpd\[\d+\]: fatal: bad boolean configuration: "
                          r"smtpd_helo_required = maybe")
        instance.wait_log(r"/smtpd: bad command startup -- throttling")


def test_a_value_that_every_program_reads_stops_the_start(ours):
    instance = ours(start=False)
    instance.set(max_idle="maybe")
    result = instance.run("postfix", "start", check=False)
    assert result.returncode == 1
    words = "fatal: parameter max_idle: bad time value or unit: maybe"
    assert words in result.stderr
    assert re.search(r"postfix/postfix\[\d+\]: " + words, instance.log())
