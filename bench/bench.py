#!/usr/bin/env python3
"""
Debian's Postfix and ours in turns on the same work; prints each figure and the ratio.

CPU is user + system time of all processes of an instance for a message; memory is the growth
of the proportional set size (PSS) of all its processes for an idle session.  Arguments: names
of rows (default all).  Times depend on the machine, ratios hardly do.
"""
import argparse
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests"))
from instance import Instance, wait_for  # noqa: E402
import measure  # noqa: E402

ROUNDS, MESSAGES = 3, 1000
HOME = pathlib.Path("/tmp/postreiter-bench-home")
USER = "postreiter-bench"


def relay(kind, sink):
    return Instance({"relayhost": f"[127.0.0.1]:{sink.port}"}, kind=kind), {}


def accept(kind, sink):
    """In over SMTP and on disk; the mail is thrown away then."""
    return Instance({"default_transport": "discard:"}, kind=kind), {}


def hold(kind, sink):
    """In over SMTP and on disk, where it stays: all goes to hold."""
    return Instance({"smtpd_recipient_restrictions": "static:HOLD"}, kind=kind), {"hold": True}


def maildir(kind, sink):
    return (Instance({"home_mailbox": "Maildir/"}, kind=kind),
            {"recipient": f"{USER}@test.example"})


ROWS = {
    "relay": (relay, 0.35, "relay of 4 KB, in and out over SMTP"),
    "accept": (accept, 0.35, "accept 4 KB over SMTP, then discard it"),
    "hold": (hold, 0.35, "accept 4 KB over SMTP, and keep it on hold"),
    "maildir": (maildir, 0.5, "4 KB over SMTP into a Maildir"),
}


def one_round(instance, hold=False, recipient="someone@sink.example"):
    """CPU milliseconds and wall milliseconds a message."""
    before, start = measure.cpu_seconds(instance), time.monotonic()
    measure.source(instance.port, MESSAGES, recipient=recipient)
    if not hold:
        measure.drained(instance)
    wall = time.monotonic() - start
    used = measure.cpu_seconds(instance) - before
    return used * 1000 / MESSAGES, wall * 1000 / MESSAGES


def compare(name):
    make, bar, title = ROWS[name]
    figures = {"ours": [], "debian": []}
    with measure.Sink() as sink:
        prepared = {kind: make(kind, sink) for kind in figures}
        try:
            for instance, options in prepared.values():
                instance.start()
                measure.source(instance.port, 100,
                               recipient=options.get("recipient", "someone@sink.example"))
                if not options.get("hold"):
                    measure.drained(instance)
            for _ in range(ROUNDS):
                for kind, (instance, options) in prepared.items():
                    figures[kind].append(one_round(instance, **options))
        finally:
            for instance, _ in prepared.values():
                instance.close()
    return report(title, bar, figures)


def report(title, bar, figures):
    cpu = {kind: statistics.median(f[0] for f in rows) for kind, rows in figures.items()}
    wall = {kind: statistics.median(f[1] for f in rows) for kind, rows in figures.items()}
    ratio = cpu["ours"] / cpu["debian"]
    verdict = "ok" if ratio <= bar else "MISSED"
    print(f"{title}: CPU ours {cpu['ours']:.3f} ms, Debian's {cpu['debian']:.3f} ms, "
          f"ratio {ratio:.2f} (bar {bar}: {verdict}); "
          f"wall ours {wall['ours']:.2f} ms, Debian's {wall['debian']:.2f} ms", flush=True)
    return ratio <= bar


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


def idle():
    ours, ours_all, held = idle_sessions("ours", 2000)
    debian, debian_all, _ = idle_sessions("debian", 100)
    verdict = "ok" if ours <= 48 and held == 2000 else "MISSED"
    print(f"an idle session: ours {ours:.1f} KB PSS ({held} of 2000 held at once), "
          f"Debian's {debian:.0f} KB (bar 48 KB, 2000 held: {verdict}); all-in by cgroup "
          f"{ours_all:.1f} KB, Debian's {debian_all:.0f} KB", flush=True)
    return verdict == "ok"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="*", choices=[*ROWS, "idle", []])
    chosen = parser.parse_args().rows or [*ROWS, "idle"]
    subprocess.run(["useradd", "--system", "--no-create-home", "--home-dir", str(HOME), USER],
                   stderr=subprocess.DEVNULL)
    shutil.rmtree(HOME, ignore_errors=True)
    HOME.mkdir()
    shutil.chown(HOME, USER)
    good = [idle() if name == "idle" else compare(name) for name in chosen]
    shutil.rmtree(HOME, ignore_errors=True)
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
