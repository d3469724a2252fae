"""A wrong value stops the service that reads it, in Postfix's words; `postfix check` finds more."""
import re
import socket

import pytest

from instance import Instance, free_port, wait_for

# What a service of its own is told by -o; each is fatal to smtpd.
WRONG = ["smtpd_helo_required=maybe", "smtpd_timeout=5x", "smtpd_timeout=0",
         "smtpd_hard_error_limit=many", "smtpd_hard_error_limit=0", "smtpd_soft_error_limit=",
         "smtpd_delay_reject=1"]


def fatal_words(kind):
    """The first fatal line of smtpd for each wrong value."""
    ports = [free_port() for _ in WRONG]
    extra = "".join(f"127.0.0.1:{port} inet n - n - - smtpd\n  -o syslog_name=wrong{number}\n"
                    f"  -o {setting}\n" for number, (port, setting) in enumerate(zip(ports, WRONG)))
    instance = Instance(kind=kind, master_extra=extra)
    found = {}

    def complete():
        for number, setting in enumerate(WRONG):
            match = re.search(rf"wrong{number}/smtpd\[\d+\]: fatal: (.*)", instance.log())
            if match:
                found.setdefault(setting, match.group(1))
        return len(found) == len(WRONG)

    try:
        instance.start()
        talks = [socket.create_connection(("127.0.0.1", port), timeout=5) for port in ports]
        wait_for(complete, 15)
        for talk in talks:
            talk.close()
    finally:
        instance.close()
    return found


def test_smtpd_fails_in_the_words_of_debian():
    wanted, got = fatal_words("debian"), fatal_words("ours")
    assert set(wanted) == set(WRONG), wanted
    different = [f"{setting}\nDebian: {words}\nours:   {got.get(setting)}"
                 for setting, words in wanted.items()
                 if not got.get(setting, "").startswith(words)]
    assert not different, "\n".join(different)


@pytest.mark.parametrize("setting,said", [
    ("smtpd_banana = 1", r"unused parameter: smtpd_banana"),
    ("mynetwork = 127.0.0.0/8", r"did you mean mynetworks\?"),
    ("smtpd_recipient_restriction = permit", r"did you mean smtpd_recipient_restrictions\?"),
    ("qmqpd_timeout = 5s", r"qmqpd_timeout"),
])
def test_check_names_what_has_no_effect(ours, setting, said):
    instance = ours(start=False)
    main = instance.config / "main.cf"
    assert not re.search(said, (lambda r: r.stdout + r.stderr)(instance.run("postfix", "check")))
    line = len(main.read_text().splitlines()) + 1
    main.write_text(main.read_text() + setting + "\n")
    result = instance.run("postfix", "check", check=False)
    shown = result.stdout + result.stderr + instance.log()
    assert re.search(said, shown), shown
    assert re.search(rf"main\.cf.*line {line}\b", shown), shown
