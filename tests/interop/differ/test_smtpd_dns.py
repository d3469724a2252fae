"""Restrictions that ask DNS: replies and log lines are those of Debian's smtpd.

Runs in a network namespace of its own with a name server of ours; clients have the names and
addresses that XCLIENT gives them.
"""
import json
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

ZONE = """
good.test. 60 IN MX 10 mx1.good.test.
good.test. 60 IN MX 20 mx2.good.test.
good.test. 60 IN NS ns1.dns.test.
good.test. 60 IN A 192.0.2.30
mx1.good.test. 60 IN A 192.0.2.1
mx2.good.test. 60 IN A 192.0.2.2
mx2.good.test. 60 IN AAAA 2001:db8::2
ns1.dns.test. 60 IN A 192.0.2.53
sub.good.test. 60 IN A 192.0.2.3
deep.sub.good.test. 60 IN A 192.0.2.4
six.test. 60 IN AAAA 2001:db8::6
onlya.test. 60 IN A 192.0.2.5
bad.test. 60 IN MX 10 mx.evil.test.
bad.test. 60 IN NS ns.evil.test.
bad.test. 60 IN A 198.51.100.1
mx.evil.test. 60 IN A 198.51.100.2
ns.evil.test. 60 IN A 198.51.100.3
badnet.test. 60 IN MX 10 mx.badnet.test.
badnet.test. 60 IN NS ns.badnet.test.
mx.badnet.test. 60 IN A 203.0.113.9
ns.badnet.test. 60 IN A 203.0.113.10
badnet.test. 60 IN A 203.0.113.11
okay.test. 60 IN MX 10 mx.okay.test.
okay.test. 60 IN NS mx.okay.test.
okay.test. 60 IN A 192.0.2.77
mx.okay.test. 60 IN A 192.0.2.78
nullmx.test. 60 IN MX 0 .
lost.test. 60 IN MX 10 none.lost.test.
lost.test. 60 IN NS none.lost.test.
half.test. 60 IN MX 10 none.lost.test.
half.test. 60 IN MX 20 mx.evil.test.
alias.test. 60 IN CNAME bad.test.
txt.test. 60 IN TXT "x"
sickmx.test. 60 IN MX 10 sick.test.
sickmx.test. 60 IN NS sick.test.
backup.test. 60 IN MX 10 me.test.
backup.test. 60 IN MX 5 mx1.good.test.
primary.test. 60 IN MX 5 me.test.
primary.test. 60 IN MX 10 mx1.good.test.
me.test. 60 IN A 127.0.0.1
2.2.0.192.rbl.test. 60 IN A 127.0.0.2
2.2.0.192.rbl.test. 60 IN TXT "see http://x/ $client_address"
3.2.0.192.rbl.test. 60 IN A 127.0.0.9
3.2.0.192.rbl.test. 60 IN A 127.0.0.10
4.2.0.192.rbl.test. 60 IN A 127.0.0.4
4.2.0.192.rbl.test. 60 IN TXT "one"
4.2.0.192.rbl.test. 60 IN TXT "another"
6.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.rbl.test. 60 IN A 127.0.0.2
listed.test.rhs.test. 60 IN A 127.0.0.2
listed.test.rhs.test. 60 IN TXT "bad domain"
5.2.0.192.wl.test. 60 IN A 127.0.0.3
listed.test.wl.test. 60 IN A 127.0.0.3
"""

TABLE = ("inline:{ {mx.evil.test=REJECT evil mx}, {ns.evil.test=DEFER evil ns}, "
         "{198.51.100.1=REJECT evil address}, {203.0.113=554 5.7.9 bad net}, "
         "{mx.okay.test=OK}, {192.0.2.77=permit}, {2001:db8::6=REJECT six}, "
         "{dns.test=WARN dns}, {192.0.2.1=HOLD} }")

DOMAINS = ["good.test", "sub.good.test", "deep.sub.good.test", "six.test", "onlya.test", "bad.test",
           "badnet.test", "okay.test", "nullmx.test", "lost.test", "half.test", "alias.test",
           "txt.test", "sickmx.test", "sick.test", "nowhere.test", "x.nowhere.test", "test",
           "[198.51.100.1]", "[203.0.113.4]", "[IPv6:2001:db8::6]", "[x]", "bad.test.", "-x.test",
           "198.51.100.1"]

