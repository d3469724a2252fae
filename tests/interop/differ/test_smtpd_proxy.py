"""A filter before the queue (smtpd_proxy_filter): what it hears, the client's replies and the log."""
import concurrent.futures
import re
import socket
import threading

import pytest
from instance import Instance, free_port, wait_for
from peer import DEFAULTS, DROP, SILENCE, Peer
from test_smtpd_generated import converse, template
from test_smtpd_dialogues import COMMON, read_reply

FORWARD = "250-filter.test\r\n250-SIZE\r\n250-XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE\r\n250 DSN"
CONTENT = "Subject: x\r\n\r\nHello\r\n..dot\r\n.\r\n"
MAIL = ["MAIL FROM:<a@b.test> BODY=8BITMIME", "RCPT TO:<alice@example.test>", ("DATA", CONTENT)]
PLAIN = ["EHLO h.test", *MAIL, "QUIT"]
TWO = ["EHLO h.test", "MAIL FROM:<a@b.test>", "RCPT TO:<alice@example.test>",
       "RCPT TO:<bob@example.test> NOTIFY=NEVER", ("DATA", CONTENT), *MAIL, "QUIT"]
TABLE = ("inline:{ {hold@x.test = HOLD}, {discard@x.test = DISCARD}, {filter@x.test = FILTER smtp:x},"
         "{prepend@x.test = PREPEND X-Foo: bar}, {redirect@x.test = REDIRECT x@relay.test},"
         "{bcc@x.test = BCC x@relay.test}, {reject@x.test = REJECT no}, {later@x.test = DEFER} }")
ACTIONS = ["hold", "discard", "filter", "prepend", "redirect", "bcc", "reject", "later"]


def by_recipient(bad, reply):
    return lambda line, number: reply if bad in line else DEFAULTS["RCPT"]


