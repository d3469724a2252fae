"""The same mail through Debian's cleanup and through ours: the queue files must be the same.

What differs by nature (ids, times, ports) is blanked first; the order of the envelope's attributes
is free, since no reader depends on it.
"""
import concurrent.futures
import pathlib
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
from counting import compared
from instance import Instance, wait_for  # noqa: E402
from queue_files import normal  # noqa: E402

COMMON = {
    "default_transport": "smtp:[127.0.0.1]:9",
    "local_transport": "smtp:[127.0.0.1]:9",
    "myorigin": "test.example",
    "mydomain": "test.example",
    "append_dot_mydomain": "no",
    "local_recipient_maps": "",
    "defer_transports": "smtp",
}

def is_complete(path):
    try:
        return path.is_file() and path.stat().st_mode & 0o100
    except FileNotFoundError:       # it moves between two places
        return False


def queued(instance):
    return [path for place in ("incoming", "active", "deferred", "hold")
            for path in (instance.queue / place).rglob("*") if is_complete(path)]


class Peer:
    def __init__(self, kind, **settings):
        self.instance = Instance(kind=kind, settings={**COMMON, **settings})

    def start(self):
        self.instance.start()
        return self

    def outcome(self, act):
        """What became of one message: its queue file, or how it was refused."""
        while left := queued(self.instance):
            for path in left:       # qmgr may be moving it
                path.unlink(missing_ok=True)
        try:
            answer = act(self.instance)
        except Exception as error:  # the reply is the outcome
            return ("refused", str(error))
        if answer is not None and answer != 0:
            return ("refused", answer)
        found = wait_for(lambda: queued(self.instance), 10)
        for _ in range(20):
            try:
                return ("queued", normal(queued(self.instance)[0]))
            except (IndexError, FileNotFoundError):     # it moves between two places
                time.sleep(0.05)
        return ("lost", found)


def by_sendmail(*arguments, text):
    data = text if isinstance(text, bytes) else text.encode()

    def act(instance):
        return instance.run("sendmail", *arguments, check=False, input=data, text=False).returncode
    return act


def by_smtp(text, sender="s@example.org", recipients=("r@example.net",), mail=(), rcpt=()):
    data = text if isinstance(text, bytes) else text.encode()

    def act(instance):
        with instance.smtp() as client:
            client.ehlo("me.example")
            return client.sendmail(sender, list(recipients), data.replace(b"\n", b"\r\n"),
                                   mail_options=mail, rcpt_options=rcpt) or None
    return act


SENDMAIL_CASES = {
    "nothing but a subject": by_sendmail("-f", "foo", "joe@example.com", "bob",
                                         text="Subject: x\n\nbody\n"),
    "address headers": by_sendmail("joe@example.com", text=(
        "From: a\nTo: b, \"x y\" <c@d> (hi), grp: q, r;\nCc: a long name here <abc@example.com>,"
        " another long name in this list <another@example.com>, third\nBcc: hid\n"
        "Return-Path: <x>\nSubject: x\nDate: now\n\nbody\n")),
    "recipients from headers": by_sendmail(
        "-t", "-Nsuccess,failure", "-Rhdrs", "-Venv1", "-FFull Name",
        text="From: a\nTo: b, \"x y\" <c@d.e>\nBcc: hid\nSubject: x\n y\nMessage-Id: <1@2>\n\nb\n"),
    "a name to be quoted": by_sendmail(
        "-F", "Joe (x) \"Q\" \\D.", "-f", "", "joe@example.com",
        text="Resent-To: a\nTo: undisclosed-recipients:;\nReceived: a\nContent-Length: 7\n\nb\n"),
    "all senders' headers": by_sendmail("-F", "J. Doe", "joe@example.com", text=(
        "From me\nSender: x\nReply-To: <>\nErrors-To: a b <c>\nReturn-Receipt-To: q\n"
        "Mail-Followup-To: z\nDisposition-notification-to: z\nX-To: z\n"
        "Content-Transfer-Encoding: base64\n\nbody\n")),
    "a name in UTF-8": by_sendmail("-F", "José", "joe@example.com", text="Subject: a\n\nb\n"),
    "a sender in UTF-8": by_sendmail("-F", "José Doe", "-f", "jö@test.example", "joe@example.com",
                                     text="Sü: a\nReceived: x\n\nbody\n"),
    "a recipient in UTF-8": by_sendmail("jö@example.com", text="Subject: é\n\nbody\n"),
    "a header in Latin-1": by_sendmail("joe@example.com", text=b"Subject: \xe9\n\nbody \xe9\n"),
    "no content at all": by_sendmail("joe@example.com", text=""),
    "only a body": by_sendmail("joe@example.com", text="\nbody"),
    "a stray carriage return": by_sendmail("joe@example.com", text="Subject: a\n\nbo\rdy\n"),
    "blanks before the colon": by_sendmail("joe@example.com", text="Name : x\nX-e:\nX:y\n\nb\n"),
    "a folded header that stays": by_sendmail("joe@example.com",
                                              text="To: a@b.c,\n\tc@d.e\nX: y\n  z\n\nb\n"),
    "a long line": by_sendmail("joe@example.com",
                               text="Subject: a\n\n" + "x" * 5000 + "\n" + "y" * 2048 + "\n"),
    "many hops": by_sendmail("joe@example.com", text="Received: x\n" * 40 + "\nbody\n"),
    "duplicate recipients": by_sendmail("joe@example.com", "JOE@example.com", "joe@example.com",
                                        text="Subject: a\n\nbody\n"),
    "bang and percent": by_sendmail("host!user", "a%b@test.example", "user@[1.2.3.4]",
                                    "\"a b\"@example.com", text="To: host!user, a%b\n\nbody\n"),
    "routes": by_sendmail("x@c.d", text="To: <@a,@b:user@c.d>, a.b@\n\nbody\n"),
    "several of a kind": by_sendmail("joe@example.com",
                                     text="From: a\nFrom: b\nTo: x\nTo: y\nDate: a\n\nbody\n"),
    "not rewritten": by_sendmail("-G", "joe", text="From: a\nTo: x\n\nbody\n"),
    "8-bit by its header": by_sendmail("joe@example.com",
                                       text="Content-Transfer-Encoding: 8bit\n\né\n"),
    "7-bit by its header": by_sendmail("joe@example.com",
                                       text="Content-Transfer-Encoding: 7bit\n\na\n"),
    "a header too long": by_sendmail("joe@example.com",
                                     text="X-Long: " + "a" * 150000 + "\nSubject: x\n\nbody\n"),
    "comments": by_sendmail("joe@example.com", text=(
        "To: (c1) a (c2) , \"q,u\" <b> (c(n)3)\nCc: a b c\nFrom: x@y (J \\) D)\n\nb\n")),
}

