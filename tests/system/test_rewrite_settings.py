"""
Whose settings rewrite addresses and choose transports: those of trivial-rewrite's line in
master.cf, and never those of the program that needs it.
"""
import re

import pytest

from instance import wait_for

BASE = {"append_dot_mydomain": "no", "myorigin": "origin.test", "default_transport": "discard:main",
        "relay_domains": "r.test", "relay_transport": "discard:relay"}
TO_OTHER = "transport_maps=inline:{x.test=discard:other}"


def start(ours, options, more=""):
    """With -o options behind lines of master.cf, by their first field and program."""
    instance = ours(start=False, settings=BASE, master_extra=more)
    path = instance.config / "master.cf"
    text = path.read_text()
    for name, settings in options.items():
        words = "".join(f" -o {setting}" for setting in settings)
        text, count = re.subn(rf"(?m)^({name} .*)$", lambda found: found[1] + words, text)
        assert count == 1, text
    path.write_text(text)
    return instance.start()


def sender_and_routes(instance):
    """What became of MAIL FROM:<joe>, and of mail for two domains."""
    instance.send("joe", ["a@x.test", "b@r.test"])
    routes = [instance.wait_log(rf"to=<{address}>.*status=\w+ \((\w+)\)")[1]
              for address in (r"a@x\.test", r"b@r\.test")]
    return instance.wait_log(r"from=<(joe.*?)>")[1], *routes


@pytest.mark.parametrize("options,more,seen", [
    ({}, "", ("joe@origin.test", "main", "relay")),
    ({"rewrite": ["append_at_myorigin=no"]}, "", ("joe", "main", "relay")),
    ({"rewrite": ["myorigin=other.test", TO_OTHER]}, "", ("joe@other.test", "other", "relay")),
    ({"rewrite": ["relay_domains=x.test"]}, "", ("joe@origin.test", "relay", "main")),
    ({"rewrite": ["relay_transport=discard:$here", "here=own", "relay_domains=x.test"]}, "",
     ("joe@origin.test", "own", "main")),
    # The programs' own settings count for nothing there.
    ({"cleanup": ["append_at_myorigin=no", "myorigin=wrong.test"], "qmgr": [TO_OTHER],
      "127.0.0.1:[0-9]+": ["relay_domains=x.test"]}, "", ("joe@origin.test", "main", "relay")),
    ({"qmgr": ["default_transport=discard:wrong"], "rewrite": ["relay_transport=discard:right"]}, "",
     ("joe@origin.test", "main", "right")),
    # Who names another service is told by that one.
    ({"qmgr": ["rewrite_service_name=second"], "rewrite": ["append_at_myorigin=no"]},
     f"second unix - - n - - trivial-rewrite -o {TO_OTHER}\n", ("joe", "other", "relay")),
])
def test_trivial_rewrite_has_settings_of_its_own(ours, options, more, seen):
    instance = start(ours, options, more)
    assert sender_and_routes(instance) == seen


def test_they_change_with_a_reload(ours):
    instance = start(ours, {})
    assert sender_and_routes(instance)[0] == "joe@origin.test"
    path = instance.config / "master.cf"
    path.write_text(re.sub(r"(?m)^(rewrite .*)$", r"\1 -o myorigin=new.test", path.read_text()))
    instance.run("postfix", "reload")

    def is_new():
        instance.send("joe", ["a@x.test"])
        return "from=<joe@new.test>" in instance.log()

    assert wait_for(is_new), instance.log()


def test_they_change_with_a_table_that_is_read_as_a_whole(ours):
    """Also for qmgr, which keeps what it has read: no reload is needed, as with Postfix."""
    instance = ours(start=False, settings=BASE)
    table = instance.config / "routes"
    table.write_text("x.test discard:old\n")
    instance.set(transport_maps=f"texthash:{table}")
    instance.start()
    assert sender_and_routes(instance)[1] == "old"
    table.write_text("x.test discard:new\n")

    def is_new():
        instance.send("joe", ["a@x.test"])
        return "status=sent (new)" in instance.log()

    assert wait_for(is_new), instance.log()
