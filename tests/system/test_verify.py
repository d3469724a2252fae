"""Address verification: smtpd asks verify, which sends a probe that nobody delivers."""
import re
import subprocess

import pytest
from instance import wait_for
from peer import Peer

RESTRICTIONS = {
    "smtpd_recipient_restrictions": "permit_mynetworks, reject",
    "smtpd_relay_restrictions": "permit_mynetworks, reject",
    "smtpd_sender_restrictions": "reject_unverified_recipient",
    "local_recipient_maps": "", "address_verify_poll_delay": "1s", "address_verify_poll_count": "10", "notify_classes": "",
    "smtpd_reject_unlisted_recipient": "no",
    "smtpd_delay_reject": "yes", "smtp_dns_support_level": "disabled",
}


def routes(*ports):
    return "inline:{ " + ", ".join([
        "{ e.test = error:5.1.1 gone }", "{ t.test = retry:4.3.2 not now }",
        "{ d.test = discard: }", *[f"{{ s{index}.test = smtp:[127.0.0.1]:{port} }}"
                                   for index, port in enumerate(ports)]]) + " }"


def ask(instance, *recipients, sender="a@b.test"):
    replies = []
    with instance.smtp() as client:
        client.ehlo("client.test")
        for recipient in recipients:
            client.mail(sender)
            code, text = client.rcpt(recipient)
            client.rset()
            replies.append(f"{code} {text.decode()}")
    return replies


def cache(instance):
    """What the cache file holds; verify must not be running."""
    text = instance.run("postmap", "-s", f"btree:{instance.data}/verify_cache").stdout
    return {address: re.sub(r"\b\d{10}\b", "TIME", value) for address, value in
            (line.split("\t", 1) for line in text.splitlines())}


@pytest.fixture
def peer():
    with Peer({"RCPT": lambda line, number: "550 5.1.1 no" if "<bad" in line
               else "450 4.2.0 later" if "<busy" in line else "250 2.1.5 fine"}) as peer:
        yield peer


def said(port, reply):
    return f"host 127.0.0.1[127.0.0.1] said: {reply} (in reply to RCPT TO command)"


def test_unknown_addresses_are_probed_and_not_delivered(ours, peer):
    instance = ours(settings={**RESTRICTIONS, "transport_maps": routes(peer.port)})
    refused = "450 4.1.1 <{}>: Recipient address rejected: unverified address: {}"
    expected = {
        "x@e.test": refused.format("x@e.test", "gone"),
        "x@t.test": refused.format("x@t.test", "not now"),
        "x@d.test": "250 2.1.5 Ok",
        "good@s0.test": "250 2.1.5 Ok",
        "bad@s0.test": refused.format("bad@s0.test", said(peer.port, "550 5.1.1 no")),
        "busy@s0.test": refused.format("busy@s0.test", said(peer.port, "450 4.2.0 later")),
        "double-bounce@test.example": "250 2.1.5 Ok",
    }
    assert dict(zip(expected, ask(instance, *expected))) == expected
    assert not any(command.startswith("DATA") for command in peer.commands)
    assert any(command.startswith("MAIL FROM:<double-bounce@mail.test.example>")
               for command in peer.commands)

    def probes():
        return len(re.findall(r"status=(un)?deliverable", instance.log()))
    assert wait_for(lambda: probes() == len(expected)), instance.log()
    # A second question is answered from the cache.
    assert dict(zip(expected, ask(instance, *expected))) == expected
    instance.stop()
    assert probes() == len(expected)
    assert not any(path.is_file() for path in (instance.queue / "deferred").rglob("*"))
    found = cache(instance)
    assert found.pop("_LAST_CACHE_CLEANUP_COMPLETED_") == "TIME"
    assert found["bad@s0.test"] == "2:0:TIME:" + said(peer.port, "550 5.1.1 no")
    assert found["busy@s0.test"] == "1:0:TIME:" + said(peer.port, "450 4.2.0 later")
    assert found["good@s0.test"] == "0:0:TIME:250 2.1.5 fine"
    assert set(found) == set(expected)


def test_the_cache_outlives_a_restart_and_changes_hands(ours, debian, peer):
    """What the one has written the other reads."""
    first, second = (kind(start=False, settings={**RESTRICTIONS,
                                                 "transport_maps": routes(peer.port)})
                     for kind in (debian, ours))
    first.start()
    assert ask(first, "good@s0.test", "bad@s0.test")[0] == "250 2.1.5 Ok"
    first.stop()
    subprocess.run(["cp", "-p", first.data / "verify_cache.db", second.data], check=True)
    second.start()
    peer.commands.clear()
    replies = ask(second, "good@s0.test", "bad@s0.test", "third@s0.test")
    assert replies[0] == replies[2] == "250 2.1.5 Ok" and "550 5.1.1 no" in replies[1]
    assert [line for line in peer.commands if line.startswith("RCPT")] == [
        "RCPT TO:<third@s0.test> ORCPT=rfc822;third@s0.test"]
    second.stop()
    subprocess.run(["cp", "-p", second.data / "verify_cache.db", first.data], check=True)
    first.start()
    assert ask(first, "third@s0.test") == ["250 2.1.5 Ok"]


