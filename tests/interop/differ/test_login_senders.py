"""Which senders a login may use (local_login_sender_maps): as with Debian's postdrop."""
import pytest

MAPS = ["inline:{ {root=root@x.test <> @d.test} }", "fail:x", "inline:{ {root=Root@X.test,@D.test} }",
        "inline:{ {root=root+ext@x.test foo* @} }", "inline:{ {root=*} }",
        "inline:{ {root=null root} }"]
SENDERS = ["root@x.test", "", "a@d.test", "root", "a@sub.d.test", "root+ext@x.test"]


def records(sender):
    fields = [("S", sender), ("R", "u@y.test"), ("M", ""), ("N", "a: b"), ("X", ""), ("E", "")]
    return b"".join(kind.encode() + bytes([len(text)]) + text.encode() for kind, text in fields)


def answers(make):
    instance = make(settings={
        "defer_transports": "smtp", "recipient_delimiter": "+", "empty_address_local_login_sender_maps_lookup_key": "null"})
    found = {}
    for maps in MAPS:
        instance.set(local_login_sender_maps=maps)
        for sender in SENDERS:
            result = instance.run("postdrop", "-r", check=False, input=records(sender), text=False)
            status, _, reason = result.stdout.partition(b"status\0")[2].partition(b"\0")
            trouble = maps == "fail:x"      # who is to blame is said in our own words
            found[maps, sender] = (result.returncode, status, not trouble and reason)
    return found


def test_logins_may_use_the_senders_that_debian_lets_them(ours, debian):
    got = answers(ours)
    assert got == answers(debian)
    assert {status for _, status, _ in got.values()} == {b"0", b"2", b"512"}


@pytest.mark.parametrize("sender, code", [("bar@x.test", 75), ("foo@x.test", 0)])
def test_sendmail_ends_with_a_status_that_says_it(ours, sender, code):
    instance = ours(settings={"local_login_sender_maps": "inline:{{root=foo@x.test}}"})
    result = instance.run("sendmail", "-f", sender, "u@y.test", check=False, input="a: b\n\nx\n")
    assert result.returncode == code
    assert code == 0 or f"not authorized to use sender='{sender}'" in result.stderr
