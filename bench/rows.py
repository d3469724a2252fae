"""The rows of the benchmark: what an instance is made for, and what is done with it."""
import dataclasses
import pathlib
import resource
import socket
import subprocess
import sys
import tempfile
import threading
from typing import Callable

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests"))
from instance import Instance  # noqa: E402
import measure  # noqa: E402

HOME = pathlib.Path(tempfile.gettempdir(), "postreiter-bench-home")
USER = "postreiter-bench"


@dataclasses.dataclass
class Row:
    title: str
    bar: float                          # the ratio of CPU that is good enough
    count: int                          # what one call of work does
    work: Callable                      # may return CPU seconds of commands that it ran
    settings: Callable = lambda sink: {}
    warm: Callable = None

    def __post_init__(self):
        self.warm = self.warm or self.work

    def make(self, kind, sink):
        return Instance(self.settings(sink), kind=kind)


# --- Messages. --------------------------------------------------------------------------

def to_sink(sink):
    return {"relayhost": f"[127.0.0.1]:{sink.port}"}


def send(count, drain=True, **more):
    def work(instance):
        measure.source(instance.port, count, **more)
        if drain:
            measure.drained(instance)
    return work


def messages(title, bar, settings, count=1000, **more):
    return Row(title, bar, count, send(count, **more), settings, send(max(2, count // 10), **more))


# --- Clients that are turned away. --------------------------------------------------------

REJECTS, REJECTS_A_SESSION = 4000, 10
REJECTING = {
    "mynetworks": "192.0.2.0/24", "smtpd_relay_restrictions": "reject_unauth_destination",
    "smtpd_error_sleep_time": "0", "smtpd_client_connection_count_limit": "0",
}


def spam_session(port):
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        answers = client.makefile("rb")

        def ask(line, code):
            client.sendall(line)
            answer = answers.readline()
            assert answer.startswith(code), (line, answer)

        assert answers.readline().startswith(b"220")
        ask(b"HELO spam.example\r\n", b"250")
        ask(b"MAIL FROM:<spam@spam.example>\r\n", b"250")
        for number in range(REJECTS_A_SESSION):
            ask(b"RCPT TO:<victim%d@elsewhere.example>\r\n" % number, b"554")
        ask(b"QUIT\r\n", b"221")


def flood(instance):
    def sessions():
        for _ in range(REJECTS // REJECTS_A_SESSION // 4):
            spam_session(instance.port)

    clients = [threading.Thread(target=sessions) for _ in range(4)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()


# --- Commands. ----------------------------------------------------------------------------

def run(instance, command, *arguments, **more):
    """CPU seconds of one of the suite's commands."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    instance.run(command, *arguments, **more)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


SENDMAILS = 50


def sendmails(instance):
    return sum(run(instance, "sendmail", "-f", "sender@test.example", "someone@sink.example",
                   input="Subject: test\n\n" + "some text\n" * 400) for _ in range(SENDMAILS))


def posted(instance):
    """Commands, and what becomes of the messages."""
    used = sendmails(instance)
    measure.drained(instance)
    return used


LISTED = 10000


def list_queue(instance):
    return run(instance, "postqueue", "-p")


# --- Lists. -------------------------------------------------------------------------------

MEMBERS = 10000
ALIAS = "all@lists.example"


def list_settings(settings):
    return {"smtpd_recipient_limit": "100000", "smtpd_recipient_overshoot_limit": "100000",
            **settings}


def to_many(recipients):
    def work(instance):
        measure.send_list(instance, recipients)
        measure.drained(instance)
    return work


def to_members(repeats=1):
    return to_many([f"r{number // repeats}@far.example" for number in range(MEMBERS)])


def alias_settings(sink):
    table = HOME / "virtual"
    table.write_text(f"{ALIAS} " + ",".join(f"r{number}@far.example" for number in range(MEMBERS)))
    subprocess.run(["/usr/sbin/postmap", f"hash:{table}"], check=True)
    return {"default_transport": "discard:", "virtual_alias_domains": "lists.example",
            "virtual_alias_expansion_limit": str(MEMBERS), "virtual_alias_maps": f"hash:{table}"}


def lists(title, work, settings=lambda sink: list_settings({"default_transport": "discard:"})):
    """Recipients are counted."""
    return Row(title, 0.25, MEMBERS, work, settings)


ENTRIES = 100000


def write_source(instance):
    (instance.folder / "entries").write_text("".join(
        f"user{number}@host{number % 1000}.example   box{number}@store.example\n"
        for number in range(ENTRIES)))


def make_table(kind):
    def work(instance):
        return run(instance, "postmap", f"{kind}:{instance.folder}/entries")
    return Row(f"postmap of 100,000 entries to {kind}", 1.0, 1, work, warm=write_source)


ROWS = {
    # The first: on ext4 without a journal what the other rows delete makes new files dear.
    "hold": messages("accept 4 KB over SMTP, and keep it on hold", 0.35,
                     lambda sink: {"smtpd_recipient_restrictions": "static:HOLD"}, drain=False),
    "relay": messages("relay of 4 KB, in and out over SMTP", 0.35, to_sink),
    "accept": messages("accept 4 KB over SMTP, then discard it", 0.35,
                       lambda sink: {"default_transport": "discard:"}),
    "maildir": messages("4 KB over SMTP into a Maildir", 0.5,
                        lambda sink: {"home_mailbox": "Maildir/"},
                        recipient=f"{USER}@test.example"),
    "large": messages("relay of 1 MB", 0.55, to_sink, count=60, size=1000000),
    "recipients": messages("relay of 4 KB to 50 recipients", 0.35, to_sink, count=200,
                           recipients=50),
    "reject": Row("a recipient rejected, ten of them a session", 0.6, REJECTS, flood,
                  lambda sink: REJECTING),
    "sendmail": Row("sendmail, and the relay of its 4 KB", 0.45, SENDMAILS, posted, to_sink),
    "postqueue": Row("postqueue -p of 10,000 messages", 0.85, 1, list_queue,
                     lambda sink: {"smtpd_recipient_restrictions": "static:HOLD"},
                     send(LISTED, drain=False)),
    "list": lists("a list of 10,000 recipients, thrown away", to_members()),
    "list-twice": lists("the same, each recipient twice", to_members(2)),
    "list-smtp": lists("a list of 10,000 recipients, sent on", to_members(),
                       lambda sink: list_settings(to_sink(sink))),
    "list-alias": lists("a virtual alias of 10,000 members", to_many([ALIAS]), alias_settings),
    **{f"postmap-{kind}": make_table(kind) for kind in ("hash", "lmdb", "cdb")},
}
