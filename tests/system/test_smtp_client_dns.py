"""Mail routing by DNS, in a network namespace of its own with a name server of ours."""
import contextlib
import json
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from instance import Instance, wait_for  # noqa: E402
from peer import Peer  # noqa: E402

ZONE = """
good.example. 60 IN MX 10 mx1.good.example.
good.example. 60 IN MX 20 mx2.good.example.
mx1.good.example. 60 IN A 127.0.1.1
mx2.good.example. 60 IN A 127.0.1.2
onlya.example. 60 IN A 127.0.1.1
public.example. 60 IN A 192.0.2.7
many.example. 60 IN A 127.0.2.1
many.example. 60 IN A 127.0.2.2
many.example. 60 IN A 127.0.2.3
many.example. 60 IN A 127.0.2.4
many.example. 60 IN A 127.0.2.5
many.example. 60 IN A 127.0.2.6
many.example. 60 IN A 127.0.2.7
sixes.example. 60 IN AAAA 2001:db8::7
sixes.example. 60 IN AAAA 2001:db8::8
sixes.example. 60 IN AAAA 2001:db8::9
sixes.example. 60 IN AAAA 2001:db8::a
sixes.example. 60 IN A 127.0.2.1
fours.example. 60 IN AAAA 2001:db8::7
fours.example. 60 IN A 127.0.2.1
fours.example. 60 IN A 127.0.2.2
fours.example. 60 IN A 127.0.2.3
fours.example. 60 IN A 127.0.2.4
strasse.example. 60 IN A 127.0.1.1
xn--strae-oqa.example. 60 IN A 127.0.1.2
xn--grn-ioa.example. 60 IN MX 10 mx1.good.example.
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

MIXED = {"inet_protocols": "all", "smtp_randomize_addresses": "no"}
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
    "names with more than ASCII": dict(domains=["stra\u00dfe", "gr\u00fcn", "nirg\u00e9nds"]),
    "names as in 2003": dict(domains=["stra\u00dfe", "gr\u00fcn", "nirg\u00e9nds"],
                             settings={"enable_idna2003_compatibility": "yes"}),
    "the trouble of a name server, then the hosts file": dict(
        domains=["else"], settings={"relayhost": "[sick.example]:2500",
                                    "smtp_host_lookup": "dns, native"}),
    "a host that nobody knows": dict(domains=["else"], settings={
        "relayhost": "[nowhere.example]", "smtp_host_lookup": "native, dns"}),
    "a host without addresses": dict(domains=["else"], settings={
        "relayhost": "[nodata.example]", "smtp_host_lookup": "dns, native"}),
    "one session": dict(first={"RCPT": "450 4.2.1 later"},
                        settings={"smtp_mx_session_limit": "1"}),
    "two sessions": dict(first={"RCPT": "450 4.2.1 later"},
                         settings={"smtp_mx_session_limit": "2"}),
    "sessions without end": dict(first={"RCPT": "450 4.2.1 later"},
                                 settings={"smtp_mx_session_limit": "0"}),
    "five addresses": dict(domains=["many"], settings={"smtp_randomize_addresses": "no"}),
    "two addresses": dict(domains=["many"], settings={"smtp_randomize_addresses": "no",
                                                      "smtp_mx_address_limit": "2"}),
    "addresses without end": dict(domains=["many"], settings={"smtp_randomize_addresses": "no",
                                                              "smtp_mx_address_limit": "0"}),
    "one old address": dict(domains=["sixes", "fours"], settings={
        **MIXED, "smtp_address_preference": "ipv4", "smtp_mx_address_limit": "1"}),
    "one new address": dict(domains=["sixes", "fours"], settings={
        **MIXED, "smtp_address_preference": "ipv6", "smtp_mx_address_limit": "1"}),
    "three addresses of both protocols": dict(domains=["sixes", "fours"], settings={
        **MIXED, "smtp_address_preference": "ipv6", "smtp_mx_address_limit": "3"}),
    "three addresses of both protocols, the old one first": dict(
        domains=["sixes", "fours"], settings={**MIXED, "smtp_address_preference": "ipv4",
                                              "smtp_mx_address_limit": "3"}),
    "three addresses as they come": dict(domains=["sixes", "fours"], settings={
        **MIXED, "smtp_address_preference": "ipv6", "smtp_mx_address_limit": "3",
        "smtp_balance_inet_protocols": "no"}),
    "a small window": dict(domains=["onlya"], settings={"tcp_windowsize": "10000"}),
    "an address of our own": dict(domains=["onlya"], settings={
        "smtp_bind_address": "127.0.0.7", "smtp_bind_address_enforce": "yes"}),
    "an address that is not ours": dict(domains=["onlya"], settings={
        "smtp_bind_address": "192.0.2.70", "smtp_bind_address_enforce": "yes"}),
    "an address that is not ours, by the way": dict(domains=["onlya"], settings={
        "smtp_bind_address": "192.0.2.70"}),
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


SOURCES = {
    "an address in brackets": dict(smtp_bind_address="[192.0.2.8]"),
    "an address of the host": dict(smtp_bind_address="192.0.2.8"),
    "an address of each protocol": dict(smtp_bind_address="192.0.2.8",
                                        smtp_bind_address6="[2001:db8::7]"),
    "the one interface": dict(inet_interfaces="192.0.2.7"),
    "the one interface in brackets": dict(inet_interfaces="[192.0.2.7]"),
    "the one interface, twice": dict(inet_interfaces="192.0.2.7, 192.0.2.7"),
    "the one interface by its name": dict(inet_interfaces="public.example"),
    "the one interface, but another address": dict(inet_interfaces="192.0.2.7",
                                                   smtp_bind_address="192.0.2.8"),
    "the one interface, but any address": dict(inet_interfaces="192.0.2.7",
                                               smtp_bind_address="0.0.0.0"),
    "two interfaces": dict(inet_interfaces="192.0.2.7, 192.0.2.8"),
    "one interface and loopback": dict(inet_interfaces="192.0.2.7, 127.0.0.1"),
    "loopback only": dict(inet_interfaces="loopback-only"),
    "all interfaces": dict(inet_interfaces="all"),
    "an interface for each protocol": dict(inet_interfaces="192.0.2.7, 2001:db8::7"),
    "one interface, the other protocol loopback": dict(inet_interfaces="192.0.2.7, ::1"),
    "one interface of the newer protocol": dict(inet_interfaces="2001:db8::7"),
    "no address": dict(smtp_bind_address="nonsense"),
    "an address of the other family": dict(smtp_bind_address="2001:db8::7"),
    "another address of the other family": dict(smtp_bind_address6="192.0.2.7"),
    "the other family, enforced": dict(smtp_bind_address="::1", smtp_bind_address_enforce="yes"),
    "an open bracket": dict(smtp_bind_address="[192.0.2.8"),
    "an LMTP client's": dict(program="lmtp", lmtp_bind_address="192.0.2.8"),
    "an LMTP client's one interface": dict(program="lmtp", inet_interfaces="192.0.2.7"),
    "an LMTP client's, that is no address": dict(program="lmtp", lmtp_bind_address="x"),
}


def refusal(lines):
    """Ours is refused when it starts, Debian's with the first connection of that protocol."""
    fatal = re.search(r"fatal: (?:smtp_connect_addr: )?(\w+ \w+ parameter: [^:]*)", str(lines))
    return fatal.group(1).rstrip("']") if fatal else None


