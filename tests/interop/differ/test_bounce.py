"""The same failures, delays and successes with Debian's Postfix and with ours: the notifications
must be the same text, and the log must say the same of each message.

A seeded generator makes the envelopes; the messages of one setting go through one instance of
each kind.  Run it by hand or by pytest: python3 tests/interop/differ/test_bounce.py [SETTING ...]
"""
import concurrent.futures
import difflib
import os
import pathlib
import random
import re
import smtplib
import socket
import sys
import threading
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
from counting import compared
from instance import Instance, wait_for  # noqa: E402

CASES = int(os.environ.get("DIFFER_CASES", 520))
SEED = os.environ.get("DIFFER_SEED", "1")

LONG = ("this is a rather long explanation that goes on and on, so that it is wrapped somewhere "
        "near the end of the line, and once more for good measure by an "
        + "unbreakable" * 9 + " word")

TEMPLATES = """\
failure_template = <<EOF
Charset: iso-8859-1
From: Nobody at all <nobody@test.example>
Subject: Alas
Postmaster-Subject: Copy: alas

Your mail via $myhostname failed ($mail_name).  $$5, please.

  indented

EOF

delay_template = <<END
From: MAILER-DAEMON (Late)
Subject: Late

${delay_warning_time_seconds} or $(maximal_queue_lifetime_days) or
$maximal_queue_lifetime_weeks of $mydomain
END

success_template = <<EOF
Charset: utf-8
Subject: Gr\xfc\xdfe

done
EOF
"""

WARNING_SECONDS = 5

SETTINGS = {
    "stock": {},
    "classes": {"notify_classes": "bounce, 2bounce, delay", "bounce_notice_recipient":
                "pm-bounce@sink.test", "2bounce_notice_recipient": "pm-2bounce@sink.test",
                "delay_notice_recipient": "pm-delay@sink.test"},
    "threads": {"enable_threaded_bounces": "yes", "bounce_size_limit": "1500",
                "confirm_delay_cleared": "yes", "notify_classes": "bounce, delay, 2bounce",
                "bounce_notice_recipient": "pm@sink.test", "delay_notice_recipient":
                "pm@sink.test", "2bounce_notice_recipient": "pm@sink.test"},
    "verp": {"disable_verp_bounces": "yes", "smtputf8_enable": "no",
             "header_from_format": "obsolete", "2bounce_notice_recipient": "two@sink.test"},
    "texts": {"bounce_template_file": "CONFIG/bounce.cf", "mail_name": "Postfix",
              "recipient_delimiter": "+", "soft_bounce": "no",
              "notify_classes": "bounce, delay", "bounce_notice_recipient": "pm@sink.test",
              "delay_notice_recipient": "pm@sink.test",
              "2bounce_notice_recipient": "two@sink.test"},
    "soft": {"soft_bounce": "yes", "backwards_bounce_logfile_compatibility": "no",
             "delay_logging_resolution_limit": "0"},
}


def settings(setting, collectors):
    routes = {
        "e1.test": "error:5.1.1 no such user here", "e2.test": f"error:5.7.1 {LONG}",
        "e3.test": "error:4.3.0 another class", "e4.test": "error:no code at all",
        "e5.test": "error:5.1.1  two  blanks", "e6.test": "error:5.7.999x strange; code",
        "t1.test": f"retry:4.4.1 {LONG}", "t2.test": "retry:not now", "t3.test": "retry:5.9.9 odd",
        "d1.test": "discard:", "d2.test": "discard:2.1.7 swallowed whole",
        "d3.test": "discard:5.0.0 what?",
        "r.test": f"smtp:[127.0.0.1]:{collectors[0].port}",
        "n.test": f"smtp:[127.0.0.1]:{collectors[1].port}",
        "sink.test": f"smtp:[127.0.0.1]:{collectors[0].port}",
    }
    return {
        "transport_maps": "inline:{ " + ", ".join(f"{{ {name} = {value} }}" for name, value
                                                  in routes.items()) + " }",
        "virtual_alias_domains": "v.test",
        "virtual_alias_maps": "inline:{ { one@v.test = x@e1.test }, "
                              "{ two@v.test = y@e2.test, z@d2.test }, "
                              "{ three@v.test = a@t1.test, okay@n.test } }",
        "alias_maps": "inline:{ { tofile = /dev/null }, { tocommand = |/bin/true }, "
                      "{ torefused = x@e1.test }, { tounknown = nosuchuser }, "
                      "{ toowned = /dev/null, x@e2.test }, { owner-toowned = nobody@d1.test }, "
                      "{ totwo = tofile, x@d2.test } }",
        "mail_spool_directory": "CONFIG/spool-of-nobody", "mailbox_command": "/bin/true",
        "smtpd_authorized_verp_clients": "127.0.0.0/8", "delay_warning_time": f"{WARNING_SECONDS}s",
        "local_recipient_maps": "", "notify_classes": "", "smtpd_error_sleep_time": "0",
        "smtp_connection_cache_on_demand": "no",
        "smtpd_peername_lookup": "no", "smtpd_reject_unlisted_recipient": "no", "always_add_missing_headers": "yes",
        "disable_dns_lookups": "yes", "smtp_dns_support_level": "disabled",
        **SETTINGS[setting],
    }


