"""Debian's programs around local delivery: filters as mailbox_command, readers of what was put into
mailboxes, user agents that send, list managers and content filters behind pipes."""
import contextlib
import imaplib
import os
import pathlib
import poplib
import re
import shutil
import subprocess

import pytest
from host import trusted
from instance import free_port, wait_for

LARGE = "Subject: parts\n\n" + "From the start\n.\n" + "x" * 3000 + "\nlast line"


def settings(reader, **more):
    spool = pathlib.Path(reader.pw_dir) / "spool"
    spool.mkdir(exist_ok=True)
    spool.chmod(0o1777)
    return {"mail_spool_directory": spool, "recipient_delimiter": "+", **more}


def put(reader, name, text, mode=0o600):
    path = pathlib.Path(reader.pw_dir) / name
    path.write_text(text)
    path.chmod(mode)
    shutil.chown(path, reader.pw_name)
    return path


@pytest.fixture
def home(reader):
    """The reader's home, empty before and after."""
    folder = pathlib.Path(reader.pw_dir)
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    yield folder
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def test_procmail_sorts_mail(ours, reader, home):
    put(reader, ".procmailrc", f"MAILDIR={home}\nDEFAULT={home}/inbox\nLOCKSLEEP=1\nARG=$1\n"
        ":0:\n* ^Subject: wanted\nwanted\n:0\n* ^Subject: folder\nsorted/\n"
        ":0:\n* ARG ?? ^lists$\nlists\n")
    instance = ours(settings=settings(reader, mailbox_command='/usr/bin/procmail -a "$EXTENSION"'))
    for subject, extension in (("wanted", ""), ("other", ""), ("folder", ""), ("x", "+lists")):
        instance.sendmail("-f", "s@elsewhere.example", reader.pw_name + extension,
                          text=f"Subject: {subject}\n\nFrom here\n")
    taken = "(delivered to command: /usr/bin/procmail"
    assert wait_for(lambda: instance.log().count(taken) == 4), instance.log()
    assert len(list((home / "sorted/new").iterdir())) == 1
    for name in ("wanted", "inbox", "lists"):
        text = (home / name).read_text()
        assert text.startswith("From s@elsewhere.example ") and text.count("\nSubject:") == 1
        assert f"\nDelivered-To: {reader.pw_name}" in text


def test_maildrop_sorts_and_refuses_mail(ours, reader, home):
    put(reader, ".mailfilter", "if (/^Subject: .*refused/)\n{\n  echo \"5.7.1 not here\"\n"
        "  EXITCODE=77\n  exit\n}\n" f"to \"{home}/kept\"\n")
    instance = ours(settings=settings(reader, mailbox_command="/usr/bin/maildrop"))
    for subject in ("kept", "refused"):
        instance.sendmail("-f", "s@elsewhere.example", reader.pw_name,
                          text=f"Subject: {subject}\n\nhello\n")
    instance.wait_log(r"dsn=5\.7\.1, status=bounced \(not here")
    instance.wait_log(r"status=sent \(delivered to command: /usr/bin/maildrop")
    assert "Subject: kept" in (home / "kept").read_text()
    assert "refused" not in (home / "kept").read_text()


