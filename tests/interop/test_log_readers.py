"""
Programs of others that read a mail system's log and queue, pflogsumm, postfix-collate,
fail2ban and prometheus-postfix-exporter (all of Debian), find in ours what they find in that
of Debian's Postfix for the same mail.
"""
import json
import re
import shutil
import socket
import smtplib
import subprocess
import urllib.request

import pytest

from instance import Instance, free_port, wait_for
from peer import Peer

SETTINGS = {
    "smtpd_relay_restrictions": "permit_mynetworks,reject", "smtpd_hard_error_limit": "4",
    "smtpd_soft_error_limit": "2", "smtpd_error_sleep_time": "0", "smtpd_helo_required": "yes",
    "local_recipient_maps": "inline:{known=x}",
}


def converse(instance):
    """What clients do, good and bad; the same for both."""
    instance.send("one@sender.example", ["good@sink.example", "also@sink.example"])
    instance.send("two@sender.example", ["later@sink.example"])
    instance.send("three@sender.example", ["never@sink.example"])
    with instance.smtp() as client:
        client.helo("client.example")
        client.mail("spam@sender.example")
        for _ in range(3):
            client.rcpt("no-such-user@test.example")
    with instance.smtp() as client:
        for _ in range(6):
            try:
                client.docmd("FOO")
            except smtplib.SMTPServerDisconnected:
                break
    raw = socket.create_connection(("127.0.0.1", instance.port))
    raw.recv(200)
    raw.sendall(b"EHLO gone.example\r\n")
    raw.recv(1000)
    raw.close()
    instance.sendmail("-f", "local@sender.example", "good@sink.example")
    instance.sendmail("-f", "", "good@sink.example")


def answer(line, _):
    if "later" in line:
        return "450 4.2.0 try later"
    return "550 5.1.1 no such user" if "never" in line else "250 2.1.5 Ok"


class Side:
    def __init__(self, kind):
        self.peer = Peer(replies={"RCPT": answer})
        self.instance = Instance(kind=kind, settings={
            **SETTINGS, "default_transport": f"smtp:[127.0.0.1]:{self.peer.port}"})
        self.instance.start()
        self.instance.wait_log("disconnect from")       # that was start(): is there a greeting?
        self.exporter_port = free_port()
        self.exporter = subprocess.Popen(
            ["prometheus-postfix-exporter", f"--web.listen-address=127.0.0.1:{self.exporter_port}",
             f"--postfix.showq_path={self.instance.queue}/public/showq",
             f"--postfix.logfile_path={self.instance.log_file}"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert wait_for(lambda: self.metrics()), "the exporter does not start"
        converse(self.instance)
        self.instance.wait_log(r"lost connection after EHLO from")
        assert wait_for(lambda: self.instance.log().count(": removed") >= 4), self.instance.log()
        assert wait_for(lambda: len(self.peer.messages) >= 4), self.instance.log()
        # One message stays, deferred.
        assert wait_for(lambda: len(self.queued()) == 1), self.instance.log()

    def queued(self):
        lines = self.instance.run("postqueue", "-j").stdout.splitlines()
        return [json.loads(line) for line in lines]

    def metrics(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.exporter_port}/metrics",
                                        timeout=10) as page:
                return page.read().decode()
        except OSError:
            return ""

    def close(self):
        self.exporter.kill()
        self.exporter.wait()
        self.peer.listener.close()
        self.instance.close()


@pytest.fixture(scope="module")
def sides():
    for program in ("pflogsumm", "fail2ban-regex", "prometheus-postfix-exporter",
                    "postfix-collate"):
        assert shutil.which(program), f"{program} is missing (packages.txt)"
    made = [Side("debian"), Side("ours")]
    yield made
    for side in made:
        side.close()


def run(*command, **more):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          timeout=60, check=True, **more).stdout


def both(sides, view):
    theirs, ours = (view(side.instance) for side in sides)
    return theirs, ours