class Collector:
    """Takes every message; recipients whose names begin with hard or soft are refused."""

    def __init__(self, dsn):
        self.dsn = dsn
        self.mail = []      # (MAIL line, RCPT lines, content)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        with client:
            try:
                self.converse(client.makefile("rb"), client)
            except OSError:
                pass

    def converse(self, lines, client):
        client.sendall(b"220 sink.test ESMTP\r\n")
        sender, recipients = b"", []
        for line in lines:
            verb, reply = line[:4].upper(), b"250 2.0.0 Ok"
            if verb == b"EHLO":
                reply = (b"250-sink.test\r\n250-SMTPUTF8\r\n250-8BITMIME\r\n"
                         b"250-ENHANCEDSTATUSCODES" + (b"\r\n250 DSN" if self.dsn
                                                       else b"\r\n250 HELP"))
            elif verb == b"MAIL":
                sender, recipients = line.strip(), []
            elif verb == b"RCPT":
                reply = self.judge(line)
                if reply.startswith(b"2"):
                    recipients.append(line.strip())
            elif verb == b"DATA" and recipients:
                client.sendall(b"354 go ahead\r\n")
                content = b""
                for part in iter(lines.readline, b".\r\n"):
                    content += part[part.startswith(b"."):]
                self.mail.append((sender, recipients, content))
                reply = b"250 2.0.0 Ok: queued as SINK"
            elif verb == b"DATA":
                reply = b"554 5.5.1 no recipients"
            elif verb == b"QUIT":
                client.sendall(b"221 2.0.0 Bye\r\n")
                return
            client.sendall(reply + b"\r\n")

    @staticmethod
    def judge(line):
        if b"<hard" in line:
            return b"550-5.1.1 first line of several\r\n550 5.1.1 " + line.strip() + b" is gone"
        if b"<soft" in line:
            return b"450 4.2.1 " + LONG.encode()
        return b"250 2.1.5 Ok"

    def close(self):
        self.listener.close()


# --- what is sent ---------------------------------------------------------------------------


NAMES = ["u", "first.last", "a+b", '"q q"', '"quo\\"te"', "x" * 40]
DOMAINS = ["e1.test", "e2.test", "e3.test", "e4.test", "e5.test", "e6.test", "t1.test", "t2.test",
           "t3.test", "d1.test", "d2.test", "d3.test", "test.example"]
SERVER_NAMES = ["okay", "hard", "soft", "okay+x"]
ALIASES = ["one", "two", "three"]
# Of alias_maps: what they lead to is told to who asks for success, and to probes.
LOCAL_NAMES = ["daemon", "tofile", "tocommand", "torefused", "tounknown", "toowned", "totwo"]


def make_recipient(dice, wide, number):
    kind = dice.random()
    if kind < 0.6:
        address = f"{dice.choice(NAMES)}@{dice.choice(DOMAINS)}"
    elif kind < 0.68:
        address = f"{dice.choice(LOCAL_NAMES)}@test.example"
    elif kind < 0.87:
        address = f"{dice.choice(SERVER_NAMES)}{number}@{dice.choice(['r.test', 'n.test'])}"
    else:
        address = f"{dice.choice(ALIASES)}@v.test"
    if wide and dice.random() < 0.4:
        address = f"gr\xfc\xdfe@{dice.choice(DOMAINS[:12])}"
    options = []
    notify = dice.choice(["", "", "NEVER", "SUCCESS", "FAILURE", "DELAY", "SUCCESS,FAILURE",
                          "FAILURE,DELAY", "SUCCESS,FAILURE,DELAY"])
    if notify:
        options.append(f"NOTIFY={notify}")
    if dice.random() < 0.3:
        options.append("ORCPT=" + dice.choice(
            ["rfc822;orig+2Bplus@orig.test", "RFC822;Upper@Orig.test", "x400;c=xx+3Bs=y",
             "rfc822;" + "long" * 25 + "@orig.test"]))
    return address, options


