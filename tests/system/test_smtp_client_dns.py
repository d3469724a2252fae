"""Mail routing by DNS, in a network namespace of its own with a name server of ours."""
import json
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

ZONE = """
good.example. 60 IN MX 10 mx1.good.example.
good.example. 60 IN MX 20 mx2.good.example.
mx1.good.example. 60 IN A 127.0.1.1
mx2.good.example. 60 IN A 127.0.1.2
onlya.example. 60 IN A 127.0.1.1
nullmx.example. 60 IN MX 0 .
noaddr.example. 60 IN MX 10 none.noaddr.example.
nodata.example. 60 IN TXT "x"
refused.example. 60 IN MX 10 ref.refused.example.
ref.refused.example. 60 IN A 127.0.1.9
loop.example. 60 IN MX 10 me.example.
me.example. 60 IN A 127.0.0.1
second.example. 60 IN MX 5 mx1.good.example.
second.example. 60 IN MX 10 me.example.
second.example. 60 IN MX 20 mx2.good.example.
aliased.example. 60 IN MX 10 alias.aliased.example.
alias.aliased.example. 60 IN CNAME mx1.good.example.
bare.home.example. 60 IN A 127.0.1.1
_submission._tcp.srv.example. 60 IN SRV 20 1 25 mx2.good.example.
_submission._tcp.srv.example. 60 IN SRV 10 1 25 mx1.good.example.
_submission._tcp.nosrv.example. 60 IN SRV 0 0 0 .
plain.example. 60 IN A 127.0.1.2
bare.below.home.example. 60 IN A 127.0.1.1
"""

EVERY = ["good", "onlya", "nullmx", "noaddr", "nodata", "nowhere", "sick", "refused", "loop",
         "second"]

CASES = {
    "every kind of domain": dict(domains=EVERY),
    "both protocols": dict(domains=["nodata", "nowhere", "sick"],
                           settings={"inet_protocols": "all"}),
    "the first host puts off": dict(first={"RCPT": "450 4.2.1 later"}),
    "the first host refuses": dict(first={"RCPT": "550 5.2.1 never"}),
    "the first host refuses to talk": dict(first={"GREETING": "554 go"}),
    "a host with our name": dict(first={"GREETING": "220 mail.test.example ESMTP",
                                        "EHLO": "250-mail.test.example\r\n250 HELP"}),
    "a relay host with MX records": dict(domains=["else"], settings={"relayhost": "good.example"}),
    "a relay host that is not there": dict(domains=["else"],
                                           settings={"relayhost": "nowhere.example"}),
    "a relay host that is this one": dict(domains=["else"], settings={"relayhost": "[127.0.0.1]"}),
    "fallback relays": dict(domains=["refused", "nowhere", "loop"],
                            settings={"smtp_fallback_relay": "[127.0.1.1]"}),
    "the hosts file": dict(domains=["else"], settings={"relayhost": "[localhost]:2500",
                                                       "smtp_host_lookup": "native"}),
    "DNS first, then the hosts file": dict(domains=["else"], settings={
        "relayhost": "[localhost]:2500", "smtp_host_lookup": "dns, native"}),
    "no DNS": dict(domains=["good", "onlya", "nowhere", "sick"], settings={"disable_dns_lookups": "yes"}),
    "no DNS in the newer way": dict(domains=["good"], settings={
        "smtp_dns_support_level": "disabled", "relayhost": "localhost:2500"}),
    "a host that is an alias": dict(domains=["aliased"]),
    "an alias that gives its name": dict(domains=["aliased"], settings={
        "smtp_cname_overrides_servername": "yes"}),
    "records that are filtered": dict(domains=["good", "onlya", "refused"], settings={
        "smtp_dns_reply_filter":
            "regexp:{{/^mx1.good.example/ IGNORE} {/^refused.example. [0-9]+ IN MX/ ignore}"
            " {/^onlya/ NONSENSE}}"}),
    "hosts that are filtered, all of them": dict(domains=["good"], settings={
        "smtp_dns_reply_filter": "regexp:{{/ IN MX / IGNORE}}"}),
    "names of our own domain": dict(domains=["else"], settings={
        "relayhost": "[bare]", "smtp_dns_resolver_options": "res_defnames"}),
    "names that are searched": dict(domains=["else"], settings={
        "relayhost": "[bare.below]", "smtp_dns_resolver_options": "res_dnsrch"}),
    "several next hops": dict(domains=["else"], settings={
        "relayhost": "refused.example, [127.0.1.1]"}),
    "several next hops, and a relay": dict(domains=["else"], settings={
        "relayhost": "nowhere.example refused.example", "smtp_fallback_relay": "[127.0.1.2]"}),
    "mail that loops goes elsewhere": dict(domains=["loop"], settings={
        "best_mx_transport": "error:5.1.1 passed on"}),
    "a small window": dict(domains=["onlya"], settings={"tcp_windowsize": "10000"}),
    "an address of our own": dict(domains=["onlya"], settings={
        "smtp_bind_address": "127.0.0.7", "smtp_bind_address_enforce": "yes"}),
    "an address that is not ours": dict(domains=["onlya"], settings={
        "smtp_bind_address": "192.0.2.7", "smtp_bind_address_enforce": "yes"}),
    "an address that is not ours, by the way": dict(domains=["onlya"], settings={
        "smtp_bind_address": "192.0.2.7"}),
}


