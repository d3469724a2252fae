"""Queue files as cleanup writes them, so that two systems are given the same message."""
import os
import shutil


def record(kind, data=b""):
    """A type byte, the length with 7 bits a byte, the data."""
    if isinstance(data, str):
        data = data.encode("utf-8", "surrogateescape")
    length, size = len(data), b""
    while True:
        size += bytes([length & 0x7f | (0x80 if length > 0x7f else 0)])
        length >>= 7
        if not length:
            return kind.encode() + size + data


def content_records(content):
    """Lines of up to 2048 bytes a record; what has no line end is an L record."""
    out = b""
    while content:
        line, end, content = content.partition(b"\n")
        while len(line) > 2048:
            out += record("L", line[:2048])
            line = line[2048:]
        out += record("N" if end else "L", line)
    return out


def queue_file(queue_id, content, sender, recipients, arrival, attributes=(), send_options=0,
               encoding="", envelope_id="", return_flags=0):
    """recipients: (address, original, notify, dsn_original) of each."""
    body = content_records(content)
    envelope = record("T", f"{arrival} 123456")
    envelope += record("A", f"create_time={arrival}")
    envelope += record("A", f"log_ident={queue_id}") + record("A", "rewrite_context=local")
    if envelope_id:
        envelope += record("A", f"envelope_id={envelope_id}")
    if return_flags:
        envelope += record("A", f"ret_flags={return_flags}")
    envelope += record("S", sender)
    for name, value in attributes:
        envelope += record("A", f"{name}={value}")
    for address, original, notify, dsn_original in recipients:
        if notify:
            envelope += record("A", f"notify_flags={notify}")
        if dsn_original:
            envelope += record("A", f"dsn_orig_rcpt={dsn_original}")
        envelope += record("O", original) + record("R", address)
    offset = 97 + len(envelope) + 2
    size = record("C", f"{len(body):15d} {offset:15d} {len(recipients):15d} {0:15d} "
                       f"{len(body):15d} {send_options:15d}")
    tail = record("X") + (record("A", f"encoding={encoding}") if encoding else b"") + record("E")
    return size + envelope + record("M") + body + tail


def put_into_queue(instance, queue_id, data):
    """Into the incoming queue; the queue manager is told by the caller."""
    path = instance.folder / queue_id
    path.write_bytes(data)
    shutil.chown(path, "postfix")
    os.chmod(path, 0o700)
    path.rename(instance.queue / "incoming" / queue_id)
