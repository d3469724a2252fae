"""The same spool through Debian's tools and through ours: who wrote it must not matter."""
import os
import pathlib
import re
import shutil
import socket
import subprocess

import pytest
from edits import Milter
from instance import PREFIX, ROOT, wait_for

DEBIAN, OURS = pathlib.Path("/usr/sbin"), PREFIX / "sbin"
CAT_OPTIONS = ["", "-e", "-h", "-b", "-hb", "-eh", "-eb", "-d", "-o", "-do", "-r", "-v", "-dv",
               "-s 97", "-rv"]


def run(folder, command, instance, *args, **more):
    """A command, called by its bare name: what it prints with its status."""
    result = subprocess.run([command, "-c", str(instance.config), *args],
                            executable=str(folder / command), capture_output=True, timeout=60,
                            **more)
    # Debian's 3.7 says with -v what it reads from main.cf and from the interfaces.
    noise = re.compile(rb"^\w+: (name_mask|inet_addr_local|removed file deferred).*\n", re.M)
    return result.stdout, noise.sub(b"", result.stderr), result.returncode


def files_of(instance, *places):
    return [path for place in places for path in sorted((instance.queue / place).rglob("*"))
            if path.is_file()]


@pytest.fixture
def debian_spool(debian):
    """Debian's, stopped: messages of many kinds in deferred, hold, incoming and maildrop."""
    instance = debian(settings={"defer_transports": "smtp", "delay_warning_time": "4h"})
    with instance.smtp() as client:
        client.ehlo("client.example")
        client.sendmail("a@near.example", ["x@far.example", '"q r"@far.example'],
                        "Subject: t\r\n\r\n" + "x" * 5000 + "\r\n" + "y" * 2048 + "\r\nend",
                        mail_options=["BODY=8BITMIME", "RET=HDRS", "ENVID=QQ+2031"],
                        rcpt_options=["NOTIFY=FAILURE,DELAY", "ORCPT=rfc822;Bob@far.example"])
        client.sendmail("", ["null@far.example"], "Subject: null\r\n\r\nb\r\n")
        client.sendmail("list@near.example", [f"r{i}@far.example" for i in range(60)],
                        "Subject: list\r\n\r\n" + "line\r\n" * 20000)
    instance.sendmail("-F", "Full Name", "-N", "success,failure", "-V", "an id",
                      "-f", "s@near.example", "u1@far.example", "u2@far.example")
    assert wait_for(lambda: len(files_of(instance, "deferred")) == 4)
    assert wait_for(lambda: not files_of(instance, "active", "incoming"))
    instance.stop()
    held, moved = files_of(instance, "deferred")[:2]
    run(DEBIAN, "postsuper", instance, "-h", held.name)
    run(DEBIAN, "postsuper", instance, "-e", held.name)
    moved.rename(instance.queue / "incoming" / moved.name)
    instance.sendmail("-f", "drop@near.example", "-t", text="To: d@far.example\n\nbody\n")
    return instance


@pytest.fixture(params=["short", "long"])
def our_spool(debian, request):
    """Debian's instance, stopped, with messages that lib/queue wrote."""
    instance = debian(settings={"default_transport": "discard",
                                "enable_long_queue_ids": "yes" if request.param == "long" else "no"})
    instance.stop()
    writer = instance.folder / "spool_writer"
    subprocess.run(["gcc", "-std=gnu17", "-D_GNU_SOURCE", f"-I{ROOT}/lib", "-o", str(writer),
                    str(ROOT / "tests/interop/spool_writer.c"),
                    str(ROOT / "build/plain/libpostreiter.a")], check=True)
    arguments = [str(writer), str(instance.queue)] + (["long"] if request.param == "long" else [])
    written = subprocess.run(arguments, capture_output=True, text=True, check=True, user="postfix",
                             group="postfix").stdout
    instance.written = dict(line.split() for line in written.splitlines())
    return instance


def check_postcat(instance):
    for path in files_of(instance, "incoming", "deferred", "hold", "maildrop"):
        for option in CAT_OPTIONS:
            if option == "-s 97" and "maildrop" in path.parts:
                continue    # no size record, so no record starts there
            theirs = run(DEBIAN, "postcat", instance, *option.split(), str(path))
            assert theirs[2] == 0
            assert run(OURS, "postcat", instance, *option.split(), str(path)) == theirs, option
    for path in files_of(instance, "incoming", "deferred", "hold"):
        assert run(OURS, "postcat", instance, "-q", path.name) == \
            run(DEBIAN, "postcat", instance, "-q", path.name)


def check_listing(instance, count):
    for option in ("-p", "-j"):
        theirs = run(DEBIAN, "postqueue", instance, option)
        mine = run(OURS, "postqueue", instance, option)
        assert mine[0].decode().splitlines() == theirs[0].decode().splitlines()
        assert mine[1:] == theirs[1:]
        assert theirs[2] == 0
    assert theirs[0].count(b"\n") == count


def test_both_read_a_spool_of_debian(debian_spool):
    check_postcat(debian_spool)
    check_listing(debian_spool, 5)


