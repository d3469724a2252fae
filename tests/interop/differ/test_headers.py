"""Made-up messages, by SMTP and by sendmail: what Debian's cleanup and ours put into the queue."""
import os
import pathlib
import random
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import generated_messages  # noqa: E402
from counting import compared
from queue_files import Session, both, differences, normal  # noqa: E402

CASES = int(os.environ.get("DIFFER_CASES", "640"))
SEED = int(os.environ.get("DIFFER_SEED", "22"))

VARIANTS = {
    "plain": {},
    "more": {
        "always_add_missing_headers": "yes", "header_size_limit": "1000", "hopcount_limit": "5",
        "undisclosed_recipients_header": "To: undisclosed-recipients:;",
        "header_from_format": "obsolete", "message_drop_headers": "x-odd, comments, bcc",
        "masquerade_domains": "masq.test", "masquerade_exceptions": "bob",
        "canonical_maps": "inline:{{bob=b@c.test},{@host=@canon.test}}",
        "canonical_classes": "header_sender, header_recipient",
        "header_address_token_limit": "5000", "append_dot_mydomain": "yes",
    },
    "remote": {
        "local_header_rewrite_clients": "", "remote_header_rewrite_domain": "remote.invalid",
        "message_strip_characters": r"\001\177z",
    },
    "strict": {
        "local_header_rewrite_clients": "", "strict_8bitmime": "yes",
        "strict_mime_encoding_domain": "yes", "mime_nesting_limit": "2",
        "mime_boundary_length_limit": "1", "message_reject_characters": r"\002",
    },
}
MAIL = [b"<s@x.test>", b"<>", b"<bob>", b"<s@x.test> BODY=8BITMIME", b"<s@x.test> SMTPUTF8",
        b"<s@x.test> BODY=8BITMIME RET=HDRS ENVID=q"]


def by_smtp(peer, cases):
    session, found = Session(peer.instance.port), []
    for mail, text in cases:
        replies = session.commands([b"RSET", b"MAIL FROM:" + mail, b"RCPT TO:<r@x.test>"])
        assert replies[2].startswith("250"), replies
        found.append(peer.queued(session.content(text.encode())))
    return found


def case_of(parts):
    """The number that sendmail was given as the envelope id."""
    ids = [data for kind, data in parts["envelope"] if data.startswith(b"envelope_id=case")]
    return int(ids[0].split(b"case")[1]) if ids else None


def by_sendmail(peer, cases):
    for path in (peer.instance.queue / "incoming").iterdir():
        path.unlink()
    refused = 0
    for number, (arguments, text) in enumerate(cases):
        result = peer.instance.run("sendmail", "-V", f"case{number}", "-i", *arguments,
                                   check=False, text=False, input=text.encode())
        refused += result.returncode != 0
    found = [normal(path) for path in peer.all_queued(len(cases) - refused)]
    found = {case_of(parts): parts for parts in found}
    return [found.get(number, "not queued") for number in range(len(cases))]


def make_cases(variant):
    chance = random.Random(f"{SEED} {variant}")
    share = max(1, CASES // len(VARIANTS))
    options = [["-f", "s@x.test", "r@x.test"], ["-f", "bob", "-F", "Full Name", "r@x.test"],
               ["-f", "s@x.test", "-F", "Q \"x\" (y)", "r@x.test"], ["-f", "", "r@x.test"],
               ["-t", "-f", "s@x.test", "r@x.test"], ["-G", "-f", "s@x.test", "r@x.test"],
               ["-B8BITMIME", "-f", "s@x.test", "r@x.test"]]
    # What cleanup refuses of local mail comes back as another message.
    local = share // 3 if variant in ("plain", "remote") else 0
    return ([(chance.choice(MAIL), generated_messages.message(chance))
             for _ in range(share - local)],
            [(chance.choice(options), text) for text in
             (generated_messages.message(chance) for _ in range(local))
             if text.count("Received: x") < 40])


def run(peer, cases):
    return by_smtp(peer, cases[0]) + by_sendmail(peer, cases[1])


@pytest.mark.parametrize("variant", VARIANTS)
def test_queue_files_are_alike(variant):
    cases = make_cases(variant)
    compared(len(cases[0]) + len(cases[1]))
    wanted, got = both(VARIANTS[variant], lambda peer: run(peer, cases))
    different = [f"{case[0]} {case[1]!r:.1500}\n" + "\n".join(text)
                 for case, one, other in zip(cases[0] + cases[1], wanted, got)
                 if (text := differences(one, other))]
    assert not different, f"{len(different)} differ\n" + "\n\n".join(different[:40])
