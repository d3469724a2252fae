"""Who is delivered when: lists, single mail, new mail and a backlog, slow start, dead hosts."""
import re
import threading
import time

import pytest

from instance import free_port, wait_for
from measure import Sink, send_list
from peer import Peer
from test_remote_tables import Server

LIST = 10000


def routes(settings=None, **ports):
    """Each domain NAME.test goes to a port by smtp, or to transport:port."""
    table = ", ".join(f"{{ {name}.test = {where if ':' in str(where) else f'smtp:[127.0.0.1]:{where}'} }}"
                      for name, where in ports.items())
    return {"transport_maps": f"inline:{{ {table} }}", "notify_classes": "",
            "smtpd_recipient_limit": "100000", "smtpd_recipient_overshoot_limit": "100000",
            **(settings or {})}


def drained(instance, messages, seconds=60):
    """So many have come, and left again."""
    assert wait_for(lambda: instance.log().count(": removed\n") == messages, seconds), \
        instance.log()[-3000:]


def sent(instance, domain):
    return instance.log().count(f"@{domain}.test>") and \
        len(re.findall(rf"to=<[^>]*@{domain}\.test>.*status=sent", instance.log()))


def test_a_list_of_thousands_does_not_hold_up_single_mail(ours):
    """Deliveries of the list wait for a host that answers when the single mail has arrived."""
    arrived = threading.Event()
    many = Peer({".": lambda line, number: "250 2.0.0 Ok" if arrived.wait(60) else "451 no"})
    one = Peer()
    instance = ours(settings=routes(many=many.port, one=one.port))
    send_list(instance, [f"r{number}@many.test" for number in range(LIST)])
    assert wait_for(lambda: len(many.messages) >= 5), instance.log()[-2000:]
    instance.send("a@test.example", ["b@one.test"])
    instance.wait_log(r"to=<b@one\.test>.*status=sent")
    assert sent(instance, "many") == 0
    arrived.set()
    assert wait_for(lambda: sent(instance, "many") == LIST, 60)
    drained(instance, 2)
    # Fifty to a delivery, none twice.
    assert len(many.messages) == LIST // 50
    assert len([1 for line in many.commands if line.startswith("RCPT")]) == LIST


def test_a_list_whose_transports_are_looked_up_slowly_holds_up_no_single_mail(ours):
    """The table answers for the list when the single mail has arrived, and for others at once."""
    arrived, asked = threading.Event(), threading.Event()

    def answer(question):
        if b"many" in question:
            asked.set()
            arrived.wait(60)
        return b"200 smtp:[127.0.0.1]:%d\n" % sink.port if b"test" in question else b"500 none\n"

    with Sink() as sink:
        table = Server(lambda file: file.readline() or None, answer)
        instance = ours(settings=routes(
            {"transport_maps": f"tcp:127.0.0.1:{table.port}", "virtual_alias_expansion_limit": LIST,
             "virtual_alias_domains": "lists.example",
             "virtual_alias_maps": "pcre:{ {/^all@/ %s} }" % ",".join(
                 f"r{number}@many.test" for number in range(100))}))
        instance.send("a@test.example", ["all@lists.example"])
        assert asked.wait(20), instance.log()
        instance.send("a@test.example", ["b@one.test"])
        instance.wait_log(r"to=<b@one\.test>.*status=sent")
        assert sent(instance, "many") == 0
        arrived.set()
        drained(instance, 2)
        assert sent(instance, "many") == 100


def test_single_mail_overtakes_a_list_to_the_same_host(ours):
    """The window of one leaves a turn now and then to who needs only one."""
    turns = threading.Semaphore(0)
    peer = Peer({".": lambda line, number: "250 2.0.0 Ok" if turns.acquire(timeout=60) else "451 no"})
    instance = ours(settings=routes({"smtp_destination_concurrency_limit": "1",
                                     "smtp_destination_recipient_limit": "2"}, far=peer.port))
    send_list(instance, [f"r{number:03}@far.test" for number in range(200)])
    assert wait_for(lambda: len(peer.messages) == 1)
    for number in range(3):
        instance.send("a@test.example", [f"single{number}@far.test"])
    assert wait_for(lambda: instance.log().count("nrcpt=1 (queue active)") == 3)
    for _ in range(103):
        turns.release()
    drained(instance, 4)
    order = [line for line in peer.commands if line.startswith(("RCPT TO:<r", "RCPT TO:<s"))]
    singles = [order.index(line) for line in order if "single" in line]
    # One delivery was under way; then each five deliveries earn a slot, as with Debian's.
    assert singles == [2, 13, 24], order[:30]


