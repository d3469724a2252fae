"""The same mail fails with Debian's Postfix and with ours: the notifications are the same text."""
import re

import pytest

ROUTES = ("inline:{ { bad.test = error:5.1.1 no such user here }, "
          "{ long.test = error:5.7.1 this is a rather long explanation that goes on and on, so "
          "that it is wrapped somewhere near the end of the line }, "
          "{ plain.test = error:4.3.0 mail transport unavailable } }")

CASES = {
    "one": (["nobody@bad.test"], []),
    "long": (["nobody@long.test"], []),
    "quoted": (['"q q"@bad.test'], []),
    "class": (["nobody@plain.test"], []),
    "headers": (["nobody@bad.test"], ["-R", "hdrs", "-V", "abc+d", "-N", "failure"]),
    "success": (["{reader}@test.example"], ["-N", "success"]),
}


def neutral(text):
    """Without what differs from run to run: ids, dates."""
    text = re.sub(rb"\b[0-9A-F]{10,13}\b", b"QID", text)
    text = re.sub(rb"\w{3}, +\d+ \w{3} \d{4} [\d:]{8} [+-]\d{4} \(\w+\)", b"DATE", text)
    text = re.sub(rb"\d{14}\.QID", b"STAMP", text)
    return re.sub(rb"QID\.\d+/", b"QID.TIME/", text)


def notification(instance, mailbox, reader, recipients, options):
    name = reader.pw_name
    instance.sendmail("-f", f"{name}@test.example", *options,
                      *[recipient.format(reader=name) for recipient in recipients],
                      text="Subject: hi\nMessage-Id: <m1@client.test>\nFrom: a@b.c\n\nfirst\n")
    instance.wait_log(r"sender (non-delivery|delivery status) notification: \w+")
    found = [text for text in mailbox(2 if "success" in options else 1)
             if b"multipart/report" in text]
    assert found, instance.log()
    return neutral(found[0])


@pytest.mark.parametrize("case", CASES)
def test_notifications_read_as_debians(ours, debian, reader, mailbox, case):
    import pathlib
    import shutil
    settings = {"transport_maps": ROUTES, "home_mailbox": "Maildir/"}
    texts = []
    for make in (debian, ours):
        shutil.rmtree(pathlib.Path(reader.pw_dir) / "Maildir", ignore_errors=True)
        instance = make(settings=settings)
        texts.append(notification(instance, mailbox, reader, *CASES[case]))
        instance.stop()
    assert texts[1].decode() == texts[0].decode()
