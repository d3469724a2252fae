"""Mail handed in by local programs: sendmail, postdrop, pickup, cleanup."""
import os
import pwd
import subprocess

import pytest
from instance import MASTER_CF, wait_for
from sanitizer import SANITIZED

KEPT = {"default_transport": "smtp:[127.0.0.1]:9", "local_transport": "smtp:[127.0.0.1]:9",
        "myorigin": "test.example", "defer_transports": "smtp"}


def files(instance, *places):
    return [path for place in places for path in (instance.queue / place).rglob("*")
            if path.is_file()]


def queued(instance):
    """The content of the one message in the queue."""
    found = wait_for(lambda: files(instance, "deferred"))
    assert found, instance.log()
    return instance.run("postcat", "-hb", "-q", found[0].name).stdout


EXITS = [
    (("joe@example.com",), "Subject: x\n\nb\n", 0, ""),
    ((), "Subject: x\n\nb\n", 75,
     "sendmail: fatal: root(0): Recipient addresses must be specified on the command line or via"
     " the -t option\n"),
    (("-t",), "Subject: x\n\nb\n", 75,
     "sendmail: fatal: root(0): No recipient addresses found in message header\n"),
    (("-bz", "a"), "", 75, "sendmail: fatal: unsupported: -bz\n"),
    (("-qSsite",), "", 75, "sendmail: fatal: -qS is not implemented\n"),
    (("-Bfoo", "a"), "", 75, "sendmail: fatal: -B option needs 8BITMIME or 7BIT\n"),
    (("-Rfoo", "a"), "", 0, "sendmail: warning: bad -R option value -- ignored\n"),
    (("-n", "a"), "b\n", 75, "sendmail: fatal: -n option not supported\n"),
    (("-q1h",), "", 0, ""),
    (("-bh",), "", 0, ""),
    (("-oi", "-oem", "-i", "-U", "-Lx", "-Ofoo=bar", "-Am", "-hx", "a"), "b\n", 0, ""),
]


@pytest.mark.parametrize("kind", ["ours", "debian"])
def test_exit_statuses_and_words_are_those_of_postfix(kind, request):
    instance = request.getfixturevalue(kind)(settings=KEPT)
    for arguments, text, status, words in EXITS:
        result = instance.run("sendmail", *arguments, check=False, input=text)
        assert (result.returncode, result.stderr) == (status, words), arguments


def test_mail_waits_in_maildrop_while_the_system_is_down(ours):
    instance = ours(settings=KEPT)
    instance.stop()
    instance.sendmail("joe@example.com", text="Subject: waits\n\nbody\n")
    assert len(files(instance, "maildrop")) == 1
    instance.start()
    assert "Subject: waits\n" in queued(instance)
    assert files(instance, "maildrop") == []


def test_the_log_names_who_handed_it_in(ours):
    instance = ours(settings=KEPT)
    instance.sendmail("-f", "foo", "joe@example.com", text="Message-Id: <1@x>\n\nbody\n")
    instance.wait_log(r"pickup\[\d+\]: [0-9A-F]+: uid=0 from=<foo>\n")
    instance.wait_log(r"cleanup\[\d+\]: [0-9A-F]+: message-id=<1@x>\n")


def test_unfinished_files_stay_and_damaged_ones_go_to_corrupt(ours):
    instance = ours(settings=KEPT)
    owner = pwd.getpwnam("postfix").pw_uid
    for name, mode, data in (("11111ABC", 0o644, b"S\x01xR"), ("22222ABC", 0o744, b"garbage")):
        path = instance.queue / "maildrop" / name
        path.write_bytes(data)
        os.chown(path, owner, -1)
        path.chmod(mode)
    instance.sendmail("joe@example.com", text="Subject: x\n\nbody\n")
    assert wait_for(lambda: files(instance, "corrupt")), instance.log()
    assert [path.name for path in files(instance, "corrupt")] == ["22222ABC"]
    assert "Subject: x\n" in queued(instance)
    assert [path.name for path in files(instance, "maildrop")] == ["11111ABC"]


def test_only_authorized_users_may_submit(ours):
    instance = ours(settings={**KEPT, "authorized_submit_users": "!root, static:all"})
    result = instance.run("sendmail", "joe@example.com", check=False, input="a: b\n\nc\n")
    assert result.returncode == 77
    assert result.stderr == "postdrop: fatal: User root(0) is not allowed to submit mail\n"
    assert files(instance, "maildrop", "incoming", "active", "deferred") == []


def test_a_message_above_the_limit_is_refused(ours):
    instance = ours(settings={**KEPT, "message_size_limit": "5000",
                              "mailbox_size_limit": "51200000"})
    result = instance.run("sendmail", "joe@example.com", check=False, input="a: b\n\n" + "x" * 6000)
    assert result.returncode == 75
    assert result.stderr == "sendmail: fatal: root(0): message file too big\n"
    assert files(instance, "maildrop", "incoming", "active", "deferred") == []


def test_a_large_message_arrives_whole(ours):
    instance = ours(settings=KEPT)
    text = "Subject: x\n\n" + "".join(f"{number} line\n" for number in range(200000))
    instance.sendmail("joe@example.com", text=text)
    assert queued(instance).endswith(text[text.index("\n\n"):])


@pytest.mark.skipif(bool(SANITIZED), reason="a sanitizer makes calls of its own")
def test_a_sendmail_run_takes_few_calls(ours, tmp_path):
    instance = ours(settings=KEPT)
    trace = tmp_path / "trace"
    subprocess.run(["strace", "-f", "-o", str(trace), str(instance.commands / "sendmail"), "-C",
                    str(instance.config), "joe@example.com"], input="Subject: x\n\nb\n", text=True,
                   check=True, timeout=60)
    assert len(trace.read_text().splitlines()) < 300    # Postfix: 943, in two programs


@pytest.mark.parametrize("kind", ["ours", "debian"])
def test_what_submission_complains_of_stands_in_the_log(kind, request):
    instance = request.getfixturevalue(kind)(settings=KEPT)
    instance.run("sendmail", check=False, input="x")
    instance.run("sendmail", "-N", "foo", "-f", "a b", "joe@example.com", input="x\n")
    instance.run("postdrop", "-r", check=False, input="T\x01a")
    for line in (r"sendmail\[\d+\]: fatal: root\(0\): Recipient addresses must be",
                 r'sendmail\[\d+\]: warning: unknown DSN NOTIFY command value "foo" in "foo"',
                 r"sendmail\[\d+\]: warning: bad -N option value -- ignored",
                 r"sendmail\[\d+\]: warning: -f option specified malformed sender: a b",
                 r"postdrop\[\d+\]: fatal: uid=0: unexpected record type: 84"):
        instance.wait_log("postfix/" + line)


def test_the_log_service_may_have_another_name(ours):
    instance = ours(settings={**KEPT, "postlog_service_name": "journal"},
                    master_cf=MASTER_CF.replace("postlog   unix-dgram", "journal   unix-dgram"))
    assert not (instance.queue / "public/postlog").exists()
    instance.run("postlog", "-t", "me", "by another door")
    instance.wait_log(r"me\[\d+\]: by another door")
    instance.send("a@test.example", ["b@example.com"])
    instance.wait_log(r"/smtpd\[\d+\]: disconnect from")
