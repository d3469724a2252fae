"""The end of the mail system while mail is under way."""
import contextlib
import re
import socket
import time

import pytest

from instance import wait_for

COUNT = 12


@pytest.mark.parametrize("more", [
    {"qmgr_message_active_limit": "1"},
    {"default_destination_concurrency_limit": "5"},
    {"default_process_limit": "1", "sessions_per_process": "1"},
])
def test_a_stop_waits_for_what_agents_have_in_hand_only(ours, more):
    """What nobody has begun goes back, and a delay can be recorded to the end."""
    with contextlib.closing(socket.socket()) as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen(50)             # whoever connects hears nothing
        instance = ours(settings={"relayhost": f"[127.0.0.1]:{mute.getsockname()[1]}",
                                  "in_flow_delay": "0", "smtp_helo_timeout": "1s", **more})
        with instance.smtp() as client:
            for number in range(COUNT):
                client.sendmail(f"s{number}@example.org", ["r@example.org"], "Subject: x\r\n\r\nx")
        instance.wait_log(r"\(queue active\)")
        with contextlib.closing(mute.accept()[0]):
            before = time.monotonic()
            instance.run("postfix", "stop")
    log = instance.log()
    assert time.monotonic() - before < 15, log[-3000:]
    assert "are killed" not in log
    assert "refused" not in log and "ended without a report" not in log
    held = [path for folder in ("incoming", "active", "deferred")
            for path in (instance.queue / folder).rglob("*") if path.is_file()]
    assert len(held) == COUNT
    delayed = len(re.findall(r"status=deferred \(conversation", log))
    records = [path for path in (instance.queue / "defer").rglob("*") if path.is_file()]
    assert delayed >= 1 and len(records) == delayed


def test_what_was_given_back_is_delivered_in_the_next_life(ours):
    with contextlib.closing(socket.socket()) as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen(50)
        instance = ours(settings={"relayhost": f"[127.0.0.1]:{mute.getsockname()[1]}",
                                  "default_process_limit": "1", "sessions_per_process": "1",
                                  "smtp_helo_timeout": "1s"})
        for number in range(3):
            instance.send(f"s{number}@example.org", ["r@example.org"])
        with contextlib.closing(mute.accept()[0]):
            instance.run("postfix", "stop")
    instance.set(relayhost="", default_transport="discard:")
    instance.start()
    instance.run("postqueue", "-f")
    assert wait_for(lambda: instance.log().count("status=sent") == 3), instance.log()[-3000:]
