"""Generated SMTP dialogues: replies and log lines of our smtpd are those of Debian's.

DIFFER_CASES is the number of dialogues (1000), DIFFER_SEED the seed of the generator.
"""
import collections
import concurrent.futures
import os
import random
import re
import socket

from counting import compared
from instance import Instance, free_port, wait_for
from test_smtpd_dialogues import COMMON, SENDER_TABLE, ACTIONS, read_reply

CASES = int(os.environ.get("DIFFER_CASES", "1000"))
SEED = int(os.environ.get("DIFFER_SEED", "1"))
WORKERS = 6

TABLE = f"inline:{{ {SENDER_TABLE} }}"

# Each is a service of its own of one instance.
VARIANTS = [
    {},
    {"smtpd_sender_restrictions": f"check_sender_access {TABLE}",
     "smtpd_data_restrictions": f"check_sender_access {TABLE}"},
    {"smtpd_recipient_restrictions": f"reject_unauth_pipelining, check_sender_access {TABLE}",
     "smtpd_delay_reject": "no", "smtpd_helo_required": "yes",
     "smtpd_client_restrictions": "permit_mynetworks, defer_if_reject"},
    {"smtpd_helo_restrictions": "reject_invalid_helo_hostname, reject_non_fqdn_helo_hostname, "
     "check_helo_access inline:{ {bad.test=REJECT}, {hold.test=HOLD} }",
     "smtpd_sender_restrictions": "reject_non_fqdn_sender, warn_if_reject "
     "reject_unlisted_sender", "smtpd_recipient_restrictions": "reject_non_fqdn_recipient, "
     "reject_multi_recipient_bounce", "smtpd_hard_error_limit": "6"},
    {"smtpd_recipient_limit": "2", "smtpd_recipient_overshoot_limit": "1",
     "message_size_limit": "3000", "smtpd_junk_command_limit": "2", "smtpd_hard_error_limit": "5",
     "disable_vrfy_command": "yes", "smtpd_discard_ehlo_keywords": "chunking, dsn, silent-discard"},
    {"strict_rfc821_envelopes": "yes", "soft_bounce": "yes", "smtpd_reject_footer":
     "\\c; from $$client at $$localtime_", "smtpd_reject_unlisted_sender": "yes",
     "smtpd_delay_open_until_valid_rcpt": "no", "smtpd_client_port_logging": "yes"},
    {"smtpd_authorized_xclient_hosts": "127.0.0.0/8, 192.0.2.0/24", "smtpd_delay_reject": "no",
     "smtpd_authorized_xforward_hosts": "127.0.0.1", "smtpd_client_restrictions":
     "check_client_access cidr:{ {192.0.2.66/32 REJECT you} }", "mynetworks": "192.0.2.8/32",
     "smtpd_etrn_restrictions": "permit_mynetworks, reject", "fast_flush_domains": "relay.test"},
    {"smtpd_etrn_restrictions": "check_etrn_access inline:{ {no.test=REJECT} }",
     "smtpd_noop_commands": "help blah", "smtpd_authorized_verp_clients": "127.0.0.1",
     "smtpd_log_access_permit_actions": "static:all", "local_header_rewrite_clients": "",
     "smtpd_recipient_restrictions": "permit_auth_destination, permit_mynetworks"},
]

SENDERS = ["<>", "<a@b.test>", "<a>", "a@b.test", "<root@example.test>", "<zork@example.test>",
           '<"a b"@c.test>', "<@x,@y:a@b.test>", "<a@[192.0.2.1]>", "<a@-b>", "<a b@c.test>", "",
           "<a@b..test>", " <a@b.test>", "<A@B.Test>", "<a%b@c.test>", "x <a@b.test>", "<a@b.test"]
RECIPIENTS = ["<alice@example.test>", "<bob@example.test>", "<zork@example.test>", "<alice>", "bob",
              "<x@nowhere.test>", "<x@relay.test>", "<ok@virt.test>", "<no@virt.test>",
              "<ok@vbox.test>", "<no@vbox.test>", "<postmaster>", "<Postmaster@example.test>",
              "<alice%relay.test@example.test>", '<"x@nowhere.test"@example.test>', "<>", "",
              "<@relay.test:x@nowhere.test>", "<alice@[127.0.0.1]>", "<nowhere.test!x>",
              " <alice@example.test>", "<alice@example.test>x", "<alice@example..test>"]
