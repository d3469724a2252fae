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
}


@pytest.mark.parametrize("name", CASES)
def test_mail_finds_its_way_as_with_debian(name):
    if not shutil.which("unshare"):
        pytest.skip("no unshare(1)")
    results = [run_apart(kind, CASES[name]) for kind in ("debian", "ours")]
    assert results[1] == results[0]


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

    subprocess.run("ip link set lo up && echo nameserver 127.0.0.1 > /run/resolv.test"
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
            wait_for(lambda: len(set(re.findall(r"smtp\[.*to=<(a@[^>]*)>.*status",
                                                instance.log()))) == len(domains))
            log = instance.log()
        finally:
            instance.close()
    print(json.dumps(sorted({normal(line) for line in re.findall(r"/smtp\[\d+\]: (.*)", log)})))


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
