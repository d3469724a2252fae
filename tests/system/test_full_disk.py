"""Delivery when the disk is full, a file may not grow or a folder takes nothing: mail stays whole."""
import os
import pathlib
import resource
import shutil
import subprocess

import pytest
from instance import wait_for

SMALL, LARGE = 30 * 1024, 200 * 1024
BODY = "".join(f"line {number} of a message that does not fit\n" for number in range(3000))
OLD = "From someone  Sun Nov 22 06:42:49 2026\nSubject: old\n\nwhat was there before\n\n"


@pytest.fixture
def small(reader):
    """A file system with room for little, which belongs to the reader."""
    folder = pathlib.Path(f"/tmp/{reader.pw_name}-small")
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={LARGE},mode=755", "none", folder],
                   check=True)
    shutil.chown(folder, reader.pw_name)
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)
    folder.rmdir()


@pytest.fixture
def place(ours, reader, small):
    """Starts an instance and says to whom mail goes that lands in small, by name of the way."""
    def start(way):
        virtual = {"virtual_mailbox_domains": "v.test", "virtual_mailbox_base": str(small),
                   "virtual_uid_maps": f"static:{reader.pw_uid}",
                   "virtual_gid_maps": f"static:{reader.pw_gid}", "virtual_mailbox_limit": "0"}
        user = f"{reader.pw_name}@test.example"
        settings, recipient, box = {
            "mbox": ({"mail_spool_directory": small}, user, reader.pw_name),
            "maildir": ({"mail_spool_directory": f"{small}/"}, user, f"{reader.pw_name}/"),
            "file of an alias": ({}, "box@test.example", "alias"),
            "folder of an alias": ({}, "boxes@test.example", "alias/"),
            "virtual mbox": ({**virtual, "virtual_mailbox_maps": "static:box"}, "x@v.test", "box"),
            "virtual maildir": ({**virtual, "virtual_mailbox_maps": "static:dir/"}, "x@v.test",
                                "dir/"),
        }[way]
        instance = ours(start=False, settings={
            "minimal_backoff_time": "300s", "notify_classes": "", "mailbox_size_limit": "0",
            "default_transport": "discard:", **settings})
        aliases = instance.config / "aliases"
        aliases.write_text(f"box: {small}/alias\nboxes: {small}/alias/\n")
        instance.run("postalias", f"hash:{aliases}")
        # As the reader, whose table it is.
        shutil.chown(f"{aliases}.db", reader.pw_name)
        shutil.chown(aliases, reader.pw_name)
        return instance.start(), recipient, small / box
    return start


WAYS = ["mbox", "maildir", "file of an alias", "folder of an alias", "virtual mbox",
        "virtual maildir"]


def messages(folder):
    """What lies in a mailbox: names of a Maildir's files below it, the text of an mbox."""
    if folder.is_dir():
        return sorted(path.read_text() for path in folder.rglob("*") if path.is_file())
    return folder.read_text()


def old_mail(way, box, owner):
    if way.endswith(("maildir", "folder of an alias")):
        for name in ("", "tmp", "new", "cur"):
            (box / name).mkdir(mode=0o700)
            shutil.chown(box / name, owner.pw_name)
        box = box / "cur" / "1.old"
    box.write_text(OLD)
    box.chmod(0o600)
    shutil.chown(box, owner.pw_name)


def after_a_deferral(instance, recipient, box):
    """It is delivered once, whole, behind what was there; nothing else was left."""
    instance.run("postqueue", "-f")
    instance.wait_log(rf"to=<{recipient}>.*status=sent")
    instance.wait_log(r": removed")
    found = messages(box)
    text = "".join(found)
    assert text.count("Subject: large") == 1 and text.count(BODY) == 1
    assert found.startswith(OLD) if isinstance(found, str) else OLD in found and len(found) == 2
    assert not list(box.glob("tmp/*"))


@pytest.mark.parametrize("way", WAYS)
def test_a_full_disk_defers_and_leaves_the_mailbox_as_it_was(place, reader, small, way):
    instance, recipient, box = place(way)
    old_mail(way, box, reader)
    (small / "ballast").write_bytes(b"x" * (LARGE - 3 * SMALL))
    before = messages(box)
    instance.send("a@far.test", [recipient], "Subject: large\r\n\r\n" + BODY)
    line = instance.wait_log(rf"to=<{recipient}>.*dsn=(\S*), status=(\w+) \((.*)\)")
    assert line.group(2) == "deferred" and "No space left on device" in line.group(3)
    assert messages(box) == before
    assert not list(box.glob("tmp/*")) and not list(small.glob("*.lock"))
    (small / "ballast").unlink()
    after_a_deferral(instance, recipient, box)


def test_a_new_mbox_on_a_full_disk_gets_the_message_once(place, small):
    instance, recipient, box = place("mbox")
    (small / "ballast").write_bytes(b"x" * (LARGE - 3 * SMALL))
    instance.send("a@far.test", [recipient], "Subject: large\r\n\r\n" + BODY)
    instance.wait_log(rf"to=<{recipient}>.*status=deferred")
    assert not box.exists() or not box.read_text()
    (small / "ballast").unlink()
    instance.run("postqueue", "-f")
    instance.wait_log(rf"to=<{recipient}>.*status=sent")
    assert box.read_text().count(BODY) == 1