@pytest.mark.parametrize("count", [1, 30])
def test_recipients_beyond_memory_are_read_in_parts(ours, count):
    """Every recipient gets one copy, whatever the limits are."""
    with Sink() as sink:
        instance = ours(settings=routes(
            {"qmgr_message_recipient_limit": "20", "qmgr_message_recipient_minimum": str(count),
             "default_recipient_limit": "60", "default_extra_recipient_limit": "10",
             "default_recipient_refill_limit": "15", "default_recipient_refill_delay": "1s"},
            far=sink.port, near=sink.port))
        people = [f"r{number}@{'far' if number % 3 else 'near'}.test" for number in range(400)]
        send_list(instance, people)
        instance.send("a@test.example", ["b@far.test", "c@near.test"])
        drained(instance, 2)
        told = re.findall(r"to=<([^>]*)>.*status=sent", instance.log())
        assert sorted(told) == sorted(people + ["b@far.test", "c@near.test"])
        assert "nrcpt=400 (queue active)" in instance.log()


def test_a_reload_in_the_middle_of_a_list_repeats_nothing(ours):
    """Marks reach the file for parts too, and the next life reads only those without one."""
    gate = threading.Event()
    peer = Peer({".": lambda line, number: "250 2.0.0 Ok" if len(peer.messages) <= 10
                 or gate.wait(60) else "451 no"})
    instance = ours(settings=routes(
        {"qmgr_message_recipient_limit": "20", "default_recipient_limit": "40",
         "default_recipient_refill_limit": "10", "smtp_destination_recipient_limit": "5",
         "smtp_destination_concurrency_limit": "1"}, far=peer.port))
    send_list(instance, [f"r{number}@far.test" for number in range(100)])
    assert wait_for(lambda: sent(instance, "far") == 50), instance.log()[-3000:]
    instance.run("postfix", "reload")
    gate.set()
    assert wait_for(lambda: len(set(re.findall(r"to=<([^>]*)>.*status=sent",
                                               instance.log()))) == 100, 30)
    drained(instance, 1)
    assert len([1 for line in peer.commands if line.startswith("RCPT")]) == 100


def test_new_mail_goes_ahead_of_a_deferred_backlog(ours):
    """A backlog that waits for a slow host takes four fifths of the active queue at most."""
    port = free_port()
    instance = ours(settings=routes(
        {"qmgr_message_active_limit": "10", "minimal_backoff_time": "2s", "queue_run_delay": "1s",
         "maximal_backoff_time": "2s", "smtp_destination_concurrency_failed_cohort_limit": "0",
         "initial_destination_concurrency": "15"},
        far=port, near=Peer().port))
    for number in range(25):
        instance.send("a@test.example", [f"r{number}@far.test"])
    assert wait_for(lambda: len(set(re.findall(r"to=<(r\d+)@.*status=deferred", instance.log()))) == 25)
    gate = threading.Event()
    slow = Peer({".": lambda line, number: "250 2.0.0 Ok" if gate.wait(60) else "451 no"}, port=port)
    assert wait_for(lambda: len(slow.messages) == 8), len(slow.messages)
    instance.send("a@test.example", ["b@near.test"])
    instance.wait_log(r"to=<b@near\.test>.*status=sent")
    assert len(slow.messages) == 8
    gate.set()
    assert wait_for(lambda: sent(instance, "far") == 25, 60)


