"""What cleanup makes of mail is what Debian's makes of it."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import differ_cleanup  # noqa: E402


def test_queue_files_are_those_of_debian():
    assert differ_cleanup.main() == 0
