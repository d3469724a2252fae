"""This folder is a package, for tests of other folders have the same names; its modules are found
by their names alone all the same."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import counting  # noqa: E402


@pytest.fixture(autouse=True)
def counted(record_property):
    """What a test says it has compared is reported; one that says nothing is one case."""
    counting.counts.clear()
    yield
    record_property("compared", sum(counting.counts) or 1)
