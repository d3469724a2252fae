"""A stopped spool of Debian's Postfix is delivered by us, and ours by Debian's."""
import os
import pathlib
import shutil
import subprocess

import measure
import pytest
from instance import Instance, wait_for

UNREACHABLE = {"relayhost": "[127.0.0.1]:1", "home_mailbox": "Maildir/"}


def fill(instance, recipient):
    """One message in deferred, one in hold, one in maildrop, one in incoming."""
    instance.start()
    instance.send("deferred@example.org", ["x@far.example"], "Subject: deferred\r\n\r\nbody\r\n")
    instance.wait_log(r"status=deferred")
    instance.send("hold@example.org", ["y@far.example"], "Subject: hold\r\n\r\nbody\r\n")
    assert wait_for(lambda: instance.log().count("status=deferred") == 2)
    held = [path.name for path in (instance.queue / "deferred").rglob("*") if path.is_file() and
            b"hold@example.org" in path.read_bytes()]
    instance.run("postsuper", "-h", held[0])
    instance.send("incoming@example.org", ["z@far.example"], "Subject: incoming\r\n\r\nbody\r\n")
    assert wait_for(lambda: instance.log().count("status=deferred") == 3)
    instance.stop()
    # What a crash right after the 250 leaves behind: complete, in incoming.
    for path in [path for path in (instance.queue / "deferred").rglob("*") if path.is_file()]:
        if b"incoming@example.org" in path.read_bytes():
            target = instance.queue / "incoming" / path.name
            path.rename(target)
            os.utime(target)
    instance.sendmail("-f", "maildrop@example.org", recipient,
                      text="Subject: maildrop\n\nbody\n")


def hand_over(giver, taker):
    """The taker's queue becomes what the giver left."""
    for name in ("incoming", "active", "deferred", "hold", "maildrop", "defer", "bounce"):
        target = taker.queue / name
        if target.exists():
            shutil.rmtree(target)
        subprocess.run(["cp", "-a", str(giver.queue / name), str(target)], check=True)


def deliver(taker, sink_port, recipient, mailbox):
    taker.set(relayhost=f"[127.0.0.1]:{sink_port}")
    listing = taker.run("postqueue", "-p").stdout
    for sender in ("deferred@example.org", "hold@example.org", "incoming@example.org"):
        assert sender in listing, listing
    assert "Connection refused" in listing
    taker.start()
    taker.run("postsuper", "-H", "ALL")
    taker.run("postqueue", "-f")
    for sender in ("deferred", "hold", "incoming"):
        taker.wait_log(rf"from=<{sender}@example.org>")
    measure.drained(taker, 60)
    assert taker.log().count("status=sent (250") == 3, taker.log()
    [message] = mailbox(1)
    assert b"Subject: maildrop" in message


@pytest.mark.parametrize("giver,taker", [("debian", "ours"), ("ours", "debian")])
def test_the_spool_is_taken_over(giver, taker, reader, mailbox):
    recipient = f"{reader.pw_name}@test.example"
    first, second = Instance(UNREACHABLE, kind=giver), Instance(UNREACHABLE, kind=taker)
    try:
        fill(first, recipient)
        second.start()
        second.stop()
        hand_over(first, second)
        with measure.Sink() as sink:
            deliver(second, sink.port, recipient, mailbox)
    finally:
        first.close()
        second.close()
