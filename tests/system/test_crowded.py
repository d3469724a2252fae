"""Low process limits: a connection that only rests gives its place to who waits for one."""
import time

import pytest
from instance import MASTER_CF, free_port, wait_for


def limited(line, limit):
    """master.cf with another limit for a service."""
    before = next(row for row in MASTER_CF.splitlines() if row.startswith(line + " "))
    fields = before.split()
    fields[6] = str(limit)
    return MASTER_CF.replace(before, " ".join(fields))


def services(ports, options=""):
    return "".join(f"127.0.0.1:{port} inet n - n - - smtpd -o syslog_name=s{port} {options}\n"
                   for port in ports)


def send(instance, port, recipient="u@other.example"):
    before, instance.port = instance.port, port
    begin = time.monotonic()
    try:
        instance.send("a@elsewhere.example", [recipient])
    finally:
        instance.port = before
    return time.monotonic() - begin


def test_three_servers_share_one_cleanup(ours):
    """Each keeps its connection to cleanup, which takes one at a time."""
    ports = [free_port() for _ in range(3)]
    instance = ours(master_cf=limited("cleanup", 1), master_extra=services(ports),
                    settings={"default_transport": "discard"})
    for _ in range(2):
        for port in ports:
            assert send(instance, port) < 20
    assert wait_for(lambda: instance.log().count("status=sent") == 6), instance.log()


@pytest.mark.parametrize("service", ["proxymap", "rewrite"])
def test_table_services_are_shared(ours, service):
    ports = [free_port() for _ in range(3)]
    instance = ours(master_cf=limited(service, 1), master_extra=services(ports),
                    settings={"local_recipient_maps": "proxy:inline:{u=x}", "local_transport": "discard",
                              "transport_maps": "proxy:inline:{test.example=discard:}",
                              "proxy_read_maps": "$local_recipient_maps $transport_maps"})
    for _ in range(2):
        for port in ports:
            assert send(instance, port, "u@test.example") < 20
    assert wait_for(lambda: instance.log().count("status=sent") == 6), instance.log()
