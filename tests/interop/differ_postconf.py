"""Our postconf beside Debian's: the same files, the same calls, the same answers.

Both work on copies of one directory.  What may differ stands in doc/differences.md, section
postconf: defaults that the installation decides, our own parameters, repeated warnings.
"""
import os
import pathlib
import random
import re
import shutil
import subprocess

import pytest

THEIRS = "/usr/sbin/postconf"
ROOT = pathlib.Path(__file__).resolve().parents[2]
OURS = ROOT / "build/plain/bin/postconf"
if "POSTREITER_TEST_PREFIX" in os.environ:
    OURS = pathlib.Path(os.environ["POSTREITER_TEST_PREFIX"]) / "sbin/postconf"

INSTALLED = set("""
    command_directory config_directory daemon_directory data_directory html_directory
    mailq_path manpage_directory meta_directory newaliases_path process_id queue_directory
    readme_directory sample_directory sendmail_path shlib_directory
""".split())
OUR_OWN = {"confinement", "postreiter_version", "sessions_per_process"}
EXPANDED = {"address_verify_map", "postscreen_cache_map", "proxy_write_maps",
            "tls_random_exchange_name"}
SAFER = {"smtpd_forbid_bare_newline", "smtpd_forbid_unauth_pipelining"}
SKIPPED = INSTALLED | OUR_OWN | EXPANDED | SAFER

pytestmark = pytest.mark.skipif(not os.access(THEIRS, os.X_OK), reason="Debian's postfix is absent")

MAIN = {
    "stock": open("/etc/postfix/main.cf").read() if os.path.exists("/etc/postfix/main.cf") else "",
    "empty": "",
    "layout": "# top\nmyhostname = vm.example\n#relayhost = x\nmydestination = a,\n  b,\n"
              "# inner\n\n  c\n# after\nfoo=$bar\nmydomain=x.y\nbar=1\n  # cc\n",
    "users": "foo = $bar\nbar=1\nzap = $foo\nrelayhost=$zap$nosuch\nx=1\n"
             "smtpd_restriction_classes=x,y\ny=2\nz=1\n"
             "virtual_alias_maps=ldap:z, hash:/foo\nz_server_host=1\nz_foo=2\n"
             "virtual_maps=1\nq=$relayhost\nfallback_relay=1\n",
    "spaces": "mail_name\t=\tx   y\t\tz \n   more  \nempty =\nrelayhost=\n  a\r\n",
    "twice": "myhostname = a.b\nmyhostname = c.d\nmyhostname = c.d\n",
    "leading": "  not = this\nmyhostname = a.b\n",
    "missing_equals": "myhostname a.b\n",
    "missing_name": "= x\n",
    "broken": "mail_name = ${foo\n",
    "loop": "a = $b\nb = $a\nmail_name = $a\n",
    "conditions": "mail_name = ${{$compatibility_level} <level {3.6} ? {old} : {new}}"
                  "${foo?{x}:{y}}${bar:{z}}\nbar = 1\nfoo =\n",
    "families": "smtp_destination_concurrency_limit = 3\nx_destination_recipient_limit = 2\n"
                "x_time_limit = 5\nunknown_destination_recipient_limit = 2\n",
    "long": "mail_name = " + " ".join("x" * n for n in range(1, 40)) + " " + "y" * 100 + "\n",
}
MASTER = {
    "stock": open("/etc/postfix/master.cf").read()
             if os.path.exists("/etc/postfix/master.cf") else "",
    "empty": "",
    "layout": "# m\nsmtp inet n - y - - smtpd\n  -o a=b\n# inner\n  -o {c = d e}\n"
              "smtp unix - - y - - smtp\nrelay unix - - y - - smtp\n   -v\n"
              "   -o syslog_name=x -o smtp_helo_timeout=5\n# end\n",
    "agents": "x unix - n n - - pipe\n  flags=R argv={a b} ${recipient}\ny unix - - n - - spawn\n"
              "z unix - - n - - smtp\nw inet n - n - - smtpd\nd unix - - n - - discard\n"
              "verylongservicename-abcdef unix-dgram n - y 1000? 1000 pipe -v\n",
    "settings": "a inet n - n 60? 1 smtpd -o q=1 -o myhostname=$q -o r=1 -o relayhost=$t -v\n"
                "  -o mail_name=$myhostname -o {mail_version = $myhostname}\n",
    "few_fields": "smtp inet n\n",
    "bad_private": "smtp inet x - y - - smtpd\n",
    "bad_wakeup": "smtp inet n - y 1x - smtpd\n",
    "no_brace": "smtp inet n - y - - pipe { x\n",
}
SHOW = ["", "-n", "-x", "-f", "-h", "-H", "-d", "-df", "-dh", "-nx", "-nf", "-nh", "-nH",
        "-C builtin", "-C service", "-C user", "-C builtin,user -n", "-d -C service",
        "myhostname mail_name nosuch", "-x mydestination mail_name", "-n mail_name relayhost",
        "-x -o myhostname=o.p mydestination", "-o nosuch=1 -x mail_name", "-h mail_name",
        "-M", "-Mf", "-Mx", "-M smtp", "-M smtp/inet relay/unix", "-M */unix", "-M nosuch",
        "-F", "-Ff", "-Fh smtp/inet", "-FH", "-F smtp/inet/chroot", "-F */*/command",
        "-P", "-Pf", "-Ph", "-PH", "-Px", "-P a", "-P relay/unix/syslog_name", "-P */*/nosuch"]