def test_a_failed_refresh_does_not_count_against_a_good_address(ours, peer):
    instance = ours(settings={**RESTRICTIONS, "transport_maps": routes(peer.port),
                              "address_verify_positive_refresh_time": "1s"})
    assert ask(instance, "good@s0.test") == ["250 2.1.5 Ok"]
    peer.replies["RCPT"] = "550 5.1.1 no more"

    def is_refreshed():
        assert ask(instance, "good@s0.test") == ["250 2.1.5 Ok"]
        return "status=undeliverable" in instance.log()
    assert wait_for(is_refreshed, 20, 0.5)
    assert ask(instance, "good@s0.test") == ["250 2.1.5 Ok"]


def test_senders_are_verified_and_codes_are_settings(ours, peer):
    instance = ours(settings={
        **RESTRICTIONS, "transport_maps": routes(peer.port),
        "smtpd_sender_restrictions": "reject_unverified_sender",
        "unverified_sender_reject_code": "550", "address_verify_map": "",
        "unverified_sender_reject_reason": "who are you"})
    assert ask(instance, "x@d.test", sender="bad@s0.test") == [
        "550 5.1.7 <bad@s0.test>: Sender address rejected: undeliverable address: who are you"]
    assert ask(instance, "x@d.test", sender="good@s0.test") == ["250 2.1.5 Ok"]
    assert ask(instance, "x@d.test", sender="") == ["250 2.1.5 Ok"]
    assert not list(instance.data.glob("verify*"))


def test_probes_have_a_sender_and_routes_of_their_own(ours, peer):
    instance = ours(settings={
        **RESTRICTIONS, "transport_maps": "inline:{ { s0.test = error:5.1.1 gone } }",
        "address_verify_transport_maps": routes(peer.port),
        "address_verify_sender": "probe@b.test", "address_verify_sender_ttl": "100000000s"})
    assert ask(instance, "good@s0.test") == ["250 2.1.5 Ok"]
    senders = [line for line in peer.commands if line.startswith("MAIL")]
    assert senders and re.match(r"MAIL FROM:<probe[0-9B-Z]+@b\.test>", senders[0])


def test_negative_results_may_be_left_out_of_the_cache(ours, peer):
    instance = ours(settings={**RESTRICTIONS, "transport_maps": routes(peer.port),
                              "address_verify_negative_cache": "no",
                              "address_verify_poll_count": "1"})
    assert "Address verification in progress" in ask(instance, "bad@s0.test")[0]
    instance.wait_log(r"to=<bad@s0.test>.* status=undeliverable-but-not-cached \(")
    assert "Address verification in progress" in ask(instance, "bad@s0.test")[0]
    assert wait_for(lambda: instance.log().count("undeliverable-but-not-cached") == 2)


def test_too_many_probes_are_put_off(ours):
    from peer import SILENCE
    with Peer({"RCPT": SILENCE}) as peer:
        instance = ours(settings={**RESTRICTIONS, "transport_maps": routes(peer.port),
                                  "address_verify_pending_request_limit": "1",
                                  "address_verify_poll_count": "1"})
        ask(instance, *[f"x{index}@s0.test" for index in range(3)])
        instance.wait_log(r"dsn=4.3.2, status=undeliverable "
                          r"\(Too many address verification requests\)")


def test_a_cache_outside_of_the_owners_folders_is_put_into_data_directory(ours, peer):
    instance = ours(start=False, settings={**RESTRICTIONS, "transport_maps": routes(peer.port)})
    folder = instance.folder / "roots"
    folder.mkdir(mode=0o755)
    instance.set(address_verify_map=f"btree:{folder}/cache")
    instance.start()
    assert ask(instance, "good@s0.test") == ["250 2.1.5 Ok"]
    instance.wait_log(f"warning: request to update table btree:{folder}/cache in non-postfix "
                      f"directory {folder}")
    assert (instance.data / "cache.db").exists() and not list(folder.iterdir())


def test_verify_works_in_a_jail(ours, peer):
    instance = ours(start=False, settings={**RESTRICTIONS, "transport_maps": routes(peer.port)})
    master = instance.config / "master.cf"
    master.write_text(re.sub(r"(?m)^(verify +unix +\S+ +\S+ +)n", r"\1y", master.read_text()))
    instance.start()
    assert ask(instance, "good@s0.test", "x@e.test")[0] == "250 2.1.5 Ok"
    assert (instance.data / "verify_cache.db").exists()
