"""master and the skeleton of daemons, with a daemon that does what the tests tell it."""
import contextlib
import gzip
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time

import pytest

from instance import Instance, PREFIX, free_port, wait_for

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a mail system is started by root")

POSTLOG = "postlog unix-dgram n - n - 1 postlogd\n"


class Line:
    """A client of testd: says a line, hears a line."""

    def __init__(self, port, path=None):
        if path:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.connect(str(path))
        else:
            self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.socket.settimeout(20)
        self.file = self.socket.makefile("rb")
        self.greeting = self.hear()

    def hear(self):
        return self.file.readline().decode().strip()

    def say(self, text):
        self.socket.sendall(text.encode() + b"\r\n")
        return self.hear()

    def close(self):
        self.file.close()
        self.socket.close()

    @property
    def number(self):
        return int(self.greeting.split()[1])

    @property
    def pid(self):
        return int(self.greeting.split()[3])

    @property
    def stress(self):
        return self.greeting.split()[5] == "1"

    @property
    def state(self):
        return self.greeting.split()[7]


def make(master_cf, **settings):
    """An instance of ours with only these services and the log."""
    instance = Instance({"confinement": os.environ.get("TEST_CONFINEMENT", "enforce"), **settings},
                        master_cf="{smtpd}\n")
    (instance.config / "master.cf").write_text(
        master_cf.format(port=instance.port, folder=instance.folder) + POSTLOG)
    return instance


@contextlib.contextmanager
def running(master_cf, **settings):
    instance = make(master_cf, **settings)
    result = instance.run("postfix", "start", check=False)
    assert result.returncode == 0, result.stderr + instance.log()
    try:
        yield instance
    finally:
        instance.close()


SESSIONS = "127.0.0.1:{port} inet n - n - {limit} testd sessions\n"


def sessions(limit="-", more=""):
    return SESSIONS.replace("{limit}", str(limit)).rstrip("\n") + " " + more + "\n"


def script_lines(instance):
    return [re.sub(r"PID: \d+", "PID: N", line)
            for line in re.findall(r"postfix-script\[\d+\]: (.*)", instance.log())
            if "symlink leaves" not in line]


@pytest.mark.parametrize("kind", ["ours", "debian"])
def test_life_is_told_in_the_same_words(kind):
    instance = Instance(kind=kind, master_cf="{smtpd}\n" + POSTLOG)
    (instance.config / "master.cf").write_text(POSTLOG)
    codes = []
    try:
        for command in ("status", "start", "start", "status", "nonsense", "reload", "check",
                        "stop", "stop", "reload", "status", "abort"):
            codes.append(instance.run("postfix", command, check=False).returncode)
            if command == "start":
                wait_for(instance.running, 5)
            if command == "stop":
                wait_for(lambda: not instance.running(), 10)
        lines, log = script_lines(instance), instance.log()
    finally:
        instance.close()
    assert codes == [1, 0, 1, 0, 1, 0, 0, 0, 1, 1, 1, 1]
    for line in ("starting the Postfix mail system",
                 "fatal: the Postfix mail system is already running",
                 "the Postfix mail system is running: PID: N",
                 "fatal: unknown command: 'nonsense'. Usage: postfix start (or stop, reload, abort,"
                 " flush, check, status, set-permissions, upgrade-configuration, logrotate)",
                 "refreshing the Postfix mail system", "stopping the Postfix mail system",
                 "fatal: the Postfix mail system is not running",
                 "the Postfix mail system is not running"):
        assert line in lines, (line, lines)
    for line in (r"daemon started -- version 3\.7\.11, configuration " + re.escape(str(instance.config)),
                 r"reload -- version 3\.7\.11, configuration " + re.escape(str(instance.config))):
        assert re.search(r"postfix/master\[\d+\]: " + line, log), line


