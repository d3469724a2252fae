"""`sendmail -bs`: a session on standard input, as Debian's."""
import re
import subprocess

from instance import wait_for
from test_smtpd_dialogues import COMMON

SESSIONS = [
    "EHLO x\nMAIL FROM:<a@b.test>\nRCPT TO:<alice@example.test>\nRCPT TO:<q@nowhere.test>\n"
    "RCPT TO:<zork@example.test> NOTIFY=NEVER\nDATA\nSubject: hi\n\nbody\n.\nVRFY alice\nETRN x\n"
    "XCLIENT NAME=x\nFOO\nBDAT 4 LAST\nab\n\nMAIL FROM:<>\nRCPT TO:<alice@example.test>\nRSET\n"
    "QUIT\n",
    "HELO y\r\nMAIL FROM:<u@b.test>\r\nRCPT TO:<bob@example.test>\r\nDATA\r\nx: y\r\n\r\n..dot\r\n"
    + "z" * 5000 + "\r\n.\r\n",
    "EHLO y\nMAIL FROM:<u@b.test>\nRCPT TO:<bob@example.test>\nBDAT 12 LAST\na: b\n\nhello\nQUIT\n",
    "MAIL FROM:<a@b.test>\nRCPT TO:<bob@example.test>\nDATA\nunfinished\n", "", "NOOP",
]


def observe(instance):
    replies = []
    for text in SESSIONS:
        result = instance.run("sendmail", "-bs", input=text, check=False)
        replies.append((result.returncode,
                        re.sub(r"queued as [0-9A-F]+", "queued as ID", result.stdout)))
    assert wait_for(lambda: instance.log().count("removed") >= 3), instance.log()
    assert wait_for(lambda: instance.log().count("disconnect from") > len(SESSIONS))
    sizes = sorted(re.findall(r"from=<[^>]*>, size=\d+, nrcpt=\d+", instance.log()))
    lines = re.findall(r"postfix/smtpd\[\d+\]: (.*)", instance.log())
    return replies, sizes, sorted(re.sub(r"\b[0-9A-F]{9,14}: ", "ID: ", line) for line in lines)


def test_a_session_on_standard_input_is_debians(ours, debian):
    settings = {**COMMON, "smtpd_recipient_restrictions": "reject",
                "smtpd_client_restrictions": "reject"}
    got, wanted = (observe(make(settings=settings)) for make in (ours, debian))
    assert got == wanted


def test_postdrop_decides_what_an_ordinary_user_may_do(ours):
    """The configuration is no authorized one: the user may talk, and nothing is queued."""
    instance = ours(settings=COMMON)
    command = [str(instance.commands / "sendmail"), "-C", str(instance.config), "-bs"]
    result = subprocess.run(command, input=SESSIONS[1], capture_output=True, text=True, timeout=60,
                            user="nobody", extra_groups=[])
    assert result.returncode == 0
    assert result.stdout.splitlines()[-1] == "451 4.3.0 Error: queue file write error"
    assert "unauthorized configuration directory" in result.stderr
