"""What access tables ask for where there is no mail yet, or none but VRFY: as with Debian."""
import re

from instance import free_port, wait_for
from test_smtpd_generated import converse, template
from test_smtpd_dialogues import COMMON

ACTIONS = ["HOLD", "DISCARD", "FILTER smtp:x", "REDIRECT x@relay.test", "BCC x@relay.test",
           "PREPEND A: b", "WARN x"]
HELO = ", ".join(f"{{h{at}.test = {action}}}" for at, action in enumerate(ACTIONS))
SENDER = ", ".join(f"{{s{at}@x.test = {action}}}" for at, action in enumerate(ACTIONS))
VARIANTS = [
    {"smtpd_helo_restrictions": f"check_helo_access inline:{{ {HELO} }}", "smtpd_delay_reject": "no"},
    {"smtpd_helo_restrictions": f"check_helo_access inline:{{ {HELO} }}"},
    {"smtpd_client_restrictions": "check_client_access inline:{{127.0.0.1=HOLD}}",
     "smtpd_delay_reject": "no"},
    {"smtpd_sender_restrictions": f"check_sender_access inline:{{ {SENDER} }}",
     "smtpd_delay_reject": "no"},
]


def observe(make):
    ports = [free_port() for _ in VARIANTS]
    lines = ""
    for port, settings in zip(ports, VARIANTS):
        lines += f"127.0.0.1:{port} inet n - n - - smtpd\n  -o syslog_name=v{port}\n"
        lines += "".join(f"  -o {{ {name} = {value} }}\n" for name, value in settings.items())
    instance = make(settings=COMMON, master_extra=lines)
    replies, logs = [], []
    for port in ports:
        for at in range(len(ACTIONS)):
            replies += converse(port, [
                f"EHLO h{at}.test", "VRFY alice@example.test", f"MAIL FROM:<s{at}@x.test>",
                "VRFY alice@example.test", "RCPT TO:<alice@example.test>",
                "RCPT TO:<bob@example.test>", "VRFY bob", "RSET", "QUIT"])
            ended = len(logs) * len(ACTIONS) + at + 1
            assert wait_for(lambda: instance.log().count("quit=1") == ended)
        logged = re.compile(rf"v{port}/smtpd\[\d+\]: (.*)")
        logs.append([template(line) for line in logged.findall(instance.log())])
    return replies, logs


def test_actions_wait_for_a_mail_as_with_debian(ours, debian):
    assert observe(ours) == observe(debian)
