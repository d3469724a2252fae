"""local(8): what a recipient of this host gets, beside what Debian's Postfix gives."""
import fcntl
import os
import pathlib
import pwd
import re
import shutil
import subprocess
import tempfile

import measure
import pytest
from instance import wait_for
from sanitizer import SANITIZED

USER = "postreiter-local"


@pytest.fixture
def account():
    """A fresh home, a spool that everybody may write to, and room for :include: files."""
    home = pathlib.Path(f"/tmp/{USER}-home")
    alone = open(f"/tmp/{USER}.lock", "w")      # the account is the host's: one run at a time
    fcntl.flock(alone, fcntl.LOCK_EX)
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
    alone.close()


class Account:
    def __init__(self, home, spool):
        self.home, self.spool = home, spool

    def file(self, path, text, mode=0o644, owner=USER):
        path.write_text(text)
        path.chmod(mode)
        shutil.chown(path, owner)
        return path

    def deliver(self, kind, recipients, settings=None, aliases="", text=None, table_owner="root"):
        """Deliver; gives the log lines that matter, without what is different each time."""
        instance = kind(start=False, settings={
            "mail_spool_directory": self.spool, "recipient_delimiter": "+",
            "notify_classes": "", "default_transport": "discard",
            "local_recipient_maps": "", **(settings or {})})
        (instance.config / "aliases").write_text("postmaster: root\nsender: /dev/null\n"
                                                 + aliases.replace("SPOOL", str(self.spool)))
        instance.run("postalias", f"hash:{instance.config}/aliases")
        shutil.chown(instance.config / "aliases.db", table_owner)
        instance.start()
        instance.sendmail("-f", "s@elsewhere.example", "--", *recipients,
                          **({"text": text} if text else {}))
        done = r": removed|status=deferred"
        instance.wait_log(r"(local|discard|error)\[.*status=")
        instance.wait_log(done)
        wait_for(lambda: measure.queue_is_empty(instance, measure.UNDER_WAY), 5)
        log = instance.log()
        instance.close()
        lines = re.findall(r"(?:local|discard|error)\[\d+\]: (.*)", log)
        # What local sends out and what comes back is on its way when it is looked at.
        lines = [line for line in lines
                 if not re.search(r"to=<\S+@(elsewhere|remote)\.example>.*relay=none", line)]
        return sorted(normal(line) for line in lines)


def normal(line):
    line = re.sub(r"\b[0-9A-F]{8,}\b", "QID", line)
    line = re.sub(r"delay=[\d.]+, delays=[\d./]+, ", "", line)
    line = re.sub(r"/tmp/spool-\w+", "SPOOL", line)
    line = re.sub(r"tmp/\d+\.P[^ ]*: ", "tmp/FILE: ", line)
    return line


def body_of(text):
    """What was written, without times and ids."""
    text = re.sub(r"^From (\S+)  .*$", r"From \1  DATE", text, flags=re.M)
    text = re.sub(r"\b[0-9A-F]{8,}\b", "QID", text)
    text = re.sub(r"\d{14}\.", "TIME.", text)
    return re.sub(r"[A-Z][a-z]{2}, +\d+ \w{3} \d{4} [\d:]{8} ", "DATE ", text)


