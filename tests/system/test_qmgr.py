"""qmgr: retries, dead destinations, lanes that break, expiry, flush, hand-over of a queue."""
import os
import re
import signal
import socket
import time

import pytest

from instance import free_port, wait_for
from peer import SILENCE, Peer

QUICK = {"minimal_backoff_time": "1s", "maximal_backoff_time": "2s", "queue_run_delay": "1s",
         "notify_classes": ""}


def routes(instance_settings, **transports):
    """transport_maps, as a texthash-free static table for one domain each."""
    table = ", ".join(f"{{ {domain.replace('_', '.')} = {route} }}"
                      for domain, route in transports.items())
    return {**instance_settings, "transport_maps": f"inline:{{ {table} }}",
            "receive_override_options": "no_unknown_recipient_checks"}


def kill(instance, program):
    for pid in instance.processes(program):
        os.kill(pid, signal.SIGKILL)


def queue_files(instance, *places):
    return [path for place in places for path in (instance.queue / place).rglob("*")
            if path.is_file()]


def test_refused_connection_defers_and_a_later_attempt_delivers(ours):
    port = free_port()
    instance = ours(settings=routes(QUICK, far_test=f"smtp:[127.0.0.1]:{port}"))
    instance.send("a@test.example", ["b@far.test"])
    line = instance.wait_log(r"to=<b@far\.test>, relay=none, .*dsn=4\.4\.1, "
                             r"status=deferred \(connect to 127\.0\.0\.1\[127\.0\.0\.1\]:\d+: "
                             r"Connection refused\)")
    assert "delays=" in line.group(0)
    again = Peer(port=port)
    instance.wait_log(r"to=<b@far\.test>, relay=127\.0\.0\.1.*status=sent", 30)
    instance.wait_log(r": removed")
    assert len(again.messages) == 1
    assert not queue_files(instance, "incoming", "active", "deferred", "defer")


def test_dead_destination_suspends_what_waits_and_flush_revives_it(ours):
    port = free_port()
    instance = ours(settings=routes(
        {"minimal_backoff_time": "300s", "notify_classes": "",
         "initial_destination_concurrency": "1"},
        far_test=f"smtp:[127.0.0.1]:{port}"))
    instance.send("a@test.example", ["b@far.test"])
    instance.wait_log(r"status=deferred \(connect to")
    instance.send("a@test.example", ["c@far.test"])
    instance.wait_log(r"to=<c@far\.test>, relay=none, .*dsn=4\.4\.1, status=deferred "
                      r"\(delivery temporarily suspended: connect to ")
    again = Peer(port=port)
    instance.run("postqueue", "-f")
    assert wait_for(lambda: len(again.messages) == 2), instance.log()
    assert wait_for(lambda: not queue_files(instance, "active", "deferred", "defer"))


def test_missing_transport_is_named_and_its_mail_deferred(ours):
    instance = ours(settings=routes(QUICK, far_test="nosuch:"))
    instance.send("a@test.example", ["b@far.test"])
    instance.wait_log(r"qmgr\[\d+\]: warning: connect to transport private/nosuch: "
                      r"No such file or directory")
    instance.wait_log(r"error\[\d+\]: \w+: to=<b@far\.test>, relay=none, .*dsn=4\.3\.0, "
                      r"status=deferred \(mail transport unavailable\)")


def test_expired_mail_is_returned(ours, mailbox, reader):
    port = free_port()
    instance = ours(settings=routes(
        {**QUICK, "maximal_queue_lifetime": "2s", "bounce_queue_lifetime": "2s",
         "home_mailbox": "Maildir/"}, far_test=f"smtp:[127.0.0.1]:{port}"))
    sender = f"{reader.pw_name}@test.example"
    instance.send(sender, ["b@far.test"])
    instance.wait_log(rf"qmgr\[\d+\]: \w+: from=<{sender}>, status=expired, returned to sender")
    instance.wait_log(r"sender non-delivery notification: \w+")
    text = mailbox(1)[0].decode()
    assert "Subject: Undelivered Mail Returned to Sender" in text
    assert "Final-Recipient: rfc822; b@far.test" in text
    assert "Action: failed" in text and "Status: 4.4.1" in text