def test_connections_come_from_where_debians_do():
    apart = [run_apart(kind, {"sources": list(SOURCES.values())}) for kind in ("debian", "ours")]
    wanted, got = ({name: lines for name, lines in zip(SOURCES, each)} for each in apart)
    assert "a client at 192.0.2.7" in wanted["the one interface"]
    different = {name: (got[name], wanted[name]) for name in SOURCES
                 if (refusal(got[name]) or got[name]) != (refusal(wanted[name]) or wanted[name])}
    assert not different, json.dumps(different, indent=1)


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


def service(name, options):
    settings = "".join(f" -o {{ {key} = {value} }}" for key, value in
                       {**options, "syslog_name": name}.items() if key != "program")
    return f"{name} unix - - n - - {options.get('program', 'smtp')}{settings}\n"


def source_line(line):
    line = re.sub(r"\]:\d+", "]:PORT", normal(line))
    # Landlock looks at an address before the socket does, and finds other words.
    return line.replace("Address family not supported by protocol", "Invalid argument")


def sources_of(kind, cases):
    """Of each case: where its servers, an old and a new one, see their client, and the log."""
    servers = [(Peer(host="127.0.1.1"), Peer(host="::1")) for _ in cases]
    with contextlib.ExitStack() as stack:
        for pair in servers:
            for peer in pair:
                peer.replies["LHLO"] = "250 peer.example"
                stack.enter_context(peer)
        instance = Instance({"notify_classes": "", "inet_protocols": "all",
                             "transport_maps": "texthash:$config_directory/transport"}, kind=kind,
                            master_extra="".join(service(f"s{number}", case)
                                                 for number, case in enumerate(cases)))
        (instance.config / "transport").write_text("".join(
            f"v4.s{number}.example s{number}:[127.0.1.1]:{old.port}\n"
            f"v6.s{number}.example s{number}:[::1]:{new.port}\n"
            for number, (old, new) in enumerate(servers)))
        stack.callback(instance.close)
        instance.start()
        instance.sendmail("-f", "s@test.example", "--", *(
            f"a@{family}.s{number}.example" for number in range(len(cases))
            for family in ("v4", "v6")))

        def log_of(number):
            log = instance.log()
            return re.findall(rf" s{number}/[sl]mtp\[\d+\]: (.*)", log)

        def is_done(number):
            lines = str(log_of(number))
            return lines.count("status=") == 2 or "fatal" in lines

        wait_for(lambda: all(is_done(number) for number in range(len(cases))), 30)
        return [sorted({f"a client at {address}" for peer in pair for address in peer.clients}
                       | {source_line(line) for line in log_of(number)})
                for number, pair in enumerate(servers)]


def main(kind, case):
    subprocess.run("ip link set lo up && ip address add 192.0.2.7/32 dev lo"
                   " && ip address add 192.0.2.8/32 dev lo"
                   + "".join(f" && ip -6 address add 2001:db8::{last}/128 dev lo nodad"
                             for last in "789a") + " && printf 'nameserver 127.0.0.1\\nsearch home.example\\n' > /run/resolv.test"
                   " && mount --bind /run/resolv.test /etc/resolv.conf", shell=True, check=True)
    start_name_server()
    if "sources" in case:
        print(json.dumps(sources_of(kind, case["sources"])))
        return
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
    lines = {normal(line) for line in re.findall(r"/(?:smtp|error)\[\d+\]: (.*)", log)}
    print(json.dumps(sorted(lines)))


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