MAIL_WORDS = ["SIZE=10", "SIZE=x", "BODY=8BITMIME", "BODY=7bit", "BODY=x",
              "RET=FULL", "RET=hdrs", "RET=x", "ENVID=abc", "ENVID=", "SMTPUTF8", "AUTH=<>", "XVERP",
              "XVERP=+=", "XVERP=x", "FOO", "FOO=bar", "SIZE=", "size=5"]
RCPT_WORDS = ["NOTIFY=NEVER", "NOTIFY=SUCCESS,DELAY", "NOTIFY=x", "ORCPT=rfc822;x@y", "ORCPT=x", "FOO",
              "notify=failure", "ORCPT=utf-8;x", "NOTIFY=NEVER,DELAY"]
NAMES = ["h.test", "foo", "[192.0.2.1]", "bad.test", "hold.test", "-x", "a_b.test", "192.0.2.1", "a b",
         "<x>", "", "h.test.", "[x]", "very-" * 20 + "long.test", "(c)"]
OTHERS = ["NOOP", "NOOP x", "RSET", "RSET x", "VRFY alice", "VRFY zork", "VRFY <alice@example.test>",
          "VRFY", "VRFY a b", "VRFY x@nowhere.test", "HELP", "blah x", "FOO bar", "", " ", "\t",
          "ETRN relay.test", "ETRN no.test", "ETRN", "ETRN @x", "ETRN a b", "STARTTLS", "STARTTLS x",
          "AUTH PLAIN", "AUTH", "EXPN x", "TURN", "DATA x", "BDAT", "BDAT x", "BDAT 0", "BDAT 0 LAST",
          "BDAT 5 LAST x", "XCLIENT", "XCLIENT NAME=x.test", "XCLIENT ADDR=192.0.2.8 NAME=y.test",
          "XCLIENT ADDR=10.9.8.7", "XCLIENT FOO=x", "XFORWARD NAME=z.test",
          "XFORWARD ADDR=10.1.1.1 IDENT=Q SOURCE=LOCAL", "XFORWARD", "XFORWARD ADDR=x",
          "XFORWARD HELO=a(b PROTO=smtp PORT=1", "Subject: x", "GET / HTTP/1.0", "POST x", "1234",
          "\u00e9t\u00e9", "QUIT now"]
PIECES = ["a", "alice", "@", "@", "example.test", "b.test", "(c)", " ", "@x:", ".",
          "[192.0.2.1]", "%", "!", "x" * 70, "-", "+", "=", "a@b.test", "alice@example.test", "junk",
          "<", ">", '"', "\\", ",", ";", ":", "(", ")", "[", "]", "..", '"q x"']
LONG_PATHS = ["<" + "x" * size + "@b.test>" for size in (64, 65, 249, 255, 256, 1000, 1990)] + [
    "<a@" + "y" * size + ".test>" for size in (58, 63, 64, 250, 255, 1000)] + [
    "<a@" + "y." * size + "test>" for size in (20, 100, 126, 500)] + [
    "<" + "@r.test," * 100 + "@r.test:alice@example.test>", '<"' + "q" * 990 + '"@example.test>',
    "<alice@example.test>" + " " * 990 + "x", "(" * 99 + "c" + ")" * 99 + "<alice@example.test>"]
CONTENTS = ["Subject: x\r\n\r\nHello\r\n.\r\n", ".\r\n", "..\r\n.\r\n", "a: b\n\nbare\nx\r\n.\r\n",
            "Subject: x\r\n\r\n" + "x" * 500 + "\r\n" * 10 + ".\r\n", "x" * 5000 + "\r\n.\r\n",
            "\r\n.\r\n", "Received: x\r\n" * 3 + "\r\n.\r\n", "no header\r\n.\r\n", ".x\r\n..\r\n.\r\n"]


