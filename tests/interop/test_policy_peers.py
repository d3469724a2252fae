"""Debian's programs that decide on mail or change it on its way: policy servers over TCP and under
spawn, address tables over tcp:, a spam filter in a pipe."""
import contextlib
import pathlib
import re
import shutil
import smtplib
import socket
import subprocess
import tempfile

import pytest
from host import trusted
from instance import free_port, wait_for
from peer import Peer

GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
HAM = "From: a@elsewhere.example\r\nSubject: harmless\r\n\r\nHello, how are you?\r\n"


@pytest.fixture
def folder():
    path = pathlib.Path(tempfile.mkdtemp(prefix="peers-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def running(folder, *command, port):
    """A server in the foreground, from its first answer to the end of the block."""
    with open(folder / "output", "ab") as output:
        server = subprocess.Popen([*map(str, command)], stdout=output, stderr=output,
                                  stdin=subprocess.DEVNULL, cwd="/")

    def answers():
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 5):
            return True
        return server.poll() is not None

    try:
        assert wait_for(answers, 60) and server.poll() is None, (folder / "output").read_text()
        yield
    finally:
        server.terminate()
        server.wait(30)


def owned(folder, name, user):
    path = folder / name
    path.mkdir()
    shutil.chown(path, user)
    return path


def refusal(instance, sender, recipient):
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        instance.send(sender, [recipient])
    return refused.value.recipients[recipient]


def test_postgrey_lets_the_second_attempt_pass(ours, folder, reader, mailbox):
    port = free_port()
    data = owned(folder, "data", "postgrey")
    with running(folder, "/usr/sbin/postgrey", f"--inet=127.0.0.1:{port}", f"--dbdir={data}",
                 "--delay=1", "--whitelist-clients=/dev/null", port=port):
        instance = ours(settings={"mynetworks": "192.0.2.0/24", "home_mailbox": "Maildir/",
            "smtpd_recipient_restrictions": "reject_unauth_destination, "
            f"check_policy_service inet:127.0.0.1:{port}"})
        recipient = f"{reader.pw_name}@test.example"
        code, text = refusal(instance, "a@elsewhere.example", recipient)
        assert (code, text[:5]) == (450, b"4.2.0") and b"Greylisted" in text

        def passes():
            with contextlib.suppress(smtplib.SMTPRecipientsRefused):
                return instance.send("a@elsewhere.example", [recipient], HAM) == {}
        assert wait_for(passes, 30, every=0.5), instance.log()
        [mail] = mailbox(1)
    assert re.search(rb"^X-Greylist: delayed \d+ seconds by postgrey", mail, re.M), mail


def test_policyd_spf_runs_under_spawn(ours, folder, reader, mailbox):
    (folder / "spf.conf").write_text("debugLevel = 1\nTestOnly = 1\n"
                                     "skip_addresses = 127.0.0.0/8\n")
    instance = ours(settings={"home_mailbox": "Maildir/", "mynetworks": "192.0.2.0/24",
            "policyd-spf_time_limit": "3600",
            "smtpd_recipient_restrictions": "reject_unauth_destination, "
            "check_policy_service unix:private/policyd-spf"},
        master_extra="policyd-spf unix - n n - 0 spawn user=policyd-spf "
                     f"argv=/usr/bin/policyd-spf {folder}/spf.conf\n")
    for _ in range(2):
        instance.send("a@elsewhere.example", [f"{reader.pw_name}@test.example"], HAM)
    for mail in mailbox(2):
        assert b"\nX-Comment: SPF " in mail, mail


def test_postsrsd_rewrites_both_ways(ours, folder, reader, mailbox):
    forward, reverse = free_port(), free_port()
    (folder / "secret").write_text("not a secret\n")
    with running(folder, "/usr/sbin/postsrsd", "-s", folder / "secret", "-d", "test.example",
                 "-f", forward, "-r", reverse, "-4", port=reverse), \
            contextlib.closing(Peer()) as outside:
        instance = ours(settings={
            "sender_canonical_maps": f"tcp:127.0.0.1:{forward}",
            "sender_canonical_classes": "envelope_sender",
            "recipient_canonical_maps": f"tcp:127.0.0.1:{reverse}",
            "recipient_canonical_classes": "envelope_recipient, header_recipient",
            "home_mailbox": "Maildir/", "mydestination": "test.example",
            "transport_maps": f"inline:{{elsewhere.example=smtp:[127.0.0.1]:{outside.port}}}"})
        instance.send("joe@elsewhere.example", ["x@elsewhere.example"], HAM)
        assert wait_for(lambda: outside.messages), instance.log()
        sender = re.search(rb"MAIL FROM:<(SRS0=[^>]*)>", b"\n".join(
            line if isinstance(line, bytes) else line.encode() for line in outside.commands))
        assert sender and sender.group(1).endswith(b"=elsewhere.example=joe@test.example")
        instance.send("", [sender.group(1).decode()], HAM)
        assert wait_for(lambda: len(outside.messages) == 2), instance.log()
    instance.wait_log(r"to=<joe@elsewhere\.example>, orig_to=<SRS0=.* status=sent")


def test_spamassassin_marks_what_passes_its_pipe(ours, folder, reader, mailbox):
    port = free_port()
    home = owned(folder, "home", "debian-spamd")
    with running(folder, "/usr/sbin/spamd", "-s", "stderr", "-L", "-x", "-i", f"127.0.0.1:{port}",
                 "-m", "2", "-u", "debian-spamd", "-H", home, port=port):
        instance = ours(settings={"home_mailbox": "Maildir/"},
            smtpd_options="-o content_filter=spamassassin")
        (instance.config / "master.cf").write_text(
            (instance.config / "master.cf").read_text()
            + "spamassassin unix - n n - - pipe user=debian-spamd argv=/usr/bin/spamc -d 127.0.0.1 "
            f"-p {port} -e {instance.commands}/sendmail -C {instance.config} -oi -f ${{sender}} "
            "${recipient}\n")
        with trusted(instance):
            instance.run("postfix", "reload")
            instance.wait_log("reload -- version")
            for text in ("Hello, how are you?", GTUBE):
                instance.send("a@elsewhere.example", [f"{reader.pw_name}@test.example"],
                              f"From: a@elsewhere.example\r\nSubject: mail\r\n\r\n{text}\r\n")
            mails = mailbox(2, 60)
    assert len(mails) == 2, instance.log()
    for mail in mails:
        judged = re.search(rb"^X-Spam-(Flag|Status): (\w+)", mail, re.M)
        assert judged.group(2).lower() == (b"yes" if GTUBE.encode() in mail else b"no"), mail
