"""
Transports, domains and aliases that servers hold (tcp:, socketmap:): what becomes of mail, at
Debian's Postfix and at ours, and which of our programs asks those servers.
"""
import concurrent.futures
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "system"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
from counting import compared  # noqa: E402
from instance import Instance  # noqa: E402
from queue_files import Session  # noqa: E402
from test_remote_tables import Server, read_netstring  # noqa: E402

TRANSPORTS = {"user@t.test": "discard:user", "t.test": "discard:", ".t.test": "discard:dot",
              "err.test": "error:5.7.1 not here", "next.test": ":nexthop", "none.test": ":",
              "relay.test": "discard:relay"}
MAPS = {
    "relay": {"relay.test": "x", "far.test": "x"},
    "aliases": {"far@t.test": "user@t.test, other@relay.test", "@valias.test": "x@sub.t.test"},
    "valias": {"valias.test": "x"}, "relocated": {"gone@t.test": "there"},
    "senders": {"temp@s.test": "TEMP", "a@s.test": "discard:sender"},
}


def transport(question):
    key = question.decode().rstrip("\n").partition(" ")[2].replace("%40", "@")
    if "temp" in key:
        return b"400 later\n"
    found = TRANSPORTS.get(key)
    return f"200 {found.replace(' ', '%20')}\n".encode() if found else b"500 none\n"


def mapping(question):
    name, _, key = question.decode().partition(" ")
    found = MAPS.get(name, {}).get(key)
    text = "TEMP later" if found == "TEMP" or name != "aliases" and "lost" in key else f"OK {found}" if found else \
        "NOTFOUND "
    return f"{len(text)}:{text},".encode()


RECIPIENTS = ["user@t.test", "user+x@t.test", "any@t.test", "any@sub.t.test", "a@err.test",
              "a@next.test", "a@none.test", "a@relay.test", "a@far.test", "a@lost.test",
              "a@temp.test", "far@t.test", "me@valias.test", "gone@t.test", "a@other.test", "local",
              "a%t.test@local.test", "a@[1.2.3]", "temp@local.test", '"a b"@t.test']
SENDERS = ["a@s.test", "temp@s.test", "other@s.test", "", "bad@[x"]


def settings_for(tables, maps):
    remote = f"socketmap:inet:127.0.0.1:{maps.port}:"
    return {
        "myorigin": "local.test", "mydestination": "local.test", "local_recipient_maps": "",
        "transport_maps": f"tcp:127.0.0.1:{tables.port}", "relay_domains": remote + "relay",
        "fast_flush_domains": "", "virtual_alias_maps": remote + "aliases",
        "virtual_alias_domains": remote + "valias", "relocated_maps": remote + "relocated",
        "sender_dependent_default_transport_maps": remote + "senders",
        "default_transport": "discard:default", "relay_transport": "discard:forward",
        "local_transport": "discard:here", "smtpd_error_sleep_time": "0",
        "smtpd_hard_error_limit": "1000", "smtpd_recipient_restrictions":
        "check_recipient_access inline:{me@valias.test=reject_unknown_recipient_domain}, "
        "permit_auth_destination, reject", "smtpd_relay_restrictions": "permit_mynetworks, reject",
        "notify_classes": "",
    }


def normal(line):
    line = re.sub(r"^.*?\]: (\w+): ", "", line)
    return re.sub(r" delays?=[\d./]+,", "", line)


def talk(instance):
    found = []
    for sender in SENDERS:
        session = Session(instance.port)
        commands = [f"MAIL FROM:<{sender}>".encode()]
        commands += [f"RCPT TO:<{recipient}>".encode() for recipient in RECIPIENTS]
        found += [(sender, line, answer) for line, answer
                  in zip(commands, session.commands(commands))]
    return found


def submit(instance):
    """All recipients by sendmail, for each sender; the deliveries as the log has them."""
    for sender in SENDERS[:3]:
        instance.run("sendmail", "-f", sender, "--", *RECIPIENTS, input="Subject: x\n\nx\n")
    for sender in SENDERS[:3]:      # who is told of what failed, when all else was tried
        instance.wait_log(rf"to=<{sender}>, .*status=")
    return sorted(normal(line) for line in instance.log().splitlines() if " to=<" in line)


def run(kind):
    tables, maps = Server(lambda file: file.readline(), transport), Server(read_netstring, mapping)
    instance = Instance(settings_for(tables, maps), kind=kind)
    try:
        instance.start()
        return talk(instance), submit(instance)
    finally:
        instance.close()


def test_servers_route_the_same_mail():
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        (wanted, wanted_log), (got, got_log) = pool.map(run, ("debian", "ours"))
    compared(len(wanted) + len(wanted_log))
    different = [f"Debian: {one}\nours:   {other}" for one, other in zip(wanted, got)
                 if one != other]
    different += [f"Debian: {line}" for line in wanted_log if line not in got_log]
    different += [f"ours:   {line}" for line in got_log if line not in wanted_log]
    assert not different, "\n".join(different)
