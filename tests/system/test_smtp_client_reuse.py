"""smtp(8) and lmtp(8): connections that carry many messages, beside Debian's Postfix."""
import re
import time

import pytest
from instance import wait_for
from peer import DROP, Peer

ALWAYS = {"smtp_connection_cache_destinations": "127.0.0.1",
          "smtp_connection_cache_time_limit": "30s"}


def start(kind, peer, **settings):
    return kind(settings={"relayhost": f"[127.0.0.1]:{peer.port}", "notify_classes": "",
                          "default_destination_concurrency_limit": "1", **settings})


def send_one(instance, number):
    """One message, until the log tells what became of it: relay and number of uses."""
    instance.send("s@test.example", [f"a{number}@x.example"])
    line = instance.wait_log(rf"to=<a{number}@x.example>, (.*)").group(1)
    assert "status=sent" in line, line
    time.sleep(0.1)     # Debian's gives the connection to scache after that
    return re.sub(r"delay=.*", "", line).replace(f":{instance.settings['relayhost'][12:]}", ":PORT")


REUSE = {
    "without end": (ALWAYS, 5),
    "twice again": ({**ALWAYS, "smtp_connection_reuse_count_limit": "2"}, 7),
    "once again": ({**ALWAYS, "smtp_connection_reuse_count_limit": "1"}, 4),
    "another destination": ({**ALWAYS, "smtp_connection_cache_destinations": "other.example",
                             "smtp_connection_cache_on_demand": "no"}, 3),
    "a destination of a table": ({**ALWAYS, "smtp_connection_cache_destinations":
                                  "inline:{127.0.0.1=yes}",
                                  "smtp_connection_cache_on_demand": "no"}, 3),
    "for its time": ({**ALWAYS, "smtp_connection_reuse_time_limit": "3s"}, 2),
}


@pytest.mark.parametrize("name", REUSE)
def test_a_connection_is_used_as_often_as_debians(name, ours, debian):
    settings, count = REUSE[name]
    results = []
    for kind in (debian, ours):
        with Peer() as peer:
            instance = start(kind, peer, **settings)
            lines = [send_one(instance, number) for number in range(count)]
            if name == "for its time":
                time.sleep(4)       # Debian's counts whole seconds
                lines.append(send_one(instance, count))
            results.append((lines, peer.connections))
            instance.close()
    assert results[1] == results[0]


@pytest.mark.parametrize("limit", ["smtp_connection_cache_time_limit",
                                   "connection_cache_ttl_limit"])
def test_a_connection_waits_for_its_time(limit, ours, debian):
    for kind in (debian, ours):
        with Peer() as peer:
            instance = start(kind, peer, **{**ALWAYS, limit: "1s"})
            send_one(instance, 0)
            began = time.monotonic()
            assert not peer.gone
            assert wait_for(lambda: peer.gone, 10)
            assert 0.5 < time.monotonic() - began < 5
            send_one(instance, 1)
            assert peer.connections == 2
            instance.close()


DEATHS = {
    "it was closed": DROP,
    "it was closed with a word": "421 4.4.2 idle for too long",
}


@pytest.mark.parametrize("how", DEATHS)
@pytest.mark.parametrize("settings", [{}, {"smtp_send_xforward_command": "yes"},
                                      {"smtp_discard_ehlo_keywords": "pipelining"}], ids=str)
def test_mail_over_a_connection_that_died_is_sent_once(how, settings, ours, debian):
    """Every second message finds a dead connection, whatever command it meets first."""
    first = {}

    def reply(verb, usual):
        def answer(_, number):
            # A message is done on this connection: it is dead for what comes now.
            return DEATHS[how] if first.get(number) else usual
        return answer

    def end(_, number):
        first[number] = True
        return "250 2.0.0 Ok"

    for kind in (debian, ours):
        first.clear()
        replies = {verb: reply(verb, usual) for verb, usual in (
            ("MAIL", "250 2.1.0 Ok"), ("RSET", "250 2.0.0 Ok"), ("XFORWARD", "250 2.0.0 Ok"))}
        replies["EHLO"] = ("250-peer.example\r\n250-PIPELINING\r\n250-DSN\r\n"
                           "250 XFORWARD NAME ADDR PROTO HELO")
        with Peer({**replies, ".": end}) as peer:
            instance = start(kind, peer, **{**ALWAYS, **settings})
            lines = [send_one(instance, number) for number in range(4)]
            assert len(peer.messages) == peer.connections == 4
            assert not [line for line in lines if "conn_use" in line]
            assert "status=deferred" not in instance.log()
            assert "warning" not in "".join(re.findall(r"/smtp\[.*", instance.log()))
            instance.close()
