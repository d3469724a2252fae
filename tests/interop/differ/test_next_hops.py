"""
The next hop that is not written, in the transports of the classes and in transport_maps: who delivers
to what, as the log tells it.
"""
import concurrent.futures
import pathlib
import re
import sys
import concurrent.futures

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
from counting import compared  # noqa: E402
from instance import Instance, wait_for  # noqa: E402

ENTRIES = [":", ":hop", ":  hop", "discard:", "discard", " discard: ", "discard:  hop", "discard::",
           "discard:[x]:25", "error:", "error", "error:5.7.1 gone", "retry:", "retry",
           "retry:4.7.1 later", "smtp:[127.0.0.1]:1", "smtp:127.0.0.1:1", "smtp:127.0.0.1"]
DOMAINS = ["local.test", "vmbox.test", "relay.test", "other.test"]
RECIPIENTS = ["alias@local.test", "a@[127.0.0.1]"] + [
    f"{user}@{domain}" for domain in DOMAINS for user in ("a", "none", "hop")] + [
    f"a@entry{number}.test" for number in range(len(ENTRIES))]


def maps():
    rows = [f"{{entry{number}.test = {entry}}}" for number, entry in enumerate(ENTRIES)]
    rows += [f"{{none@{domain} = :}}" for domain in DOMAINS]
    rows += [f"{{hop@{domain} = :hop}}" for domain in DOMAINS]
    return f"inline:{{ {', '.join(rows)} }}"


def deliveries(kind, transport, relayhost):
    """What was logged of a mail to all recipients; soft_bounce keeps notices out of it."""
    instance = Instance(kind=kind, settings={
        "myorigin": "local.test", "mydestination": "local.test", "relay_domains": "relay.test",
        "virtual_mailbox_domains": "vmbox.test", "virtual_mailbox_maps": "", "soft_bounce": "yes",
        "virtual_alias_maps": "inline:{ {alias@local.test = b@local.test} }",
        "notify_classes": "", "transport_maps": maps(), "relayhost": relayhost,
        "local_transport": transport, "virtual_transport": transport,
        "relay_transport": transport, "default_transport": transport,
    })
    try:
        instance.start()
        instance.run("sendmail", "-f", "", "--", *RECIPIENTS, input="Subject: x\n\nx\n")
        assert wait_for(lambda: instance.log().count(" status=") >= len(RECIPIENTS)), instance.log()
        return sorted(re.sub(r" delays?=[\d./]+,", "", line.partition(": ")[2].partition(": ")[2])
                      for line in instance.log().splitlines() if " to=<" in line)
    finally:
        instance.close()


@pytest.mark.parametrize("transport,relayhost", [
    ("discard:", ""), ("discard", "rhost"), ("discard:  hop", "rhost"), ("error:", ""),
    ("retry", ""), ("error:5.7.1 no", ""), ("smtp:127.0.0.1:1", ""),
])
def test_a_next_hop_is_found_as_debians_does(transport, relayhost):
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        wanted, got = pool.map(lambda kind: deliveries(kind, transport, relayhost),
                               ("debian", "ours"))
    compared(len(wanted))
    assert got == wanted
