"""Every line of the log arrives once, whatever becomes of postlogd; what is lost is counted."""
import collections
import contextlib
import gzip
import os
import re
import signal
import subprocess
import threading

import pytest

from instance import Instance, wait_for

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a mail system is started by root")

WRITERS, LINES = 4, 800
STAMP = r"\w{3} [ \d]\d \d\d:\d\d:\d\d "


class Writers:
    """Programs that log numbered lines, all at the same time."""

    def __init__(self, instance, writers=WRITERS, lines=LINES, **more):
        self.wanted = [f"writer {writer} line {line} end"
                       for writer in range(writers) for line in range(lines)]
        self.running = []
        for writer in range(writers):
            text = "\n".join(self.wanted[writer * lines:(writer + 1) * lines]) + "\n"
            source = instance.folder / f"writer-{writer}"
            source.write_text(text)
            with source.open() as lines_in:
                self.running.append(subprocess.Popen(
                    [str(instance.commands / "postlog"), "-c", str(instance.config)],
                    stdin=lines_in, stderr=subprocess.PIPE, **more))

    def are_busy(self):
        return any(writer.poll() is None for writer in self.running)

    def end(self):
        for writer in self.running:
            assert writer.communicate(timeout=120)[1] == b"" and writer.returncode == 0

    def counts(self, text):
        """How often each line stands in the text."""
        found = collections.Counter(re.findall(r"writer \d+ line \d+ end", text))
        assert set(found) <= set(self.wanted)
        return [found[line] for line in self.wanted]


def said_to_be_lost(text):
    return (sum(map(int, re.findall(r" \[(\d+) lines before this one were lost\]", text))) +
            sum(map(int, re.findall(r"ended with up to (\d+) lines of the log", text))))


@pytest.fixture
def instance():
    instance = Instance({"service_throttle_time": "1s"},
                        master_cf="postlog unix-dgram n - n - 1 postlogd\n")
    result = instance.run("postfix", "start", check=False)
    assert result.returncode == 0, result.stderr
    yield instance
    instance.close()


def all_lines(instance):
    """Those of rotated files too."""
    texts = [instance.log()]
    for path in instance.log_file.parent.glob("maillog.*"):
        texts.append(gzip.open(path, "rt").read() if path.suffix == ".gz" else path.read_text())
    return "".join(texts)


def check_all_came_once(instance, writers):
    writers.end()
    wait_for(lambda: sum(writers.counts(all_lines(instance))) >= len(writers.wanted))
    text = all_lines(instance)
    counts = writers.counts(text)
    assert max(counts) == 1
    missing = counts.count(0)
    assert (missing, said_to_be_lost(text)) == (0, 0)


def test_lines_come_through_reloads(instance):
    writers = Writers(instance)
    turns = 0
    while writers.are_busy() or turns < 3:
        instance.run("postfix", "reload")
        wait_for(lambda: len(instance.processes("postlogd")) == 1, 10)
        turns += 1
    check_all_came_once(instance, writers)


def test_lines_come_through_rotations(instance):
    writers = Writers(instance)
    turns = 0
    while writers.are_busy() or turns < 3:
        instance.set(maillog_file_rotate_suffix=f"turn{turns}")
        instance.run("postfix", "logrotate")
        turns += 1
    check_all_came_once(instance, writers)
    assert len(list(instance.log_file.parent.glob("maillog.turn*.gz"))) == turns


def test_lines_come_through_a_stop(instance):
    """The last ones may lie in the socket when postlogd has ended: master has them then."""
    for turn in range(3):
        writers = Writers(instance, writers=2, lines=40)
        instance.run("postfix", "stop")
        check_all_came_once(instance, writers)
        assert instance.run("postfix", "start", check=False).returncode == 0
        instance.log_file.write_text("")


def test_a_killed_postlogd_is_replaced_at_once_and_its_lines_are_counted(instance):
    writers = Writers(instance)
    for turn in range(1, 6):
        instance.run("postlog", f"turn {turn} begins")
        instance.wait_log(f"turn {turn} begins")        # one that has served is no bad start
        process = wait_for(lambda: instance.processes("postlogd"))[0]
        os.kill(process, signal.SIGKILL)
        # The next one would take with it what master says of this one.
        assert wait_for(lambda: instance.log().count("killed by signal 9") == turn)
    writers.end()
    assert wait_for(lambda: writers.counts(instance.log()).count(0) <=
                    said_to_be_lost(instance.log()))
    text = instance.log()
    counts = writers.counts(text)
    assert max(counts) == 1
    assert "throttling" not in text
    assert counts.count(0) <= said_to_be_lost(text)


@pytest.fixture
def stuck(instance):
    """The process id of a postlogd that was stopped; it goes on at the latest with the test."""
    instance.run("postlog", "the first line starts postlogd")
    process = wait_for(lambda: instance.processes("postlogd"))[0]
    instance.wait_log("the first line")
    os.kill(process, signal.SIGSTOP)
    yield process
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, signal.SIGCONT)


def test_lines_that_nobody_takes_are_counted(instance, stuck):
    """By whom the file cannot be written to: the others write it themselves."""
    go_on = threading.Timer(8, os.kill, (stuck, signal.SIGCONT))
    go_on.start()
    writers = Writers(instance, writers=1, lines=1200, user="nobody", group="postdrop")
    writers.end()
    go_on.join()
    wait_for(lambda: said_to_be_lost(instance.log()))
    text = instance.log()
    counts = writers.counts(text)
    assert max(counts) == 1
    assert 0 < counts.count(0) == said_to_be_lost(text)


def test_a_rotated_file_is_compressed_when_nobody_writes_to_it_any_more(instance, stuck):
    waiting = Writers(instance, writers=1, lines=5)
    waiting.end()
    with subprocess.Popen([str(instance.commands / "postfix"), "-c", str(instance.config),
                           "logrotate"]) as rotation:
        assert wait_for(lambda: list(instance.log_file.parent.glob("maillog.*")))
        with pytest.raises(subprocess.TimeoutExpired):
            rotation.wait(timeout=1)
        os.kill(stuck, signal.SIGCONT)
        assert rotation.wait(timeout=30) == 0
    check_all_came_once(instance, waiting)
    assert "refreshing" in instance.log() + all_lines(instance)


def test_lines_that_do_not_fit_on_the_disk_are_counted(instance):
    folder = instance.folder / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", folder], check=True)
    try:
        instance.set(maillog_file=folder / "maillog")
        instance.log_file = folder / "maillog"
        instance.run("postfix", "reload")
        assert wait_for(lambda: instance.run("postlog", "here it is") and
                        "here it is" in instance.log())
        (folder / "fill").write_bytes(b"x" * 48 * 1024)
        writers = Writers(instance, writers=1, lines=600)
        writers.end()
        assert wait_for(lambda: os.statvfs(folder).f_bavail == 0)
        (folder / "fill").unlink()
        instance.run("postlog", "after that there is room")
        instance.wait_log("after that there is room")
        text = instance.log()
        instance.stop()
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
    counts = writers.counts(text)
    assert max(counts) == 1
    assert 0 < counts.count(0) == said_to_be_lost(text)
    # At most the one line in which the disk became full is cut.
    assert len([line for line in text.splitlines() if not re.match(STAMP, line)]) <= 1