def test_folders_are_made_as_debian_makes_them():
    found = {}
    for kind in ("ours", "debian"):
        instance = Instance(kind=kind)
        try:
            instance.run("postfix", "check")
            found[kind] = {path.name: (oct(path.stat().st_mode), path.owner(), path.group())
                           for path in instance.queue.iterdir()}
        finally:
            instance.close()
    assert found["ours"].pop("intake") == ("0o40700", "postfix", "root")     # only ours
    assert found["ours"] == found["debian"]


def test_master_pid_file_is_that_of_postfix():
    with running(sessions()) as instance:
        text = (instance.queue / "pid/master.pid").read_text()
        assert len(text) == 33 and text.endswith("\n")
        assert (instance.data / "master.lock").read_text() == text
        master = str(instance.daemons / "master")
        assert subprocess.run([master, "-t", "-c", instance.config]).returncode == 1
        instance.stop()
        assert subprocess.run([master, "-t", "-c", instance.config]).returncode == 0


@pytest.mark.parametrize("first,second", [("ours", "debian"), ("debian", "ours")])
@pytest.mark.parametrize("shared", ["queue", "data"])
def test_neither_starts_on_the_directories_of_the_other(first, second, shared):
    one = Instance(kind=first)
    other = Instance(kind=second)
    if shared == "queue":
        other.set(queue_directory=one.queue)
    else:
        other.set(data_directory=one.data)
    for instance in (one, other):
        (instance.config / "master.cf").write_text(POSTLOG)
    try:
        assert one.run("postfix", "start", check=False).returncode == 0
        assert wait_for(one.running, 10)
        result = other.run("postfix", "start", check=False)
        assert result.returncode == 1
        assert one.running()
    finally:
        one.stop()
        for instance in (one, other):
            shutil.rmtree(instance.folder, ignore_errors=True)


def test_sessions_share_a_process_and_their_numbers_differ():
    with running(sessions()) as instance:
        clients = [Line(instance.port) for _ in range(10)]
        assert len({client.pid for client in clients}) == 1
        assert len({client.number for client in clients}) == 10
        assert clients[0].number == clients[0].pid
        for client in clients:
            assert client.say("log") == "250 ok"
        for client in clients:
            instance.wait_log(rf"postfix/testd\[{client.number}\]: a line of client {client.number}")


def test_sessions_per_process_1_gives_each_client_a_process():
    with running(sessions(), sessions_per_process=1) as instance:
        clients = [Line(instance.port) for _ in range(4)]
        assert len({client.pid for client in clients}) == 4
        assert all(client.number == client.pid for client in clients)


def test_process_limit_bounds_clients_and_brings_stress():
    with running(sessions(2)) as instance:
        first, second = Line(instance.port), Line(instance.port)
        assert not first.stress
        waiting = socket.create_connection(("127.0.0.1", instance.port))
        waiting.settimeout(1)
        with pytest.raises(socket.timeout):
            waiting.recv(1)
        instance.wait_log(r'warning: service "127\.0\.0\.1:\d+" \(\S+\) has reached its process '
                          r'limit "2": new clients may experience noticeable delays')
        first.say("quit")
        waiting.settimeout(20)
        assert b"stress 1" in waiting.recv(100)
        second.close()


def test_wrong_start_is_throttled():
    text = "private/none unix n - n - 1 nosuchprogram\n".replace("private/", "")
    with running(text, service_throttle_time="2s") as instance:
        def knock():
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(instance.queue / "public/none"))
                time.sleep(0.2)
        knock()
        instance.wait_log(r"warning: process \S+/nosuchprogram pid \d+ exit status 127")
        instance.wait_log(r"warning: \S+/nosuchprogram: bad command startup -- throttling")
        count = instance.log().count("bad command startup")
        knock()
        assert instance.log().count("bad command startup") == count
        assert wait_for(lambda: knock() or instance.log().count("bad command startup") > count, 6)


