"""LAYOUT=debian: in the place of Debian's package, on a machine that used it, and back."""
import re

import pytest

from machine import Machine
from peer import Peer

ZONE = """\
first.example. 60 IN MX 10 mx.first.example.
mx.first.example. 60 IN A 192.0.2.2
second.example. 60 IN MX 10 mx.second.example.
mx.second.example. 60 IN A 192.0.2.3
"""

# Everything whose owner, mode or content an administrator may have set.
THEIR_FILES = ("find /etc/postfix /var/spool/postfix -not -type s -not -path '*/pid/*' "
               "-not -path '*/lib/*' -not -path '*/maildrop/*' -not -path '*/active/*' "
               "-not -path '*/incoming/*' -not -path '*/def*/*' -not -path '*/hold/*' "
               "-printf '%p %U %G %m %l\\n' | sort; cat /etc/postfix/*.cf; "
               "dpkg-statoverride --list | sort; dpkg-divert --list | sort; dpkg --verify postfix")


@pytest.fixture(scope="module")
def debian_machine():
    with Machine(zone=ZONE) as made:
        made.install_debian()
        made.shell("getent passwd alice || useradd -m alice")
        made.run("postsuper", "-d", "ALL")      # what the host's own queue holds
        yield made


@pytest.fixture
def machine(debian_machine):
    """With Debian's Postfix in service."""
    if debian_machine.path("/usr/lib/postfix/postreiter.list").exists():
        debian_machine.uninstall_ours()
    if debian_machine.run("postfix", "status", check=False).returncode != 0:
        debian_machine.run("service", "postfix", "start")
    debian_machine.lines.clear()
    return debian_machine


def queue_is(machine, count):
    listed = machine.run("postqueue", "-p", check=False).stdout
    return len(re.findall(r"^[0-9A-Za-z]{6,}[*!]?\s", listed, re.M)) == count


def mode(machine, name):
    return machine.run("stat", "-c", "%U:%G %a", name).stdout.strip()


def fill_queue(machine, tag):
    """One deferred, one on hold, one in maildrop of a mail system that is down."""
    for subject in ("deferred", "held"):
        machine.send("from@sender.example", [f"to@{tag}.example"],
                     f"Subject: {tag} {subject}\n\ntext\n")
    machine.wait(lambda: machine.syslog().count("status=deferred") >= 2 and
                 queue_is(machine, 2), "both are deferred")
    listed = machine.run("postqueue", "-p").stdout
    queue_id = re.findall(r"^([0-9A-Za-z]{6,}) ", listed, re.M)[0]
    machine.run("postsuper", "-h", queue_id)
    machine.run("service", "postfix", "stop")
    machine.run("sendmail", f"to@{tag}.example", input=f"Subject: {tag} dropped\n\ntext\n")
    machine.lines.clear()


def empty_queue(machine, tag):
    with machine.inside_network(remote=True):
        peer = Peer(host={"first": "192.0.2.2", "second": "192.0.2.3"}[tag], port=25)
    machine.run("postsuper", "-H", "ALL")
    machine.run("postqueue", "-f")

    def all_came():
        text = b"".join(peer.messages).decode()
        return all(f"Subject: {tag} {what}" in text for what in ("deferred", "held", "dropped"))
    machine.wait(all_came, "everything is delivered")
    machine.wait(lambda: queue_is(machine, 0), "the queue is empty")
    assert len(peer.messages) == 3
    peer.listener.close()


