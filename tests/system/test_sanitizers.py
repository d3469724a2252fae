"""What a sanitizer finds in a daemon fails the test that it happened in."""
import os

import pytest

import sanitizer
from instance import Instance, wait_for
from test_master import Line

pytestmark = pytest.mark.skipif(sanitizer.SANITIZED != "SANITIZE" or os.geteuid() != 0,
                                reason="for a suite under the address sanitizer")


@pytest.mark.parametrize("wrong, finding", [
    ("shift", "runtime error: shift exponent 40 is too large"),
    ("read", "AddressSanitizer: heap-buffer-overflow"),
])
def test_a_finding_is_reported(wrong, finding):
    instance = Instance(master_cf="{smtpd}\n")
    (instance.config / "master.cf").write_text(
        f"127.0.0.1:{instance.port} inet n - n - - testd sessions\n"
        "postlog unix-dgram n - n - 1 postlogd\n")
    try:
        assert instance.run("postfix", "start", check=False).returncode == 0
        assert wait_for(instance.answers)
        assert Line(instance.port).say(f"wrong {wrong}") == ""
        assert wait_for(lambda: list(sanitizer.FOLDER.glob("report*")))
        with pytest.raises(AssertionError, match=f"{finding}(?s:.*)do_wrong"):
            sanitizer.check()
    finally:
        instance.close()
