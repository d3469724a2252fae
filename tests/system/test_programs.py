"""pipe(8) and spawn(8): programs behind transports and sockets."""
import os
import pathlib
import pwd
import socket

import measure
import pytest
from instance import free_port, wait_for
from sanitizer import SANITIZED

# As they stand in Debian's package; the accounts and programs need not be there.
DEBIAN_LINES = """\
maildrop  unix  -       n       n       -       -       pipe
  flags=DRXhu user=vmail argv=/usr/bin/maildrop -d ${recipient}
uucp      unix  -       n       n       -       -       pipe
  flags=Fqhu user=uucp argv=uux -r -n -z -a$sender - $nexthop!rmail ($recipient)
ifmail    unix  -       n       n       -       -       pipe
  flags=F user=ftn argv=/usr/lib/ifmail/ifmail -r $nexthop ($recipient)
bsmtp     unix  -       n       n       -       -       pipe
  flags=Fq. user=bsmtp argv=/usr/lib/bsmtp/bsmtp -t$nexthop -f$sender $recipient
scalemail-backend unix -       n       n       -       2       pipe
  flags=R user=scalemail argv=/usr/lib/scalemail/bin/scalemail-store ${nexthop} ${user} ${extension}
mailman   unix  -       n       n       -       -       pipe
  flags=FRX user=list argv=/usr/lib/mailman/bin/postfix-to-mailman.py ${nexthop} ${user}
"""


def test_debians_lines_start_unmodified(ours, reader, mailbox):
    instance = ours(master_extra=DEBIAN_LINES, settings={
        "home_mailbox": "Maildir/", "relay_domains": "u.example, m.example",
        "transport_maps": "inline:{u.example=uucp:host, m.example=maildrop}",
        "maildrop_destination_recipient_limit": "1"})
    instance.send("s@elsewhere.example", ["x@u.example", f"{reader.pw_name}@test.example"])
    assert len(mailbox(1)) == 1
    # Debian has the account, and nobody has the program.
    instance.wait_log(r"to=<x@u\.example>, relay=uucp, .*dsn=4\.3\.0, status=deferred "
                      r"\(temporary failure\. Command output: pipe: fatal: pipe_command: execvp "
                      r"uux: No such file or directory \)")
    try:
        pwd.getpwnam("vmail")
    except KeyError:
        instance.send("s@elsewhere.example", ["x@m.example"])
        instance.wait_log("fatal: get_service_attr: unknown username: vmail")


def ask(address, words=b"", family=socket.AF_UNIX):
    with socket.socket(family) as client:
        client.settimeout(30)
        client.connect(address)
        client.sendall(words)
        client.shutdown(socket.SHUT_WR)
        said = b""
        try:
            while got := client.recv(4096):
                said += got
        except ConnectionResetError:
            pass
        return said.decode()


def test_spawn_runs_a_program_for_each_connection(ours, reader):
    port = free_port()
    show = "/bin/sh -c {id -u; pwd; umask; cat; ls /proc/self/fd | wc -l}"
    instance = ours(master_extra=f"show unix - n n - 5 spawn user={reader.pw_name} argv={show}\n"
                    f"127.0.0.1:{port} inet n n n - 5 spawn user={reader.pw_name} argv={show}\n"
                    f"slow unix - n n - 5 spawn user={reader.pw_name} argv=/bin/sleep 60\n"
                    f"bad unix - n n - 5 spawn user={reader.pw_name} argv=/bin/sh -c {{exit 3}}\n",
                    settings={"slow_time_limit": "1s"})
    wanted = f"{reader.pw_uid}\n{instance.queue}\n0077\nhello\n4\n"
    assert ask(str(instance.queue / "private/show"), b"hello\n") == wanted
    assert ask(("127.0.0.1", port), b"hello\n", socket.AF_INET) == wanted
    assert ask(str(instance.queue / "private/slow")) == ""
    instance.wait_log(r"spawn\[\d+\]: warning: /bin/sleep: .*command time limit exceeded")
    assert ask(str(instance.queue / "private/bad")) == ""
    instance.wait_log(r"spawn\[\d+\]: warning: command /bin/sh exit status 3")


@pytest.mark.skipif(SANITIZED is not None, reason="runs unconfined")
def test_the_half_that_parses_is_nobody(ours, reader):
    instance = ours(master_extra=f"p unix - n n - - pipe user={reader.pw_name} argv=/bin/cat\n"
                    f"s unix - n n - - spawn user={reader.pw_name} argv=/bin/cat\n",
                    settings={"relay_domains": "p.example", "transport_maps": "inline:{p.example=p}"})
    instance.send("s@elsewhere.example", ["x@p.example"])
    instance.wait_log(r"relay=p, .*status=sent \(delivered via p service \(")
    ask(str(instance.queue / "private/s"))
    postfix, found = pwd.getpwnam("postfix").pw_uid, {}
    for pid in measure.tree(instance):
        status = dict(line.split(":\t", 1) for line in
                      pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)
        if status["Name"] in ("pipe", "spawn"):
            found[status["Name"], status["Seccomp"]] = (int(status["Uid"].split()[0]),
                                                        int(status["CapEff"], 16) == 0)
    assert found == {("pipe", "2"): (postfix, True), ("pipe", "0"): (0, False),
                     ("spawn", "2"): (postfix, True), ("spawn", "0"): (0, False)}


def test_a_delivery_that_takes_too_long_is_killed(ours, reader):
    home = pathlib.Path(reader.pw_dir)
    instance = ours(master_extra=f"p unix - n n - - pipe user={reader.pw_name} argv=/bin/sh -c "
                    f"{{echo $$$$ >{home}/pid; sleep 60 & sleep 60}}\n",
                    settings={"relay_domains": "p.example", "p_time_limit": "1s",
                              "transport_maps": "inline:{p.example=p}"})
    instance.send("s@elsewhere.example", ["x@p.example"])
    instance.wait_log(r'relay=p, .*dsn=5\.3\.0, status=bounced \(Command time limit exceeded: '
                      r'"/bin/sh"\)')
    pid = int((home / "pid").read_text())
    assert wait_for(lambda: not os.path.exists(f"/proc/{pid}"))


def test_pipe_delivery_status_filter(ours, reader):
    instance = ours(master_extra=f"p unix - n n - - pipe user={reader.pw_name} argv=/bin/sh -c "
                    "{exit 69}\n",
                    settings={"relay_domains": "p.example", "transport_maps": "inline:{p.example=p}",
                              "pipe_delivery_status_filter":
                              "inline:{ {5.3.0 service unavailable = 4.3.0 come back} }"})
    instance.send("s@elsewhere.example", ["x@p.example"])
    instance.wait_log(r"relay=p, .*dsn=4\.3\.0, status=deferred \(come back\)")