def windows(instance, port, event):
    found = re.findall(rf"qmgr_queue_{event}: queue \[127\.0\.0\.1\]:{port}: limit 20 window (\d+)",
                       instance.log())
    return [int(window) for window in found]


def test_slow_start_widens_the_window_and_failures_narrow_it(ours):
    """destination_concurrency_feedback_debug shows both, in Postfix's words."""
    dead = free_port()
    with Sink() as sink:
        instance = ours(settings=routes(
            {"destination_concurrency_feedback_debug": "yes", "smtp_destination_recipient_limit": "2",
             "smtp_destination_concurrency_positive_feedback": "1/concurrency"},
            far=sink.port, dead=dead))
        send_list(instance, [f"r{number}@far.test" for number in range(200)])
        drained(instance, 1)
        grown = windows(instance, sink.port, "unthrottle")
        assert len(grown) == 100 and grown[0] == 5
        assert sorted(grown) == grown and grown[-1] > 10
        # A whole cohort for each step.
        assert 4 <= grown.count(5) and 6 <= grown.count(6)
        send_list(instance, [f"r{number}@dead.test" for number in range(40)])
        instance.wait_log(r"window 0 ")
        assert wait_for(lambda: instance.log().count("delivery temporarily suspended") >= 30)
        assert windows(instance, dead, "throttle")[:3] == [3, 2, 0]


def test_a_dead_destination_is_left_alone_until_its_time_has_come(ours):
    """Three refusals are enough to know; new mail is not tried, and the next attempt comes later."""
    peer = Peer({"GREETING": "421 4.3.2 busy"})
    instance = ours(settings=routes({"minimal_backoff_time": "8s", "maximal_backoff_time": "8s",
                                     "queue_run_delay": "2s",
                                     "smtp_connection_cache_on_demand": "no"}, far=peer.port))
    for number in range(30):
        instance.send("a@test.example", [f"r{number}@far.test"])
    assert wait_for(lambda: len(set(re.findall(r"to=<(r\d+)@.*status=deferred",
                                               instance.log()))) == 30)
    tried = peer.connections
    assert tried <= 15
    assert instance.log().count("delivery temporarily suspended") >= 30 - tried
    peer.replies["GREETING"] = "220 back"
    drained(instance, 30, 60)
    assert sent(instance, "far") == 30


def test_retry_stamps_grow_with_age_up_to_the_limit(ours):
    """Each attempt waits as long again as the message is old, between the two bounds."""
    instance = ours(settings=routes({"minimal_backoff_time": "1s", "maximal_backoff_time": "4s",
                                     "queue_run_delay": "1s"}, far=free_port()))
    instance.send("a@test.example", ["b@far.test"])
    waits = []

    def look():
        for path in (instance.queue / "deferred").rglob("*"):
            try:
                status = path.stat()
            except OSError:
                continue
            wait = status.st_mtime - int(status.st_ctime)
            if path.is_file() and (not waits or status.st_mtime != waits[-1][0]):
                waits.append((status.st_mtime, wait))
        return len(waits) >= 5

    assert wait_for(look, 30), waits
    spans = [round(wait) for _, wait in waits]
    assert spans[0] <= 2 and max(spans) <= 5 and spans[-1] >= 3, spans
    assert sorted(spans) == spans or max(spans) == 4, spans


def test_a_transport_rate_delay_spaces_deliveries_whatever_their_host(ours):
    one, two = Peer(), Peer()
    instance = ours(settings=routes({"slow_transport_rate_delay": "2s"},
                                    one=f"slow:[127.0.0.1]:{one.port}",
                                    two=f"slow:[127.0.0.1]:{two.port}"),
                    master_extra="slow unix - - n - - smtp\n")
    start = time.monotonic()
    instance.send("a@test.example", ["a@one.test", "b@two.test"])
    drained(instance, 1)
    assert instance.log().count("status=sent") == 2
    assert time.monotonic() - start >= 1.9


