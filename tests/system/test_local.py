"""local(8): what a recipient of this host gets, beside what Debian's Postfix gives."""
import os
import pathlib
import pwd
import re
import shutil
import subprocess
import tempfile

import pytest
from instance import wait_for

USER = "postreiter-local"


@pytest.fixture
def account():
    """A fresh home, a spool that everybody may write to, and room for :include: files."""
    home = pathlib.Path(f"/tmp/{USER}-home")
    try:
        pwd.getpwnam(USER)
    except KeyError:
        subprocess.run(["useradd", "--system", "--no-create-home", "--home-dir", str(home), USER],
                       check=True)
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(mode=0o755)
    shutil.chown(home, USER)
    with tempfile.TemporaryDirectory(prefix="spool-") as spool:
        os.chmod(spool, 0o1777)
        yield Account(home, pathlib.Path(spool))
    shutil.rmtree(home, ignore_errors=True)


class Account:
    def __init__(self, home, spool):
        self.home, self.spool = home, spool

    def file(self, path, text, mode=0o644, owner=USER):
        path.write_text(text)
        path.chmod(mode)
        shutil.chown(path, owner)
        return path

    def deliver(self, kind, recipients, settings=None, aliases="", text=None):
        """Deliver; gives the log lines that matter, without what is different each time."""
        instance = kind(start=False, settings={
            "mail_spool_directory": self.spool, "recipient_delimiter": "+",
            "notify_classes": "", "default_transport": "discard",
            "local_recipient_maps": "", **(settings or {})})
        (instance.config / "aliases").write_text("postmaster: root\nsender: /dev/null\n" + aliases)
        instance.run("postalias", f"hash:{instance.config}/aliases")
        instance.start()
        instance.sendmail("-f", "s@elsewhere.example", "--", *recipients,
                          **({"text": text} if text else {}))
        done = r": removed|status=deferred"
        instance.wait_log(r"local\[.*status=")
        instance.wait_log(done)
        wait_for(lambda: not any((instance.queue / "active").iterdir()), 5)
        log = instance.log()
        instance.close()
        lines = re.findall(r"local\[\d+\]: (.*)", log)
        return sorted(normal(line) for line in lines)


def normal(line):
    line = re.sub(r"\b[0-9A-F]{8,}\b", "QID", line)
    line = re.sub(r"delay=[\d.]+, delays=[\d./]+, ", "", line)
    line = re.sub(r"tmp/\d+\.P[^ ]*: ", "tmp/FILE: ", line)
    return line


def body_of(text):
    """What was written, without times and ids."""
    text = re.sub(r"^From (\S+)  .*$", r"From \1  DATE", text, flags=re.M)
    text = re.sub(r"\b[0-9A-F]{8,}\b", "QID", text)
    text = re.sub(r"\d{14}\.", "TIME.", text)
    return re.sub(r"[A-Z][a-z]{2}, +\d+ \w{3} \d{4} [\d:]{8} ", "DATE ", text)


