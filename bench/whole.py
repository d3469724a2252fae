"""What a whole instance costs: its start, its memory, and that of idle sessions."""
import pathlib
import resource
import socket
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests"))
from instance import Instance  # noqa: E402
import measure  # noqa: E402


def idle_sessions(kind, count):
    """KB PSS and KB of the cgroup for one more idle session, and how many were held."""
    instance = Instance({"default_process_limit": str(count + 50),
                         "smtpd_client_connection_count_limit": "0"}, kind=kind)
    clients, group = [], measure.MemoryGroup(kind)
    try:
        instance.start(preexec_fn=group.enter)
        measure.source(instance.port, 20, recipient="root@test.example")
        before, all_before = measure.pss_kilobytes(instance), group.kilobytes()
        for _ in range(count):
            client = socket.create_connection(("127.0.0.1", instance.port), timeout=60)
            assert client.recv(500).startswith(b"220")
            client.sendall(b"EHLO client.example\r\n")
            assert client.recv(2000).startswith(b"250")
            clients.append(client)
        time.sleep(2)
        after, all_after = measure.pss_kilobytes(instance), group.kilobytes()
        for client in clients:
            client.sendall(b"NOOP\r\n")
        held = sum(client.recv(500).startswith(b"250") for client in clients)
        all_in = (all_after - all_before) / count if all_before is not None else float("nan")
        return (after - before) / count, all_in, held
    finally:
        for client in clients:
            client.close()
        instance.close()
        group.close()


def idle_sessions_row():
    ours, ours_all, held = idle_sessions("ours", 2000)
    debian, debian_all, _ = idle_sessions("debian", 100)
    verdict = "ok" if ours <= 48 and held == 2000 else "MISSED"
    print(f"an idle session: ours {ours:.1f} KB PSS ({held} of 2000 held at once), "
          f"Debian's {debian:.0f} KB (bar 48 KB, 2000 held: {verdict}); all-in by cgroup "
          f"{ours_all:.1f} KB, Debian's {debian_all:.0f} KB", flush=True)
    return verdict == "ok"


def instance_memory(kind):
    """KB PSS and processes, of an instance that has just started and after 50 messages."""
    figures = []
    with measure.Sink() as sink:
        with Instance({"relayhost": f"[127.0.0.1]:{sink.port}"}, kind=kind) as instance:
            for messages in (0, 50):
                if messages:
                    measure.source(instance.port, messages)
                    measure.drained(instance)
                figures += [measure.pss_kilobytes(instance), len(measure.tree(instance))]
    return figures


def instance_row(bar=0.75):
    ours, debian = instance_memory("ours"), instance_memory("debian")
    ratios = ours[0] / debian[0], ours[2] / debian[2]
    verdict = "ok" if max(ratios) <= bar else "MISSED"
    print(f"a whole instance, started: ours {ours[0]} KB PSS in {ours[1]} processes, Debian's "
          f"{debian[0]} KB in {debian[1]}, ratio {ratios[0]:.2f}; after 50 messages: ours {ours[2]} KB in "
          f"{ours[3]}, Debian's {debian[2]} KB in {debian[3]}, ratio {ratios[1]:.2f} "
          f"(bar {bar}: {verdict})", flush=True)
    return verdict == "ok"


def start_once(kind):
    """CPU and wall milliseconds from nothing to the first greeting."""
    instance = Instance(kind=kind)
    try:
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        instance.run("postfix", "start")
        while not instance.answers():
            pass
        wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return (used + measure.cpu_seconds(instance)) * 1000, wall * 1000
    finally:
        instance.close()


def start_row(bar=0.2):
    figures = {"ours": [], "debian": []}
    for _ in range(3):
        for kind, rows in figures.items():
            rows.append(start_once(kind))
    cpu = {kind: statistics.median(f[0] for f in rows) for kind, rows in figures.items()}
    wall = {kind: statistics.median(f[1] for f in rows) for kind, rows in figures.items()}
    ratio = cpu["ours"] / cpu["debian"]
    print(f"from postfix start to the first greeting: CPU ours {cpu['ours']:.0f} ms, Debian's "
          f"{cpu['debian']:.0f} ms, ratio {ratio:.2f} (bar {bar}: "
          f"{'ok' if ratio <= bar else 'MISSED'}); wall ours {wall['ours']:.0f} ms, Debian's "
          f"{wall['debian']:.0f} ms", flush=True)
    return ratio <= bar
