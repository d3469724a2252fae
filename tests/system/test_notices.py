"""What smtpd tells the postmaster of: transcripts of sessions, by notify_classes."""
import re
import smtplib
import socket
from difflib import unified_diff

import pytest
from instance import wait_for
from peer import Peer

SCENES = {
    "unknown": ["HELO x", "FOO", "QUIT"],
    "order": ["HELO x", "DATA", "QUIT"],
    "syntax": ["EHLO x", "MAIL FROM:<a@b.test>", "RCPT TO:<bad syntax" + " word" * 30 + ">", "QUIT"],
    "parameter": ["EHLO x", "MAIL FROM:<a@b.test> FOO=BAR", "QUIT"],
    "refused": ["EHLO x", "MAIL FROM:<a@b.test>", "RCPT TO:<no@t.test>", "QUIT"],
    "size": ["EHLO x", "MAIL FROM:<a@b.test> SIZE=999999999", "QUIT"],
    "lost": ["EHLO x", "MAIL FROM:<a@b.test>", "RCPT TO:<no@t.test>", "RCPT TO:<ok@t.test>"],
    "good": ["EHLO x", "MAIL FROM:<a@b.test>", "RCPT TO:<ok@t.test>", "RSET", "QUIT"],
}

PROTOCOL, POLICY = {"unknown", "order", "syntax", "parameter"}, {"refused", "size", "lost"}


def talk(instance, lines):
    with socket.create_connection(("127.0.0.1", instance.port), timeout=30) as client:
        reader = client.makefile("rb")

        def answer():
            while reader.readline()[3:4] == b"-":
                pass
        answer()
        for line in lines:
            client.sendall(line.encode() + b"\r\n")
            answer()


def neutral(message):
    text = re.sub(r"\b[0-9A-F]{10,13}\b", "QID", message.decode())
    text = re.sub(r"\w{3}, +\d+ \w{3} \d{4} [\d:]{8} [+-]\d{4} \(\w+\)", "DATE", text)
    return re.sub(r"\d{14}\.QID", "STAMP", text)


def notices(kind, classes, count, scenes=SCENES, **settings):
    """The messages that all scenes lead to, and the commands that brought them."""
    with Peer() as peer:
        instance = kind(settings={
            "notify_classes": classes, "error_notice_recipient": "pm@pm.test",
            "transport_maps": f"inline:{{ {{ pm.test = smtp:[127.0.0.1]:{peer.port} }} }}",
            "default_transport": "discard", "smtpd_error_sleep_time": "0",
            "smtpd_discard_ehlo_keywords": "chunking, silent-discard",
            "smtpd_recipient_restrictions":
                "check_recipient_access inline:{{no@t.test = reject go}}, permit", **settings})
        for lines in scenes.values():
            talk(instance, lines)
        wait_for(lambda: len(peer.messages) >= count, 8)
        instance.stop()
        assert all(command.split(" SIZE")[0] == "MAIL FROM:<double-bounce@mail.test.example>"
                   for command in peer.commands if command.startswith("MAIL"))
        return sorted(neutral(message) for message in peer.messages)


@pytest.mark.parametrize("classes, scenes", [
    ("protocol", PROTOCOL), ("policy, software", POLICY), ("resource", set())])
def test_transcripts_read_as_debians(ours, debian, classes, scenes):
    found = notices(ours, classes, len(scenes))
    assert len(found) == len(scenes)
    if scenes:
        assert found == notices(debian, classes, len(scenes))


GOOD_MAIL = ["MAIL FROM:<a@b.test>", "RCPT TO:<ok@t.test>", "DATA", "x\r\n."]
LONG = {
    "reset": ["EHLO x", "FOO", "RSET", "NOOP", "BAR", "QUIT"],
    "hello": ["EHLO x", "FOO", "EHLO y", "NOOP", "BAR", "HELO z", "QUIT"],
    "mail": ["EHLO x", "FOO", *GOOD_MAIL, "NOOP", "BAR", "QUIT"],
    "no error": ["EHLO x", "NOOP", "RSET", "BAR", "QUIT"],
    "bad": ["EHLO x", "NOOP", "RSET x", "NOOP", "EHLO", "QUIT"],
    "short": ["FOO", "NOOP", "RSET", "NOOP", "QUIT"],
    "not short": ["FOO", "NOOP", "NOOP", "RSET", "NOOP", "QUIT"],
    "wrong mail": ["EHLO x", "FOO", "MAIL FROM:<a@b.test>", "RCPT TO:<ok@t.test>", "DATA",
                   "Received: x\r\n" * 60 + "\r\n.", "NOOP", "QUIT"],
}