WRONG = ["-z", "-hH mail_name", "-C foo", "-o foo mail_name", "-e", "-e foo", "-X", "-nd", "-M -d",
         "-Mh smtp", "-MF", "-T foo", "-M smtp/inet/x", "-F smtp/inet/foo", "-F smtp/inet/chroot=x",
         "-F smtp/inet=x", "-P smtp/inet", "-PX smtp/inet", "-FX smtp/inet/chroot", "-P# a/b/c",
         "-MX", "-M#", "-eX foo", "-X a=b", "-Me smtp/inet", "-Pe smtp/inet/a", "-a -n", "-m -M",
         "-d -e a=b", "-e -f a=b", "-l -d", "-p -M", "=x", "-e #foo=bar"]
OTHER = ["-a", "-A", "-l", "-T compile-version", "-T run-version", "-T public-key-algorithms"]
EDIT = [["myhostname=new"], ["-e", "mydestination=  x  ", "bar=2"], ["-X", "mydestination"],
        ["-#", "mydestination", "nosuch"], ["relayhost=[x]:25"], ["new="], ["a b=c"],
        ["a=x\ny"], ["myhostname=1", "myhostname=2"], ["mail_name=a = b"],
        ["-M", "smtp/inet=smtp inet n - n - - smtpd -o x=y"],
        ["-M", "new/unix=new unix - - n - 1 pipe flags=R argv={a b}"],
        ["-M", "smtp/inet=foo inet n - n - - smtpd"], ["-M", "smtp/inet=smtp inet n"],
        ["-MX", "smtp/inet"], ["-M#", "smtp/unix", "relay/unix"], ["-MX", "nosuch/unix"],
        ["-MX", "*/unix"], ["-F", "smtp/inet/chroot=n"], ["-F", "*/unix/chroot=n"],
        ["-F", "smtp/inet/command=smtpd -v -o {x = y z}"], ["-F", "nosuch/inet/chroot=n"],
        ["-F", "smtp/inet/service=foo"], ["-P", "smtp/inet/a=c"], ["-P", "smtp/inet/new=x y"],
        ["-P", "relay/unix/myhostname=q"], ["-PX", "smtp/inet/a"], ["-PX", "relay/unix/nosuch"],
        ["-P", "*/unix/zz=1"]]


def run(program, directory, arguments):
    done = subprocess.run([program, "-c", "d", *arguments], cwd=directory, text=True,
                          capture_output=True, timeout=30)
    return done.returncode, done.stdout, messages(done.stderr)


def messages(text):
    """Each message once, without the program's name: Postfix repeats warnings at will."""
    found = set()
    for line in text.splitlines():
        line = re.sub(r"^\S*postconf: ", "", line)
        found.add(re.sub(r"usage: \S+", "usage: postconf", line))
    return found


def shown(text):
    """Lines of output without what the installation decides."""
    kept, skipping = [], False
    for line in text.splitlines():
        name = line.split(" ")[0]
        if line.startswith("    ") and skipping:
            continue
        skipping = name in SKIPPED or name in newer()
        if not skipping:
            kept.append(line)
    return kept


_newer = None


def newer():
    """Parameters that came after 3.7, and that we serve already."""
    global _newer
    if _newer is None:
        text = (ROOT / "lib/config/parameters.def").read_text()
        _newer = set(re.findall(r"^NEWER\((\w+)", text, re.M))
    return _newer


