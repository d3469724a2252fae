"""Limits on clients: what smtpd answers and what smtpd and anvil log is as with Debian."""
import os
import re
import signal
import socket

from instance import wait_for
from test_smtpd_dialogues import COMMON, converse, read_reply

MAIL, RCPT = "MAIL FROM:<a@b.test>", "RCPT TO:<alice@example.test>"

LIMITS = {"smtpd_client_connection_count_limit": "2", "smtpd_client_connection_rate_limit": "10",
          "smtpd_client_message_rate_limit": "5", "smtpd_client_recipient_rate_limit": "4",
          "smtpd_client_auth_rate_limit": "1", "smtpd_client_event_limit_exceptions": "",
          "smtpd_reject_footer": "call $client_address", "anvil_status_update_time": "2s",
          "smtpd_soft_error_limit": "100", "smtpd_hard_error_limit": "100"}

DIALOGUES = [
    ["EHLO h.test", "MAIL", "MAIL FROM:<a@", f"{MAIL} FOO", MAIL, "RCPT", "RCPT TO:<a@",
     "RCPT TO:<zork@example.test>", f"{RCPT} FOO", RCPT, RCPT, RCPT, "DATA", MAIL, "VRFY alice",
     "VRFY", "QUIT"],
    ["EHLO h.test", MAIL, RCPT, "RSET", MAIL, "RCPT TO:<alice@example.test>", "QUIT"],
    ["AUTH PLAIN", "AUTH PLAIN", "EHLO h.test", "AUTH", "QUIT"],
]


def several_at_once(instance, number):
    connections = [socket.create_connection(("127.0.0.1", instance.port), timeout=20)
                   for _ in range(number)]
    replies = []
    for connection in connections:
        with connection.makefile("rb") as file:
            replies.append(read_reply(file))
    for connection in connections:
        connection.close()
    return sorted(replies)


def observe(instance):
    gone = 1    # of the one who looked whether it is up
    replies = []
    for dialogue in DIALOGUES:
        replies.append(converse(instance.port, dialogue))
        gone += 1
        assert wait_for(lambda: instance.log().count("disconnect from") >= gone)
    replies.append(several_at_once(instance, 3))
    assert wait_for(lambda: instance.log().count("disconnect from") >= gone + 3)
    replies += [converse(instance.port, ["EHLO h.test", "QUIT"]) for _ in range(4)]
    instance.wait_log("statistics: max connection rate 11/60s")
    log = re.sub(r"\b[0-9A-F]{9,14}: ", "ID: ", instance.log())
    log = log.replace(str(instance.port), "PORT")
    return replies, set(re.findall(r"postfix/smtpd\[\d+\]: (.*)", log)), highest(log)


def highest(log):
    """Each figure's highest value over all reports: they come when they come."""
    found = {}
    for title, value, rest in re.findall(r"anvil\[\d+\]: statistics: max ([a-z ]+) (\d+)(.*) at "
                                         r"\w+ [ \d]\d [\d:]+\n", log):
        found[title, rest] = max(int(value), found.get((title, rest), 0))
    return found


def test_limits_are_those_of_debian(ours, debian):
    settings = {**COMMON, **LIMITS}
    got, wanted = (observe(make(settings=settings)) for make in (ours, debian))
    assert got[0] == wanted[0]
    assert got[1] ^ wanted[1] == set()
    assert got[2] == wanted[2] and len(got[2]) == 6


def test_connections_of_a_process_that_died_are_forgotten(ours):
    instance = ours(settings={**COMMON, "smtpd_client_connection_count_limit": "1"})
    instance.wait_log("disconnect from")
    held = socket.create_connection(("127.0.0.1", instance.port), timeout=20)
    assert held.recv(3) == b"220"
    assert b"421" in read_reply(socket.create_connection(("127.0.0.1", instance.port),
                                                         timeout=20).makefile("rb"))[0]
    for process in instance.processes("smtpd"):
        os.kill(process, signal.SIGKILL)
    assert wait_for(instance.answers)


def test_nobody_is_asked_for_clients_without_limits(ours):
    instance = ours(settings={**COMMON, "mynetworks": "127.0.0.0/8"})
    assert converse(instance.port, ["EHLO h.test", "QUIT"])[-1][1][0].startswith(b"221")
    assert not instance.processes("anvil")