def odd_paths(seed, count):
    """Dialogues of addresses that are hardly any, for MAIL, RCPT and VRFY."""
    chance = random.Random(seed)
    paths = list(LONG_PATHS)
    for _ in range(count):
        inner = "".join(chance.choice(PIECES) for _ in range(chance.randrange(1, 7)))
        form = chance.choice(["<{}>", "<{}>", "<{}>", "{}", "<{}", "{}>", " <{}>", "<{}> junk", "<{}>x",
                              "(c)<{}>", "<{}>(c)", "<{}> NOTIFY=NEVER", "x y <{}>", "<<{}>>", "<{}> <a@b.test>"])
        paths.append(form.format(inner).rstrip())      # doc/differences.md
    for start in range(0, len(paths), 5):
        some = paths[start:start + 5]
        steps = ["EHLO h.test"]
        for path in some:
            steps += [f"MAIL FROM:{path}", "RSET", f"VRFY {path}"]
        yield steps + ["MAIL FROM:<a@b.test>"] + [f"RCPT TO:{path}" for path in some]


class Generator:
    """Lists of steps: what to send, and how many replies to wait for."""

    def __init__(self, seed):
        self.chance = random.Random(seed)

    def often(self, percent):
        return self.chance.randrange(100) < percent

    def words(self, some, percent):
        words = ""
        while self.often(percent):
            words += " " + self.chance.choice(some)
        return words

    def cased(self, text):
        return text.lower() if self.often(10) else text

    def hello(self):
        verb = "EHLO" if self.often(80) else "HELO"
        name = "h.test" if self.often(75) else self.chance.choice(NAMES)
        return [self.cased(f"{verb} {name}".rstrip() if self.often(90) else f"{verb}  {name} ")]

    def mail(self):
        if self.often(35):
            sender = f"<s{self.chance.randrange(len(ACTIONS))}@x.test>"
        else:
            sender = "<a@b.test>" if self.often(60) else self.chance.choice(SENDERS)
        keyword = "MAIL FROM:" if self.often(95) else self.chance.choice(
            ["MAIL FROM: ", "MAIL", "MAIL FROM", "MAIL TO:", "mail from:", "MAIL  FROM:"])
        return [keyword + sender + (self.words(MAIL_WORDS, 15) if sender else "")]

    def rcpt(self):
        recipient = ("<alice@example.test>" if self.often(55)
                     else self.chance.choice(RECIPIENTS))
        keyword = "RCPT TO:" if self.often(95) else self.chance.choice(
            ["RCPT TO: ", "RCPT", "RCPT FROM:", "rcpt to:", "RCPT  TO:"])
        return [keyword + recipient + (self.words(RCPT_WORDS, 12) if recipient else "")]

    def content(self):
        if self.often(70):
            return [("DATA", self.chance.choice(CONTENTS))]
        steps = []
        for last in [False] * self.chance.randrange(2) + [True]:
            # Two null chunks are too much for Debian's smtpd: it dies.
            text = self.chance.choice(["" if last else "x", "a: b\r\n\r\nx\r\n", "x" * 4000, "line\r\n.\r\nmore\r\n"])
            steps.append(f"BDAT {len(text)}{' LAST' if last else ''}\r\n{text}")
        return steps

    def transaction(self):
        steps = self.mail()
        for _ in range(self.chance.choice([1, 1, 1, 2, 3, 4])):
            steps += self.rcpt()
        if self.often(15):
            steps.insert(self.chance.randrange(len(steps) + 1), self.chance.choice(OTHERS))
        return steps + (self.content() if self.often(70) else ["RSET"] if self.often(50) else [])

    def dialogue(self):
        steps = self.hello() if self.often(92) else []
        for _ in range(self.chance.randrange(1, 5)):
            what = self.chance.randrange(10)
            if what < 6:
                steps += self.transaction()
            elif what < 9:
                steps += [self.chance.choice(OTHERS) for _ in range(self.chance.randrange(1, 4))]
            else:
                steps += self.hello()
        if self.often(20):
            steps = self.pipelined(steps)
        return steps + (["QUIT"] if self.often(60) else [])

    def pipelined(self, steps):
        """Some commands in one packet."""
        start = self.chance.randrange(len(steps))
        group = [step for step in steps[start:start + self.chance.randrange(2, 5)]
                 if isinstance(step, str) and not step.startswith("BDAT")]
        return steps[:start] + ([tuple(["group"] + group)] if group else []) + steps[start + len(group):]