def test_programs_that_are_not_needed_are_accepted():
    with running("tlsmgr unix - - n 1000? 1 tlsmgr\nscache unix - - n - 1 scache\n") as instance:
        time.sleep(0.3)
        assert "/master[" in instance.log()
        assert not re.search(r"/(master|tlsmgr|scache)\[\d+\]: warning", instance.log())


def test_crash_with_30_sessions_isolates_the_service():
    with running(sessions()) as instance:
        instance.set(sessions_per_process=40)
        instance.run("postfix", "reload")
        wait_for(lambda: "reload" in instance.log(), 5)
        clients = [Line(instance.port) for _ in range(30)]
        assert len({client.pid for client in clients}) == 1
        clients[0].socket.sendall(b"crash\r\n")
        instance.wait_log(r"warning: process \S+/testd pid \d+ killed by signal 11")
        instance.wait_log(r"warning: service \S+ one client for each process for the next 3600")
        after = [Line(instance.port) for _ in range(3)]
        assert len({client.pid for client in after}) == 3
        after[0].socket.sendall(b"crash\r\n")
        assert after[0].hear() == ""
        assert after[1].say("hello") == "250 ok"


def test_reload_resets_no_session_and_serves_the_new_state():
    instance = make(sessions(more="read {folder}/state"))
    (instance.folder / "state").write_text("one\n")
    try:
        instance.run("postfix", "start")
        old = Line(instance.port)
        assert old.state == "one"
        (instance.folder / "state").write_text("two\n")
        instance.run("postfix", "reload")
        assert wait_for(lambda: Line(instance.port).state == "two", 10)
        assert old.say("hello") == "250 ok"
        assert old.say("hello") == "250 ok"
    finally:
        instance.close()


def test_changed_file_brings_a_new_generation_and_a_broken_one_does_not():
    instance = make(sessions(more="read {folder}/state"))
    state = instance.folder / "state"
    state.write_text("one\n")
    try:
        instance.run("postfix", "start")
        old = Line(instance.port)
        assert old.state == "one"
        state.write_text("two\n")
        assert wait_for(lambda: Line(instance.port).state == "two", 10)
        state.write_text("broken\n")
        instance.wait_log(r"fatal: \S+/state: bad content")
        instance.wait_log(r"the processes of the old one stay in service")
        assert Line(instance.port).state == "two"
        state.write_text("three\n")
        assert wait_for(lambda: Line(instance.port).state == "three", 10)
        assert old.say("hello") == "250 ok"
    finally:
        instance.close()


def test_reload_takes_services_away_and_adds_them():
    with running(sessions()) as instance:
        port = free_port()
        old = Line(instance.port)
        (instance.config / "master.cf").write_text(
            f"127.0.0.1:{port} inet n - n - - testd sessions\n" + POSTLOG)
        instance.run("postfix", "reload")
        assert wait_for(lambda: connects(port), 10)
        assert wait_for(lambda: not connects(instance.port), 10)
        assert old.say("hello") == "250 ok"


def connects(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2):
            return True
    except OSError:
        return False


def test_broken_master_cf_leaves_the_old_one_in_service():
    with running(sessions()) as instance:
        (instance.config / "master.cf").write_text("smtp inet nonsense\n")
        instance.run("postfix", "reload")
        instance.wait_log(r"error: .*master\.cf: line 1")
        assert Line(instance.port).say("hello") == "250 ok"


def test_wakeup_and_trigger_bytes_reach_an_event_loop():
    text = "pickup unix n - n 1 1 testd events\nquiet unix n - n 1? 1 testd events\n"
    with running(text) as instance:
        assert wait_for(lambda: instance.log().count("triggered by W") >= 3, 10)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(instance.queue / "public/pickup"))
            client.sendall(b"DF")
        instance.wait_log("triggered by DF")
        instance.run("postfix", "stop")
        assert instance.log().count("]: stopped") == 1


def public_socket(instance, name):
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(20)
    client.connect(str(instance.queue / "public" / name))
    return client


