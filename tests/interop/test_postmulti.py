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
