"""
What Debian's package installs for an "Internet Site", unmodified: our programs run it, and
mail arrives as Debian's Postfix makes it of the same input.
"""
import re

import pytest

from machine import Machine
from peer import Peer

ZONE = """\
sender.example. 60 IN MX 10 mx.remote.example.
remote.example. 60 IN MX 10 mx.remote.example.
mx.remote.example. 60 IN A 192.0.2.2
relay.example. 60 IN A 192.0.2.3
"""

MAIL = """\
From: Sender <from@sender.example>
To: somebody
Subject: {name}
X-Long: {long}

Text of {name}
.dot
From the mailbox
"""


@pytest.fixture(scope="module")
def both():
    """The machine, and what the five ways brought under Debian's programs and under ours."""
    with Machine(zone=ZONE) as machine:
        machine.install_debian()
        for name in ("mboxer", "direr", "sender"):
            machine.run("useradd", "-m", name)
        machine.write("/home/direr/.forward", "/home/direr/Maildir/\n")
        machine.shell("chown direr: /home/direr/.forward")
        stock = machine.shell("cat /etc/postfix/main.cf /etc/postfix/master.cf").stdout
        with machine.inside_network(remote=True):
            peers = [Peer(host="192.0.2.2", port=25), Peer(host="192.0.2.3", port=25)]
        theirs = five_ways(machine, peers)
        theirs["syslog"] = senders(machine)
        machine.shell("postconf -e relayhost=; service postfix stop")
        machine.lines.clear()
        machine.install_ours()
        assert machine.shell("cat /etc/postfix/main.cf /etc/postfix/master.cf").stdout == stock
        machine.run("service", "postfix", "start")
        ours = five_ways(machine, peers)
        ours["syslog"] = senders(machine)
        yield machine, theirs, ours


def masked(text):
    text = re.sub(r"\b(id|by) (<?)[0-9A-Za-z]{6,}(@mx\.machine\.example)?(>?;?)$", r"\1 \2ID\4",
                  text, flags=re.M)
    text = re.sub(r"(?:from userid \d+\)|with \w+)\s+id \w+", lambda m: m[0].rsplit(" ", 1)[0]
                  + " ID", text)
    text = re.sub(r"<\d{14}\.\w+@", "<STAMP@", text)
    text = re.sub(r"\w{3}, +\d+ \w{3} \d{4} [\d:]{8} [-+]\d{4} \(UTC\)", "DATE", text)
    text = re.sub(r"^(From \S+)  \w{3} \w{3} .*$", r"\1  DATE", text, flags=re.M)
    return re.sub(r" SIZE=\d+", " SIZE=N", text)


def mail(name):
    return MAIL.format(name=name, long="word " * 300)


def five_ways(machine, peers):
    """Each way's arrival: mailbox files, or the envelope and content a server was given."""
    machine.shell("rm -rf /var/mail/mboxer /home/direr/Maildir")
    for peer in peers:
        peer.commands.clear()
        peer.messages.clear()
    machine.send("from@sender.example", ["mboxer@machine.example"], mail("mbox"))
    machine.send("from@sender.example", ["direr@machine.example"], mail("maildir"))
    arrived = {"mbox": whole(machine, "/var/mail/mboxer")}
    new = machine.path("/home/direr/Maildir/new")
    machine.wait(lambda: new.exists() and list(new.iterdir()), "the Maildir")
    arrived["maildir"] = next(new.iterdir()).read_text()
    machine.shell("rm /var/mail/mboxer")
    submit(machine, "mboxer", mail("local"))
    arrived["local"] = whole(machine, "/var/mail/mboxer")
    submit(machine, "to@remote.example", mail("remote"))
    arrived["remote"] = told(machine, peers[0])
    machine.shell("postconf -e relayhost=[relay.example]; service postfix restart")
    submit(machine, "to@anywhere.example", mail("relayed"))
    arrived["relayhost"] = told(machine, peers[1])
    return {way: masked(text) for way, text in arrived.items()}


def whole(machine, mailbox):
    """A mailbox's content, once its message is there to the end."""
    path = machine.path(mailbox)
    machine.wait(lambda: path.exists() and path.read_text().endswith("mailbox\n\n"), mailbox)
    return path.read_text()


def senders(machine):
    """Which programs logged, with which priority, in which frame."""
    found = set()
    for line in list(machine.lines):
        # The commands that start and stop are not what is compared.
        match = re.match(r"(<\d+>)\w{3} [ \d]\d [\d:]{8} (postfix/(?!postfix-script)\S+)\[\d+\]: ",
                         line)
        if match and "status=sent" in line or match and "client=" in line:
            found.add(match.groups())
    return found


def submit(machine, recipient, text):
    machine.run("runuser", "-u", "sender", "--", "sendmail", "-oi", recipient, input=text)


def told(machine, peer):
    machine.wait(lambda: peer.messages, "a message at the server")
    envelope = [line for line in peer.commands if not line.startswith(("RSET", "QUIT"))]
    return "\n".join(envelope) + "\n" + peer.messages[0].decode().replace("\r\n", "\n")


@pytest.mark.parametrize("way", ["mbox", "maildir", "local", "remote", "relayhost"])
def test_mail_arrives_as_debians_postfix_makes_it(both, way):
    _, theirs, ours = both
    assert "Subject: " in theirs[way]
    assert ours[way] == theirs[way]


def test_syslog_is_told_the_same_way(both):
    _, theirs, ours = both
    assert ("<22>", "postfix/smtpd") in theirs["syslog"]
    assert ours["syslog"] == theirs["syslog"]


def test_what_is_not_served_is_named_once_and_tls_is_not_offered(both):
    machine, _, _ = both
    log = machine.syslog()
    started = log[:log.index("daemon started")]
    machine.lines.clear()
    machine.run("postfix", "check")
    machine.settle_log()
    unserved = re.findall(r"main\.cf, line \d+: (\w+) is not served yet", machine.syslog())
    assert re.findall(r"line \d+: (\w+) is not served yet", started) == unserved
    with machine.connect(25) as client:
        client.recv(1000)
        client.sendall(b"EHLO client.example\r\n")
        offered = client.recv(1000).decode()
    assert "250 CHUNKING" in offered
    assert ("STARTTLS" in offered) == ("smtpd_tls_security_level" not in unserved)
    assert not re.search(r"fatal|panic|throttling", log), log