SMTP_CASES = {
    "nothing but a subject": by_smtp("Subject: x\n\nbody\n"),
    "no empty line": by_smtp(
        "From: a\nTo: b\nMessage-Id: <x@y>\nbody at once: \n  more\nnot a header\n\n.dot\n",
        recipients=("r@example.net", "s@example.net", "loc", "R@EXAMPLE.net")),
    "only a body": by_smtp("\nbody\n"),
    "null sender": by_smtp("Subject: x\n\nb\n", sender=""),
    "8-bit": by_smtp("Subject: é\nContent-Transfer-Encoding: 8bit\n\né\n",
                     mail=["BODY=8BITMIME", "SMTPUTF8", "ENVID=e1", "RET=FULL"],
                     rcpt=["NOTIFY=NEVER", "ORCPT=rfc822;o@p"]),
    "large": by_smtp("Subject: x\n\n" + "0123456789 abcdefghij\n" * 20000),
}

MAPS = {
    "always_bcc": "arch@example.com",
    "virtual_alias_maps": "inline:{joe@example.com=a@b.example,"
                          "{list@example.com=x@y.z y@y.z list@example.com}}",
    "canonical_maps": "inline:{bob@test.example=robert@canon.example}",
}
MAP_CASES = {
    "aliases": by_sendmail("-f", "bob", "joe@example.com", "list@example.com", "bob", "x@y.z",
                           "joe+ext@example.com", text="From: bob\nSubject: a\n\nbody\n"),
    "by smtp": by_smtp("From: bob\nTo: joe@example.com\n\nx\n", sender="bob",
                       recipients=("joe@example.com", "a@b.example")),
}

CHECKS = ["REJECT bad", "HOLD on it", "WARN hey", "IGNORE", "PREPEND X-Prep: 1",
          "REPLACE Subject: new", "REDIRECT else@example.com", "FILTER smtp:[1.2.3.4]",
          "BCC more@example.com", "STRIP why", "INFO text", "REJECT", "REJECT 5.9.9 mine", "DUNNO"]


def check_settings(folder):
    table = pathlib.Path(folder, "checks")
    table.write_text("".join(f"/^Subject: c{number}$/ {action}\n/^body{number} / {action}\n"
                             for number, action in enumerate(CHECKS)))
    table.chmod(0o644)
    return {"header_checks": f"regexp:{table}", "body_checks": f"regexp:{table}",
            "delay_warning_time": "1h"}


CHECK_CASES = {
    **{f"header {action}": by_sendmail("joe@example.com", text=f"Subject: c{number}\n\nbody\n")
       for number, action in enumerate(CHECKS) if not action.startswith("REJECT")},
    **{f"body {action}": by_sendmail("joe@example.com", text=f"A: b\n\na\nbody{number} x\nc\n")
       for number, action in enumerate(CHECKS) if not action.startswith("REJECT")},
    **{f"smtp {action}": by_smtp(f"Subject: c{number}\n\nbody\n")
       for number, action in enumerate(CHECKS)},
}


def show(name, wanted, got):
    """How the outcomes differ, part by part."""
    if wanted[0] != "queued" or got[0] != "queued":
        return f"== {name}\n   Debian: {wanted}\n   ours:   {got}"
    return f"== {name}" + "".join(
        f"\n   {part}\n   Debian: {wanted[1][part]}\n   ours:   {got[1][part]}"
        for part in wanted[1] if wanted[1][part] != got[1][part])


def no_settings(_):
    return {}


GROUPS = {
    "sendmail": (no_settings, SENDMAIL_CASES),
    "smtp": (no_settings, SMTP_CASES),
    "maps": (lambda _: MAPS, MAP_CASES),
    "checks": (check_settings, CHECK_CASES),
}


@pytest.mark.parametrize("group", GROUPS)
def test_queue_files_are_those_of_debian(group, tmp_path_factory):
    make_settings, cases = GROUPS[group]
    compared(len(cases))
    folder = tmp_path_factory.mktemp("checks")
    for place in (folder, folder.parent, folder.parent.parent):
        place.chmod(0o755)
    peers = [Peer(kind, **make_settings(folder)) for kind in ("debian", "ours")]
    try:
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            list(pool.map(Peer.start, peers))
            outcomes = {name: list(pool.map(lambda peer: peer.outcome(act), peers))
                        for name, act in cases.items()}
    finally:
        for peer in peers:
            peer.instance.close()
    assert all(wanted[0] != "lost" for wanted, _ in outcomes.values())
    different = [show(name, *pair) for name, pair in outcomes.items() if pair[0] != pair[1]]
    assert not different, "\n".join(different)