SAME = {
    "mbox": dict(),
    "mbox in the home": dict(settings={"home_mailbox": "mbox"}),
    "maildir": dict(recipients=[USER + "+ext", USER.upper()],
                    settings={"home_mailbox": "Maildir/"}),
    "unknown user": dict(recipients=["nosuch", "nosuch+x"]),
    "luser_relay": dict(recipients=["nosuch"], settings={"luser_relay": USER + "+$local"}),
    "alias of aliases": dict(recipients=["list"], aliases=f"list: {USER}, other\nother: {USER}\n"),
    "alias of a remote address": dict(recipients=["rem"],
                                      aliases=f"rem: a@remote.example, {USER}\n"),
    "alias with an owner": dict(recipients=["list"],
                                aliases=f"list: a@remote.example\nowner-list: {USER}\n"),
    "alias loop": dict(recipients=["x"], aliases="x: y\ny: x\n"),
    "alias of an unknown user": dict(recipients=["d"], aliases=f"d: nosuchuser, {USER}\n"),
    "missing include": dict(recipients=["inc"], aliases="inc: :include:/nonexistent/x\n"),
    "failing commands": dict(recipients=["bad", "later"],
                             aliases='bad: "|exit 3; echo hi"\nlater: "|echo no; exit 75"\n'),
    "mailbox_command": dict(settings={"mailbox_command": "cat >/dev/null"}),
    "names that look like files": dict(recipients=["/tmp/x", "|cat"]),
    "From_ lines in the text": dict(text="Subject: x\n\nFrom here\n>From there\nlast"),
    "mailbox_size_limit": dict(settings={"mailbox_size_limit": "20000",
                                         "message_size_limit": "19000"},
                               mailbox="x" * 19900 + "\n"),
    "a lock": dict(settings={"deliver_lock_attempts": "1"}, lock=True),
    "forward": dict(forward=f"a@remote.example, \\{USER}\n"),
    "forward to oneself": dict(forward=f"{USER}\n"),
    "forward to a command": dict(forward='"|cat >/dev/null"\n'),
    "forward that others may write": dict(forward="a@remote.example\n", mode=0o666),
    "forward of somebody else": dict(forward="a@remote.example\n", owner="nobody"),
    "empty forward": dict(forward=""),
    "delivered before": dict(text=f"Delivered-To: {USER}@mail.test.example\nSubject: x\n\nhi\n"),
}


def prepare(account, case):
    for path in [account.spool / USER, account.home / "mbox", account.home / ".forward"]:
        path.unlink(missing_ok=True)
    shutil.rmtree(account.home / "Maildir", ignore_errors=True)
    if "mailbox" in case:
        account.file(account.spool / USER, case["mailbox"], 0o600)
    if "lock" in case:
        account.file(account.spool / f"{USER}.lock", "1\n")
    if "forward" in case:
        account.file(account.home / ".forward", case["forward"], case.get("mode", 0o644),
                     case.get("owner", USER))


def found(account):
    """Every mailbox file: mode, owner, content."""
    files = []
    for folder in (account.spool, account.home):
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.name not in (".forward", f"{USER}.lock"):
                status = path.stat()
                where = "new" if path.parent.name == "new" else path.name
                files.append((where, oct(status.st_mode), status.st_uid,
                              body_of(path.read_text())))
    return sorted(files)


@pytest.mark.parametrize("name", SAME)
def test_local_delivers_as_debian_does(ours, debian, account, name):
    case = SAME[name]
    results = []
    for kind in (debian, ours):
        prepare(account, case)
        log = account.deliver(kind, case.get("recipients", [USER]), case.get("settings"),
                              case.get("aliases", ""), case.get("text"))
        results.append((log, found(account)))
    assert results[1] == results[0]


def test_include_goes_out_as_a_message_of_its_own(ours, account):
    include = account.file(account.spool / "list", f"# who\n{USER}\nb@remote.example\n",
                           owner="root")
    log = account.deliver(ours, ["inc"], aliases=f"inc: :include:{include}\n")
    assert any("to=<inc@mail.test.example>" in line and "(forwarded as QID)" in line
               for line in log)
    text = (account.spool / USER).read_text()
    assert text.count("Delivered-To:") == 2


def test_mailbox_of_a_spool_that_only_root_may_write(ours, account):
    account.spool.chmod(0o755)
    log = account.deliver(ours, [USER])
    assert any("delivered to mailbox" in line for line in log), log
    status = (account.spool / USER).stat()
    assert (status.st_uid, status.st_mode & 0o777) == (pwd.getpwnam(USER).pw_uid, 0o600)


def test_a_parameter_that_is_not_served_holds_the_mail(ours, account):
    instance = ours(start=False, settings={"mailbox_transport": "lmtp:unix:private/x"})
    instance.start()
    instance.sendmail("-f", "s@elsewhere.example", USER)
    instance.wait_log("fatal: parameter mailbox_transport is set, but is not served")
    assert "status=bounced" not in instance.log()