# What the filter says, the settings, and what a client says.
CASES = {
    "plain": ({}, {}, PLAIN),
    "helo": ({}, {}, ["HELO h.test", "MAIL FROM:<>", "RCPT TO:<alice@example.test>",
                      ("DATA", CONTENT)]),
    "no helo": ({"EHLO": FORWARD}, {}, MAIL),
    "forward": ({"EHLO": FORWARD}, {}, PLAIN),
    "forward some": ({"EHLO": "250-x\r\n250 XFORWARD ADDR HELO FOO"}, {}, PLAIN),
    "forward all unknown": ({"EHLO": "250 XFORWARD FOO"}, {}, PLAIN),
    "forward refused": ({"EHLO": FORWARD, "XFORWARD": "550 5.7.0 no"}, {}, PLAIN),
    "named": ({}, {"smtpd_proxy_ehlo": "before.test"}, PLAIN),
    "two": ({"EHLO": FORWARD, "XFORWARD": "250 2.0.0 Ok"}, {}, TWO),
    "greeting refused": ({"GREETING": "554 5.7.1 go away"}, {}, PLAIN),
    "greeting later": ({"GREETING": "421 4.7.1 later"}, {}, PLAIN),
    "greeting in lines": ({"GREETING": "220-a\r\n220 b"}, {}, PLAIN),
    "greeting cut": ({"GREETING": DROP}, {}, PLAIN),
    "ehlo refused": ({"EHLO": "502 5.5.1 what"}, {}, PLAIN),
    "mail refused": ({"MAIL": "550 5.1.0 not that one"}, {}, [*PLAIN[:4], "RSET", *MAIL]),
    "mail later": ({"MAIL": "451 4.1.0 not now"}, {}, TWO),
    "rcpt refused": ({"RCPT": by_recipient("alice", "550-5.1.1 first\r\n550 5.1.1 second")}, {}, TWO),
    "rcpt all refused": ({"RCPT": "451 4.1.1 nobody"}, {}, TWO),
    "other words": ({"MAIL": "250 2.1.9 a", "RCPT": "251 2.1.8 b", "DATA": "354 c"}, {}, PLAIN),
    "early refused": ({"MAIL": "550 5.1.0 no"}, {"smtpd_delay_open_until_valid_rcpt": "no"}, PLAIN),
    "rcpt odd": ({"RCPT": "354 go on"}, {}, PLAIN),
    "data refused": ({"DATA": "550 5.6.0 no data"}, {}, TWO),
    "data odd": ({"DATA": "250 2.0.0 Ok"}, {}, PLAIN),
    "end refused": ({".": "550 5.7.1 spam"}, {}, TWO),
    "end refused in lines": ({".": "554-5.7.1 spam\r\n554 5.7.1 and worse"}, {}, TWO),
    "end refused plainly": ({".": "550 spam"}, {}, PLAIN),
    "end later": ({".": "451 4.7.1 later"}, {}, PLAIN),
    "end taken in lines": ({".": "250-2.0.0 Ok\r\n250 2.0.0 thanks"}, {}, PLAIN),
    "end odd": ({".": "354 more"}, {}, PLAIN),
    "end control": ({".": "550 5.7.1 a\tb\x01\u00e9"}, {}, PLAIN),
    "rcpt 421": ({"RCPT": "421 4.3.2 closing"}, {}, TWO),
    "end 421": ({".": "421 4.3.2 closing"}, {}, PLAIN),
    "nobody": (None, {}, TWO),
    "reset": ({}, {}, ["EHLO h.test", MAIL[0], "RSET", *MAIL[:2], "RSET", *MAIL, "QUIT"]),
    "hang up": ({}, {}, ["EHLO h.test", *MAIL[:2]]),
    "quit": ({}, {}, ["EHLO h.test", *MAIL[:2], "QUIT"]),
    "ehlo again": ({}, {}, ["EHLO h.test", *MAIL[:2], "EHLO h.test", "QUIT"]),
    "no recipients": ({}, {}, ["EHLO h.test", "MAIL FROM:<a@b.test>", "RCPT TO:<zork@example.test>",
                               "DATA", "QUIT"]),
    "no data": ({}, {}, ["EHLO h.test", "MAIL FROM:<a@b.test>", "DATA", "QUIT"]),
    "refused by us": ({}, {}, ["EHLO h.test", "MAIL FROM:<a@b.test>", "RCPT TO:<zork@example.test>",
                               "RCPT TO:<alice@example.test>", ("DATA", CONTENT)]),
    "wrong": ({}, {}, ["EHLO h.test", "MAIL FROM:<a@b.test> FOO", "MAIL FROM:a b", "MAIL FROM:<a@b.test>",
                       "RCPT TO:<a b>", "RCPT TO:<alice@example.test> FOO=x", "MAIL FROM:<x@y>",
                       "RCPT TO: <alice@example.test>", ("DATA", CONTENT)]),
    "spelled": ({}, {}, ["EHLO h.test", "mail  from:  <A@b.test>  size=5", "rcpt to:alice@example.test",
                         ("DATA", CONTENT)]),
    "bdat": ({}, {}, ["EHLO h.test", *MAIL[:2], "BDAT 13 LAST\r\na: b\r\n\r\nxyz\r\n", "QUIT"]),
    "bare lf": ({}, {}, ["EHLO h.test", *MAIL[:2], ("DATA", "a: b\n\nx\n..y\n..z\r\n.\r\n")]),
    "empty": ({}, {}, ["EHLO h.test", *MAIL[:2], ("DATA", ".\r\n")]),
    "long lines": ({}, {"line_length_limit": "600"},
                   ["EHLO h.test", *MAIL[:2], ("DATA", "x" * 1500 + "\r\n" + "." * 1300 + "\r\n.\r\n")]),
    "too large": ({}, {"message_size_limit": "500"},
                  ["EHLO h.test", *MAIL[:2], ("DATA", ("x" * 50 + "\r\n") * 20 + ".\r\n"), *MAIL]),
    "end restrictions": ({}, {"smtpd_end_of_data_restrictions": f"check_sender_access {TABLE}"},
                         ["EHLO h.test"] + [step for name in ACTIONS for step in
                          [f"MAIL FROM:<{name}@x.test>", *MAIL[1:], "RSET"]]),
    "recipient restrictions": (
        {}, {"smtpd_recipient_restrictions": f"check_sender_access {TABLE}"},
        ["EHLO h.test"] + [step for name in ACTIONS for step in
                           [f"MAIL FROM:<{name}@x.test>", *MAIL[1:], "RSET"]]),
    "data restrictions": ({}, {"smtpd_data_restrictions": f"check_sender_access {TABLE}"},
                          ["EHLO h.test", "MAIL FROM:<reject@x.test>", *MAIL[1:], "QUIT"]),
    "soft": ({".": "550 5.7.1 spam", "RCPT": by_recipient("bob", "550 5.1.1 no")},
             {"soft_bounce": "yes", "smtpd_reject_footer": "call us"}, TWO),
    "many errors": ({"RCPT": "550 5.1.1 no"}, {"smtpd_hard_error_limit": "3"}, TWO),
    "upstream": ({"EHLO": FORWARD, "XFORWARD": "250 2.0.0 Ok"},
                 {"smtpd_authorized_xforward_hosts": "127.0.0.1", "smtpd_client_port_logging": "yes"},
                 ["EHLO h.test", "XFORWARD NAME=n.test ADDR=10.1.1.1 PORT=7 IDENT=Q17",
                  "XFORWARD HELO=a+20b PROTO=SMTP SOURCE=LOCAL", *MAIL, *MAIL]),
    "upstream unknown": ({"EHLO": FORWARD, "XFORWARD": "250 2.0.0 Ok"},
                         {"smtpd_authorized_xforward_hosts": "127.0.0.1"},
                         ["EHLO h.test", "XFORWARD NAME=[UNAVAILABLE] ADDR=IPv6:2001:db8::1", *MAIL]),
    "client": ({"EHLO": FORWARD, "XFORWARD": "250 2.0.0 Ok"},
               {"smtpd_authorized_xclient_hosts": "127.0.0.1"},
               ["EHLO h.test", "XCLIENT NAME=[TEMPUNAVAIL] ADDR=10.1.1.1", "EHLO x(y", *MAIL]),
    "early id": ({}, {"smtpd_delay_open_until_valid_rcpt": "no"}, PLAIN),
    "utf8": ({}, {}, ["EHLO h.test", "MAIL FROM:<j\u00f6@b.test> SMTPUTF8",
                      "RCPT TO:<alice@example.test>", ("DATA", CONTENT)]),
}
CUTS = ["EHLO", "XFORWARD", "MAIL", "RCPT", "DATA", "."]
for cut in CUTS:
    CASES[f"{cut} cut"] = ({"EHLO": FORWARD, "XFORWARD": "250 Ok", cut: DROP}, {}, TWO)
