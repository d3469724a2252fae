"""Who is told what of mail that lmtp(8) or smtp(8) has delivered, beside Debian's Postfix."""
import contextlib
import email
import re

from instance import wait_for
from peer import Peer

WITH = "250-peer.example\r\n250-DSN\r\n250 8BITMIME"
WITHOUT = "250-peer.example\r\n250 8BITMIME"
FINAL = "-o lmtp_assume_final=yes"

# The program of master.cf with its options, and what the server offers.
CASES = {
    "an LMTP server": ("lmtp", WITHOUT),
    "an LMTP server that is final": (f"lmtp {FINAL}", WITHOUT),
    "an LMTP server with DSN": ("lmtp", WITH),
    "a final LMTP server with DSN": (f"lmtp {FINAL}", WITH),
    "an SMTP server": (f"smtp {FINAL}", WITHOUT),
    "an SMTP server with DSN": ("smtp", WITH),
    "an SMTP server by its flag": ("smtp flags=X", WITHOUT),
    "an LMTP server by its flag": ("lmtp flags=X", WITHOUT),
    "an LMTP server with DSN by its flag": ("lmtp flags=X", WITH),
}


def fields(text):
    """The delivery status of a notification, and its first lines."""
    message = email.message_from_string(text)
    parts = list(message.walk())
    status = next(part for part in parts if part.get_content_type() == "message/delivery-status")
    lines = str(status).replace("\r", "").split("\n")
    return [re.sub(r"[0-9A-F]{8,}", "QID", line) for line in lines
            if re.match("Final-Recipient|Action|Status|Remote-MTA|Diagnostic-Code", line)] \
        + re.findall(r"<a@.*", re.sub(r"\]:\d+|\r", "", parts[1].get_payload()))


def notices(make):
    """Of each case: what the log says, and what the sender is told."""
    with contextlib.ExitStack() as stack:
        sender = stack.enter_context(Peer())
        peers = [stack.enter_context(Peer({"EHLO": offer, "LHLO": offer}, lmtp=program.startswith("lmtp")))
                 for program, offer in CASES.values()]
        instance = make(start=False, settings={
            "transport_maps": "texthash:$config_directory/transport", "notify_classes": ""},
            master_extra="".join(f"s{number} unix - - n - - {program}\n"
                                 for number, (program, _) in enumerate(CASES.values())))
        (instance.config / "transport").write_text(
            f"sender.example smtp:[127.0.0.1]:{sender.port}\n" + "".join(
                f"s{number}.example s{number}:inet:127.0.0.1:{peer.port}\n" if peer.lmtp else
                f"s{number}.example s{number}:[127.0.0.1]:{peer.port}\n"
                for number, peer in enumerate(peers)))
        instance.start()
        for number in range(len(peers)):
            instance.sendmail("-f", "s@sender.example", "-N", "success", "--",
                              f"a@s{number}.example")
        logged = [instance.wait_log(rf"to=<a@s{number}.example>.*status=(.*)").group(1)
                  for number in range(len(peers))]
        told = {}

        def is_complete():
            for raw in list(sender.messages):
                text = raw.decode()
                told[int(re.search(r"a@s(\d+)\.example", text).group(1))] = fields(text)
            # A server with DSN tells the sender itself, unless it is the final one.
            return len(told) == sum(offer == WITHOUT for _, offer in CASES.values())

        assert wait_for(is_complete, 20), instance.log()
        return {name: (logged[number], told.get(number)) for number, name in enumerate(CASES)}


def test_senders_are_told_what_debians_tells(ours, debian):
    wanted, got = notices(debian), notices(ours)
    # The manual gives smtp the flag too, but Debian's has no effect there.
    flagged = wanted["an SMTP server by its flag"][1]
    flagged[1] = flagged[1].replace("relayed", "delivered")
    for name in CASES:
        assert got[name] == wanted[name], (name, got[name], wanted[name])
    actions = {name: re.findall(r"Action: (\w+)", str(told)) for name, (_, told) in got.items()}
    assert actions["an LMTP server"] == ["relayed"]
    assert actions["an LMTP server that is final"] == ["delivered"]