RBL = ("reject_rbl_client rbl.test", "reject_rbl_client rbl.test=127.0.0.2",
       "reject_rbl_client rbl.test=127.0.0.[9..10]", "reject_rbl_client sick.test",
       "permit_dnswl_client wl.test, reject", "permit_dnswl_client sick.test, reject",
       "permit_rhswl_client wl.test, reject", "reject_rhsbl_client rhs.test",
       "reject_rhsbl_reverse_client rhs.test", "reject_rhsbl_helo rhs.test",
       "reject_rhsbl_sender rhs.test", "reject_rhsbl_recipient rhs.test",
       "reject_rbl_client none.test, reject_rbl_client rbl.test", "reject_maps_rbl",
       "reject_rbl_client rbl.test=127.0.0.4 defer_if_reject")

LISTED = [("192.0.2.2", "x.test"), ("192.0.2.3", "listed.test"), ("192.0.2.4", "[UNAVAILABLE]"),
          ("192.0.2.5", "a.listed.test"), ("IPV6:2001:db8::6", "[TEMPUNAVAIL]"),
          ("192.0.2.9", "listed.test")]

CASES = {}
for what in ("sender", "recipient", "helo", "client", "reverse_client_hostname"):
    for kind in ("a", "mx", "ns"):
        CASES[f"check_{what}_{kind}_access"] = {
            "smtpd_recipient_restrictions": f"check_{what}_{kind}_access {TABLE}"}
for number, rule in enumerate(RBL):
    CASES[f"rbl {number}"] = {"smtpd_recipient_restrictions": rule}
CASES["rbl with a bad text"] = {
    "smtpd_recipient_restrictions": "reject_rbl_client rbl.test",
    "rbl_reply_maps": "inline:{ {rbl.test=a $$nothing b} }"}
CASES["rbl with texts"] = {
    "smtpd_recipient_restrictions": "reject_rbl_client rbl.test, reject_rhsbl_sender rhs.test",
    "rbl_reply_maps": "inline:{ {rbl.test=521 5.9.9 $$rbl_what/$$rbl_class/$$rbl_domain/$$rbl_reason/"
                      "$$rbl_code/$$client/$$client_name/$$helo_name/$$sender_name/$$sender/"
                      "$${rbl_reason?yes}$${rbl_txt:no}/$$sender_domain} }",
    "default_rbl_reply": "$rbl_code listed, $recipient $rbl_txt"}
for action in ("defer_if_permit", "defer"):
    CASES[f"names {action}"] = {
        "reject_tempfail_action": action, "smtpd_recipient_restrictions":
        "warn_if_reject reject_unknown_helo_hostname, reject_unknown_sender_domain, "
        "reject_unknown_recipient_domain, reject_unknown_helo_hostname"}
CASES["names, filtered"] = {
    "smtpd_dns_reply_filter": "pcre:{ {/^good.test\\. .* MX 10/ ignore}, "
                              "{/ (A|AAAA) 198\\.51/ IGNORE} }",
    "smtpd_recipient_restrictions":
    f"check_sender_mx_access {TABLE}, reject_unknown_sender_domain"}
CASES["permit_mx_backup"] = {"smtpd_relay_restrictions":
                             "permit_mx_backup, reject_unauth_destination"}
CASES["permit_mx_backup_networks"] = {
    "permit_mx_backup_networks": "192.0.2.0/24", "smtpd_relay_restrictions":
    "permit_mx_backup, reject_unauth_destination"}
CASES["maps_rbl_domains"] = {"maps_rbl_domains": "none.test, rbl.test",
                             "smtpd_client_restrictions": "reject_maps_rbl"}


def dialogues(name):
    if "client" in name and "rbl" not in name:
        for domain in DOMAINS:
            if domain[0] not in "[-1":
                attribute = "REVERSE_NAME" if "reverse" in name else "NAME"
                yield [f"XCLIENT {attribute}={domain}", "EHLO h.test", "MAIL FROM:<>",
                       "RCPT TO:<alice@example.test>", "QUIT"]
    elif "helo" in name:
        for domain in DOMAINS:
            yield [f"EHLO {domain}", "MAIL FROM:<>", "RCPT TO:<alice@example.test>", "QUIT"]
    elif "rbl" in name:
        for address, host in LISTED:
            yield [f"XCLIENT ADDR={address} NAME={host}", "EHLO listed.test",
                   "MAIL FROM:<a@listed.test>", "RCPT TO:<alice@example.test>",
                   "RCPT TO:<x@listed.test>", "QUIT"]
    else:
        yield ["EHLO h.test"] + [line for domain in DOMAINS + ["backup.test", "primary.test"]
                                 for line in (f"MAIL FROM:<a@{domain}>", "RCPT TO:<alice@example.test>",
                                              f"RCPT TO:<b@{domain}>", "RSET")] + ["QUIT"]