def test_a_stuck_turn_ends_the_process_and_the_next_client_is_served():
    with running("solo unix n - n - 1 testd -o daemon_timeout=2s single\n") as instance:
        stuck = public_socket(instance, "solo")
        begin = time.monotonic()
        stuck.sendall(b"\0\0\0\7\0\5stuck")
        assert stuck.recv(100) == b""
        assert time.monotonic() - begin >= 2
        instance.wait_log(r"postfix/testd\[\d+\]: fatal: watchdog timeout")
        instance.wait_log(r"warning: process \S+/testd pid \d+ exit status 1")
        # A client that says nothing for longer is no stuck turn.
        client = public_socket(instance, "solo")
        for _ in range(2):
            client.sendall(b"\0\0\0\3\0\1x")
            assert client.recv(100) == b"\0\0\0\3\0\1x"
            time.sleep(3)
        assert instance.log().count("watchdog") == 1


def test_a_stuck_session_costs_no_other_one():
    line = SESSIONS.replace("testd", "testd -o daemon_timeout=3s -o max_idle=1s")
    with running(line.replace("{limit}", "-")) as instance:
        stuck, other = Line(instance.port), Line(instance.port)
        assert stuck.pid == other.pid
        stuck.socket.sendall(b"stuck\r\n")
        assert stuck.hear() == ""
        instance.wait_log(rf"warning: watchdog timeout: what client {stuck.number} asked for")
        assert other.say("log") == "250 ok"
        assert Line(instance.port).pid != stuck.pid
        assert pathlib.Path(f"/proc/{stuck.pid}").exists()
        other.close()
        instance.wait_log(rf"testd\[{stuck.pid}\]: fatal: watchdog timeout")
        instance.wait_log(rf"warning: process \S+/testd pid {stuck.pid} exit status 1")
        assert Line(instance.port).say("log") == "250 ok"


def test_a_stuck_lane_is_ended():
    with running("many unix n - n - - testd -o daemon_timeout=2s -o max_idle=1s lanes\n") as instance:
        stuck, idle = public_socket(instance, "many"), public_socket(instance, "many")
        idle.sendall(b"\0\0\0\3\0\1x")
        assert idle.recv(100) == b"\0\0\0\3\0\1x"
        stuck.sendall(b"\0\0\0\7\0\5stuck")
        assert stuck.recv(100) == b""
        instance.wait_log(r"testd\[\d+\]: fatal: watchdog timeout")


def test_a_stuck_event_loop_is_ended():
    with running("loop unix n - n - 1 testd -o daemon_timeout=1s events\n") as instance:
        with public_socket(instance, "loop") as client:
            client.sendall(b"stuck")
        instance.wait_log(r"postfix/testd\[\d+\]: fatal: watchdog timeout")
        with public_socket(instance, "loop") as client:
            client.sendall(b"hello")
        instance.wait_log("triggered by hello")


def test_fifo_triggers():
    with running("oldway fifo n - n - 1 testd events\n") as instance:
        path = instance.queue / "public/oldway"
        assert oct(path.stat().st_mode & 0o777) == "0o622"
        with open(path, "wb", buffering=0) as fifo:
            fifo.write(b"X")
        instance.wait_log("triggered by X")


def test_sockets_have_the_owner_and_mode_of_postfix_and_foreign_ones_stay():
    with running("one unix - - n - - testd lanes\ntwo unix n - n - - testd lanes\n") as instance:
        for name in ("private/one", "public/two", "public/postlog"):
            path = instance.queue / name
            assert (path.owner(), path.group()) == ("postfix", "postfix")
            assert oct(path.stat().st_mode & 0o777) == "0o666"
        foreign = instance.queue / "private/auth"
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(foreign))
            server.listen()
            instance.run("postfix", "reload")
            instance.run("postfix", "stop")
            wait_for(lambda: not instance.running(), 20)
            instance.run("postfix", "start")
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(foreign))