def test_both_read_a_spool_of_ours(our_spool):
    check_postcat(our_spool)
    check_listing(our_spool, 4)


def test_debian_delivers_what_we_wrote(our_spool):
    our_spool.start()
    run(DEBIAN, "postsuper", our_spool, "-H", "ALL")
    run(DEBIAN, "postqueue", our_spool, "-f")
    assert wait_for(lambda: our_spool.log().count("status=sent") >= 8, 30), our_spool.log()
    for place in our_spool.written:
        assert f"from=<{place}@near.example>" in our_spool.log()
    assert wait_for(lambda: not files_of(our_spool, "incoming", "active", "deferred", "hold"))
    lines = our_spool.log().split("starting the Postfix mail system")[-1].splitlines()
    # A busy host makes Postfix speak of its clock.
    assert not [line for line in lines if "warning" in line and "system clock" not in line
                and "time stamps" not in line]


def record(kind, data):
    data = data if isinstance(data, bytes) else data.encode()
    length, head = len(data), b""
    while length > 127:
        head += bytes([0x80 | length & 0x7f])
        length >>= 7
    return kind.encode() + head + bytes([length]) + data


def queue_file(sender, recipients):
    envelope = record("T", "1795328120 1") + record("S", sender)
    envelope += b"".join(record("R", address) for address in recipients) + record("M", "")
    content = record("N", "x")
    numbers = (len(content), 97 + len(envelope), len(recipients), 0, len(content), 0)
    size = record("C", " ".join(f"{number:15d}" for number in numbers))
    return size + envelope + content + record("X", "") + record("E", "")


def test_strange_addresses_are_listed_alike(debian_spool):
    messages = {
        "AAAA1": ('a"\\\x01\x7f\té@x.test', ["ü@é.test", "@only", "nolocal", "a b c", "x@",
                                             "a..b@c", ".a@b", "a@[1.2.3.4]", "(c)@d", "o'x@y"]),
        "AAAA2": (b"\xff\xfe@x", ["<x>@y", '"q"@z', "a,b@c", "dup@x", "dup@x", "DUP@x"]),
        "AAAA3": ("", [""]),
    }
    for name, (sender, recipients) in messages.items():
        path = debian_spool.queue / "hold" / name
        path.write_bytes(queue_file(sender, recipients))
        path.chmod(0o710)
        shutil.chown(path, "postfix")
    log = debian_spool.queue / "defer/A/AAAA2"
    log.parent.mkdir(exist_ok=True)
    log.write_text("\n<dup@x>: r\nrecipient=dup@x\naction=delayed\nreason=" + "long " * 40 +
                   "\n\n\nrecipient=gone@x\naction=delayed\nreason=other\n\n")
    subprocess.run(["chown", "-R", "postfix", str(debian_spool.queue / "defer")], check=True)
    check_listing(debian_spool, 8)


def snapshot(instance):
    return sorted((str(path.relative_to(instance.queue)), oct(path.stat().st_mode),
                   path.stat().st_size, path.owner())
                  for path in files_of(instance, "incoming", "active", "deferred", "hold",
                                       "maildrop", "defer"))


def test_postsuper_does_the_same(debian_spool, tmp_path):
    names = [path.name for path in files_of(debian_spool, "deferred")]
    held = files_of(debian_spool, "hold")[0].name
    orders = [["-d", names[0]], ["-d", names[0], "-d", names[1]], ["-h", names[0]],
              ["-h", "ALL"], ["-H", held], ["-H", "ALL"], ["-r", names[1]], ["-r", "ALL"],
              ["-e", names[0]], ["-e", "ALL"], ["-f", held], ["-f", "ALL"], ["-d", "ALL"],
              ["-d", "ALL", "maildrop"], ["-d", "NOSUCH1"], ["-d", "a/b"], ["-d", "all"],
              ["-d", names[0], "hold"], ["-h", "-"], ["-d", "ALL", "nosuch"], ["-Z"],
              ["-e", names[0], "-r", names[1], "-H", held]]
    keep = tmp_path / "queue"
    subprocess.run(["cp", "-a", str(debian_spool.queue), str(keep)], check=True)
    for order in orders:
        outcomes = []
        for folder in (DEBIAN, OURS):
            shutil.rmtree(debian_spool.queue)
            subprocess.run(["cp", "-a", str(keep), str(debian_spool.queue)], check=True)
            outcomes.append((run(folder, "postsuper", debian_spool, *order,
                                 input=f"{names[0]}\nbad id\n".encode()),
                             snapshot(debian_spool)))
        assert outcomes[0] == outcomes[1], order


def test_postqueue_refuses_in_the_same_words(debian_spool):
    for arguments in ("-f", "-i x/y", "-i AAAAAA", "-s far.example", "-s 127.0.0.1", "", "-pf",
                      "-Z", "-p x", "-s [127.0.0.1]"):
        assert run(OURS, "postqueue", debian_spool, *arguments.split()) == \
            run(DEBIAN, "postqueue", debian_spool, *arguments.split()), arguments


def ask(instance):
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(instance.queue / "public/showq"))
        answer = b""
        while piece := client.recv(65536):
            answer += piece
    return answer


