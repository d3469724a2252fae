"""
smtp(8) and lmtp(8) beside Debian's: generated messages, given as queue files, and scripted
servers.  What the servers hear and what the log says must be the same.
"""
import os
import pathlib
import random
import re
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from counting import compared
from instance import wait_for  # noqa: E402
from queue_file import put_into_queue, queue_file  # noqa: E402
from smtp_cases import VARIANTS, generate  # noqa: E402
from smtp_servers import Script, Servers  # noqa: E402

CASES = int(os.environ.get("DIFFER_CASES", 600))
SEED = int(os.environ.get("DIFFER_SEED", 1))


def address_of(index):
    return f"127.{20 + index // 62500}.{index // 250 % 250}.{index % 250 + 1}"


def id_of(index):
    return f"ABCDE{0x10000 + index:06X}"


def service(name, variant):
    options = "".join(f"\n  -o {{ {key} = {value} }}" for key, value in variant.get("set", {}).items())
    return (f"{name} unix - - n - 20 {variant.get('program', 'smtp')}"
            f"{variant.get('flags', '')}{options}\n")


def start(make, cases, port):
    folder_settings = {
        "smtp_tcp_port": port, "lmtp_tcp_port": port,
        "transport_maps": "texthash:$config_directory/transport",
        "smtp_connection_cache_on_demand": "no", "lmtp_connection_cache_on_demand": "no",
        "notify_classes": "", "default_process_limit": "30", "flags_destination_recipient_limit": "1",
    }
    instance = make(start=False, settings=folder_settings,
                    master_extra="".join(service(name, variant)
                                         for name, variant in VARIANTS.items()))
    (instance.config / "transport").write_text("sender.example discard:\n" + "".join(
        f"c{number}.example {case['variant']}:[{address_of(number)}]\n"
        for number, case in enumerate(cases)))
    for name, text in case_files().items():
        (instance.config / name).write_text(text)
    instance.start()
    return instance


def case_files():
    from smtp_cases import FILES
    return FILES


def kick(instance):
    """The queue manager closes the connection when it has the byte: postkick may die of that."""
    wait_for(lambda: instance.run("postkick", "public", "qmgr", "I",
                                  check=False).returncode in (0, -signal.SIGPIPE))


def deliver(make, cases):
    """What the servers heard and the log said, for each case."""
    scripts = {address_of(number): Script(case["replies"], case.get("lmtp", False))
               for number, case in enumerate(cases)}
    servers = Servers(scripts)
    instance = start(make, cases, servers.port)
    arrival = int(time.time()) - 10
    for number, case in enumerate(cases):
        recipients = [(f"{local}@c{number}.example", *more) for local, *more in case["recipients"]]
        put_into_queue(instance, id_of(number), queue_file(
            id_of(number), case["content"], case["sender"], recipients, arrival,
            case.get("attributes", ()), case.get("send_options", 0), case.get("encoding", ""),
            case.get("envelope_id", ""), case.get("return_flags", 0)))
    kick(instance)
    wanted = sum(len(case["recipients"]) for case in cases)
    wait_for(lambda: len(re.findall(r" (?:[a-z0-9]+/)?[sl]mtp\[\d+\]: .* status=",
                                    instance.log())) >= wanted, 25, 0.3)
    log = instance.log()
    if os.environ.get("DIFFER_LOG"):
        pathlib.Path(os.environ["DIFFER_LOG"]).write_text(log)
    results = [collect(number, scripts, log) for number in range(len(cases))]
    instance.close()
    servers.close()
    return results


def normal(text, number):
    text = re.sub(r"delay=[\d.]+, delays=[\d./]+, ", "", text)
    text = re.sub(r"(conn_use=\d+, )", "", text)
    return text.replace(id_of(number), "QID")


LOG = re.compile(r"^\S+ +\d+ \S+ \S+ [^ ]*[sl]mtp\[\d+\]: (.*)$", re.M)


def collect(number, scripts, log):
    address, name = address_of(number), id_of(number)
    lines = [re.sub(r"\]:\d+", "]:PORT", normal(line, number)) for line in LOG.findall(log)
             if name in line or f"[{address}]" in line]
    return {"log": sorted(lines),
            # Deliveries of one message to several recipients run beside each other.
            "heard": sorted(bytes(heard) for heard in scripts[address].connections)}


def test_the_client_talks_as_debians_does(ours, debian):
    cases = generate(random.Random(SEED), CASES)
    compared(len(cases))
    wanted = deliver(debian, cases)
    got = deliver(ours, cases)
    different = [number for number in range(len(cases)) if wanted[number] != got[number]]
    assert not different, report(cases, wanted, got, different)


def report(cases, wanted, got, different):
    out = [f"{len(different)} of {len(cases)} cases differ: {different[:40]}"]
    for number in different[:int(os.environ.get("DIFFER_SHOWN", 3))]:
        out.append(f"--- case {number}: {cases[number]}")
        for key in ("heard", "log"):
            if wanted[number][key] != got[number][key]:
                out.append(f"{key}, Debian: {wanted[number][key]}")
                out.append(f"{key}, ours:   {got[number][key]}")
    return "\n".join(out)
