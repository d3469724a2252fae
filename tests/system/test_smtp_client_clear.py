"""What main.cf lets go out in the clear, while the client has no TLS: the rest is deferred."""
import contextlib

import pytest
from instance import wait_for
from peer import Peer

DEFERRED = r"to=<u@{}>, .*dsn=4\.7\.4, status=deferred \(TLS is required"


@contextlib.contextmanager
def sender(ours, **settings):
    """An instance whose mail to free.example and strict.example goes to one server."""
    with contextlib.closing(Peer()) as server:
        instance = ours(settings={
            "transport_maps": f"inline:{{free.example=smtp:[127.0.0.1]:{server.port}, "
                              f"strict.example=smtp:localhost:{server.port}}}",
            "smtp_host_lookup": "native", "inet_protocols": "ipv4",
            **{name: value.format(port=server.port) for name, value in settings.items()}})
        yield instance, server


def recipients(server):
    return [line for line in server.commands if line.upper().startswith("RCPT")]


@pytest.mark.parametrize("settings", [
    {"smtp_tls_policy_maps": "inline:{{localhost:{port}=encrypt}}"},
    {"smtp_tls_policy_maps": "inline:{{ {{localhost:{port} = secure match=nexthop}} }}"},
    {"smtp_tls_policy_maps": "inline:{{[127.0.0.1]:{port}=may}}", "smtp_tls_security_level": "encrypt"},
    {"smtp_tls_policy_maps": "inline:{{[127.0.0.1]:{port}=none}}", "smtp_tls_security_level": "dane"},
    {"smtp_tls_per_site": "inline:{{localhost=MUST}}"},
    {"smtp_tls_per_site": "inline:{{127.0.0.1=NONE}}", "smtp_enforce_tls": "yes"},
], ids=lambda settings: next(iter(settings.values()))[:30])
def test_a_table_says_what_may_pass(ours, settings):
    """In this order the strict mail finds a connection to the same server that the free one left."""
    with sender(ours, **settings) as (instance, server):
        instance.send("a@elsewhere.example", ["u@free.example"])
        assert wait_for(lambda: server.messages), instance.log()
        instance.send("a@elsewhere.example", ["u@strict.example"])
        instance.wait_log(DEFERRED.format("strict.example"))
        assert len(server.messages) == 1 and len(recipients(server)) == 1


@pytest.mark.parametrize("level", ["encrypt", "dane", "dane-only", "fingerprint", "verify", "secure"])
def test_levels_above_may_send_nothing(ours, level):
    with sender(ours, smtp_tls_security_level=level) as (instance, server):
        instance.send("a@elsewhere.example", ["u@free.example"])
        instance.wait_log(DEFERRED.format("free.example"))
        assert not recipients(server)


def test_a_table_that_cannot_be_asked_lets_nothing_pass(ours):
    with sender(ours, smtp_tls_policy_maps="fail:x") as (instance, server):
        instance.send("a@elsewhere.example", ["u@free.example"])
        instance.wait_log(DEFERRED.format("free.example"))
        assert not recipients(server)