@contextlib.contextmanager
def dovecot(reader, location, lmtp="lmtp"):
    """
    A private Dovecot over the reader's mail; gives the ports of IMAP and POP3.  lmtp is where
    it takes mail by LMTP (a path).
    """
    base = pathlib.Path(reader.pw_dir) / "dovecot"
    base.mkdir(mode=0o755)
    imap, pop3 = free_port(), free_port()
    (base / "dovecot.conf").write_text(f"""\
base_dir = {base}/run
state_dir = {base}/state
log_path = {base}/log
protocols = imap pop3 lmtp
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
first_valid_uid = 1
mail_location = {location}
mbox_write_locks = dotlock fcntl
passdb {{
  driver = static
  args = password=secret
}}
userdb {{
  driver = static
  args = uid={reader.pw_uid} gid={reader.pw_gid} home={reader.pw_dir}
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service pop3-login {{
  chroot =
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = 0
  }}
}}
service lmtp {{
  unix_listener {lmtp} {{
    user = postfix
    mode = 0600
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
""")
    subprocess.run(["dovecot", "-c", base / "dovecot.conf"], check=True, timeout=30,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    try:
        yield imap, pop3
    finally:
        subprocess.run(["doveadm", "-c", base / "dovecot.conf", "stop"], check=False, timeout=30)


@pytest.mark.parametrize("kind", ["mbox", "maildir"])
def test_dovecot_reads_what_was_delivered(ours, reader, home, kind):
    box = "Maildir/" if kind == "maildir" else "mail/inbox"
    (home / "mail").mkdir()
    shutil.chown(home / "mail", reader.pw_name)
    location = (f"maildir:{home}/Maildir" if kind == "maildir"
                else f"mbox:{home}/mail:INBOX={home}/mail/inbox")
    instance = ours(settings=settings(reader, home_mailbox=box))
    texts = ["Subject: first\n\none\n", LARGE, "Subject: third\n\nFrom me\n\n>From you\n"]
    for text in texts:
        instance.sendmail("-i", "-f", "s@elsewhere.example", reader.pw_name, text=text)
    assert wait_for(lambda: instance.log().count("status=sent") == 3), instance.log()
    with dovecot(reader, location) as (imap, pop3):
        with imaplib.IMAP4("127.0.0.1", imap) as client:
            client.login(reader.pw_name, "secret")
            assert client.select()[1] == [b"3"]
            fetched = [client.fetch(str(number), "(BODY[HEADER.FIELDS (SUBJECT)] BODY[TEXT])")[1]
                       for number in (1, 2, 3)]
            bodies = {parts[0][1].strip(): parts[1][1] for parts in fetched}
            # What is delivered while the mailbox is open is seen, too.
            instance.sendmail("-f", "s@elsewhere.example", reader.pw_name, text=texts[0])
            assert wait_for(lambda: instance.log().count("status=sent") == 4), instance.log()
            assert wait_for(lambda: client.noop() and client.select()[1] == [b"4"], every=0.3)
        quote = b">" if kind == "mbox" else b""
        assert bodies[b"Subject: first"] == b"one\r\n"
        assert bodies[b"Subject: parts"] == (quote + b"From the start\r\n.\r\n" + b"x" * 3000
                                             + b"\r\nlast line\r\n")
        assert bodies[b"Subject: third"] == quote + b"From me\r\n\r\n>From you\r\n"
        client = poplib.POP3("127.0.0.1", pop3)
        client.user(reader.pw_name)
        client.pass_("secret")
        assert client.stat()[0] == 4
        assert b"Subject: first" in client.retr(1)[1]
        client.dele(1)
        client.quit()


def test_dovecot_takes_mail_by_lmtp(ours, reader, home):
    """As its users set it up: virtual_transport and mailbox_transport, and deliver behind pipe."""
    instance = ours(settings=settings(
            reader, virtual_mailbox_domains="virtual.example", virtual_mailbox_maps="static:any",
            virtual_transport="lmtp:unix:private/dovecot-lmtp",
            mailbox_transport="lmtp:unix:private/dovecot-lmtp",
            transport_maps="inline:{lda.example=dovecot:}", dovecot_destination_recipient_limit="1",
            relay_domains="lda.example"),
        master_extra=f"dovecot unix - n n - - pipe flags=DRhu user={reader.pw_name} "
            f"argv=/usr/lib/dovecot/deliver -c {home}/dovecot/dovecot.conf -o log_path=/dev/stderr "
            "-o stats_writer_socket_path= -f ${sender} -d ${recipient}\n")
    recipients = ["one@virtual.example", "two@virtual.example", f"{reader.pw_name}@test.example",
                  "three@lda.example"]
    with dovecot(reader, f"maildir:{home}/%u", f"{instance.queue}/private/dovecot-lmtp"):
        (home / "dovecot/dovecot.conf").chmod(0o644)
        instance.send("s@elsewhere.example", recipients, "Subject: by LMTP\r\n\r\nFrom here\r\n..\r\n")
        assert wait_for(lambda: instance.log().count("status=sent") == 4), instance.log()
    for recipient in recipients:
        [path] = (home / recipient / "new").iterdir()
        text = path.read_text()
        assert text.startswith("Return-Path: <s@elsewhere.example>\n")
        assert text.endswith("\n\nFrom here\n..\n")
    log = instance.log()
    # Both of the domain went in one transaction, and the server answered for each.
    one, two = re.findall(r"to=<(?:one|two)@virtual\.example>, relay=\S*\[private/dovecot-lmtp\], "
                          r".* status=sent \(250 2\.0\.0 <\w+@virtual\.example> (\S+) Saved\)", log)
    assert one.split(":")[0] == two.split(":")[0]
    assert "(delivered via dovecot service" in log


def as_reader(reader, command, **more):
    return subprocess.run(command, check=True, timeout=60, user=reader.pw_name,
                          group=reader.pw_gid, extra_groups=[], text=True,
                          env={"HOME": reader.pw_dir, "PATH": "/usr/bin:/bin",
                               "USER": reader.pw_name, **more.pop("env", {})}, **more)


def test_user_agents_send_through_our_sendmail(ours, reader, home):
    instance = ours(settings=settings(reader, home_mailbox="Maildir/"))
    sendmail = f"{instance.commands}/sendmail -C {instance.config}"
    with trusted(instance):
        as_reader(reader, ["mutt", "-n", "-F", "/dev/null", "-e", f'set sendmail="{sendmail} -oem -oi"',
                           "-e", "set copy=no", "-e", f"set from={reader.pw_name}@test.example",
                           "-e", "set use_envelope_from=yes", "-s", "by mutt", "--",
                           f"{reader.pw_name}@test.example"], input="mutt says\n.\nFrom it\n")
        script = home / "sendmail"
        script.write_text(f'#!/bin/sh\nexec {sendmail} "$@"\n')
        script.chmod(0o755)
        put(reader, ".mailrc", f"set sendmail={script}\n")
        as_reader(reader, ["bsd-mailx", "-s", "by mailx", f"{reader.pw_name}@test.example"],
                  input="mailx says\n")
        assert wait_for(lambda: instance.log().count("(delivered to maildir)") == 2), instance.log()
    texts = sorted(path.read_text() for path in (home / "Maildir/new").iterdir())
    assert any("Subject: by mutt" in text and text.endswith("mutt says\n.\nFrom it\n")
               for text in texts), texts
    assert any("Subject: by mailx" in text and text.endswith("mailx says\n") for text in texts)
    assert all(f"Return-Path: <{reader.pw_name}@" in text for text in texts)


MANAGER = """#!/usr/bin/python3
import os, sys
text = sys.stdin.read()
with open("{home}/" + "-".join(sys.argv[1:]), "w") as file:
    file.write(os.environ["SENDER"] + " " + os.environ["ORIGINAL_RECIPIENT"] + "\\n" + text)
"""


def test_a_list_manager_in_aliases(ours, reader, home):
    manager = home / "mailman"
    manager.write_text(MANAGER.replace("{home}", str(home)))
    manager.chmod(0o755)
    instance = ours(start=False, settings=settings(reader, default_privs=reader.pw_name))
    (instance.config / "aliases").write_text("postmaster: root\n" + "".join(
        f'friends{suffix}: "|{manager} {verb} friends"\n' for suffix, verb in
        (("", "post"), ("-bounces", "bounces"), ("-confirm", "confirm"))))
    instance.run("postalias", f"hash:{instance.config}/aliases")
    instance.start()
    instance.sendmail("-f", "s@elsewhere.example", "friends@test.example",
                      "friends-confirm+token@test.example", "friends-bounces@test.example")
    assert wait_for(lambda: instance.log().count("(delivered to command:") == 3), instance.log()
    assert (home / "post-friends").read_text().startswith(
        "s@elsewhere.example friends@test.example\nFrom s@elsewhere.example ")
    assert "Delivered-To: friends-confirm+token@test.example" in (home / "confirm-friends").read_text()


def test_a_content_filter_that_calls_sendmail(ours, reader, home):
    script = home / "filter"
    script.write_text("#!/bin/sh\nsed 's/bad word/****/' | exec SENDMAIL -G -i \"$@\"\n")
    script.chmod(0o755)
    instance = ours(start=False, settings=settings(reader, home_mailbox="Maildir/"),
                    smtpd_options="-o content_filter=filter:dummy",
                    master_extra="filter unix - n n - 10 pipe flags=Rq "
                    f"user={reader.pw_name} null_sender= argv={script} -f ${{sender}} -- "
                    "${recipient}\n")
    script.write_text(script.read_text().replace(
        "SENDMAIL", f"{instance.commands}/sendmail -C {instance.config}"))
    with trusted(instance):
        instance.start()
        instance.send("s@elsewhere.example", [f"{reader.pw_name}@test.example",
                                              f"{reader.pw_name}+x@test.example"],
                      "Subject: filtered\r\n\r\na bad word\r\n.line\r\n")
        assert wait_for(lambda: instance.log().count("(delivered to maildir)") == 2), instance.log()
    assert instance.log().count("(delivered via filter service)") == 2
    for path in (home / "Maildir/new").iterdir():
        text = path.read_text()
        assert text.endswith("\na ****\n.line\n") and text.startswith("Return-Path: <s@elsewhere")
    assert os.stat(script).st_uid == 0
