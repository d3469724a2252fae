"""smtp(8) and lmtp(8): time limits and connections that are kept, beside Debian's Postfix."""
import contextlib
import re
import socket
import threading
import time

from instance import free_port, wait_for
from peer import SILENCE, Peer, Trickle

PLAIN = "250-peer.example\r\n250 HELP"
SECONDS = {f"smtp_{name}_timeout": "1s" for name in (
    "helo", "mail", "rcpt", "data_init", "data_xfer", "data_done", "quit", "rset", "xforward",
    "connect")}
LARGE = "Subject: large\n\n" + ("x" * 70 + "\n") * 120_000


def trickled(verb, text, **settings):
    return dict(replies={verb: Trickle(text)}, settings=settings)


STEPS = ["GREETING", "EHLO", "HELO", "XFORWARD", "MAIL", "RCPT", "DATA", ".", "RSET", "QUIT"]


def silent(verb, replies=None, **settings):
    """A server that says nothing from that step on."""
    return dict(replies={**(replies or {}), **{step: SILENCE for step in STEPS[STEPS.index(verb):]}},
                settings=settings)


# What the server does, and the settings of the client beside time limits of a second.
TIMES = {
    "the greeting": silent("GREETING"),
    "EHLO": silent("EHLO"),
    "HELO": silent("HELO", {"EHLO": "502 what"}),
    "MAIL": silent("MAIL"),
    "MAIL alone": silent("MAIL", {"EHLO": PLAIN}),
    "RCPT": silent("RCPT"),
    "RCPT alone": silent("RCPT", {"EHLO": PLAIN}),
    "DATA": silent("DATA"),
    "DATA alone": silent("DATA", {"EHLO": PLAIN}),
    "the end": silent("."),
    "RSET": silent("RSET", {"EHLO": PLAIN, "MAIL": "550 5.1.0 no"}),
    "QUIT": silent("QUIT", smtp_skip_quit_response="no"),
    "XFORWARD": silent("XFORWARD", {"EHLO": "250-peer.example\r\n250 XFORWARD NAME ADDR PROTO HELO"},
                       smtp_send_xforward_command="yes"),
    "a slow greeting": trickled("GREETING", "220 peer.example ESMTP"),
    "a greeting that is too slow": trickled("GREETING", "220 peer.example ESMTP",
                                            smtp_per_request_deadline="yes"),
    "a slow EHLO": trickled("EHLO", PLAIN),
    "an EHLO that is too slow": trickled("EHLO", PLAIN, smtp_per_request_deadline="yes"),
    "a slow MAIL": trickled("MAIL", "250 2.1.0 Ok"),
    "a MAIL that is too slow": trickled("MAIL", "250 2.1.0 Ok", smtp_per_request_deadline="yes"),
    "a slow end": trickled(".", "250-2.0.0 Well\r\n250 2.0.0 Ok"),
    "an end that is too slow": trickled(".", "250-2.0.0 Well\r\n250 2.0.0 Ok",
                                        smtp_per_request_deadline="yes"),
    "an end within its deadline": trickled(".", "250 2.0.0 Ok", smtp_per_request_deadline="yes",
                                           smtp_data_done_timeout="20s"),
}

CONTENT = {
    "a stuck reader": dict(pace="stuck", settings={}),
    "a stuck reader with a deadline": dict(pace="stuck",
                                           settings={"smtp_per_request_deadline": "yes"}),
    "a slow reader": dict(pace="slow", settings={}),
    "a slow reader with a deadline": dict(pace="slow", settings={
        "smtp_per_request_deadline": "yes", "smtp_min_data_rate": "500"}),
    "a reader that is too slow": dict(pace="slow", settings={
        "smtp_per_request_deadline": "yes", "smtp_min_data_rate": "100000000"}),
}


def normal(text):
    text = re.sub(r"\b[0-9A-F]{8,}\b", "QID", text)
    text = re.sub(r"delay=[\d.]+, delays=[\d./]+, ", "", text)
    return re.sub(r"\]:\d+", "]:PORT", text)


def service(name, settings, program="smtp"):
    options = "".join(f" -o {{ {key} = {value} }}" for key, value in settings.items())
    return f"{name} unix - - n - - {program} -o syslog_name={name}{options}\n"


@contextlib.contextmanager
def full_listener():
    """A port where nobody answers: its queue of connections is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


def pace_of(case, end):
    """A reader of content that reads nothing until the end, or takes its time."""
    if "pace" not in case:
        return None
    if case["pace"] == "stuck":
        return lambda: end.wait(60)
    return lambda: time.sleep(0.02)


def deliver(make, cases, text, ports=()):
    """For each case (and then each bare port): log lines, commands, messages that arrived."""
    end = threading.Event()
    with contextlib.ExitStack() as stack:
        stack.callback(end.set)
        peers = [stack.enter_context(Peer(case.get("replies"), pace=pace_of(case, end)))
                 for case in cases]
        ports = [peer.port for peer in peers] + list(ports)
        options = [case.get("settings", {}) for case in cases] + [{}] * len(ports)
        instance = make(start=False, settings={
            "transport_maps": "texthash:$config_directory/transport", "notify_classes": "",
            "smtp_connection_cache_on_demand": "no", "default_process_limit": "50"},
            master_extra="".join(service(f"s{number}", {**SECONDS, **options[number]})
                                 for number in range(len(ports))))
        (instance.config / "transport").write_text("test.example discard:\n" + "".join(
            f"s{number}.example s{number}:[127.0.0.1]:{port}\n"
            for number, port in enumerate(ports)))
        instance.start()
        instance.sendmail("-f", "s@test.example", "--",
                          *(f"a@s{number}.example" for number in range(len(ports))), text=text)

        def log_of(number):
            return [normal(line) for line in re.findall(rf" s{number}/smtp\[\d+\]: (.*)",
                                                        instance.log())]

        assert wait_for(lambda: all("status=" in str(log_of(number))
                                    for number in range(len(ports))), 40), instance.log()
        wait_for(lambda: all(peer.commands[-1:] == ["QUIT"] for peer in peers), 0.5)
        results = [{"log": log_of(number)} for number in range(len(ports))]
        for result, peer in zip(results, peers):
            result.update(commands=[normal(line) for line in peer.commands],
                          messages=len(peer.messages))
        return results


def check_same(ours, debian, cases, **more):
    wanted, got = (deliver(make, list(cases.values()), **more) for make in (debian, ours))
    different = [(name, *pair) for name, *pair in zip([*cases, "connecting"], got, wanted)
                 if pair[0] != pair[1]]
    assert not different, "\n".join(map(str, (each for row in different for each in row)))
    return dict(zip([*cases, "connecting"], got))


def test_each_step_has_its_time_limit(ours, debian):
    with full_listener() as port:
        results = check_same(ours, debian, TIMES, text="Subject: small\n\nhi\n", ports=[port])
    assert "Connection timed out" in str(results["connecting"])
    sent = [name for name, result in results.items() if "status=sent" in str(result)]
    assert sent == ["QUIT", "a slow greeting", "a slow EHLO", "a slow MAIL", "a slow end",
                    "an end within its deadline"]


def test_content_has_its_time_limit(ours, debian):
    for case in CONTENT.values():
        case["settings"]["smtp_data_done_timeout"] = "30s"
    results = check_same(ours, debian, CONTENT, text=LARGE)
    assert [result["messages"] for result in results.values()] == [0, 0, 1, 1, 0]
