"""How long smtpd waits: per request, per byte, and less under stress; and whom it counts as one."""
import socket
import time

import pytest
from instance import wait_for

OPENING = ["EHLO c.example", "MAIL FROM:<a@b.test>", "RCPT TO:<root@test.example>", "DATA"]


class Talk:
    def __init__(self, instance, source="127.0.0.1"):
        self.socket = socket.create_connection(("127.0.0.1", instance.port), 30, (source, 0))
        self.reader = self.socket.makefile("rb")

    def answer(self):
        while True:
            line = self.reader.readline()
            if line[3:4] != b"-":
                return line

    def say(self, line):
        self.socket.sendall(line.encode() + b"\r\n")
        return self.answer()

    def open(self):
        self.answer()
        return [self.say(line) for line in OPENING][-1]

    def trickle(self, piece, every, seconds):
        """The bytes that could be sent until the server said something, or the time was over."""
        sent, end = 0, time.monotonic() + seconds
        self.socket.settimeout(every)
        while time.monotonic() < end:
            try:
                self.socket.sendall(piece)
                sent += len(piece)
                if self.socket.recv(1, socket.MSG_PEEK) is not None:
                    return sent
            except socket.timeout:
                continue
            except OSError:
                return sent
        return None


@pytest.mark.parametrize("settings, survives", [
    ({"smtpd_per_request_deadline": "yes", "smtpd_min_data_rate": "1000"}, False),
    ({"smtpd_per_request_deadline": "yes", "smtpd_min_data_rate": "2"}, True),
    ({"smtpd_per_request_deadline": "no"}, True),
])
def test_content_that_trickles_is_waited_for_only_at_the_rate_that_is_asked(ours, settings, survives):
    instance = ours(settings={"smtpd_timeout": "3s", **settings})
    talk = Talk(instance)
    assert talk.open().startswith(b"354")
    assert (talk.trickle(b"x\r\n", 0.4, 7) is None) == survives
    if survives:
        talk.socket.settimeout(30)
        assert talk.say(".").startswith(b"250")
    else:
        assert instance.wait_log(r"timeout after DATA \(\d+ bytes\) from localhost")


def test_a_command_that_trickles_ends_with_the_deadline(ours):
    instance = ours(settings={"smtpd_timeout": "2s", "smtpd_per_request_deadline": "yes"})
    talk = Talk(instance)
    talk.answer()
    assert talk.trickle(b"x", 0.5, 20) is not None
    instance.wait_log("timeout after CONNECT from localhost")


def test_stress_gives_the_shorter_timeout(ours):
    instance = ours(settings={"smtpd_timeout": "${stress?{1}:{300}}s"}, smtpd_options="-o stress=yes")
    talk = Talk(instance)
    talk.answer()
    assert talk.answer().startswith(b"421")
    instance.wait_log("timeout after CONNECT from localhost")


@pytest.mark.parametrize("prefix, refused", [("24", True), ("32", False)])
def test_clients_of_one_network_are_counted_as_one(ours, prefix, refused):
    instance = ours(settings={
        "smtpd_client_ipv4_prefix_length": prefix, "smtpd_client_event_limit_exceptions": "",
        "smtpd_client_connection_count_limit": "1"})
    instance.wait_log("disconnect from")        # the one that has waited for the greeting
    first = Talk(instance, "127.0.9.1")
    assert first.answer().startswith(b"220")
    second = Talk(instance, "127.0.9.2")
    assert second.answer().startswith(b"421" if refused else b"220")
    assert wait_for(lambda: Talk(instance, "127.0.8.2").answer().startswith(b"220"), 5)
