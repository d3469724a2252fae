"""System calls a message, over all processes (architecture: the budget of one message)."""
import measure
import pytest
from instance import wait_for

from sanitizer import SANITIZED

MESSAGES = 100

pytestmark = pytest.mark.skipif(bool(SANITIZED), reason="a sanitizer makes calls of its own")


def calls_for_each(instance, work):
    counts = measure.system_calls(instance, work)
    each = {name: count / MESSAGES for name, count in counts.items()}
    listing = ", ".join(f"{name} {count:.1f}" for name, count in
                        sorted(each.items(), key=lambda pair: -pair[1]) if count >= 0.1)
    return sum(each.values()), listing


def test_relaying_4_kb_takes_at_most_58_calls(ours):
    with measure.Sink() as sink:
        instance = ours(settings={"relayhost": f"[127.0.0.1]:{sink.port}"})

        def work():
            measure.source(instance.port, MESSAGES, sessions=1)
            measure.drained(instance)

        work()
        total, listing = calls_for_each(instance, work)
    print(f"relay: {total:.1f} calls a message: {listing}")
    assert total <= 58, listing


def test_accepting_4_kb_into_the_log_takes_at_most_54_calls(ours):
    """With everything that comes behind it: qmgr, and an agent that throws the mail away."""
    instance = ours(settings={"default_transport": "discard:"})

    def work():
        measure.source(instance.port, MESSAGES, sessions=1)
        measure.drained(instance)

    work()
    total, listing = calls_for_each(instance, work)
    print(f"accept and discard: {total:.1f} calls a message: {listing}")
    assert total <= 54, listing


def test_accepting_4_kb_takes_at_most_45_calls(ours):
    instance = ours(settings={"smtpd_recipient_restrictions": "static:HOLD"})

    def work():
        measure.source(instance.port, MESSAGES, sessions=1)

    work()
    total, listing = calls_for_each(instance, work)
    print(f"accept: {total:.1f} calls a message: {listing}")
    assert total <= 45, listing
    held = [path for path in (instance.queue / "hold").rglob("*") if path.is_file()]
    assert len(held) == 2 * MESSAGES


def test_a_list_of_10000_takes_at_most_2_calls_a_recipient(ours):
    """One of them is its log line; deliveries and marks go in batches."""
    count = 10000
    instance = ours(settings={"default_transport": "discard:", "smtpd_recipient_limit": "100000",
                              "smtpd_recipient_overshoot_limit": "100000"})

    def work():
        sent = instance.log().count("status=sent")
        measure.send_list(instance, [f"r{number}@far.example" for number in range(count)])
        assert wait_for(lambda: instance.log().count("status=sent") == sent + count, 60)

    work()
    counts = measure.system_calls(instance, work)
    total = sum(counts.values()) / count
    print(f"list: {total:.2f} calls a recipient: {counts}")
    assert total <= 2, counts
