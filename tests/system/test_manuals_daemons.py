"""
The examples of section 8 are configurations that work, and what pipe(8) says of its flags and
names is what the program takes.
"""
import os
import re
import subprocess

import pytest

from instance import PREFIX, ROOT
from test_manuals import examples

PAGES = sorted(page for page in ROOT.glob("*/*.8") if list(examples(page)))
SERVICE = re.compile(r"^(\S+)\s+(inet|unix)\s")


def postconf(folder, *words):
    return subprocess.run([f"{PREFIX}/sbin/postconf", "-c", folder, *words], text=True,
                          capture_output=True, timeout=60, env={"PATH": os.environ["PATH"]})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_an_example_is_a_configuration_that_works(page, tmp_path):
    files = {name: (ROOT / "conf" / name).read_text() + "\n" for name in ("main.cf", "master.cf")}
    services, parameters = [], []

    for lines in examples(page):
        text = "\n".join(lines) + "\n"
        if found := SERVICE.match(text):
            services.append("/".join(found.groups()))
            files["master.cf"] += text
        elif found := re.findall(r"^(\w+) = ", text, re.M):
            parameters += found
            files["main.cf"] += text
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    for service in services:
        shown = postconf(tmp_path, "-M", service)
        assert shown.stdout.startswith(service.split("/")[0]) and not shown.stderr, shown.stderr
    shown = postconf(tmp_path, "-n")
    assert not shown.stderr
    assert {f"{name} =" for name in parameters} <= set(re.findall(r"^\w+ =", shown.stdout, re.M))


def test_there_are_examples_of_daemons():
    texts = ["\n".join(lines) for page in PAGES for lines in examples(page)]
    assert sum(bool(SERVICE.match(text)) for text in texts) >= 4
    assert sum(bool(re.match(r"\w+ = ", text)) for text in texts) >= 4


def subsection(name):
    text = (ROOT / "local/pipe.8").read_text()
    return re.search(rf"^\.Ss {name}\n(.*?)^\.S[sh] ", text, re.M | re.S).group(1)


def test_pipe_knows_the_flags_of_its_page():
    source = (ROOT / "local/pipe_settings.c").read_text()
    named = {flag.replace(r"\&", "")
             for flag in re.findall(r"^\.It Cm (\S+)$", subsection("Flags"), re.M)}
    assert named == set(re.findall(r"\{ '(.)', PIPE_", source))


def test_pipe_knows_the_names_of_its_page():
    source = (ROOT / "local/pipe_arguments.c").read_text()
    named = {name for words in re.findall(r"^\.It Cm (.*)$", subsection("Names"), re.M)
             for name in words.split(" , ")}
    assert named == {*re.findall(r'slice_is\(name, "(\w+)"\)', source),
                     *re.findall(r'\{ "(\w+)", "\w+" \}', source)}
