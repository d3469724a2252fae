"""postmulti over several instances: as Debian's lists, tells and marks them."""
import os
import pathlib
import shutil
import subprocess

import pytest

from instance import PREFIX

KINDS = {"ours": (PREFIX / "etc/postfix", PREFIX / "sbin"),
         "debian": (pathlib.Path("/etc/postfix"), pathlib.Path("/usr/sbin"))}
MAIN = "compatibility_level = 3.6\nmyhostname = h.example\n"

CALLS = ["-l", "-l -a", "-lR", "-l -g one", "-l -i postfix-b", "-l -i -", "-l -i nosuch",
         "-l -g nosuch", "-x true", "-x false", "-i postfix-b -x false", "-l extra", "-x", "",
         "-l -x true", "-e foo", "-e enable", "-e deport -i -", "-I bad -i postfix-b -e assign",
         "-i postfix-b -e disable", "-l", "-i postfix-b -I postfix-z -G - -e assign", "-l",
         "-i postfix-c -e deport", "-i postfix-c -e disable", "-i postfix-c -e deport", "-l",
         "-i postfix-z -e enable", "-l -i postfix-z"]


@pytest.fixture
def hosts(tmp_path):
    """For each suite three configurations; the first is put in the place of the default one."""
    for kind in KINDS:
        for name in "abc":
            folder = tmp_path / kind / name
            folder.mkdir(parents=True)
            (folder / "main.cf").write_text(
                MAIN + f"queue_directory = /q{name}\ndata_directory = /d{name}\n"
                + (f"multi_instance_name = postfix-{name}\nmulti_instance_group = one\n"
                   "multi_instance_enable = yes\n" if name != "a" else
                   "multi_instance_directories = "
                   f"{tmp_path}/{kind}/b {tmp_path}/{kind}/c\n"))
            shutil.copy("/etc/postfix/master.cf", folder)
    return tmp_path


def run(hosts, kind, *words):
    default, commands = KINDS[kind]
    script = f"mount --bind {hosts}/{kind}/a {default} || exit 99; exec {commands}/postmulti \"$@\""
    done = subprocess.run(["unshare", "-m", "sh", "-c", script, "sh", *words], text=True,
                          capture_output=True, timeout=30, cwd="/",
                          env={"PATH": os.environ["PATH"]})
    if done.returncode in (99, 1) and "unshare failed" in done.stderr:
        pytest.skip("no mount namespaces here")
    return done.returncode, done.stdout.replace(f"{hosts}/{kind}", "HOSTS").replace(
        str(default), "DEFAULT")


def test_instances_are_listed_told_and_marked_alike(hosts):
    assert run(hosts, "ours", "-l") == run(hosts, "debian", "-l")    # not yet managed
    for kind in KINDS:
        assert run(hosts, kind, "-e", "init")[0] == 0
    for call in CALLS:
        ours, theirs = run(hosts, "ours", *call.split()), run(hosts, "debian", *call.split())
        assert ours == theirs, call


def test_commands_know_their_instance(hosts):
    run(hosts, "ours", "-e", "init")
    run(hosts, "debian", "-e", "init")
    names = ["MAIL_CONFIG", "MAIL_LOGTAG", "config_directory", "queue_directory", "data_directory",
             "multi_instance_name", "multi_instance_group", "multi_instance_enable"]
    show = " ".join(f"{name}=${name}" for name in names)
    ours = run(hosts, "ours", "-x", "sh", "-c", f"echo {show}")
    assert ours == run(hosts, "debian", "-x", "sh", "-c", f"echo {show}")
    assert ours[1].count("\n") == 3


def test_who_is_disabled_is_passed_over(hosts):
    run(hosts, "ours", "-e", "init")
    run(hosts, "ours", "-i", "postfix-b", "-e", "disable")
    assert run(hosts, "ours", "-i", "postfix-b", "-p", "reload") == (0, "")
    assert run(hosts, "ours", "-i", "postfix-c", "-p", "reload")[0] != 0   # it does not run