@pytest.mark.parametrize("name", CASES)
def test_mail_finds_its_way_as_with_debian(name):
    if not shutil.which("unshare"):
        pytest.skip("no unshare(1)")
    results = [run_apart(kind, CASES[name]) for kind in ("debian", "ours")]
    assert results[1] == results[0]


SRV = {
    "the service by its priority": ("srv.example:submission", {},
                                    ("mx1.good.example[127.0.1.1]:25,", "sent")),
    "a service that is not there": ("nosrv.example:submission", {}, ("none,", "deferred")),
    "no records of the service": ("plain.example:submission", {}, ("none,", "deferred")),
    "trouble": ("sick.example:submission", {}, ("none,", "deferred")),
    "back to the host": ("plain.example:submission", {"allow_srv_lookup_fallback": "yes"},
                         ("none,", "deferred")),
    "another service": ("plain.example:25", {}, ("plain.example[127.0.1.2]:25,", "sent")),
}


@pytest.mark.parametrize("name", SRV)
def test_services_are_found_by_srv_records(name):
    """Postfix has them since 3.8, so Debian's is no reference."""
    relayhost, settings, wanted = SRV[name]
    lines = run_apart("ours", dict(domains=["else"], settings={
        "relayhost": relayhost, "use_srv_lookup": "submission", **settings}))
    found = [re.sub(r"dsn=.*?, ", "", line) for line in lines if "status=" in line]
    assert [re.search(r"relay=(\S+) status=(\w+)", line).groups() for line in found] == [wanted], lines
    # A host that is asked at last has nobody at the port of the service.
    assert ("127.0.1.2]:587" in str(lines)) == ("allow_srv_lookup_fallback" in settings)


def run_apart(kind, case):
    result = subprocess.run(["unshare", "-nm", sys.executable, __file__, kind, json.dumps(case)],
                            capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout.splitlines()[-1])


# --- What follows runs in the namespace. ---------------------------------------------------

def start_name_server():
    from dnslib import QTYPE, RR
    from dnslib.server import BaseResolver, DNSLogger, DNSServer

    class Resolver(BaseResolver):
        records = RR.fromZone(ZONE)

        def resolve(self, request, _):
            reply = request.reply()
            name = str(request.q.qname).lower()
            known = [record for record in self.records if str(record.rname).lower() == name]
            for record in known:
                if QTYPE[record.rtype] == QTYPE[request.q.qtype]:
                    reply.add_answer(record)
                if QTYPE[record.rtype] == "CNAME":
                    reply.add_answer(record, *(other for other in self.records
                                               if other.rname == record.rdata.label
                                               and other.rtype == request.q.qtype))
            if not known:
                reply.header.rcode = 2 if name.startswith("sick") else 3
            return reply

    DNSServer(Resolver(), address="127.0.0.1", port=53,
              logger=DNSLogger("-request,-reply,-truncated,-error")).start_thread()


def normal(line):
    line = re.sub(r"\b[0-9A-F]{8,}\b", "QID", line)
    return re.sub(r"delay=[\d.]+, delays=[\d./]+, ", "", line)


def main(kind, case):
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
    from instance import Instance, wait_for
    from peer import Peer

    subprocess.run("ip link set lo up && printf 'nameserver 127.0.0.1\\nsearch home.example\\n' > /run/resolv.test"
                   " && mount --bind /run/resolv.test /etc/resolv.conf", shell=True, check=True)
    start_name_server()
    domains = case.get("domains", ["good"])
    with Peer(case.get("first"), host="127.0.1.1", port=25), Peer(host="127.0.1.2", port=25):
        instance = Instance({"notify_classes": "", "smtp_connection_cache_on_demand": "no",
                             **case.get("settings", {})}, kind=kind)
        try:
            instance.start()
            for domain in domains:
                instance.sendmail("-f", "s@test.example", "--", f"a@{domain}.example")
            wait_for(lambda: len(set(re.findall(r"(?:smtp|error)\[.*to=<(a@[^>]*)>.*status",
                                                instance.log()))) == len(domains))
            log = instance.log()
        finally:
            instance.close()
    print(json.dumps(sorted({normal(line) for line in re.findall(r"/(?:smtp|error)\[\d+\]: (.*)", log)})))


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