CONTENTS = {
    "small": b"first line\r\n\r\nFrom the middle\r\nlast line\r\n",
    "empty": b"",
    "medium": b"0123456789 " * 7 * 20 + b"\r\n",
    "large": b"".join(b"line %d of many that are returned or not\r\n" % i for i in range(1500)),
    "wide": "gr\xfc\xdfe aus K\xf6ln\r\n".encode(),
}


def make_case(number, dice):
    wide = dice.random() < 0.12
    senders = {
        "plain": f"c{number}@sink.test", "quoted": f'"c {number}"@sink.test', "null": "",
        "double": "double-bounce@mail.test.example", "verp": f"c{number}@sink.test",
        "delimited": f"c{number}+ext=x@sink.test",
    }
    kind = dice.choices(list(senders), [60, 6, 12, 4, 12, 6])[0]
    sender = f"\xe4c{number}@sink.test" if wide else senders[kind]
    options = []
    if dice.random() < 0.5:
        options.append(dice.choice(["RET=HDRS", "RET=FULL"]))
    if dice.random() < 0.3:
        options.append(dice.choice(["ENVID=id+2B1", "ENVID=" + "e" * 90, "ENVID=a+20b+3Dc"]))
    content = dice.choices(list(CONTENTS), [50, 10, 15, 5, 20])[0]
    if wide:
        options.append("SMTPUTF8")
    if content == "wide" or wide or dice.random() < 0.2:
        options.append("BODY=8BITMIME")
    elif dice.random() < 0.2:
        options.append("BODY=7BIT")
    return {
        "number": number, "sender": sender, "options": options,
        "sendmail": dice.choice(["-XV", "-XV", "-XV-=", "-v", "-bv"])
        if kind == "verp" and not wide else "",
        "recipients": [make_recipient(dice, wide, number)
                       for _ in range(dice.choice([1, 1, 1, 2, 2, 3, 5]))],
        "content": content, "folded": dice.random() < 0.2, "no_id": dice.random() < 0.05,
        "references": dice.choice(["", "", "References: <r1@x.test>\r\n <r2@x.test>\r\n"
                                   "In-Reply-To: <r2@x.test>\r\n", "In-Reply-To: <i@x.test>\r\n"]),
    }


def text_of(case):
    subject = "Subject: folded\r\n over lines\r\n" if case["folded"] else "Subject: hi\r\n"
    marks = f"X-Case: {case['number']}\r\n"
    if not case["no_id"]:
        marks += f"Message-Id: <m{case['number']}@client.test>\r\n"
    return ((marks + subject + case["references"] + "From: a@b.test\r\n"
             "Date: Sun, 22 Nov 2026 09:00:00 +0000\r\n\r\n").encode()
            + CONTENTS[case["content"]])


def submit(instance, cases):
    """The queue id of each case; what is refused has the reply in its place."""
    found = {}
    with instance.smtp() as client:
        client.ehlo("client.test")
        for case in cases:
            if case["sendmail"]:
                submit_locally(instance, case)
            else:
                found[case["number"]] = submit_one(client, case)
    return found


def submit_locally(instance, case):
    """VERP and reports are asked for on sendmail's command line, and DSN for all recipients."""
    options = [case["sendmail"], "-f", case["sender"]]
    for option in [*case["options"], *case["recipients"][0][1]]:
        name, _, value = option.partition("=")
        if name in ("NOTIFY", "RET", "ENVID") and case["sendmail"] != "-bv":
            options += [{"NOTIFY": "-N", "RET": "-R", "ENVID": "-V"}[name], value]
    recipients = [address for address, _ in case["recipients"]]
    instance.sendmail(*options, "--", *recipients,
                      text=text_of(case).decode().replace("\r\n", "\n"))


