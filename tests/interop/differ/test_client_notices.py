"""What the SMTP and LMTP clients tell the postmaster of: beside Debian's, for many odd servers."""
import re
import signal
import time
from difflib import unified_diff

from instance import wait_for
from peer import Peer
from queue_file import put_into_queue, queue_file
from smtp_cases import GOOD
from smtp_servers import Script, Servers

SERIAL = "250-peer.example\r\n250-XFORWARD NAME\r\n250 8BITMIME"    # without PIPELINING
CODES = (400, 421, 450, 451, 452, 499, 500, 503, 509, 510, 521, 530, 550, 552, 554, 555, 556, 599,
         600, 650, 100, 300)


def scene(**replies):
    return {**GOOD, **{{"END": "."}.get(verb, verb): reply for verb, reply in replies.items()}}


def scenes():
    found = [scene(RCPT=f"{code} no") for code in CODES]
    for verb in ("GREETING", "MAIL", "DATA", "END", "RSET", "QUIT", "XFORWARD"):
        found += [scene(**{verb: f"{code} no"}) for code in (450, 500, 550, 354)]
        found.append(scene(**{verb: f"{code} no" for code in (501,)}, EHLO=SERIAL))
    for line in ("garbage", "25", "2500 x", "250_x", "", "250-a\r\nb"):
        found += [scene(MAIL=f"{line}\r\n250 fine"), scene(RSET=f"{line}\r\n250 fine", RCPT="550 no",
                                                           EHLO=SERIAL)]
    found += [scene(EHLO="500 no", HELO=f"{code} no") for code in (250, 300, 500, 550)]
    found += [scene(RCPT=f"501 {text}") for text in ("word " * 60, "x" * 200 + " y" * 50, "x" * 2500,
                                                     "gr\u00fc\x01\t", "a\r\n501 b")]
    found += [scene(RCPT=["501 no", "250 ok"], DATA="DROP"), scene(MAIL="500 no", DATA="DROP"),
              scene(RCPT=["500 no", "421 bye"]), scene(MAIL="550 no", RCPT="503 no", DATA="503 no"),
              scene(RCPT="550 filter"), scene(RCPT="501 wanted"), scene()]
    return found


def address_of(number):
    return f"127.30.{number // 200}.{number % 200 + 1}"


def start(make, program, port, notices, count):
    instance = make(start=False, settings={
        "smtp_tcp_port": port, "lmtp_tcp_port": port, "notify_classes": "",
        "transport_maps": "texthash:$config_directory/transport",
        "smtp_connection_cache_on_demand": "no", "lmtp_connection_cache_on_demand": "no",
        f"{program}_reply_filter": "regexp:{{/^550 filter/ 501 filtered} {/^501 wanted/ 550 no}}",
        f"{program}_send_xforward_command": "yes",
    }, master_extra=f"odd unix - - n - 30 {program} -o notify_classes=protocol "
                    "-o error_notice_recipient=pm@pm.test\n")
    (instance.config / "transport").write_text(
        f"pm.test smtp:[127.0.0.1]:{notices}\nsender.example discard:\n" + "".join(
            f"c{number}.example odd:[{address_of(number)}]\n" for number in range(count)))
    return instance.start()


def neutral(message):
    text = re.sub(r"\b[0-9A-F]{10,13}\b", "QID", message.decode())
    text = re.sub(r"\w{3}, +\d+ \w{3} \d{4} [\d:]{8} [+-]\d{4} \(\w+\)", "DATE", text)
    text = re.sub(r"\]:\d+", "]:PORT", text)
    return re.sub(r"\d{14}\.QID", "STAMP", text)


def notices(make, program):
    scripts = {address_of(number): Script(replies, program == "lmtp")
               for number, replies in enumerate(scenes())}
    servers = Servers(scripts)
    with Peer() as peer:
        instance = start(make, program, servers.port, peer.port, len(scripts))
        for number in range(len(scripts)):
            # Nobody is told of what becomes of notifications.
            sender = {6: "double-bounce@mail.test.example", 7: ""}.get(number % 8, "s@sender.example")
            name = f"ABCDE{0x10000 + number:06X}"
            put_into_queue(instance, name, queue_file(
                name, b"Subject: x\n\nbody\n", sender,
                [(f"{local}@c{number}.example", "", 0, "") for local in "ab"], int(time.time()) - 10,
                [("log_client_name", "client.example")], 0, "", "", 0))
        wait_for(lambda: instance.run("postkick", "public", "qmgr", "I",
                                      check=False).returncode in (0, -signal.SIGPIPE))

        def ended():
            """Agents report when they have told the postmaster; then a message leaves active."""
            waiting = [path for folder in ("incoming", "active")
                       for path in (instance.queue / folder).glob("ABCDE*")]
            log = instance.log()
            return not waiting and (set(re.findall(r"cleanup\[\d+\]: (\w+): message-id=", log))
                                    <= set(re.findall(r"qmgr\[\d+\]: (\w+): removed", log)))
        wait_for(ended, 40, 0.2)
        instance.stop()
        servers.close()
        return sorted(map(neutral, peer.messages))


def compare(ours, debian, program):
    wanted = notices(debian, program)
    found = notices(ours, program)
    assert len(wanted) > 20
    assert not (different := list(unified_diff(wanted, found, n=0))), "\n".join(different)


def test_the_smtp_client_tells_the_postmaster_as_debians_does(ours, debian):
    compare(ours, debian, "smtp")


def test_the_lmtp_client_does_likewise(ours, debian):
    compare(ours, debian, "lmtp")
