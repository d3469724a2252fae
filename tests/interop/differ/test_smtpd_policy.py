"""check_policy_service: requests, replies and log lines are those of Debian's smtpd."""
import pathlib
import re
import socket
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
from test_smtpd_dialogues import COMMON, converse  # noqa: E402
from instance import Instance, wait_for  # noqa: E402

ACTIONS = {"rej": "REJECT go away", "dfr": "DEFER_IF_PERMIT Greylisted", "ok": "OK",
           "pre": "PREPEND X-A: b", "junk": "junk", "empty": "", "x": "DUNNO", "bad": None}
RCPT = "RCPT TO:<alice@example.test>"


class Server:
    """A policy server: the sender's local part says the answer; requests are kept."""

    def __init__(self):
        self.requests = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        request = {}
        for line in connection.makefile("r"):
            if line != "\n":
                name, value = line.rstrip("\n").split("=", 1)
                request[name] = value
                continue
            self.requests.append(request)
            action = ACTIONS.get(request["sender"].split("@")[0], "DUNNO")
            connection.sendall(b"foo=bar\n\n" if action is None
                               else f"action={action}\n\n".encode())
            request = {}


def blanked(request):
    """Without what differs from run to run."""
    shown = {name: "-" if name in ("client_port", "server_port", "queue_id") and value else value
             for name, value in request.items()}
    assert re.fullmatch(r"|[0-9a-f]+\.[0-9a-f]+\.[0-9a-f]+\.[0-9a-f]+", shown["instance"])
    shown["instance"] = shown["instance"].rsplit(".", 1)[-1]
    return list(shown.items())


def observe(kind, settings, dialogues):
    server = Server()
    settings = {name: value.replace("SERVER", f"inet:127.0.0.1:{server.port}")
                for name, value in settings.items()}
    with Instance({**COMMON, **settings}, kind=kind) as instance:
        server.requests.clear()     # of the one who looked whether it is up
        replies = [converse(instance.port, dialogue) for dialogue in dialogues]
        ends = 1 + len(dialogues)
        assert wait_for(lambda: instance.log().count("disconnect from") >= ends)
        log = instance.log().replace(str(server.port), "PORT")
    lines = sorted(re.sub(r"\b[0-9A-F]{9,14}: ", "ID: ", line)
                   for line in re.findall(r"postfix/smtpd\[\d+\]: (.*)", log))
    return replies, [blanked(request) for request in server.requests], lines


def check(settings, dialogues):
    for got, wanted in zip(observe("ours", settings, dialogues),
                           observe("debian", settings, dialogues)):
        assert got == wanted


def test_every_action_is_obeyed():
    dialogue = ["EHLO h.test"]
    for sender in ACTIONS:
        dialogue += [f"MAIL FROM:<{sender}@x.test> SIZE=100", RCPT, RCPT, "DATA", "RSET"]
    check({"smtpd_recipient_restrictions": "check_policy_service SERVER",
           "smtpd_data_restrictions": "check_policy_service SERVER",
           "smtpd_end_of_data_restrictions":
           "check_policy_service { SERVER, policy_context=hello }"}, [dialogue])


def test_every_stage_asks():
    service = "check_policy_service SERVER"
    check({"smtpd_client_restrictions": service, "smtpd_helo_restrictions": service,
           "smtpd_sender_restrictions": service, "smtpd_etrn_restrictions": service,
           "smtpd_delay_reject": "no", "fast_flush_domains": "relay.test"},
          [["EHLO h.test", "MAIL FROM:<a@b.test>", "RSET", "ETRN relay.test", "VRFY alice"]])


def test_a_server_that_is_away_leads_to_the_default_action():
    for service in ("inet:127.0.0.1:1", "{ unix:private/away, default_action=DUNNO, try_limit=1 }",
                    "{ unix:private/away, { default_action = REJECT a b }, try_limit=1 }"):
        check({"smtpd_recipient_restrictions": f"check_policy_service {service}"},
              [["EHLO h.test", "MAIL FROM:<a@b.test>", RCPT]])