@pytest.mark.parametrize("first_attempt", ["short", "long"])
def test_delay_warning_is_sent_once(ours, mailbox, reader, first_attempt):
    """A first attempt may end when it is time to warn already."""
    def refuse(line, number):
        time.sleep(1.2 if first_attempt == "long" and number == 1 else 0)
        return "450 4.2.0 later"

    server = Peer({"RCPT": refuse})
    instance = ours(settings=routes(
        {**QUICK, "delay_warning_time": "1s", "home_mailbox": "Maildir/"},
        far_test=f"smtp:[127.0.0.1]:{server.port}"))
    instance.send(f"{reader.pw_name}@test.example", ["b@far.test"])
    instance.wait_log(r"sender delay notification: \w+")
    assert wait_for(lambda: instance.log().count("status=deferred") > 4, 30)
    texts = mailbox(1)
    assert len(texts) == 1
    assert b"Subject: Delayed Mail (still being retried)" in texts[0]
    assert b"Action: delayed" in texts[0] and b"Will-Retry-Until: " in texts[0]


def test_agent_killed_at_work_loses_no_recipient(ours):
    slow = Peer({".": lambda line, number: SILENCE if number == 1 else "250 2.0.0 Ok"})
    instance = ours(settings=routes({**QUICK, "transport_retry_time": "1s"},
                                    far_test=f"smtp:[127.0.0.1]:{slow.port}"))
    instance.send("a@test.example", ["b@far.test", "c@far.test"])
    assert wait_for(lambda: "." in "".join(slow.commands) or slow.messages, 20), instance.log()
    kill(instance, "smtp")
    instance.wait_log(r"to=<b@far\.test>, relay=none, .*status=deferred "
                      r"\(unknown mail transport error\)")
    instance.wait_log(r"to=<b@far\.test>, .*status=sent", 40)
    instance.wait_log(r"to=<c@far\.test>, .*status=sent", 40)
    instance.wait_log(r": removed")


@pytest.mark.parametrize("rounds", [5])
def test_qmgr_killed_under_load_delivers_everything(ours, rounds):
    peer = Peer()
    instance = ours(settings=routes(QUICK, far_test=f"smtp:[127.0.0.1]:{peer.port}"))
    sent = 0
    for _ in range(rounds):
        for _ in range(10):
            instance.send("a@test.example", [f"r{sent}@far.test"],
                          f"Subject: s{sent}\r\n\r\nx\r\n")
            sent += 1
        kill(instance, "qmgr")
        time.sleep(0.2)
    instance.run("postqueue", "-f", check=False)

    def arrived():
        return {number for message in peer.messages
                for number in re.findall(rb"Subject: s(\d+)\r\n", message)}

    assert wait_for(lambda: len(arrived()) == sent, 60), \
        f"{len(arrived())} of {sent}\n{instance.log()}"
    assert wait_for(lambda: not queue_files(instance, "incoming", "active", "deferred"), 30)


def test_reload_under_load_neither_loses_nor_doubles(ours):
    peer = Peer()
    instance = ours(settings=routes(QUICK, far_test=f"smtp:[127.0.0.1]:{peer.port}"))
    sent = 0
    for _ in range(4):
        for _ in range(10):
            instance.send("a@test.example", [f"r{sent}@far.test"],
                          f"Subject: s{sent}\r\n\r\nx\r\n")
            sent += 1
        instance.run("postfix", "reload")
    assert wait_for(lambda: len(peer.messages) >= sent, 40), \
        f"{len(peer.messages)} of {sent}\n{instance.log()}"
    assert wait_for(lambda: not queue_files(instance, "incoming", "active", "deferred"), 30)
    assert len(peer.messages) == sent


def test_many_recipients_are_grouped_by_the_recipient_limit(ours):
    peer = Peer()
    instance = ours(settings=routes({**QUICK, "smtp_destination_recipient_limit": "7",
                                     "smtp_destination_concurrency_limit": "1"},
                                    far_test=f"smtp:[127.0.0.1]:{peer.port}"))
    instance.send("a@test.example", [f"r{i}@far.test" for i in range(30)])
    instance.wait_log(r": removed")
    counts = []
    for command in peer.commands:
        if command.upper().startswith("MAIL"):
            counts.append(0)
        elif command.upper().startswith("RCPT"):
            counts[-1] += 1
    assert sum(counts) == 30 and max(counts) <= 7