def test_a_clogged_active_queue_is_warned_of(ours):
    gate = threading.Event()
    peer = Peer({".": lambda line, number: "250 2.0.0 Ok" if gate.wait(60) else "451 no"})
    instance = ours(settings=routes({"qmgr_message_active_limit": "40"}, far=peer.port))
    for number in range(9):
        instance.send("a@test.example", [f"r{number}@far.test"])
    instance.wait_log("warning: to turn off these warnings specify: qmgr_clog_warn_time = 0")
    # Lines of other programs may stand in between.
    told = re.findall(r"postfix/qmgr\[\d+\]: warning: (.*)", instance.log())
    assert told[0] == f"mail for [127.0.0.1]:{peer.port} is using up 9 of 9 active queue entries"
    assert told[1] == "you may need to reduce smtp connect and helo timeouts", told
    gate.set()
    drained(instance, 9)


@pytest.mark.parametrize("setting,said", [
    ("slow_destination_concurrency_limit = x",
     "bad numerical configuration: slow_destination_concurrency_limit = x"),
    ("slow_destination_rate_delay = 5x",
     "parameter slow_destination_rate_delay: bad time value or unit: 5x"),
    ("slow_delivery_slot_discount = 101",
     "invalid slow_delivery_slot_discount parameter value 101 > 100"),
    ("relay_initial_destination_concurrency = 0",
     "invalid relay_initial_destination_concurrency parameter value 0 < 1"),
])
def test_a_wrong_limit_of_a_transport_leaves_the_old_configuration(ours, setting, said):
    peer = Peer()
    instance = ours(settings=routes(far=f"slow:[127.0.0.1]:{peer.port}"),
                    master_extra="slow unix - - n - - smtp\n")
    with open(instance.config / "main.cf", "a", encoding="ascii") as file:
        file.write(setting + "\n")
    instance.run("postfix", "reload", check=False)
    instance.wait_log(re.escape(said))
    instance.send("a@test.example", ["b@far.test"])
    instance.wait_log(r"to=<b@far\.test>.*status=sent")


def test_who_was_told_of_a_delay_is_told_of_its_end(ours):
    """confirm_delay_cleared: the next server is asked for no notification, we send it."""
    port, back = free_port(), Peer()
    instance = ours(settings=routes(
        {"minimal_backoff_time": "1s", "maximal_backoff_time": "1s", "queue_run_delay": "1s",
         "delay_warning_time": "1s", "confirm_delay_cleared": "yes"}, far=port, back=back.port))
    instance.send("a@back.test", ["b@far.test"])
    instance.wait_log(r"sender delay notification: ")
    assert wait_for(lambda: back.messages)      # else the second notice may overtake the first
    far = Peer(port=port)
    instance.wait_log(r"sender delivery status notification: ", 40)
    drained(instance, 3)
    assert b"Action: delayed" in back.messages[0] and b"Action: relayed" in back.messages[1]
    assert not [line for line in far.commands if "NOTIFY" in line]


@pytest.mark.parametrize("lifetimes,tried", [
    (("0", "0"), {"mail": 1, "bounce": 1}),
    (("0", "1d"), {"mail": 1, "bounce": 1}),
    (("1d", "0"), {"mail": 2, "bounce": 1}),
])
def test_a_lifetime_of_zero_is_one_attempt(ours, lifetimes, tried):
    instance = ours(settings=routes(
        {"minimal_backoff_time": "1s", "maximal_backoff_time": "1s", "queue_run_delay": "1s",
         "maximal_queue_lifetime": lifetimes[0], "bounce_queue_lifetime": lifetimes[1]},
        far=free_port(), back="discard:"))
    instance.send("a@back.test", ["mail@far.test"])
    instance.send("", ["bounce@far.test"])
    instance.wait_log(r"from=<>, status=expired, returned to sender")
    assert wait_for(lambda: instance.log().count("to=<mail@far.test>") >= tried["mail"])
    assert instance.log().count("to=<bounce@far.test>") == tried["bounce"]
    assert ("from=<a@back.test>, status=expired" in instance.log()) == (tried["mail"] == 1)
    assert ("adjusting bounce_queue_lifetime" in instance.log()) == (lifetimes == ("0", "1d"))
