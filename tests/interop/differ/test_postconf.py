"""Our postconf beside Debian's: the same files, the same calls, the same answers.

Both work on copies of one directory.  What may differ stands in doc/differences.md, section
postconf: defaults that the installation decides, our own parameters, repeated warnings.
"""
import concurrent.futures
import itertools
import os
import pathlib
import random
import re
import shutil
import subprocess

from counting import compared
import pytest

THEIRS = "/usr/sbin/postconf"
ROOT = pathlib.Path(__file__).resolve().parents[3]
OURS = ROOT / "build/plain/bin/postconf"
if "POSTREITER_TEST_PREFIX" in os.environ:
    OURS = pathlib.Path(os.environ["POSTREITER_TEST_PREFIX"]) / "sbin/postconf"

INSTALLED = set("""
    command_directory config_directory daemon_directory data_directory html_directory
    mailq_path manpage_directory meta_directory newaliases_path process_id queue_directory
    readme_directory sample_directory sendmail_path shlib_directory
""".split())
OUR_OWN = {"confinement", "maillog_format", "postreiter_version", "queue_intake_log",
           "sessions_per_process"}
EXPANDED = {"address_verify_map", "postscreen_cache_map", "proxy_write_maps",
            "tls_random_exchange_name"}
SAFER = {"smtpd_forbid_bare_newline", "smtpd_forbid_unauth_pipelining"}
SKIPPED = INSTALLED | OUR_OWN | EXPANDED | SAFER

pytestmark = pytest.mark.skipif(not os.access(THEIRS, os.X_OK), reason="Debian's postfix is absent")