@pytest.mark.skipif(not shutil.which("unshare"), reason="no unshare(1)")
def test_what_dns_says_has_the_same_effect():
    results = [run_apart(kind) for kind in ("debian", "ours")]
    different = []
    for name in CASES:
        wanted, got = results[0][name], results[1][name]
        for dialogue, theirs, mine in zip(dialogues(name), wanted["replies"], got["replies"]):
            different += [f"{name}: {a[0]}: ours {b[1]}, Debian {a[1]}"
                          for a, b in zip(theirs, mine) if a != b]
        different += [f"{name}: ours logs {line}" for line in got["log"]
                      if line not in wanted["log"]]
        different += [f"{name}: Debian logs {line}" for line in wanted["log"]
                      if line not in got["log"]]
    assert not different, "\n".join(different)


def run_apart(kind):
    result = subprocess.run(["unshare", "-nm", sys.executable, __file__, kind],
                            capture_output=True, text=True, timeout=400)
    assert result.returncode == 0, result.stderr[-4000:]
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
                if record.rtype in (request.q.qtype, QTYPE.CNAME):
                    reply.add_answer(record)
                if record.rtype == QTYPE.CNAME:
                    target = str(record.rdata)
                    for other in self.records:
                        if str(other.rname) == target and other.rtype == request.q.qtype:
                            reply.add_answer(other)
            if not known:
                exists = any(str(record.rname).lower().endswith("." + name)
                             for record in self.records)
                reply.header.rcode = 2 if "sick" in name else 0 if exists else 3
            return reply

    DNSServer(Resolver(), address="127.0.0.1", port=53,
              logger=DNSLogger("-request,-reply,-truncated,-error")).start_thread()


def observe(instance, name):
    from test_smtpd_dialogues import converse
    from instance import wait_for

    start = len(instance.log())
    gone = instance.log().count("disconnect from")
    replies = [converse(instance.port, dialogue) for dialogue in dialogues(name)]
    assert wait_for(lambda: instance.log().count("disconnect from") >= gone + len(replies))
    lines = re.findall(r"postfix/smtpd\[\d+\]: (.*)", instance.log()[start:])
    return {"replies": [[(line, [part.decode("latin-1") for part in reply])
                         for line, reply in dialogue] for dialogue in replies],
            "log": sorted(re.sub(r"\b[0-9A-F]{9,14}\b", "QID", line) for line in lines)}


def main(kind):
    here = pathlib.Path(__file__).resolve()
    sys.path[:0] = [str(here.parents[2]), str(here.parent)]
    from instance import Instance, free_port, wait_for
    from test_smtpd_dialogues import COMMON

    subprocess.run("ip link set lo up && echo nameserver 127.0.0.1 > /run/resolv.test"
                   " && mount --bind /run/resolv.test /etc/resolv.conf", shell=True, check=True)
    start_name_server()
    # One service for each case: one start for all.
    names = [name for name in CASES if len(sys.argv) < 3 or sys.argv[2] in name]
    ports = {name: free_port() for name in names}
    lines = ""
    for name in names:
        lines += f"127.0.0.1:{ports[name]} inet n - n - - smtpd\n"
        for key, value in CASES[name].items():
            lines += f"  -o {{ {key} = {value} }}\n"
    instance = Instance({**COMMON, "inet_protocols": "all", "smtpd_soft_error_limit": "1000",
                         "smtpd_hard_error_limit": "1000",
                         "smtpd_relay_before_recipient_restrictions": "no",
                         "smtpd_authorized_xclient_hosts": "127.0.0.1"}, kind=kind,
                        master_extra=lines)
    try:
        instance.start()
        wait_for(lambda: "disconnect" in instance.log())
        main_port, found = instance.port, {}
        for name in names:
            instance.port = ports[name]
            try:
                found[name] = observe(instance, name)
            except OSError as error:
                raise AssertionError(f"{name}: {error}\n{instance.log()[-2000:]}") from error
    finally:
        instance.close()
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