def send_step(connection, file, step, replies):
    """False when the server has gone."""
    group = step[1:] if isinstance(step, tuple) and step[0] == "group" else None
    lines = group or [step[0] if isinstance(step, tuple) else step]
    data = "".join(line if line.startswith("BDAT") and "\n" in line else line + "\r\n"
                   for line in lines)
    connection.sendall(data.encode())
    for line in lines:
        reply = read_reply(file)
        replies.append((line if reply[-1] != b"<gone>" else "", reply))
        if reply[-1] == b"<gone>":
            return False
        if reply[0].startswith(b"354"):
            content = step[1] if isinstance(step, tuple) and not group else ".\r\n"
            connection.sendall(content.encode())
            replies.append(("content", read_reply(file)))
    return True


def converse(port, steps):
    replies = []
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        file = connection.makefile("rb")
        replies.append(("connect", read_reply(file)))
        for step in steps:
            try:
                if not send_step(connection, file, step, replies):
                    break
            except OSError:
                replies.append(("", [b"<gone>"]))
                break
    return replies


def template(line):
    line = re.sub(r"\b[0-9A-F]{9,14}\b(?=:)", "ID", line)
    return re.sub(r"\]:\d{4,5}\b", "]:PORT", line)


class House:
    """An instance with a service for each variant."""

    def __init__(self, kind):
        self.ports = [free_port() for _ in VARIANTS]
        lines = ""
        for port, settings in zip(self.ports, VARIANTS):
            lines += f"127.0.0.1:{port} inet n - n - - smtpd\n"
            lines += f"  -o syslog_name=v{port}\n"
            lines += "".join(f"  -o {{ {name} = {value} }}\n" for name, value in settings.items())
        self.instance = Instance({**COMMON, "inet_protocols": "ipv4", "debug_peer_level": "2"},
                                 kind=kind, master_extra=lines)

    def run(self, dialogues):
        with self.instance as instance:
            with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
                replies = list(pool.map(
                    lambda case: converse(self.ports[case[0] % len(VARIANTS)], case[1]),
                    enumerate(dialogues)))
            ends = r"v\d+/smtpd\[\d+\]: disconnect"
            wait_for(lambda: len(re.findall(ends, instance.log())) >= len(dialogues), 30)
            logs = []
            for port in self.ports:
                found = re.findall(rf"v{port}/smtpd\[\d+\]: (.*)", instance.log())
                logs.append(collections.Counter(template(line) for line in found))
        return replies, logs


def test_generated_dialogues_go_as_with_debian():
    generator = Generator(SEED)
    compare([generator.dialogue() for _ in range(CASES)])


def test_odd_paths_are_taken_and_refused_as_with_debian():
    compare(list(odd_paths(SEED, CASES)))


def compare(dialogues):
    compared(len(dialogues))
    wanted, wanted_logs = House("debian").run(dialogues)
    got, got_logs = House("ours").run(dialogues)
    different = []
    for number, (steps, theirs, mine) in enumerate(zip(dialogues, wanted, got)):
        for ours, said in zip(mine, theirs):
            if ours != said:
                different.append(f"{number} (variant {number % len(VARIANTS)}) {steps}:\n"
                                 f"  {ours[0]!r}\n  ours   {ours[1]}\n  Debian {said[1]}")
                break
    for variant, (theirs, mine) in enumerate(zip(wanted_logs, got_logs)):
        different += [f"variant {variant}: ours logs {line} ({count})"
                      for line, count in (mine - theirs).items()]
        different += [f"variant {variant}: Debian logs {line} ({count})"
                      for line, count in (theirs - mine).items()]
    assert not different, f"{len(different)} differences\n" + "\n".join(different[:60])