MAIN = {
    # What the installation decides is said, so that both expand it alike.
    "stock": (open("/etc/postfix/main.cf").read() if os.path.exists("/etc/postfix/main.cf")
              else "") + "\ndata_directory = /var/lib/postfix\n",
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
    "loop": "a = $a\nmail_name = $a\n",
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
    "options": "a unix - - n - - smtp -v -v -o myhostname=b -D x y\n"
               "b unix - - n - - pipe flags=R -o x=1 argv={a b} ${recipient} -o z\n"
               "c unix - - n - - smtp -o {word} -o word2 -o {relayhost = x}\n",
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
OTHER = ["-a", "-A", "-l", "-T run-version", "-T public-key-algorithms"]
EDIT = [["myhostname=new"], ["-e", "mydestination=  x  "], ["-X", "mydestination"],
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
    return done.returncode, done.stdout, messages(done.stderr, program)


def messages(text, program):
    """
    Each message once, without the program's name, which stands there as it was called: Postfix repeats warnings at will, and says of
    a file read twice that it overrides itself (doc/differences.md).
    """
    found = set()
    for line in text.splitlines():
        if "overriding earlier entry" in line:
            continue
        line = line.removeprefix(f"{program}: ")
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


def make(folder, main, master):
    """Two folders with the same files; None is a file that is not there."""
    for who in ("theirs", "ours"):
        directory = folder / who / "d"
        directory.mkdir(parents=True)
        for name, text in (("main.cf", main), ("master.cf", master)):
            if text is not None:
                (directory / name).write_text(text)
    return folder / "theirs", folder / "ours"


def told(warnings):
    """Of what names refer to Postfix tells in the order of a hash table, until a value is broken."""
    if "fatal: macro processing error" not in warnings:
        return warnings
    return [line for line in warnings if "undefined parameter" not in line]


def difference(folder, main, master, arguments):
    """What one call does otherwise than Debian's; None when nothing."""
    theirs, ours = make(folder, main, master)
    wanted, got = run(THEIRS, theirs, arguments), run(OURS, ours, arguments)
    if "-h" in arguments or "-dh" in arguments:     # values without names: compared by -x and -d
        output = len(got[1].splitlines()) >= len(wanted[1].splitlines())
    else:
        output = shown(got[1]) == shown(wanted[1])
    files = [((ours / "d" / name).read_text(), (theirs / "d" / name).read_text())
             for name in ("main.cf", "master.cf") if (theirs / "d" / name).exists()]
    shutil.rmtree(folder)
    if output and got[0] == wanted[0] and told(got[2]) == told(wanted[2]) and all(x == y for x, y in files):
        return None
    lines = [(x, y) for x, y in itertools.zip_longest(shown(wanted[1]), shown(got[1])) if x != y]
    changed = [pair for pair in files if pair[0] != pair[1]]
    return (f"postconf {arguments}\nmain.cf:\n{main}\nmaster.cf:\n{master}\n"
            f"Debian: {wanted[0]} {sorted(wanted[2])}\nours:   {got[0]} {sorted(got[2])}\n"
            f"lines (Debian's, ours): {lines[:6]}\nfiles (ours, Debian's): {changed}")


def compare(tmp_path, cases):
    """
    Cases are (main.cf, master.cf, arguments).  Debian's sleeps for a second on each fatal error,
    so many run at once.
    """
    cases = list(cases)
    assert cases
    compared(len(cases))
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        found = pool.map(lambda n: difference(tmp_path / str(n), *cases[n]), range(len(cases)))
        different = [text for text in found if text]
    assert not different, f"{len(different)} of {len(cases)}\n" + "\n\n".join(different[:8])


# Files that are refused get few calls.
BROKEN = {"missing_equals", "missing_name", "few_fields", "bad_private", "bad_wakeup", "no_brace"}


CASES = int(os.environ.get("DIFFER_CASES", "12"))


def sample(calls, name):
    """CASES of the calls, others for each file; DIFFER_CASES=100 takes them all."""
    return random.Random(name).sample(calls, min(CASES, len(calls)))


@pytest.mark.parametrize("main", MAIN)
def test_main_cf_is_shown_alike(tmp_path, main):
    calls = SHOW[:2] if main in BROKEN else SHOW[:24]
    compare(tmp_path, [(MAIN[main], MASTER["settings"], call.split())
                       for call in sample(calls, main)
                       if main not in ("broken", "loop") or "x" not in call or call == "-nx"])


@pytest.mark.parametrize("master", MASTER)
def test_master_cf_is_shown_alike(tmp_path, master):
    calls = ["-M", "-n"] if master in BROKEN else SHOW
    compare(tmp_path, [(MAIN["families"], MASTER[master], call.split())
                       for call in sample(calls, master)])


def test_wrong_calls_are_refused_alike(tmp_path):
    compare(tmp_path, [(MAIN["layout"], MASTER["layout"], call.split()) for call in WRONG])


def test_lists_are_alike(tmp_path):
    compare(tmp_path, [(MAIN["stock"], MASTER["stock"], call.split()) for call in OTHER])


def test_edits_are_alike(tmp_path):
    compare(tmp_path, [(MAIN[main], MASTER[master], arguments) for arguments in EDIT
                       for main, master in (("layout", "layout"), ("twice", "stock"),
                                            ("empty", "agents"))
                       # Nothing to take away: only Postfix says so (doc/differences.md).
                       if arguments[0] != "-PX" or master == "layout"])


def test_a_missing_file_is_reported_alike(tmp_path):
    compare(tmp_path, [(main, master, call) for call in (["-n"], ["-M"], ["-d", "mail_name"])
                       for main, master in ((None, ""), ("", None))])


TEMPLATES = {
    "plain": "<<EOF\nCharset: utf-8\nFrom: X <x>\nSubject : S\n\n\nHi $myhostname $$\n foo\nEOF\n",
    "no headers": "<<EOF\nno header\nEOF\n",
    "no end": "<<EOF\nSubject: x\n\nno end\n",
    "one line": "foo\n",
    "empty": "\n",
    "empty header": "<<EOF\nSubject:\n\ny\nEOF\n",
    "no text": "<<EOF\nSubject: x\n\nEOF\n",
    "a folded header": "<<EOF\nSubject: x\n y\n\n\nz\n\nEOF\n",
    "8-bit text": "<<EOF\nCharset: us-ascii\nSubject: x\n\nh\u00e9\nEOF\n",
    "8-bit text with a charset": "<<EOF\nCharset: utf-8\n\nh\u00e9\nEOF\n",
    "an unknown header": "<<EOF\nSubject: x\nFoo: y\n\nb\nEOF\n",
    "a line without colon": "<<EOF\nSubject: x\nnocolon\n\nb\nEOF\n",
    "another mark": "<<  EOT x  \nSubject: x\n\nb\n EOF\nEOF\nEOT x\n",
    "no mark": "<<\nb\nEOF\n",
    "twice": "<<EOF\n\nb\nEOF\ndelay_template = <<EOF\nSubject: q\n\nd\nEOF\n",
    "an unknown template": "<<EOF\n\nb\nEOF\nfoo_template = <<EOF\n\nb\nEOF\n",
    "no equals": "<<EOF\n\nb\nEOF\ngarbage\n",
    "no name": "<<EOF\n\nb\nEOF\n= x\n",
    "a postmaster's subject": "a\nverify_template = <<EOF\nPostmaster-Subject: p\n\nb\nEOF\n",
    "spans": "<<EOF\n${delay_warning_time_minutes} $(maximal_queue_lifetime_hours)\n"
             "$maximal_queue_lifetime_weeks\nEOF\n",
    "an undefined name": "<<EOF\nfirst\nthen $nosuch\nEOF\n",
}


def shown_templates(program, folder, text, option):
    (folder / "d").mkdir(parents=True)
    (folder / "d/main.cf").write_text("myhostname = h.example\nmydomain = example\n")
    (folder / "d/master.cf").write_text("")
    (folder / "bounce.cf").write_text("# c\n\ndelay_template = " + text)
    done = subprocess.run([program, "-c", "d", option, "bounce.cf"], cwd=folder, text=True,
                          capture_output=True, timeout=30)
    errors = re.sub(r"line \d+", "line N", done.stderr)     # doc/differences.md
    return done.returncode, done.stdout, set(errors.splitlines())


@pytest.mark.parametrize("option", ["-t", "-b"])
def test_bounce_templates_are_shown_alike(tmp_path, option):
    def outcome(case):
        program, name = case
        folder = tmp_path / str(program is OURS) / name.replace(" ", "_")
        return shown_templates(program, folder, TEMPLATES[name], option)

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        theirs = list(pool.map(outcome, [(THEIRS, name) for name in TEMPLATES]))
        ours = list(pool.map(outcome, [(OURS, name) for name in TEMPLATES]))
    different = [f"{name}\nDebian: {wanted}\nours:   {got}"
                 for name, wanted, got in zip(TEMPLATES, theirs, ours) if wanted != got]
    assert not different, "\n".join(different)


PIECES = ["$mail_name", "${mail_name}", "$(x)", "${x?{a}:{b}}", "${x:c}", "${{1}<{2}?{t}:{f}}",
          "${{$x}==level{3.6}?{t}}", "$$", "{", "}", "a,b", " ", "\t", "$", "${", "?", ":", "==",
          "${mail_name?$x}", "$nosuch", "hash:/x", "\n ", "\n# c\n "]


def random_cases(count):
    """One value each: which of several broken ones is named first is chance."""
    for seed in range(count):
        chance = random.Random(f"value {seed}")
        name = chance.choice(["relayhost", "smtpd_banner", "mydestination", "smtp_helo_name",
                              "alias_maps"])
        value = "".join(chance.choice(PIECES) for _ in range(chance.randint(0, 5)))
        for call in (["-n"], ["-nf"], ["-x", name]):
            yield f"x = 3.5\n{name} = {value}\n", "", call


def test_random_values_are_shown_alike(tmp_path):
    compare(tmp_path, random_cases(CASES))
