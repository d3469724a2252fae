"""debug_peer_list: what a listed client and smtpd say is logged as Debian's logs it, and no more."""
import concurrent.futures
import os
import random
import re
import smtplib
import socket
from difflib import unified_diff

from counting import compared
from instance import free_port, wait_for
from test_smtpd_dialogues import COMMON
from test_smtpd_generated import Generator, converse, template

CASES = int(os.environ.get("DIFFER_CASES", "120"))
SEED = int(os.environ.get("DIFFER_SEED", "1"))

VARIANTS = [
    {"debug_peer_list": "127.0.0.1", "debug_peer_level": "1", "smtpd_reject_footer": "a\\nb"},
    {"debug_peer_list": "localhost", "smtpd_authorized_xclient_hosts": "127.0.0.0/8",
     "smtpd_client_restrictions": "check_client_access inline:{{192.0.2.8=REJECT}}"},
    {"debug_peer_list": "!127.0.0.1 127.0.0.0/8"},
    {"debug_peer_list": "192.0.2.0/24", "smtpd_authorized_xclient_hosts": "127.0.0.0/8"},
    {"debug_peer_list": "127.0.0.0/8", "smtpd_client_port_logging": "yes", "soft_bounce": "yes",
     "smtpd_delay_reject": "no", "smtpd_recipient_restrictions": "reject"},
]


def said(line):
    """A line of the conversation; ids and passwords apart."""
    line = re.sub(r"queued as \w+", "queued as ID", template(line))
    return re.sub(r"(: AUTH \S+) .*", r"\1", line, flags=re.IGNORECASE)


def traces(make, dialogues):
    ports = [free_port() for _ in VARIANTS]
    lines = ""
    for port, settings in zip(ports, VARIANTS):
        lines += f"127.0.0.1:{port} inet n - n - - smtpd\n  -o syslog_name=v{port}\n"
        lines += "".join(f"  -o {{ {name} = {value} }}\n" for name, value in settings.items())
    instance = make(settings=COMMON, master_extra=lines)
    counts = dict.fromkeys(ports, 0)
    for number, dialogue in enumerate(dialogues):
        port = ports[number % len(ports)]
        converse(port, dialogue)
        counts[port] += 1
        # One after the other, for the lines of two sessions may not be told apart.
        ends = rf"v{port}/smtpd\[\d+\]: disconnect"
        assert wait_for(lambda: len(re.findall(ends, instance.log())) == counts[port], every=0.02)
    return [[said(line) for line in re.findall(rf"v{port}/smtpd\[\d+\]: ([<>] .*)", instance.log())]
            for port in ports]


def test_conversations_are_logged_as_with_debian(ours, debian):
    generator = Generator(SEED)
    dialogues = [generator.dialogue() for _ in range(CASES)]
    compared(len(dialogues))
    found, wanted = traces(ours, dialogues), traces(debian, dialogues)
    assert [len(lines) > CASES / len(VARIANTS) for lines in wanted] == [True, True, False, False, True]
    for variant, (mine, theirs) in enumerate(zip(found, wanted)):
        different = list(unified_diff(theirs, mine, "Debian", "ours", n=3))
        assert not different, f"variant {variant}\n" + "\n".join(different[:60])


def test_of_two_clients_of_one_process_only_the_listed_one_is_logged(ours):
    instance = ours(settings={**COMMON, "debug_peer_list": "127.0.0.2",
                              "smtpd_hard_error_limit": "100"})

    def connect(source):
        client = smtplib.SMTP(timeout=30, source_address=(source, 0))
        client.connect("127.0.0.1", instance.port)
        return client
    with connect("127.0.0.1") as quiet, connect("127.0.0.2") as listed:
        chance = random.Random(1)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            def talk(client, name):
                for number in range(30):
                    client.docmd("VRFY", f"{name}{number}{chance.randrange(100)}")
            list(pool.map(talk, (quiet, listed), ("quiet", "listed")))
    instance.wait_log(r"(?s)(disconnect from.*){3}")
    lines = re.findall(r"\]: ([<>]) (\S+): (.*)", instance.log())
    heard = [text for direction, _, text in lines if direction == "<"]
    assert all("127.0.0.2" in peer for _, peer, _ in lines)
    assert sum(text.startswith("VRFY listed") for text in heard) == 30
    assert "quiet" not in " ".join(text for _, _, text in lines)
    assert len(instance.processes("smtpd")) == 1


def test_no_password_is_logged(ours):
    instance = ours(settings={**COMMON, "debug_peer_list": "127.0.0.1", "debug_peer_level": "9"})
    with socket.create_connection(("127.0.0.1", instance.port), timeout=30) as client:
        client.sendall(b"EHLO x\r\n")
        reader = client.makefile("rb")
        while not reader.readline().startswith(b"250 "):
            pass
        client.sendall(b"AUTH PLAIN AHVzZXIAc2VjcmV0\r\nauth login dXNlcg==\r\nc2VjcmV0\r\n\r\n"
                       b"c2VjcmV0\r\nRSET\r\nFOO shown\r\nQUIT\r\n")
        reader.read()
    instance.wait_log("disconnect from .* quit=1")
    assert "< localhost[127.0.0.1]: FOO shown" in instance.log()
    assert "c2VjcmV0" not in instance.log() and "dXNlcg" not in instance.log()


def test_dash_v_logs_every_conversation(ours):
    instance = ours(smtpd_options="-v")
    with instance.smtp() as client:
        client.noop()
    instance.wait_log(r"< localhost\[127.0.0.1\]: noop")
    instance.wait_log(r"> localhost\[127.0.0.1\]: 250 2.0.0 Ok")
