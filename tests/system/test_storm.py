"""Everything at once: made to be run under the thread sanitizer (./check does)."""
import re
import subprocess

import measure


def test_a_storm_of_clients_is_served(ours, reader, mailbox):
    with measure.Sink() as sink:
        instance = ours(settings={"home_mailbox": "Maildir/",
                                  "relayhost": f"[127.0.0.1]:{sink.port}"})
        workers = [subprocess.Popen([measure.SMTP_SOURCE, "-s", "10", "-m", "100", "-l", "4000",
                                     *options, "-f", "a@test.example", "-t", recipient,
                                     f"127.0.0.1:{instance.port}"])
                   for options in ([], ["-d"])
                   for recipient in ("x@far.example", f"{reader.pw_name}@test.example")]
        instance.run("postfix", "reload")
        for worker in workers:
            assert worker.wait(timeout=300) == 0
        measure.drained(instance, 120)
        log = instance.log()
    assert len(re.findall(r"status=sent", log)) == 400
    assert "killed by signal" not in log
