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