# A command that says what it was given and what it may do.
WHO = ("|(id; umask; env | grep -v -e ^PWD= -e ^_= -e ^MAIL_CONFIG= | sort; ls /proc/self/fd | "
       "wc -l; grep -e Sig -e Shd -e ^Cap -e NoNew /proc/self/status; ulimit -a) > SPOOL/out; "
       "cat > SPOOL/in")

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
    "nested aliases": dict(recipients=["outer"], aliases="outer: a@remote.example, inner, other\n"
                           "inner: b@remote.example, c@remote.example, deep\nother: d@remote.example\n"
                           "deep: e@remote.example\nowner-inner: x@remote.example\n"),
    "nested aliases with frozen_delivered_to = no": dict(
        recipients=["outer"], settings={"frozen_delivered_to": "no"},
        aliases="outer: a@remote.example, inner, other\ninner: b@remote.example, c@remote.example, deep\n"
                "other: d@remote.example\ndeep: e@remote.example\nowner-inner: x@remote.example\n"),
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
    "mailbox_transport": dict(settings={"mailbox_transport": "discard:"},
                              recipients=[USER + "+x", "nosuch"]),
    "mailbox_transport after .forward": dict(settings={"mailbox_transport": "error:no mail"},
                                             forward=f"a@remote.example, \\{USER}\n"),
    "mailbox_transport_maps": dict(
        settings={"mailbox_transport_maps": f"inline:{{ {{{USER}=error:gone away}} }}",
                  "mailbox_transport": "discard:here"}, recipients=[USER.upper(), "nosuch"]),
    "mailbox_transport to nowhere": dict(settings={"mailbox_transport": "error"}),
    "fallback_transport": dict(settings={"fallback_transport": "discard:"},
                               recipients=[USER, "nosuch+x"]),
    "fallback_transport_maps": dict(
        settings={"fallback_transport_maps": "inline:{nosuch=error:moved}",
                  "luser_relay": USER}, recipients=["nosuch", "nobodyelse"]),
    "mailbox_command_maps": dict(
        settings={"mailbox_command_maps": f"inline:{{ {{{USER}=exit 67}} }}",
                  "mailbox_command": "cat >/dev/null"}, recipients=[USER, "root"]),
    "what a command of an alias may": dict(aliases=f'own: "{WHO}"\n', recipients=["own"]),
    "what a command of a user's table may": dict(aliases=f'own: "{WHO}"\n', recipients=["own"],
                                                 table_owner=USER),
    "what a file of a user's table may": dict(aliases="own: SPOOL/file\n", recipients=["own"],
                                              table_owner=USER),
    "what a command of a list may": dict(aliases="own: :include:SPOOL/list\n",
                                         recipients=["own"], list=f'"{WHO}"\n'),
    "what a command of a list in a user's table may": dict(
        aliases="own: :include:SPOOL/list\n", recipients=["own"], list=f'"{WHO}"\n',
        list_owner="nobody", table_owner=USER),
    "what a command of .forward may": dict(forward=f'"{WHO}"\n'),
    "what mailbox_command may": dict(settings={"mailbox_command": WHO[1:]}),
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
    for name in ("out", "in", "file", "list"):
        (account.spool / name).unlink(missing_ok=True)
    if "list" in case:
        account.file(account.spool / "list", case["list"].replace("SPOOL", str(account.spool)),
                     owner=case.get("list_owner", USER))
    if "forward" in case:
        account.file(account.home / ".forward",
                     case["forward"].replace("SPOOL", str(account.spool)), case.get("mode", 0o644),
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
        settings = {name: value.replace("SPOOL", str(account.spool))
                    for name, value in case.get("settings", {}).items()}
        if "list" in case:
            settings["allow_mail_to_commands"] = "alias, forward, include"
        log = account.deliver(kind, case.get("recipients", [USER]), settings,
                              case.get("aliases", ""), case.get("text"),
                              case.get("table_owner", "root"))
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


def running(group):
    """Processes of a group that are not just waiting to be buried."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            found.append(path)
    return found


def test_a_command_that_takes_too_long_is_killed(ours, account):
    log = account.deliver(
        ours, ["slow", "quick"],
        settings={"command_time_limit": "1s", "default_privs": USER,
                  "local_destination_recipient_limit": "2"},
        aliases='slow: "|echo $$ > SPOOL/slow; sleep 60 & sleep 60"\n'
                'quick: "|cat > SPOOL/quick"\n')
    assert any("to=<slow@" in line and "dsn=5.3.0" in line
               and "Command time limit exceeded" in line for line in log), log
    group = int((account.spool / "slow").read_text())
    assert wait_for(lambda: not running(group), 5)
    assert wait_for(lambda: (account.spool / "quick").exists())


@pytest.mark.skipif(SANITIZED is not None, reason="runs unconfined")
def test_only_the_exec_half_may_run_programs(ours, account):
    instance = ours(start=False, settings={"mail_spool_directory": account.spool})
    instance.start()
    instance.sendmail("-f", "s@elsewhere.example", USER)
    instance.wait_log("delivered to mailbox")
    halves = {}
    for pid in measure.tree(instance):
        status = dict(line.split(":\t", 1) for line in
                      pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)
        if status["Name"] == "local":
            halves[status["Seccomp"]] = pid, status["NoNewPrivs"]
    assert sorted(halves) == ["0", "2"]
    assert (halves["2"][1], halves["0"][1]) == ("1", "0")
    open_files = {os.readlink(f"/proc/{halves['0'][0]}/fd/{fd}").split(":")[0]
                  for fd in range(3, 40)
                  if os.path.lexists(f"/proc/{halves['0'][0]}/fd/{fd}")}
    assert open_files == {"socket"}
    os.kill(halves["2"][0], 9)
    assert wait_for(lambda: not os.path.exists(f"/proc/{halves['0'][0]}"))