def test_showq_answers_the_same_and_both_clients_read_it(debian_spool, ours, tmp_path):
    debian_spool.set(master_service_disable="inet")
    debian_spool.run("postsuper", "-h", "ALL")
    for path in files_of(debian_spool, "maildrop"):
        path.unlink()
    instance = ours(start=False, settings={"default_transport": "smtp"})
    instance.run("postfix", "check", check=False)
    for name in ("hold", "defer"):
        shutil.rmtree(instance.queue / name, ignore_errors=True)
        subprocess.run(["cp", "-a", str(debian_spool.queue / name), str(instance.queue / name)],
                       check=True)
    debian_spool.run("postfix", "start")
    instance.start()
    theirs = ask(debian_spool)
    assert theirs.count(b"queue_id\0") == 4
    assert sorted(ask(instance).split(b"\0\0")) == sorted(theirs.split(b"\0\0"))
    for option in ("-p", "-j"):
        assert run(OURS, "postqueue", debian_spool, option) == \
            run(DEBIAN, "postqueue", debian_spool, option)
        assert run(DEBIAN, "postqueue", instance, option) == \
            run(OURS, "postqueue", instance, option)
    assert os.getuid() == 0


def test_a_file_that_a_milter_edited_is_read_as_debian_reads_it(debian):
    milter = Milter()
    instance = debian(settings={"defer_transports": "smtp",
                                "smtpd_milters": f"inet:127.0.0.1:{milter.port}"})
    text = "Subject: first\r\nX-Gone: yes\r\nTo: a\r\n\r\n" + "old body line\r\n" * 50
    instance.send("a@near.example", ["x@far.example", "removed@far.example", "y@far.example"], text)
    assert wait_for(lambda: files_of(instance, "deferred"))
    assert wait_for(lambda: not files_of(instance, "active", "incoming"))
    instance.stop()
    milter.close()
    path = files_of(instance, "deferred")[0]
    theirs = run(DEBIAN, "postcat", instance, str(path))[0].decode()
    assert "pointer_record" in run(DEBIAN, "postcat", instance, "-v", str(path))[0].decode()
    for option in CAT_OPTIONS:
        if "r" not in option:   # in file order, what edits overwrote is read as records
            assert run(OURS, "postcat", instance, *option.split(), str(path)) == \
                run(DEBIAN, "postcat", instance, *option.split(), str(path)), option
    check_listing(instance, 1)
    reader = instance.folder / "spool_reader"
    subprocess.run(["gcc", "-std=gnu17", "-D_GNU_SOURCE", f"-I{ROOT}/lib", "-o", str(reader),
                    str(ROOT / "tests/interop/spool_reader.c"),
                    str(ROOT / "build/plain/libpostreiter.a")], check=True)
    mine = subprocess.run([str(reader), str(instance.queue), "deferred", path.name],
                          capture_output=True, text=True, check=True).stdout
    content = run(DEBIAN, "postcat", instance, "-bh", str(path))[0].decode()
    people = re.findall(r"^recipient: (.*)", theirs, re.M)
    assert sorted(people) == ["added@far.example", "x@far.example", "y@far.example"]
    sender = re.findall(r"^sender: (.*)", theirs, re.M)[-1]
    assert mine == f"sender {sender}\n" + "".join(f"recipient {name}\n" for name in people) + content


@pytest.mark.parametrize("kind", ["ours", "debian"])
def test_a_message_or_a_site_is_tried_at_once(ours, debian, kind):
    flush = "flush unix n - n 1000? 0 flush\n" if kind == "ours" else ""
    make = ours if kind == "ours" else debian
    instance = make(master_extra=flush, settings={"relayhost": "[127.0.0.1]:1",
                                                  "fast_flush_domains": "far.example"})
    instance.send("a@near.example", ["x@far.example"])
    instance.send("a@near.example", ["y@other.example"])

    def tries(address):
        return instance.log().count(f"to=<{address}>")

    assert wait_for(lambda: tries("x@far.example") == tries("y@other.example") == 1)
    assert wait_for(lambda: len(files_of(instance, "deferred")) == 2)
    tried = 1
    for folder in (DEBIAN, OURS):
        name = next(path.name for path in files_of(instance, "deferred")
                    if b"x@far.example" in path.read_bytes())
        for arguments in (["-i", name], ["-s", "far.example"]):
            tried += 1
            assert run(folder, "postqueue", instance, *arguments) == (b"", b"", 0)
            assert wait_for(lambda: tries("x@far.example") == tried), instance.log()
            assert wait_for(lambda: len(files_of(instance, "deferred")) == 2)
        assert run(folder, "postqueue", instance, "-i", "NOSUCH1") == (b"", b"", 0)
    assert tries("y@other.example") == 1
    assert run(OURS, "postqueue", instance, "-f") == (b"", b"", 0)
    assert wait_for(lambda: tries("y@other.example") == 2)
    assert wait_for(lambda: len(files_of(instance, "deferred")) == 2)
    assert run(DEBIAN, "postqueue", instance, "-f") == (b"", b"", 0)
    assert wait_for(lambda: tries("y@other.example") == 3)