def make(tmp_path, main, master):
    for who in ("theirs", "ours"):
        directory = tmp_path / who / "d"
        directory.mkdir(parents=True)
        (directory / "main.cf").write_text(main)
        (directory / "master.cf").write_text(master)
    return tmp_path / "theirs", tmp_path / "ours"


def compare(tmp_path, main, master, arguments):
    theirs, ours = make(tmp_path, main, master)
    wanted = run(THEIRS, theirs, arguments)
    got = run(OURS, ours, arguments)
    context = f"postconf {arguments}\nmain.cf:\n{main}\nmaster.cf:\n{master}"
    assert got[0] == wanted[0], f"{context}\n{wanted}\n{got}"
    if "-h" in arguments or "-dh" in arguments:     # values without names: compared by -x and -d
        assert len(got[1].splitlines()) >= len(wanted[1].splitlines())
    else:
        assert shown(got[1]) == shown(wanted[1]), context
    assert got[2] == wanted[2], context
    for name in ("main.cf", "master.cf"):
        assert (ours / "d" / name).read_text() == (theirs / "d" / name).read_text(), context
    shutil.rmtree(tmp_path / "theirs")
    shutil.rmtree(tmp_path / "ours")


# Each fatal error costs a second of Debian's sleep: files that are refused get few calls.
BROKEN = {"missing_equals", "missing_name", "few_fields", "bad_private", "bad_wakeup"}


@pytest.mark.parametrize("main", MAIN)
def test_main_cf_is_shown_alike(tmp_path, main):
    for call in SHOW[:2] if main in BROKEN else SHOW[:24]:
        if main in ("broken", "loop") and "x" in call and call != "-nx":
            continue
        compare(tmp_path, MAIN[main], MASTER["settings"], call.split())


@pytest.mark.parametrize("master", MASTER)
def test_master_cf_is_shown_alike(tmp_path, master):
    for call in ["-M", "-n"] if master in BROKEN else SHOW:
        compare(tmp_path, MAIN["families"], MASTER[master], call.split())


@pytest.mark.parametrize("call", WRONG)
def test_wrong_calls_are_refused_alike(tmp_path, call):
    compare(tmp_path, MAIN["layout"], MASTER["layout"], call.split())


@pytest.mark.parametrize("call", OTHER)
def test_lists_are_alike(tmp_path, call):
    compare(tmp_path, MAIN["stock"], MASTER["stock"], call.split())


@pytest.mark.parametrize("arguments", EDIT, ids=lambda a: " ".join(a))
def test_edits_are_alike(tmp_path, arguments):
    for main, master in (("layout", "layout"), ("twice", "stock"), ("empty", "agents")):
        compare(tmp_path, MAIN[main], MASTER[master], arguments)


@pytest.mark.parametrize("name", ["main.cf", "master.cf"])
def test_a_missing_file_is_reported_alike(tmp_path, name):
    theirs, ours = make(tmp_path, "", "")
    for directory in (theirs, ours):
        (directory / "d" / name).unlink()
    for call in ("-n", "-M", "-d mail_name"):
        assert run(OURS, ours, call.split()) == run(THEIRS, theirs, call.split()), call


PIECES = ["$mail_name", "${mail_name}", "$(x)", "${x?{a}:{b}}", "${x:c}", "${{1}<{2}?{t}:{f}}",
          "${{$x}==level{3.6}?{t}}", "$$", "{", "}", "a,b", " ", "\t", "$", "${", "?", ":", "==",
          "${mail_name?$x}", "$nosuch", "hash:/x", "\n ", "\n# c\n "]


@pytest.mark.parametrize("seed", range(12))
def test_random_values_are_shown_alike(tmp_path, seed):
    chance = random.Random(seed)
    lines = ["x = 3.5\n"]
    for name in chance.sample(["relayhost", "smtpd_banner", "mydestination", "user_1", "biff",
                               "smtp_helo_name", "alias_maps", "virtual_maps"], 4):
        value = "".join(chance.choice(PIECES) for _ in range(chance.randint(0, 5)))
        lines.append(f"{name} = {value}\n")
    main = "".join(lines)
    for call in ("-n", "-nf"):
        compare(tmp_path, main, "", call.split())
    for name in ("relayhost", "smtpd_banner"):
        compare(tmp_path, main, "", ["-x", name])