def test_pflogsumm_gives_the_same_report(sides):
    def report(instance):
        # What the start of Debian's finds odd in a folder made for tests is not the matter here.
        lines = [line for line in instance.log().splitlines(True) if "postfix-script[" not in line]
        text = run("pflogsumm", "--detail", "20", input="".join(lines))
        text = re.sub(r"\(queue id\S*", "", text)
        text = re.sub(r"\d+k?(?=  bytes|k?  \S+@|k? +\d+k? +\d)", "N", text)
        # Sizes count the queue id in Received:, times are not alike.
        text = re.sub(r"^Per-Hour.*?\n\n", "", text, flags=re.S | re.M)
        text = re.sub(r"\b[0-9A-F]{6,}\b", "ID", text)
        text = re.sub(r"(127\.0\.0\.1\]?):\d+", r"\1:PORT", text).replace(str(instance.folder), "X")
        text = re.sub(r"^( *)\d+k?( +\d+ +\d+ +[\d.]+ [smh] +[\d.]+ [smh])", r"\1N\2", text, flags=re.M)
        text = re.sub(r"[\d.]+ [smh]\b", "T", text)
        return re.sub(r" +", " ", text)
    theirs, ours = both(sides, report)
    assert "5 received" in theirs and "deferred" in theirs, theirs
    assert ours.splitlines() == theirs.splitlines()


def test_postfix_collate_joins_the_same_sessions(sides):
    def sessions(instance):
        blocks = run("postfix-collate", instance.log_file).split("\n\n")
        return sorted(sorted({re.sub(r"\[.*", "", line.split()[4]) + " " +
                              " ".join(re.findall(r"\b(?:from|to|status|client)=[^,\s]*", line))
                              for line in block.splitlines() if len(line.split()) > 4})
                      for block in blocks if "smtpd[" in block or "pickup[" in block)
    theirs, ours = both(sides, sessions)
    assert len(theirs) >= 5
    assert ours == theirs


@pytest.mark.parametrize("mode", ["normal", "aggressive", "errors"])
def test_fail2ban_finds_the_same_offences(sides, mode):
    def offences(instance):
        found = run("fail2ban-regex", "--print-all-matched", instance.log_file,
                    f"postfix[mode={mode}]")
        return [re.sub(r"^.*?postfix/|\[\d+\]|\b[0-9A-F]{6,}\b", "", line)
                for line in found.partition("Matched line(s):")[2].partition("`-")[0].splitlines()]
    theirs, ours = both(sides, offences)
    assert ours == theirs
    if mode == "aggressive":
        assert len(theirs) >= 5


def test_the_prometheus_exporter_reads_queue_and_log(sides):
    def figures(side):
        def read():
            return {name: value for name, value in
                    re.findall(r"^(postfix_[^ ]*(?:_count|_total|_up)?(?:\{[^}]*\})?) (\S+)$",
                               side.metrics(), re.M)
                    if not re.search(r"_sum|_bucket|unsupported|path=", name)}
        # The exporter follows the log at its own pace.
        wait_for(lambda: read().get("postfix_qmgr_messages_removed_total") == "4")
        return read()
    theirs, ours = (figures(side) for side in sides)
    assert any("showq_message_size" in name for name in theirs), theirs
    assert ours == theirs


def test_json_is_what_any_reader_takes(ours):
    instance = ours(settings={"maillog_format": "json", "local_recipient_maps": "",
                              "default_transport": "discard"})
    instance.send("a@sender.example", ["b@sink.example"])
    instance.wait_log(r": removed")
    events = [json.loads(line) for line in instance.log().splitlines()]
    assert all({"time", "host", "program", "session", "severity", "message"} <= set(event)
               for event in events)
    sent = [event for event in events if event.get("fields", {}).get("status") == "sent"]
    assert [(event["fields"]["to"], event["fields"]["relay"]) for event in sent] == \
        [("b@sink.example", "none")]
    assert {event["queue_id"] for event in events if event["program"] == "postfix/qmgr"} == \
        {sent[0]["queue_id"]}
    instance.run("postlog", "-t", "mine", "-p", "warn", 'said "so"')
    instance.wait_log("said")
    event = json.loads(instance.log().splitlines()[-1])
    assert (event["program"], event["severity"], event["message"]) == \
        ("mine", "warning", 'said "so"')


def test_a_wrong_format_is_refused(ours):
    instance = ours(start=False, settings={"maillog_format": "jason"})
    result = instance.run("postfix", "start", check=False)
    assert result.returncode != 0
    assert "expected classic or json" in result.stderr + instance.log()