for cut in ["GREETING", *CUTS]:
    CASES[f"{cut} silent"] = ({"EHLO": FORWARD, "XFORWARD": "250 Ok", cut: SILENCE},
                              {"smtpd_proxy_timeout": "3s"}, PLAIN)


class Filter(Peer):
    """One that keeps its conversations apart, and tells when nobody talks to it any longer."""

    def __init__(self, says):
        self.ended = 0
        self.conversations = []
        self.own = threading.local()
        super().__init__(says)

    @property
    def commands(self):
        return self.own.commands

    @commands.setter
    def commands(self, _):
        """There is no list for all."""

    def serve(self, client, number):
        self.own.commands = []
        self.conversations.append(self.own.commands)
        super().serve(client, number)
        self.ended += 1

    def at_rest(self):
        return self.ended == self.connections


class House:
    """An instance with a service and a filter for each case."""

    def __init__(self, kind, cases):
        lines = ""
        self.cases = cases
        self.filters = {name: Filter(says) if says is not None else None
                        for name, (says, _, _) in cases.items()}
        self.ports = {name: free_port() for name in cases}
        for name, (_, settings, _) in cases.items():
            port, peer = self.ports[name], self.filters[name]
            lines += f"127.0.0.1:{port} inet n - n - - smtpd\n  -o syslog_name=v{port}\n"
            lines += f"  -o smtpd_proxy_filter=127.0.0.1:{peer.port if peer else 1}\n"
            lines += "".join(f"  -o {{ {key} = {value} }}\n" for key, value in settings.items())
        self.instance = Instance({**COMMON, "inet_protocols": "ipv4"}, kind=kind, master_extra=lines)

    def observe(self, name):
        peer, port = self.filters[name], self.ports[name]
        replies = converse(port, self.cases[name][2])
        ended = re.compile(rf"v{port}/smtpd\[\d+\]: disconnect")
        wait_for(lambda: ended.search(self.instance.log()), 20)
        if peer:
            wait_for(peer.at_rest, 20)
        found = re.findall(rf"v{port}/smtpd\[\d+\]: (.*)", self.instance.log())
        heard = [re.sub(r"(IDENT=)[0-9A-F]{9,14}\b", r"\1ID", re.sub(r"PORT=\d{4,5}", "PORT=N", line))
                 for heard in (peer.conversations if peer else []) for line in heard]
        messages = [re.sub(rb";\s+\w+, [^\r]*", b"", message)
                    for message in (peer.messages if peer else [])]
        beyond = rf"127.0.0.1:{peer.port if peer else 1}\b"
        log = [re.sub(beyond, "FILTER", re.sub(r"PORT=\d{4,5}", "PORT=N", template(line)))
               for line in found]
        blank = [(sent, [re.sub(rb"[0-9A-F]{9,14}\b", b"ID", line) for line in said])
                 for sent, said in replies]
        return {"replies": blank, "heard": heard, "messages": messages, "log": log}

    def run(self):
        with self.instance, concurrent.futures.ThreadPoolExecutor(8) as pool:
            return dict(zip(self.cases, pool.map(self.observe, self.cases)))