# Each line is a call; HERE is the folder that holds the three configurations; "!" begins a
# command of the shell.
LIFE = """
-e create -I postfix-x
-e init
-e create
-e create -I wrong
-e create -I postfix-x -G g config_directory=HERE/cx
-e create -I postfix-y config_directory=HERE/cy queue_directory=HERE/q/q/y data_directory=HERE/dy
-e create -I postfix-z config_directory=HERE/cz queue_directory=HERE/cz data_directory=HERE/dz
-e create -I postfix-z config_directory=HERE/cz queue_directory=HERE/qz data_directory=HERE/qz
-e create -I postfix-z config_directory=HERE/cz queue_directory=HERE/qz data_directory=/qb
-e create -I postfix-z config_directory=HERE/b queue_directory=HERE/qz data_directory=HERE/dz
-e create -I postfix-z config_directory=cz queue_directory=HERE/qz data_directory=HERE/dz
-e create -I postfix-z config_directory=HERE/cz queue_directory=HERE/qz syslog_name=z
-e create -I postfix-z -i nosuch config_directory=HERE/cz queue_directory=HERE/qz
-e create -I postfix-z -i postfix-y -a config_directory=HERE/cz
-e create -i postfix-y -I - -G two config_directory=HERE/cz queue_directory=HERE/qz data_directory=HERE/dz
-l
! mkdir HERE/cw HERE/qzw HERE/dzw; cp HERE/cz/* HERE/cw; sed -i 's/^\\(queue\\|data\\)_directory =.*/&w/' HERE/cw/main.cf
-e import config_directory=HERE/cw queue_directory=HERE/w
-e import -g two -I postfix-w config_directory=HERE/cw
-e import -I postfix-y config_directory=HERE/cw
-l
-e enable -i postfix-y -I postfix-q
-e enable -i postfix-y config_directory=/x
-e assign -i postfix-y
-e assign -i postfix-y -I postfix-w
-e assign -i - -I postfix-y
-e assign -i postfix-y -I postfix-u -G three
-e assign -i HERE/cw -I - -G -
-l
-e enable -i postfix-u
-e destroy -i postfix-u
-e destroy
-e destroy -i -
-e destroy -i nosuch
-e disable -i postfix-u
-e destroy -i postfix-u a=b
! mkdir HERE/q/q/y/deferred/1 HERE/q/q/y/etc; touch HERE/q/q/y/etc/x HERE/cy/extra HERE/q/q/y/hold/A
-e destroy -i postfix-u
-e destroy -i HERE/cz
-l
-R -e enable -i postfix-b
-e disable -i -
-e enable -i postfix-b
-e deport -i postfix-b
-l
"""


def settings(path):
    """What a main.cf sets, in the order of the alphabet."""
    return sorted(line for line in path.read_text().splitlines()
                  if line[:1] not in "# \t" and "=" in line)


def tree(folder):
    """Name, mode and owner of all below, with what the main.cf files set."""
    listed = []
    for path in sorted(folder.rglob("*")):
        if path.name == "intake":       # ours has one more
            continue
        facts = path.stat()
        listed.append((str(path.relative_to(folder)), oct(facts.st_mode), facts.st_uid,
                       facts.st_gid))
        if path.name == "main.cf":
            listed.append([line.replace(str(folder), "HERE") for line in settings(path)])
    return listed


def stock(hosts, kind):
    """The stock files of postmulti -e create, the same for both."""
    here = hosts / kind / "a"
    (here / "lib").mkdir()
    for name in ("main.cf.proto", "master.cf.proto", "postfix-files"):
        shutil.copy(f"/etc/postfix/{name}", here)
    (here / "main.cf").write_text(
        MAIN + f"queue_directory = {here}/queue\ndata_directory = {here}/lib/data\n"
        f"multi_instance_directories = {hosts}/{kind}/b\nmail_owner = postfix\n"
        f"readme_directory = /usr/share/doc\n"
        "manpage_directory = /usr/share/man\n")
    shutil.copy("/etc/postfix/master.cf", here)


def test_instances_are_created_and_destroyed_alike(hosts):
    for kind in KINDS:
        stock(hosts, kind)
    for call in filter(None, LIFE.splitlines()):
        answers = []
        for kind in KINDS:
            here = call.replace("HERE", f"{hosts}/{kind}").replace("\\\\", "\\")
            if here.startswith("! "):
                subprocess.run(here[2:], shell=True, check=True)
            else:
                answers.append(run(hosts, kind, *here.split()))
        assert answers[:1] == answers[1:], call
        ours, theirs = tree(hosts / "ours"), tree(hosts / "debian")
        mine = [entry for entry in ours if entry not in theirs]
        yours = [entry for entry in theirs if entry not in ours]
        assert mine == yours, call
