import pathlib
import pwd
import shutil
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from instance import Instance  # noqa: E402


@pytest.fixture
def ours():
    """A function that makes and starts instances of ours; they end with the test."""
    yield from keeper("ours")


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
    name = "postreiter-test"
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