def compare(cases):
    wanted, got = House("debian", cases).run(), House("ours", cases).run()
    different = [f"{name}, {what}:\n  ours   {got[name][what]}\n  Debian {wanted[name][what]}"
                 for name in cases for what in wanted[name] if got[name][what] != wanted[name][what]]
    assert not different, f"{len(different)} differences\n" + "\n".join(different)


def test_filters_before_the_queue_are_used_as_by_debian():
    compare(CASES)


def test_filters_that_get_whole_mails_are_used_as_by_debian():
    compare({name: (says, {**settings, "smtpd_proxy_options": "speed_adjust"}, steps)
             for name, (says, settings, steps) in CASES.items()})


class Relay:
    """A filter that talks back: it marks what it lets through, and refuses what smells."""

    def __init__(self, beyond):
        self.beyond = beyond
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            threading.Thread(target=self.relay, args=(client,), daemon=True).start()

    def relay(self, client):
        with client, socket.create_connection(("127.0.0.1", self.beyond), timeout=20) as server:
            said, answers = client.makefile("rwb"), server.makefile("rwb")
            said.write(b"".join(read_reply(answers)))
            said.flush()
            for line in said:
                answers.write(line)
                answers.flush()
                reply = read_reply(answers)
                said.write(b"".join(reply))
                said.flush()
                if reply[0].startswith(b"354"):
                    content = b"".join(iter(said.readline, b".\r\n"))
                    if b"smelly" in content:
                        said.write(b"550 5.7.1 it smells\r\n")
                        said.flush()
                        return      # without its end the mail is nothing there
                    answers.write(b"X-Filter: seen\r\n" + content + b".\r\n")
                    answers.flush()
                    said.write(b"".join(read_reply(answers)))
                    said.flush()


def through_a_relay(make, waits):
    before, behind = free_port(), free_port()
    relay = Relay(behind)
    lines = f"""127.0.0.1:{before} inet n - n - - smtpd
  -o syslog_name=before -o smtpd_proxy_filter=127.0.0.1:{relay.port}
  -o smtpd_proxy_options={"speed_adjust" if waits else ""}
127.0.0.1:{behind} inet n - n - - smtpd
  -o syslog_name=behind -o smtpd_authorized_xforward_hosts=127.0.0.0/8
  -o smtpd_recipient_restrictions=permit_mynetworks -o mynetworks=127.0.0.0/8
  -o smtpd_data_restrictions=check_client_access,static:HOLD
"""
    instance = make(settings=COMMON, master_extra=lines)
    replies = converse(before, [*PLAIN[:3], ("DATA", CONTENT), *MAIL[:2],
                                ("DATA", "a: b\r\n\r\nsmelly\r\n.\r\n"), "QUIT"])
    ended = re.compile(r"(?:before|behind)/smtpd\[\d+\]: disconnect")
    assert wait_for(lambda: len(ended.findall(instance.log())) >= 3)
    queue_id = next((instance.queue / "hold").rglob("[0-9A-F]*")).name
    stored = instance.run("postcat", "-bhq", queue_id).stdout
    log = re.findall(r"(?:before|behind)/smtpd\[\d+\]: (.*)", instance.log())
    known = re.compile(r"\b[0-9A-F]{9,14}\b")
    return ([(sent, [known.sub("ID", line.decode()) for line in said]) for sent, said in replies],
            known.sub("ID", re.sub(r"(?m)^Message-Id:.*|\w+, \d+ \w+ .*", "", stored)),
            sorted(known.sub("ID", template(line)) for line in log))


@pytest.mark.parametrize("waits", [False, True])
def test_a_filter_between_two_of_our_servers_is_used_as_between_two_of_debians(ours, debian, waits):
    got, wanted = through_a_relay(ours, waits), through_a_relay(debian, waits)
    assert got == wanted
    assert "X-Filter: seen" in got[1]
    assert any("550 5.7.1 it smells" in line for line in got[2])