def test_trigger_bytes_walk_the_incoming_queue(ours):
    """What lies in incoming without a note (cleanup did not reach qmgr) is found by a trigger."""
    peer = Peer()
    instance = ours(settings=routes(
        {"queue_run_delay": "3000s", "minimal_backoff_time": "3000s", "notify_classes": "",
         "maximal_backoff_time": "4000s", "defer_transports": "smtp"},
        far_test=f"smtp:[127.0.0.1]:{peer.port}"))
    instance.send("a@test.example", ["b@far.test"])
    instance.wait_log(r"status=deferred \(deferred transport\)")
    assert wait_for(lambda: queue_files(instance, "deferred"))
    instance.stop()
    instance.set(defer_transports="")
    instance.start()
    instance.wait_log(r"starting(?s:.*)starting")
    time.sleep(1)           # its own first walk is over
    held, = queue_files(instance, "deferred")
    held.rename(instance.queue / "incoming" / held.name)
    time.sleep(2)
    assert not peer.messages and queue_files(instance, "incoming"), "nobody told it"
    with socket.socket(socket.AF_UNIX) as trigger:
        trigger.connect(str(instance.queue / "public/qmgr"))
        trigger.sendall(b"I")
    assert wait_for(lambda: len(peer.messages) == 1, 10), instance.log()
    assert wait_for(lambda: not queue_files(instance, "incoming", "active", "deferred", "defer"))


@pytest.mark.parametrize("how", ["all", "one"])
def test_flush_overrides_defer_transports(ours, how):
    peer = Peer()
    instance = ours(settings=routes({"notify_classes": "", "defer_transports": "smtp"},
                                    far_test=f"smtp:[127.0.0.1]:{peer.port}"))
    instance.send("a@test.example", ["b@far.test"])
    instance.wait_log(r"to=<b@far\.test>, .*dsn=4\.3\.2, status=deferred \(deferred transport\)")
    assert wait_for(lambda: queue_files(instance, "deferred"))
    held, = queue_files(instance, "deferred")
    instance.run("postqueue", *(["-f"] if how == "all" else ["-i", held.name]))
    assert wait_for(lambda: len(peer.messages) == 1, 10), instance.log()


def test_mail_for_discard_ends_there(ours):
    instance = ours(settings=routes(QUICK, gone_test="discard:thrown away"))
    instance.send("a@test.example", ["b@gone.test"])
    instance.wait_log(r"discard\[\d+\]: \w+: to=<b@gone\.test>, relay=none, .*dsn=2\.0\.0, "
                      r"status=sent \(thrown away\)")
    instance.wait_log(r": removed")


def test_soft_bounce_keeps_what_failed(ours):
    instance = ours(settings=routes({**QUICK, "soft_bounce": "yes"},
                                    bad_test="error:5.1.1 no such user"))
    instance.send("a@test.example", ["b@bad.test"])
    instance.wait_log(r"to=<b@bad\.test>, .*status=SOFTBOUNCE \(no such user\)")
    assert wait_for(lambda: queue_files(instance, "deferred"))
    record = queue_files(instance, "defer")[0].read_text()
    assert "recipient=b@bad.test\n" in record and "action=delayed\n" in record


def test_a_slow_delivery_survives_a_reload_and_new_mail_does_not_wait(ours):
    def answer(line, number):
        if number == 1:
            time.sleep(40)
        return "250 2.0.0 Ok: queued"

    slow, quick = Peer({".": answer}), Peer()
    instance = ours(settings=routes(
        {**QUICK, "smtp_data_done_timeout": "100s", "slow_destination_concurrency_limit": "1"},
        slow_test=f"slow:[127.0.0.1]:{slow.port}",
        quick_test=f"smtp:[127.0.0.1]:{quick.port}"), start=False)
    with open(instance.config / "master.cf", "a", encoding="ascii") as file:
        file.write("slow unix - - n - - smtp\n")
    instance.start()
    instance.send("a@test.example", ["b@slow.test"])
    assert wait_for(lambda: slow.messages, 10)
    # Not begun yet, and so for the new qmgr.
    instance.send("a@test.example", ["c@slow.test"])
    instance.wait_log(r"\(queue active\)(?s:.*)\(queue active\)")
    old = set(instance.processes("qmgr"))
    instance.run("postfix", "reload")
    assert wait_for(lambda: set(instance.processes("qmgr")) - old, 10)
    begun = time.monotonic()
    instance.send("a@test.example", ["d@quick.test"])
    instance.wait_log(r"to=<d@quick\.test>, .*status=sent", 5)
    instance.wait_log(r"to=<c@slow\.test>, .*status=sent", 10)
    assert time.monotonic() - begun < 20
    assert old < set(instance.processes("qmgr")), "the old qmgr waits for its agent"
    instance.wait_log(r"to=<b@slow\.test>, .*status=sent", 60)
    assert wait_for(lambda: not old & set(instance.processes("qmgr")), 10)
    assert wait_for(lambda: not queue_files(instance, "incoming", "active", "deferred"), 10)
    time.sleep(2)       # a second delivery of what the old one had would begin now
    assert len(slow.messages) == 2 and len(quick.messages) == 1


