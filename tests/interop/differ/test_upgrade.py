"""postfix upgrade-configuration: the files of older releases become the same with both suites."""
import os
import random
import shutil
import subprocess

from instance import PREFIX

CASES = int(os.environ.get("DIFFER_CASES", "6"))
SEED = int(os.environ.get("DIFFER_SEED", "1"))
COMMANDS = {"ours": PREFIX / "sbin/postfix", "debian": "/usr/sbin/postfix"}
SERVICES = ["relay", "flush", "trace", "verify", "proxymap", "anvil", "scache", "discard",
            "tlsmgr", "retry", "proxywrite", "smtp", "smtpd", "dnsblog", "tlsproxy", "postlog",
            "cleanup"]
PROGRAMS = {"relay": "smtp", "trace": "bounce", "retry": "error", "proxywrite": "proxymap",
            "smtp": "postscreen", "postlog": "postlogd"}
SETTINGS = ["", "inet_protocols = all\n", "hash_queue_names = incoming, active\n",
            "hash_queue_names = deferred\n",
            "compatibility_level = 3.6\n"]

# As it came with Postfix 2.0.
OLD = """smtp      inet  n       -       n       -       -       smtpd
#smtps    inet  n       -       n       -       -       smtpd
pickup    fifo  n       -       n       60      1       pickup
cleanup   unix  -       -       n       -       0       cleanup
qmgr      fifo  n       -       n       300     1       qmgr
#tlsmgr   fifo  -       -       n       300     1       tlsmgr
rewrite   unix  -       -       n       -       -       trivial-rewrite
bounce    unix  -       -       n       -       0       bounce
defer     unix  -       -       n       -       0       bounce
flush     unix  -       -       n       1000?   0       flush
smtp      unix  -       -       n       -       -       smtp
showq     unix  n       -       n       -       -       showq
error     unix  -       -       n       -       -       error
local     unix  -       n       n       -       -       local
virtual   unix  -       n       n       -       -       virtual
lmtp      unix  -       -       n       -       -       lmtp
maildrop  unix  -       n       n       -       -       pipe
  flags=DRhu user=vmail argv=/usr/local/bin/maildrop -d ${recipient}
"""


def service(chance, name):
    """A line that more or less looks like the service."""
    program = chance.choice([PROGRAMS.get(name, name), PROGRAMS.get(name, name), "other"])
    mark = chance.choice(["", "", "", "#", "##", "# ", "x"])
    blank = chance.choice([" ", "\t", "    "])
    kind = chance.choice(["unix", "unix", "unix", "inet", "fifo"])
    wakeup = chance.choice(["-", "300", "60"][name == "tlsmgr":])   # without one: 1? processes
    fields = [mark + name + chance.choice(["", "", "", "2"]), kind, chance.choice("-ny"), "-",
              chance.choice("-ny"), wakeup, "1", program]
    return blank.join(fields) + "\n" + chance.choice(["", "", "\t-o syslog_name=x\n"])


def cases():
    yield "", OLD
    yield "", ""
    for number in range(CASES - 2):
        chance = random.Random(SEED * 1000003 + number)
        names = chance.sample(SERVICES, chance.randrange(len(SERVICES)))
        yield (chance.choice(SETTINGS),
               OLD * chance.choice([0, 1]) + "".join(service(chance, name) for name in names))


def upgrade(kind, folder, main, master):
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "queue").mkdir(parents=True)
    shutil.copy("/etc/postfix/postfix-files", folder)
    (folder / "main.cf").write_text(
        f"queue_directory = {folder}/queue\ndata_directory = {folder}/data\n"
        f"myhostname = h.example\nmeta_directory = {folder}\n{main}")
    (folder / "master.cf").write_text(master)
    done = subprocess.run([COMMANDS[kind], "-c", folder, "upgrade-configuration"], text=True,
                          capture_output=True, timeout=60)
    folders = sorted(path.name for path in (folder / "queue").iterdir())
    said = [line.replace(str(folder), "") for line in done.stdout.splitlines()
            if "adding missing entry" in line]
    assert done.returncode == 0, done.stdout + done.stderr
    return (done.returncode, (folder / "main.cf").read_text().replace(str(folder), ""),
            (folder / "master.cf").read_text(), sorted(said), folders)


def test_old_configurations_become_the_same(tmp_path):
    for main, master in cases():
        ours = upgrade("ours", tmp_path / "ours", main, master)
        theirs = upgrade("debian", tmp_path / "debian", main, master)
        ours[-1].remove("intake")
        assert ours[1].splitlines() == theirs[1].splitlines(), main
        assert ours[2].splitlines() == theirs[2].splitlines(), master
        assert ours == theirs