def test_ours_take_the_place_of_debians_and_give_it_back(machine):
    before = machine.shell(THEIR_FILES).stdout
    fill_queue(machine, "first")

    machine.install_ours()
    assert "postreiter_version" in machine.run("postconf", "postreiter_version").stdout
    assert machine.run("postconf", "-dh", "queue_directory", "daemon_directory",
                       "config_directory").stdout.split() == \
        ["/var/spool/postfix", "/usr/lib/postfix/sbin", "/etc/postfix"]
    assert mode(machine, "/usr/sbin/postdrop") == "root:postdrop 2555"
    assert mode(machine, "/usr/sbin/postqueue") == "root:postdrop 2555"
    machine.run("postfix", "set-permissions")
    assert mode(machine, "/var/spool/postfix/public") == "postfix:postdrop 2710"
    assert mode(machine, "/var/spool/postfix/maildrop") == "postfix:postdrop 1730"
    for page in ("man1/postconf.1.gz", "man5/master.5.gz", "man8/smtpd.8postfix.gz"):
        assert ".Os Postreiter" in machine.run("zcat", f"/usr/share/man/{page}").stdout, page
    # Only our master may find daemons there, and only ours.
    assert "of another" not in machine.run("postfix", "check").stderr
    machine.run("service", "postfix", "start")
    empty_queue(machine, "first")
    fill_queue(machine, "second")
    machine.install_ours()      # a second time, over itself

    machine.uninstall_ours()
    assert "unknown parameter" in machine.run("postconf", "postreiter_version").stderr
    machine.run("service", "postfix", "start")
    empty_queue(machine, "second")
    machine.run("service", "postfix", "stop")
    assert machine.shell(THEIR_FILES).stdout == before


def test_a_running_mail_system_is_handed_over_running(machine):
    machine.install_ours()
    assert machine.run("postfix", "status", check=False).returncode == 0
    machine.send("from@sender.example", ["alice@machine.example"], "Subject: mine\n\ntext\n")
    machine.wait(lambda: machine.path("/var/mail/alice").exists(), "delivered by ours")
    machine.uninstall_ours()
    assert machine.run("postfix", "status", check=False).returncode == 0


def test_the_hooks_of_the_package_find_what_they_look_for(machine):
    machine.install_ours()
    # As the package sets it where procmail is installed.
    machine.run("postconf", "-e", 'mailbox_command=procmail -a "$EXTENSION"')
    machine.lines.clear()
    quiet = [
        "/usr/lib/postfix/configure-instance.sh -",
        "service postfix restart", "service postfix reload", "service postfix status",
        "service postfix check", "service postfix flush",
        "IFACE=eth0 /etc/network/if-up.d/postfix", "IFACE=eth0 /etc/network/if-down.d/postfix",
        "/etc/resolvconf/update-libc.d/postfix", "/etc/ppp/ip-up.d/postfix",
        "/usr/lib/networkd-dispatcher/routable.d/postfix",
        "/usr/lib/systemd/system-generators/postfix-instance-generator /run/units",
        # The lines of the unit for the only instance, "-".
        "postmulti -i - -p reload", "postmulti -i - -p stop", "postmulti -i - -p start",
    ]
    for command in quiet:
        result = machine.shell(command)
        assert result.stderr == "", f"{command}: {result.stderr}"
    machine.write("/var/spool/postfix/etc/resolv.conf", "")
    machine.run("/etc/resolvconf/update-libc.d/postfix")
    assert machine.read("/var/spool/postfix/etc/resolv.conf") == "nameserver 127.0.0.1\n"
    complaints = [line for line in machine.syslog().splitlines()
                  if re.search(r"warning|error|fatal|panic", line)
                  and "is not served yet" not in line]
    assert complaints == [], machine.syslog()


def test_the_package_is_configured_anew_over_ours(machine):
    machine.install_ours()
    machine.install_debian(mailer="Smarthost", relayhost="string [mx.first.example]")
    for name, value in (("relayhost", "[mx.first.example]"), ("myorigin", "/etc/mailname"),
                        ("mydestination", "machine.example, $myhostname, localhost")):
        assert machine.run("postconf", "-h", name).stdout.strip() == value
    assert mode(machine, "/usr/sbin/postdrop") == "root:postdrop 2555"
    assert machine.run("postalias", "-q", "postmaster", "hash:/etc/aliases").stdout == "root\n"
    # Removed, the package takes its own files and leaves ours to uninstall.
    assert "postreiter_version" in machine.run("postconf", "postreiter_version").stdout