def test_a_killed_qmgr_is_recovered_from_once_no_other_delivers(ours):
    """The first retires with b in hand, the second dies with e in hand, the third sorts it out."""
    def first_hangs(line, number):
        return SILENCE if number == 1 else "250 2.0.0 Ok: queued"

    one, two, quick = Peer({".": first_hangs}), Peer({".": first_hangs}), Peer()
    instance = ours(settings=routes(
        {**QUICK, "smtp_data_done_timeout": "8s"}, one_test=f"smtp:[127.0.0.1]:{one.port}",
        two_test=f"smtp:[127.0.0.1]:{two.port}", quick_test=f"smtp:[127.0.0.1]:{quick.port}"))
    instance.send("a@test.example", ["b@one.test"])
    assert wait_for(lambda: one.messages, 10)
    first = set(instance.processes("qmgr"))
    instance.run("postfix", "reload")
    # Until the second is ready the first one takes what comes.
    takers, quick_mails = set(first), 0
    while takers <= first and quick_mails < 200:
        quick_mails += 1
        recipient = f"c{quick_mails}@quick.test"
        instance.send("a@test.example", [recipient])
        name = instance.wait_log(rf"(\w+): to=<{recipient}>, .*status=sent", 10).group(1)
        takers = {int(instance.wait_log(rf"qmgr\[(\d+)\]: {name}: from=").group(1))}
    instance.send("a@test.example", ["e@two.test"])
    assert wait_for(lambda: two.messages, 10)
    for pid in set(instance.processes("qmgr")) - first:
        os.kill(pid, signal.SIGKILL)
    instance.send("a@test.example", ["d@quick.test"])
    instance.wait_log(r"to=<d@quick\.test>, .*status=sent", 10)
    assert first & set(instance.processes("qmgr")) and len(two.messages) == 1
    instance.wait_log(r"to=<b@one\.test>, .*status=deferred \(conversation with", 30)
    instance.wait_log(r"to=<b@one\.test>, .*status=sent", 30)
    instance.wait_log(r"to=<e@two\.test>, .*status=sent", 30)
    assert wait_for(lambda: not queue_files(instance, "incoming", "active", "deferred"), 10)
    assert len(one.messages) == 2 and len(two.messages) == 2
    assert len(quick.messages) == quick_mails + 1


@pytest.mark.parametrize("form", ["hash:{}", "{}", "texthash:{}", "proxy:hash:{}"])
def test_routes_come_from_tables_of_every_kind_and_follow_their_changes(ours, form):
    """A changed table counts without a reload, as with Postfix."""
    instance = ours(settings={"notify_classes": "", "transport_maps": "$virtual_alias_maps",
                              "virtual_alias_maps": ""})
    table = instance.config / "transport"

    def route(where):
        (instance.config / "new").write_text(f"far.test {where}\n")
        instance.run("postmap", f"hash:{instance.config}/new")
        (instance.config / "new.db").rename(f"{table}.db")
        (instance.config / "new").rename(table)

    def goes_to(words):
        instance.send("a@test.example", ["b@far.test"])
        return instance.wait_log(r"to=<b@far\.test>.*\((.*)\)\n(?s:.*): removed") and words in \
            instance.log().rpartition("to=<b@far.test>")[2].partition("\n")[0]

    route("discard:the first")
    instance.set(transport_maps=form.format(table))
    instance.run("postfix", "reload")
    assert wait_for(lambda: goes_to("(the first)"), 20), instance.log()
    route("discard:the second")
    assert wait_for(lambda: goes_to("(the second)"), 30), instance.log()
    assert "fatal" not in instance.log() and "panic" not in instance.log()


def test_sendmail_that_speaks_smtp_opens_tables_of_the_default_type(ours):
    instance = ours(settings={"default_database_type": "texthash"})
    (instance.config / "people").write_text("alice there\n")
    instance.set(local_recipient_maps=f"{instance.config}/people proxy:unix:passwd.byname")
    result = instance.sendmail("-bs", text="EHLO x\r\nMAIL FROM:<a@b.test>\r\n"
                               "RCPT TO:<alice@test.example>\r\nRCPT TO:<x@test.example>\r\nQUIT\r\n",
                               check=False)
    assert result.stdout.count("\n250 2.1") == 3 and "221" in result.stdout, result