def test_lanes_serve_one_client_a_process_when_single():
    with running("solo unix n - n - 3 testd single\n") as instance:
        frame = b"\0\0\0\3\0\1x"
        clients = []
        for _ in range(3):
            client = socket.socket(socket.AF_UNIX)
            client.settimeout(10)
            client.connect(str(instance.queue / "public/solo"))
            client.sendall(frame)
            assert client.recv(100) == frame
            clients.append(client)
        assert len(instance.processes("testd")) == 3
        for client in clients:
            client.close()


def test_process_ends_when_it_is_idle_or_worn_out():
    with running(sessions(1), max_use=3, max_idle="1s") as instance:
        pids = []
        for _ in range(7):
            client = Line(instance.port)
            pids.append(client.pid)
            client.say("quit")
            client.close()
        assert len(set(pids)) == 3, pids
        assert wait_for(lambda: not instance.processes("testd"), 10)


def test_debians_postlog_is_served_by_ours_and_ours_by_debians():
    for server, command in (("ours", "/usr/sbin/postlog"), ("debian", None)):
        instance = Instance(kind=server, master_cf="{smtpd}\n")
        (instance.config / "master.cf").write_text(POSTLOG)
        try:
            instance.run("postfix", "start")
            if command:
                subprocess.run([command, "-c", instance.config, "-t", "hello", "-p", "warn",
                                "text"], check=True)
            else:
                if not (PREFIX / "sbin/postlog").exists():
                    pytest.skip("no postlog yet")
                subprocess.run([PREFIX / "sbin/postlog", "-c", instance.config, "-t", "hello",
                                "-p", "warn", "text"], check=True)
            instance.wait_log(r"\w{3} [ \d]\d \d\d:\d\d:\d\d \w+ hello\[\d+\]: warning: text\n")
        finally:
            instance.close()


