"""smtpd in a whole system: whom it takes mail for, and what the mail looks like after it."""
import smtplib

import pytest

SETTINGS = {"mynetworks": "127.0.0.2/32", "local_recipient_maps": "inline:{alice=x}",
            "local_transport": "discard:", "message_size_limit": "20000"}


@pytest.mark.parametrize("recipient, code", [
    ("alice@test.example", 250), ("zork@test.example", 550), ("x@nowhere.example", 454),
    ("postmaster", 250), ("x%nowhere.example@test.example", 454)])
def test_strangers_reach_only_our_users(ours, recipient, code):
    with ours(settings=SETTINGS).smtp() as client:
        client.ehlo("h.test")
        client.mail("a@b.example")
        assert client.rcpt(recipient)[0] == code


def test_a_chunked_and_pipelined_mail_is_queued(ours):
    instance = ours(settings=SETTINGS)
    with instance.smtp() as client:
        client.ehlo("h.test")
        client.send("MAIL FROM:<a@b.example> BODY=8BITMIME\r\nRCPT TO:<alice@test.example>\r\n"
                    "BDAT 6\r\nS: x\r\nBDAT 5 LAST\r\n\r\nhi\n")
        codes = [client.getreply()[0] for _ in range(4)]
    assert codes == [250, 250, 250, 250]
    instance.wait_log(r"to=<alice@test\.example>.*status=sent")


def test_a_mail_that_is_too_large_is_refused(ours):
    instance = ours(settings=SETTINGS)
    with pytest.raises(smtplib.SMTPDataError) as refused:
        with instance.smtp() as client:
            client.esmtp_features = {}
            client.ehlo_resp = client.helo_resp = b""
            client.sendmail("a@b.example", "alice@test.example", "x\r\n" * 10000)
    assert refused.value.smtp_code == 552


@pytest.mark.parametrize("option, content", [
    ("BODY=8BITMIME", b"Subject: latin\r\n\r\n" + bytes(range(0x80, 0x100)) + b"\r\n"),
    ("BODY=8BITMIME", "Subject: J\u00f6rg\r\n\r\n\u00e4\u00f6\u00fc \u20ac \U0001f4ee\r\n".encode()),
    ("SMTPUTF8", "Subject: J\u00f6rg \U0001f4ee\r\n\r\n\u4f60\u597d\r\n".encode()),
])
def test_eight_bit_and_utf8_mail_passes_whole(ours, option, content):
    instance = ours(settings={**SETTINGS, "smtpd_recipient_restrictions": "check_sender_access "
                              "static:HOLD, reject_unauth_destination"})
    with instance.smtp() as client:
        client.ehlo("h.test")
        sender = "j\u00f6rg@b.example" if option == "SMTPUTF8" else "a@b.example"
        client.send(f"MAIL FROM:<{sender}> {option}\r\n".encode())
        assert client.getreply()[0] == 250
        assert client.rcpt("alice@test.example")[0] == 250
        assert client.data(content)[0] == 250
    queue_id = next((instance.queue / "hold").rglob("[0-9A-F]*")).name
    stored = instance.run("postcat", "-bhq", queue_id, text=False).stdout
    assert stored.endswith(content.split(b"\r\n\r\n")[1].replace(b"\r\n", b"\n"))
    assert content.split(b"\r\n")[0] + b"\n" in stored


def test_etrn_starts_the_delivery_of_a_sites_mail(ours):
    instance = ours(settings={**SETTINGS, "fast_flush_domains": "relay.example",
                              "relay_domains": "relay.example",
                              "relay_transport": "smtp:[127.0.0.1]:1"})
    with instance.smtp() as client:
        client.ehlo("h.test")
        client.sendmail("a@b.example", "x@relay.example", "Subject: x\r\n\r\nx\r\n")
        instance.wait_log(r"to=<x@relay\.example>.*status=deferred")
        assert client.docmd("ETRN relay.example")[0] == 250
        assert client.docmd("ETRN other.example")[0] == 459
    instance.wait_log(r"(?s)status=deferred.*status=deferred")