@pytest.mark.parametrize("way", WAYS)
def test_a_file_that_may_not_grow_is_left_as_it_was(place, reader, small, way):
    """A limit on the size of files stands in for a quota: both are the mailbox owner's."""
    instance, recipient, box = place(way)
    if instance.kind == "debian":
        pytest.skip("its agents are of several users at once: prlimit is refused")
    virtual = way.startswith("virtual")
    old_mail(way, box, reader)
    instance.send("a@far.test", ["unknown@v.test" if virtual else "nobody@test.example"])
    instance.wait_log(": removed")
    before = messages(box)
    for process in instance.processes("virtual" if virtual else "local"):
        resource.prlimit(process, resource.RLIMIT_FSIZE, (SMALL, SMALL))
    instance.send("a@far.test", [recipient], "Subject: large\r\n\r\n" + BODY)
    line = instance.wait_log(rf"to=<{recipient}>.*dsn=(\S*), status=(\w+) \((.*)\)")
    assert line.groups()[:2] == ("5.2.2", "bounced") and "File too large" in line.group(3)
    assert messages(box) == before
    assert not list(box.glob("tmp/*")) and not list(small.glob("*.lock"))
    assert "signal" not in instance.log()


def fails(words, instance, recipient, way):
    """Delivery fails as Debian's does: virtual tries again, local tells the sender."""
    instance.send("a@far.test", [recipient], "Subject: large\r\n\r\n" + BODY)
    line = instance.wait_log(rf"to=<{recipient}>.*dsn=(\S*), status=(\w+) \((.*)\)")
    assert line.groups()[:2] == (("4.2.0", "deferred") if way.startswith("virtual")
                                 else ("5.2.0", "bounced")), line.group()
    assert words in line.group(3)
    if line.group(2) == "bounced":
        instance.wait_log(r"sender non-delivery notification: \w+")


@pytest.mark.parametrize("way", WAYS)
def test_nobody_loses_mail_to_a_disk_that_is_read_only(place, reader, small, way):
    instance, recipient, box = place(way)
    old_mail(way, box, reader)
    before = messages(box)
    subprocess.run(["mount", "-o", "remount,ro", small], check=True)
    fails("Read-only file system", instance, recipient, way)
    assert messages(box) == before
    if way.startswith("virtual"):
        subprocess.run(["mount", "-o", "remount,rw", small], check=True)
        after_a_deferral(instance, recipient, box)


@pytest.mark.parametrize("way", WAYS[1:])
def test_nobody_loses_mail_to_a_folder_that_takes_nothing(place, reader, small, way):
    instance, recipient, box = place(way)
    shutil.chown(small, "root")
    small.chmod(0o755)
    fails("Permission denied", instance, recipient, way)
    assert not box.exists()
    if way.startswith("virtual"):
        shutil.chown(small, reader.pw_name)
        instance.run("postqueue", "-f")
        instance.wait_log(rf"to=<{recipient}>.*status=sent")
        assert BODY in "".join(messages(box))


def test_a_program_without_room_defers_and_gets_the_whole_message_later(ours, small, reader):
    """What it has written so far is its own affair; ours is that it is called again."""
    instance = ours(settings={"minimal_backoff_time": "300s", "notify_classes": "",
                              "transport_maps": "inline:{ { p.test = store: } }"},
                    master_extra="store unix - n n - - pipe flags=R user="
                    f"{reader.pw_name} argv=/bin/sh -c {{cat >{small}/copy || exit 75}}\n")
    (small / "ballast").write_bytes(b"x" * (LARGE - 3 * SMALL))
    instance.send("a@far.test", ["x@p.test"], "Subject: large\r\n\r\n" + BODY)
    instance.wait_log(r"to=<x@p\.test>.*dsn=4\.3\.0, status=deferred")
    (small / "ballast").unlink()
    instance.run("postqueue", "-f")
    instance.wait_log(r"to=<x@p\.test>.*status=sent")
    assert (small / "copy").read_text().count(BODY) == 1


def test_a_failure_that_cannot_be_recorded_is_tried_again(ours):
    """bounce and defer have no room: the message stays, and the sender is told later."""
    instance = ours(settings={"minimal_backoff_time": "300s", "notify_classes": "",
                              "default_transport": "discard:",
                              "transport_maps": "inline:{ { e.test = error:5.1.1 no such user } }"})
    full = [instance.queue / name for name in ("bounce", "defer")]
    try:
        for folder in full:
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k,mode=700", "none", folder],
                           check=True)
            shutil.chown(folder, "postfix")
            (folder / "ballast").write_bytes(b"x" * 4096)
        instance.sendmail("-f", "a@far.test", "x@e.test")
        instance.wait_log(r"No space left on device")
        assert wait_for(lambda: [path for path in (instance.queue / "deferred").rglob("*")
                                 if path.is_file()]), instance.log()
        assert "sender non-delivery notification" not in instance.log()
        for folder in full:
            (folder / "ballast").unlink()
        instance.run("postqueue", "-f")
        instance.wait_log(r"sender non-delivery notification: (\w+)\n")
        instance.wait_log(r"to=<a@far\.test>.*status=sent")
    finally:
        for folder in full:
            subprocess.run(["umount", "--lazy", folder], check=False)