def test_start_fg_logs_to_standard_output():
    instance = make(sessions())
    instance.set(maillog_file="/dev/stdout", maillog_file_prefixes="/dev/stdout")
    process = subprocess.Popen([PREFIX / "sbin/postfix", "-c", instance.config, "start-fg"],
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        assert wait_for(lambda: connects(instance.port), 10)
        client = Line(instance.port)
        client.say("log")
        process.send_signal(signal.SIGTERM)
        output = process.communicate(timeout=30)[0].decode()
        assert re.search(r"postfix/testd\[\d+\]: a line of client", output), output
        assert "terminating on signal 15" in output
    finally:
        process.kill()
        shutil.rmtree(instance.folder, ignore_errors=True)


def test_programs_of_another_suite_are_refused_with_the_line_to_change():
    instance = make(sessions())
    instance.set(daemon_directory="/usr/lib/postfix/sbin")
    try:
        result = instance.run("postfix", "start", check=False)
        assert result.returncode == 1
        assert re.search(r"fatal: \S+/main\.cf: daemon_directory = /usr/lib/postfix/sbin holds the "
                         r"programs of another mail system\. Change the line to: "
                         r"daemon_directory = \S+", instance.log())
    finally:
        instance.close()


def test_stopping_tells_the_sessions_and_is_quick():
    with running(sessions()) as instance:
        clients = [Line(instance.port) for _ in range(5)]
        begin = time.monotonic()
        instance.run("postfix", "stop")
        assert time.monotonic() - begin < 5
        assert [client.hear() for client in clients] == ["421 closing"] * 5
        assert not instance.running()


def test_while_the_system_stops_nothing_is_started(tmp_path):
    lines = (f"hopeless unix n - n 1 1 testd events read {tmp_path}/missing\n"
             "solo unix n - n - 1 testd single\n" + sessions())
    with running(lines, service_throttle_time="1s") as instance:
        client = Line(instance.port)
        with public_socket(instance, "solo") as stuck:
            stuck.sendall(b"\0\0\0\7\0\5stuck")
            assert wait_for(lambda: instance.log().count("-- throttling") > 1, 20)
            stop = subprocess.Popen([instance.commands / "postfix", "-c", instance.config, "stop"])
            assert client.hear() == "421 closing"
            client.close()
            assert wait_for(lambda: len(instance.processes("testd")) == 1, 10)
            failures = instance.log().count("/missing")
            assert not wait_for(lambda: len(instance.processes("testd")) > 1 or
                                instance.log().count("/missing") > failures, 3)
            for pid in instance.processes("testd"):
                os.kill(pid, signal.SIGKILL)
            assert stop.wait(10) == 0


def test_what_does_not_end_is_killed_at_a_stop():
    with running(sessions() + "solo unix n - n - 1 testd single\n") as instance:
        with public_socket(instance, "solo") as client:
            client.sendall(b"\0\0\0\7\0\5stuck")
            assert wait_for(lambda: instance.processes("testd"), 10)
            pid = instance.processes("testd")[0]
            begin = time.monotonic()
            result = instance.run("postfix", "stop", check=False)
            took = time.monotonic() - begin
        assert result.returncode == 0
        assert 15 < took < 30, took
        assert not instance.running()
        assert not pathlib.Path(f"/proc/{pid}").exists()
        instance.wait_log(r"warning: processes did not end within 20 seconds: they are killed")


def test_a_rotated_log_is_compressed_and_a_new_one_is_written():
    with running(sessions()) as instance:
        Line(instance.port).say("log")
        instance.wait_log("a line of client")
        instance.run("postfix", "logrotate")
        rotated = list(instance.log_file.parent.glob("maillog.*.gz"))
        assert len(rotated) == 1
        assert b"a line of client" in gzip.decompress(rotated[0].read_bytes())
        assert "a line of client" not in instance.log()
        Line(instance.port).say("log")
        instance.wait_log("a line of client")


def test_a_pass_service_is_given_its_client():
    with running("handed pass n - n - 1 testd sessions\n") as instance:
        listener = socket.create_server(("127.0.0.1", 0))
        client = socket.create_connection(listener.getsockname(), timeout=20)
        accepted, _ = listener.accept()
        with public_socket(instance, "handed") as giver:
            socket.send_fds(giver, [b"\0"], [accepted.fileno()])
            accepted.close()
            file = client.makefile("rb")
            assert file.readline().startswith(b"220 ")
        client.sendall(b"hello\r\n")
        assert file.readline() == b"250 ok\r\n"
        client.sendall(b"quit\r\n")
        assert file.readline() == b""
        # Who hands nothing over harms nobody.
        public_socket(instance, "handed").close()
        with public_socket(instance, "handed") as giver:
            socket.send_fds(giver, [b"\0"], [listener.fileno()])


def test_check_prints_the_rights_of_each_service():
    with running(sessions()) as instance:
        output = instance.run("postfix", "-v", "check").stdout
        assert re.search(r"^127\.0\.0\.1:\d+/inet: testd: ", output, re.M), output
        line = re.search(r"^postlog/unix-dgram: postlogd: (.+)$", output, re.M)
        assert line and "maillog" in line.group(1), output


def test_a_full_process_hands_clients_on_to_one_with_room():
    with running(sessions(40), sessions_per_process=4) as instance:
        for _ in range(3):
            clients = [socket.create_connection(("127.0.0.1", instance.port), timeout=20)
                       for _ in range(40)]
            for client in clients:
                client.settimeout(20)
                assert client.recv(100).startswith(b"220 ")
            for client in clients[::2]:
                client.close()
            again = [socket.create_connection(("127.0.0.1", instance.port), timeout=20)
                     for _ in range(20)]
            for client in again:
                client.settimeout(20)
                assert client.recv(100).startswith(b"220 ")
            for client in clients[1::2] + again:
                client.close()
