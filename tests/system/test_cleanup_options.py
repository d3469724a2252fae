"""Options of cleanup that Debian's Postfix 3.7 does not have, or that need a busy queue manager."""
import contextlib
import socket
import time


def content_of(instance, text, **more):
    """What postcat shows of the body of a message that is held."""
    with instance.smtp() as client:
        client.sendmail("s@example.org", ["r@example.org"], text, **more)
    instance.wait_log(r"client=")
    held = [path for path in (instance.queue / "hold").rglob("*") if path.is_file()]
    return instance.run("postcat", "-bh", held[0]).stdout


def test_8_bit_bodies_become_quoted_printable(ours):
    instance = ours(settings={"force_mime_input_conversion": "yes",
                              "smtpd_recipient_restrictions": "static:HOLD"})
    found = content_of(instance, "Content-Type: multipart/mixed; boundary=x\r\n"
                       "Content-Transfer-Encoding: 8bit\r\n\r\n--x\r\n"
                       "Content-Transfer-Encoding: 8bit\r\n\r\né = x\r\n--x--\r\n".encode(),
                       mail_options=["BODY=8BITMIME"])
    assert "Content-Transfer-Encoding: 7bit\n" in found
    assert "--x\nContent-Transfer-Encoding: quoted-printable\n\n=C3=A9 =3D x\n--x--\n" in found


def test_a_moved_user_may_have_a_reply_of_ones_own(ours):
    instance = ours(settings={"relocated_maps": "inline:{{user@test.example=5.1.6 gone for good}}",
                              "relocated_prefix_enable": "no"})
    with instance.smtp() as client:
        client.ehlo("me.example")
        client.mail("s@example.org")
        code, text = client.rcpt("user@test.example")
    assert code >= 400 and b"gone for good" in text and b"has moved" not in text


def test_mail_waits_while_the_queue_manager_has_no_room(ours):
    with contextlib.closing(socket.socket()) as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen(50)             # whoever connects hears nothing
        instance = ours(settings={"relayhost": f"[127.0.0.1]:{mute.getsockname()[1]}",
                                  "qmgr_message_active_limit": "1", "in_flow_delay": "2s",
                                  "smtp_helo_timeout": "1s", "smtp_connect_timeout": "1s"})
        before = time.monotonic()
        with instance.smtp() as client:
            for number in range(12):
                client.sendmail(f"s{number}@example.org", ["r@example.org"], "Subject: x\r\n\r\nx")
        assert time.monotonic() - before >= 2
        instance.run("postsuper", "-d", "ALL")