def submit_one(client, case):
    replies = []

    def say(line):
        client.send(line.encode() + b"\r\n")
        code, text = client.getreply()
        replies.append((code, text))
        return code
    if say(" ".join([f"MAIL FROM:<{case['sender']}>", *case["options"]])) != 250:
        say("RSET")
        return repr(replies[0])
    for address, options in case["recipients"]:
        say(" ".join([f"RCPT TO:<{address}>", *options]))
    if say("DATA") != 354:
        say("RSET")
        return repr(replies[1:-1])
    client.send(smtplib.CRLF.encode().join(
        b"." + line if line.startswith(b".") else line
        for line in text_of(case).split(b"\r\n")) + b".\r\n")
    code, text = client.getreply()
    match = re.search(rb"queued as (\w+)", text)
    return match.group(1).decode() if match else repr((code, text))


# --- what comes back -------------------------------------------------------------------------


def files(instance, place):
    return {path.name for path in (instance.queue / place).rglob("*") if path.is_file()}


def logged(instance, pattern):
    return re.findall(pattern, instance.log())


def under_way(instance):
    """Debian's messages are files; ours may lie in the intake log, and only the log tells."""
    if instance.kind == "debian":
        return files(instance, "incoming") | files(instance, "active")
    return (set(logged(instance, r"cleanup\[\d+\]: (\w+): message-id="))
            - set(logged(instance, r"qmgr\[\d+\]: (\w+): removed")) - files(instance, "deferred"))


def quiet(instance):
    """Nothing is under way: what has come is gone, or waits in deferred."""
    calm = [0]

    def looks_quiet():
        busy = under_way(instance) or files(instance, "maildrop")
        calm[0] = 0 if busy else calm[0] + 1
        return calm[0] >= 4
    assert wait_for(looks_quiet, 60), f"{under_way(instance)}\n{instance.log()[-3000:]}"


def flush(instance):
    """Another attempt for all that waits."""
    def attempts():
        return logged(instance, r"qmgr\[\d+\]: (\w+): from=<.*\(queue active\)")
    before = attempts()
    waiting = files(instance, "deferred")
    instance.run("postqueue", "-f")
    assert wait_for(lambda: all(attempts().count(name) > before.count(name) for name in waiting))
    quiet(instance)


def neutral(text):
    """Without what differs from run to run: ids, dates, ports."""
    text = re.sub(rb"\b[0-9A-F]{10,13}\b", b"QID", text)
    text = re.sub(rb"\w{3}, +\d+ \w{3} \d{4} [\d:]{8} [+-]\d{4} \(\w+\)", b"DATE", text)
    text = re.sub(rb"\d{14}\.QID", b"STAMP", text)
    text = re.sub(rb"(?<=127\.0\.0\.1\]):\d+", b":PORT", text)
    text = re.sub(rb"\[127\.0\.0\.1\]:\d+", b"[127.0.0.1]:PORT", text)
    return re.sub(rb"QID\.\d+/", b"QID.TIME/", text)


def in_order(text):
    """Recipients are told of in the order in which agents have ended: sort neighbours."""
    blocks, found = text.split(b"\r\n\r\n"), []
    for block in blocks:
        block = block.strip(b"\r\n") if b"<" in block[:4] else block
        key = (b"<" if re.match(rb"<.*>.*:\s", block) else
               b"F" if re.match(rb"(Final|Original)-Recipient:", block) else None)
        if key and found and found[-1][0] == key:
            found[-1][1].append(block)
        else:
            found.append((key, [block]))
    return b"\r\n\r\n".join(b"\r\n\r\n".join(sorted(group)) for _, group in found)


def letters(collectors):
    """Case -> the notifications about it and copies of it, without ids and dates."""
    found = {}
    for collector in collectors:
        for sender, recipients, content in collector.mail:
            number = (re.search(rb"^X-Case: (\d+)", content, re.M)
                      or re.search(rb"<c(\d+)@sink.test>", recipients[0]))     # sendmail -bv
            key = int(number.group(1)) if number else -1
            whole = b"\r\n".join([sender, *sorted(recipients), b"", in_order(neutral(content))])
            # The size is that of ids and dates too.
            whole = re.sub(rb" SIZE=\d+", b"", whole)
            found.setdefault(key, []).append(whole.decode(errors="backslashreplace"))
    return {key: sorted(texts) for key, texts in found.items()}


WANTED = re.compile(r"postfix/(bounce|error|discard|smtp|local|qmgr)\[\d+\]: (?:warning: )?(\w+): (.*)")


