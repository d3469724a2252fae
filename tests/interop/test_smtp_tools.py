"""smtp-source and smtp-sink beside Debian's: what goes over the wire, counters, dump files."""
import re
import socket
import subprocess
import sys

import pytest
from instance import PREFIX, ROOT, free_port, wait_for

sys.path.insert(0, str(ROOT / "tests/interop/differ"))
from smtp_cases import GOOD  # noqa: E402
from smtp_servers import Script, Servers  # noqa: E402

DEBIAN, OURS = "/usr/sbin", PREFIX / "sbin"

SOURCES = [
    ["-f", "a@b", "-t", "c@d"], [], ["-f", "a", "-t", "b", "-l", "200"], ["-f", ""],
    ["-m", "3", "-d", "-r", "3", "-S", "subj"], ["-N", "-m", "2", "-r", "2"], ["-L", "-r", "2"],
    ["-o", "-l", "10"], ["-F", "/file"], ["-l", "1"], ["-l", "80"], ["-l", "81"], ["-l", "161"],
]


def heard_from(program, options):
    script = Script(GOOD, lmtp="-L" in options)
    servers = Servers({"127.0.0.1": script})
    code = subprocess.run([f"{program}/smtp-source", "-M", "me.example", *options,
                           f"127.0.0.1:{servers.port}"], capture_output=True,
                          timeout=30).returncode
    servers.close()
    return code, [re.sub(rb"Date: .*?\r|Message-Id: <.*?@", b"", bytes(heard))
                  for heard in script.connections]


@pytest.mark.parametrize("options", SOURCES, ids=" ".join)
def test_smtp_source_says_what_debians_says(options, tmp_path):
    (tmp_path / "file").write_text("Subject: f\n\n.dot\nlast\n")
    options = [option.replace("/file", str(tmp_path / "file")) for option in options]
    assert heard_from(OURS, options) == heard_from(DEBIAN, options)


def test_smtp_source_sends_all_messages_over_all_sessions():
    script = Script(GOOD)
    servers = Servers({"127.0.0.1": script})
    subprocess.run([f"{OURS}/smtp-source", "-s", "5", "-m", "40", "-d", f"127.0.0.1:{servers.port}"],
                   check=True, timeout=30)
    servers.close()
    assert len(script.connections) <= 5
    assert sum(bytes(heard).count(b"\r\n.\r\n") for heard in script.connections) == 40


EVERY = ["EHLO me", "MAIL FROM:<a@b>", "RCPT TO:<c@d>", "DATA", "RSET", "NOOP", "VRFY x",
         "XCLIENT NAME=a", "XFORWARD NAME=b", "BOGUS", "AUTH PLAIN abc", "HELO x", "RCPT TO:<q>",
         "DATA", "MAIL FROM:<x", "rcpt to:<x>", "QUIT"]
MESSAGE = ["EHLO x", "MAIL FROM:<a>", "RCPT TO:<b>", "DATA"]
SINKS = [
    ([], EVERY), (["-8aCeEFN", "-h", "hh"], EVERY), (["-p"], ["EHLO x"]), (["-P"], ["EHLO x", "QUIT"]),
    (["-L"], ["LHLO me", "HELO x", "MAIL FROM:<a@b>", "RCPT TO:<c@d>", "RCPT TO:<e@d>", "DATA", "QUIT"]),
    (["-r", "MAIL RCPT"], MESSAGE), (["-f", "MAIL,.,CONNECT"], ["EHLO x", "MAIL FROM:<a>"]),
    (["-f", "."], MESSAGE), (["-q", "RCPT"], MESSAGE), (["-Q", "rcpt"], MESSAGE), (["-A", "0"], MESSAGE),
    (["-b", "451 soft", "-B", "551 hard", "-r", "MAIL", "-f", "RCPT"], MESSAGE), (["-c"], EVERY),
    (["-d", "DUMP/%Y/x.", "-S", "start\\n"], ["EHLO x y", "MAIL FROM:<a> SIZE=3", *MESSAGE[2:], "QUIT"]),
    (["-D", "DUMP/all"], [*MESSAGE, *MESSAGE[1:], "QUIT"]), (["-c", "-n", "1"], ["QUIT"]),
    (["-c", "-M", "1"], MESSAGE),
]


def converse(client, lines):
    """What the server said to each line."""
    stream, said = client.makefile("rb"), []

    def reply():
        text = b""
        while True:
            line = stream.readline()
            text += line
            if len(line) < 4 or line[3:4] != b"-":
                return text

    said.append(reply())
    for line in lines:
        try:
            client.sendall(line.encode() + b"\r\n")
            said.append(reply())
            if line == "DATA" and said[-1].startswith(b"354"):
                client.sendall(b"Subject: x\r\n\r\nhi\r\n..dot\r\n.\r\n")
                said.append(reply())
        except OSError:
            break
    return [text for text in said if text]


def visit(program, options, lines, folder):
    folder.mkdir()
    folder.chmod(0o777)
    port = free_port()
    options = [option.replace("DUMP", str(folder)) for option in options]
    server = subprocess.Popen([f"{program}/smtp-sink", "-u", "nobody", *options, f"127.0.0.1:{port}",
                               "10"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def connect():
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=10)
        except OSError:
            return None

    with wait_for(connect) as client:
        said = converse(client, lines)
    if "-n" in options or "-M" in options:
        server.wait(10)
    elif "-c" in options:
        wait_for(lambda: server.poll() is not None, 0.3)
    server.terminate()
    counters = server.communicate()[0]
    dumps = [re.sub(r"id [0-9a-f]+;\n.*", "id", path.read_text())
             for path in sorted(folder.rglob("*")) if path.is_file()]
    # Debian's may end before it has answered its last message.
    return [] if "-M" in options else said, counters, dumps


@pytest.mark.parametrize("options,lines", SINKS, ids=[" ".join(options) for options, _ in SINKS])
def test_smtp_sink_answers_as_debians_does(options, lines, tmp_path):
    for folder in (tmp_path, *tmp_path.parents):        # "nobody" writes below it
        if str(folder).startswith("/tmp/pytest"):
            folder.chmod(0o755)
    assert visit(OURS, options, lines, tmp_path / "ours") \
        == visit(DEBIAN, options, lines, tmp_path / "debian")
