import os
import pathlib
import pwd
import shutil
import subprocess
import sys
import zlib

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import sanitizer  # noqa: E402
from instance import ROOT, Instance, wait_for  # noqa: E402


@pytest.fixture(autouse=True)
def reports():
    """A test fails when a program under a sanitizer has reported something."""
    yield
    sanitizer.check()


@pytest.fixture(autouse=True, scope="module")
def late_reports():
    """At the end of what the tests of a module share."""
    yield
    sanitizer.check()


@pytest.fixture
def ours():
    """
    A function that makes and starts instances of ours; they end with the test.  With
    TEST_KIND=debian it makes Debian's: the reference decides what a test may claim.
    """
    yield from keeper(os.environ.get("TEST_KIND", "ours"))


@pytest.fixture
def debian():
    """The same with Debian's Postfix."""
    yield from keeper("debian")


def keeper(kind):
    instances = []

    def make(start=True, **more):
        instance = Instance(kind=kind, **more)
        instances.append(instance)
        return instance.start() if start else instance

    yield make
    for instance in instances:
        instance.close()


@pytest.fixture(scope="session")
def reader():
    """A system account with a home of its own that mail can be delivered to."""
    # One for each checkout and each worker, so that they can be tested beside each other.
    whose = f"{ROOT} {os.environ.get('PYTEST_XDIST_WORKER', '')}"
    name = f"postreiter-{zlib.crc32(whose.encode()):08x}"
    try:
        pwd.getpwnam(name)
    except KeyError:
        subprocess.run(["useradd", "--system", "--no-create-home", "--home-dir",
                        f"/tmp/{name}-home", name], check=True)
    entry = pwd.getpwnam(name)
    home = pathlib.Path(entry.pw_dir)
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(mode=0o755)
    shutil.chown(home, name)
    return entry


@pytest.fixture
def mailbox(reader):
    """The reader's Maildir, fresh: a function that waits for count messages and gives them."""
    folder = pathlib.Path(reader.pw_dir) / "Maildir"
    shutil.rmtree(folder, ignore_errors=True)

    def messages(count, seconds=30):
        def present():
            return sorted((folder / "new").glob("*")) if (folder / "new").exists() else []
        wait_for(lambda: len(present()) >= count, seconds)
        return [path.read_bytes() for path in present()]

    return messages


def pytest_terminal_summary(terminalreporter):
    """How many cases were given to both suites and compared, file by file."""
    cases = {}
    for report in terminalreporter.getreports(""):
        for name, number in getattr(report, "user_properties", []):
            if name == "compared" and report.when == "teardown":
                file = pathlib.Path(report.nodeid.split("::")[0]).stem.removeprefix("test_")
                cases[file] = cases.get(file, 0) + number
    if cases:
        files = ", ".join(f"{file} {number}" for file, number in sorted(cases.items()))
        terminalreporter.write_line(f"{sum(cases.values())} cases compared with Debian's: {files}")