def log_lines(instance, ids):
    numbers = {queue_id: number for number, queue_id in ids.items()}
    found = {}
    for line in instance.log().splitlines():
        match = WANTED.search(line)
        if not match or match.group(2) not in numbers:
            continue
        text = neutral(match.group(3).encode()).decode()
        text = re.sub(r"delays?=[\d./]+, ", "", text)
        if "queue active" in text:
            continue
        found.setdefault(numbers[match.group(2)], []).append(f"{match.group(1)}: {text}")
    # How often attempts lead to this line is of no interest: nothing comes of it.
    return {number: sorted(line for line in lines if "not sending trace" not in line)
            for number, lines in found.items()}


def run(kind, setting, cases):
    collectors = [Collector(True), Collector(False)]
    instance = Instance(kind=kind, settings=settings(setting, collectors))
    for name, value in instance.settings.items():
        instance.settings[name] = str(value).replace("CONFIG", str(instance.config))
    instance.write_main()
    (instance.config / "bounce.cf").write_text(TEMPLATES, encoding="latin-1")
    try:
        instance.start()
        ids = submit(instance, cases)
        submitted = time.monotonic()
        quiet(instance)
        # delay_warning_time has no event; it is longer than a first attempt takes at high load.
        time.sleep(max(0, submitted + WARNING_SECONDS + 1.1 - time.monotonic()))
        flush(instance)
        instance.run("postsuper", "-e", "ALL", check=False)
        instance.run("postqueue", "-f")
        assert wait_for(lambda: not files(instance, "deferred"), 60), instance.log()[-3000:]
        quiet(instance)
        instance.stop()
        for match in re.finditer(r"qmgr\[\d+\]: (\w+): from=<c(\d+)@sink.test>, size",
                                 instance.log()):
            ids.setdefault(int(match.group(2)), match.group(1))
        refused = {number: [text] for number, text in ids.items() if not text.isalnum()}
        return refused, letters(collectors), log_lines(instance, ids)
    finally:
        instance.close()
        for collector in collectors:
            collector.close()


def difference(name, debian, ours):
    """Of what only one of the two has, each text beside the one that is most like it."""
    left = [text for text in debian if text not in ours]
    right = [text for text in ours if text not in debian]
    pairs = []
    for text in left:
        best = difflib.get_close_matches(text, right, 1, 0.3)
        right = [other for other in right if other not in best]
        pairs.append((text, best[0] if best else ""))
    pairs += [("", text) for text in right]
    if not pairs:
        return f"{name}: {len(debian)} texts there, {len(ours)} here:\n" + "\n".join(
            text for text in set(debian) if debian.count(text) != ours.count(text))
    return "\n".join("\n".join(difflib.unified_diff(a.split("\n"), b.split("\n"),
                                                   f"debian {name}", f"ours {name}", lineterm="",
                                                   n=2)) for a, b in pairs)


def compare(setting, count):
    cases = [make_case(number, random.Random(f"{SEED} {setting} {number}"))
             for number in range(count)]
    results = {}
    threads = [threading.Thread(target=lambda kind=kind: results.update(
        {kind: run(kind, setting, cases)})) for kind in ("debian", "ours")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 2, "an instance failed, see above"
    found = []
    for part in range(3):
        debian, ours = results["debian"][part], results["ours"][part]
        for key in sorted(set(debian) | set(ours)):
            a, b = debian.get(key, []), ours.get(key, [])
            if a != b:
                case = next((case for case in cases if case["number"] == key), key)
                found.append(f"{case}\n{difference(f'{setting} {key}', a, b)}")
    if setting != "stock" or count > 50:
        assert any("multipart/report" in text for texts in results["debian"][1].values()
                   for text in texts), "no notification has come"
    return found


@pytest.fixture(scope="module")
def comparisons():
    """All settings, some at a time: most of each is waiting."""
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        yield {setting: pool.submit(compare, setting, CASES // len(SETTINGS))
               for setting in SETTINGS}


@pytest.mark.parametrize("setting", SETTINGS)
def test_notifications_read_as_debians(comparisons, setting):
    found = comparisons[setting].result()
    compared(CASES // len(SETTINGS))
    assert not found, f"{len(found)} differences\n" + "\n\n".join(found[:5])


if __name__ == "__main__":
    for one in sys.argv[1:] or SETTINGS:
        differences = compare(one, CASES // len(SETTINGS))
        print("\n\n".join(differences))
        print(f"{one}: {len(differences)} differences")