MAIL = ["EHLO x", "MAIL FROM:<a@b.test>", "RCPT TO:<ok@t.test>", "DATA"]
CLASSED = {
    "hops": [*MAIL, "Received: x\r\n" * 60 + "\r\n.", "FOO", "QUIT"],
    "big": [*MAIL, ("x" * 70 + "\r\n") * 100 + ".", "QUIT"],
    "chunk": [*MAIL[:3], "BDAT 8000 LAST\r\n" + "x" * 7998, "QUIT"],
    "refused content": [*MAIL, "Bad: x\r\n\r\n.", "QUIT"],
    "deferred content": [*MAIL, "Later: x\r\n\r\n.", "QUIT"],
    "refused end": ["EHLO x", "MAIL FROM:<end@b.test>", *MAIL[2:], "x\r\n.", "QUIT"],
    "no lookup": ["EHLO x", "MAIL FROM:<broken@b.test>", *MAIL[2:], "QUIT"],
    "recipients": [*MAIL[:2], *MAIL[2:3] * 4, "QUIT"],
    "size": ["EHLO x", "MAIL FROM:<a@b.test> SIZE=999999", "QUIT"],
    "space": ["EHLO x", "MAIL FROM:<a@b.test> SIZE=4999", "QUIT"],
    "later": [*MAIL[:2], "RCPT TO:<later@t.test>", "RCPT TO:<full@t.test>", "QUIT"],
    "bye": [*MAIL[:2], "RCPT TO:<bye@t.test>"],
    "errors": ["EHLO x"] + ["VRFY ("] * 4,
}


FULL = {name: CLASSED[name] for name in ("size", "space", "bye")}


@pytest.mark.parametrize("classes, count, free", [
    ("resource", 2, "1000000000000"), ("software, data", 1, "0"), ("bounce", 2, "0"), ("policy", 8, "0")])
def test_each_class_is_told_as_debian_does(ours, debian, classes, count, free):
    settings = {
        "scenes": FULL if free != "0" else CLASSED, "local_recipient_maps": "", "message_size_limit": "5000",
        "queue_minfree": free,
        "smtpd_discard_ehlo_keywords": "silent-discard", "smtpd_recipient_limit": "2",
        "smtpd_hard_error_limit": "4", "smtpd_recipient_overshoot_limit": "1",
        "bounce_notice_recipient": "bounces@pm.test",
        "header_checks": "regexp:{{/^Bad/ REJECT go away} {/^Later/ REJECT 4.7.1 soon}}",
        "smtpd_sender_restrictions": "check_sender_access regexp:{{/broken/ check_sender_access fail:x}}",
        "smtpd_recipient_restrictions": "check_recipient_access inline:{{later@t.test=DEFER}, "
                                        "{full@t.test=452 4.2.2 full}, {bye@t.test=421 bye}}",
        "smtpd_end_of_data_restrictions": "check_sender_access inline:{{end@b.test=REJECT}}"}
    found = notices(ours, classes, count, **settings)
    wanted = notices(debian, classes, count, **settings)
    assert not list(unified_diff("".join(wanted).split("\r\n"), "".join(found).split("\r\n"), n=8, lineterm=""))
    assert len(found) == count


@pytest.mark.parametrize("threshold, count", [("6", 9), ("100", 7)])
def test_a_long_transcript_is_sent_in_parts_like_debians(ours, debian, threshold, count):
    settings = {"scenes": LONG, "smtpd_history_flush_threshold": threshold,
                "local_recipient_maps": ""}
    found = notices(ours, "protocol", count, **settings)
    assert len(found) == count
    assert found == notices(debian, "protocol", count, **settings)


def test_no_secrets_stand_in_a_transcript(ours):
    with Peer() as peer:
        instance = ours(settings={
            "notify_classes": "protocol", "error_notice_recipient": "pm@pm.test",
            "transport_maps": f"inline:{{ {{ pm.test = smtp:[127.0.0.1]:{peer.port} }} }}"})
        with smtplib.SMTP("127.0.0.1", instance.port) as client:
            client.ehlo("x")
            client.docmd("AUTH PLAIN AHVzZXIAc2VjcmV0")
        assert wait_for(lambda: peer.messages)
        assert b"AUTH PLAIN" in peer.messages[0] and b"AHVz" not in peer.messages[0]
