"""
Generated aliases, .forward files, :include: lists, virtual maps and pipe lines, given to Debian's
Postfix and to ours: what is delivered where, what is logged and what comes back must be equal.

DIFFER_CASES says how many cases, DIFFER_SEED which.  Each case has names of its own, so that many
share one message, and a difference names its case.
"""
import collections
import fcntl
import os
import pathlib
import pwd
import random
import re
import shutil
import subprocess

import pytest
from counting import compared
from instance import Instance, wait_for

CASES = int(os.environ.get("DIFFER_CASES", "320"))
SEED = int(os.environ.get("DIFFER_SEED", "1"))
USERS = [f"prdiffer{i}" for i in range(4)]
ROOT = pathlib.Path("/tmp/postreiter-differ-local")
OUT = ROOT / "out"
BATCH = 40

TEXTS = [
    "Subject: plain\n\nHello\n",
    "Subject: from lines\n\nFrom here\n>From there\n.dot\n..dots\nFrom: x\n",
    "Subject: no last newline\n\nthe end",
    "Subject: long line\n\n" + "x" * 5000 + "\nFrom " + "y" * 3000 + "\n",
    "Subject: blank lines\n\n\n\nend\n\n\n",
    f"Delivered-To: {USERS[0]}@mail.test.example\nSubject: been here\n\nHello\n",
    "Subject: eight bit\n\n\u00e4\u00f6\u00fc\n",
]

SETTINGS = [
    {},
    {"reset_owner_alias": "yes", "expand_owner_alias": "yes",
     "luser_relay": "luser+$local@cap.example", "home_mailbox": "Maildir/",
     "prepend_delivered_header": "command, forward",
     "allow_mail_to_commands": "alias, forward, include",
     "allow_mail_to_files": "alias, include",
     "command_execution_directory": "/${user?tmp}", "recipient_delimiter": "+-",
     "mailbox_command_maps": f"inline:{{ {{{USERS[1]}=exit 75}} }}",
     "local_command_shell": "/bin/sh -c"},
    {"mailbox_command": f"echo \"$USER-$EXTENSION-$LOCAL-$DOMAIN\" >>{OUT}/command.$USER",
     "luser_relay": f"{USERS[2]}+unknown", "owner_request_special": "no",
     "mailbox_transport_maps": f"inline:{{ {{{USERS[3]}=virtual:}} }}",
     "fallback_transport_maps": "inline:{ {nobody3=discard:gone} }",
     "strict_mailbox_ownership": "no", "default_privs": USERS[1],
     "local_delivery_status_filter": "inline:{ {5.1.1 unknown=4.1.1 no} }",
     "command_expansion_filter": "abcdefghijklmnopqrstuvwxyz0123456789"},
]


class Generator:
    """The cases of one run, as text; files are made anew for each kind."""

    def __init__(self, seed, cases):
        self.random = random.Random(seed)
        self.aliases, self.files, self.virtual, self.uids, self.gids = [], [], [], [], []
        self.transports, self.recipients = [], []
        kinds = [self.alias] * 8 + [self.forward] * 6 + [self.plain] + [self.mapped] * 5
        for number in range(cases):
            self.number = number
            self.random.choice(kinds)()
        # A process for each: not too many of these.
        for number in range(max(1, cases // 12)):
            self.number = cases + number
            self.piped()

    def pick(self, *choices):
        return self.random.choice(choices)

    def path(self, name=""):
        return f"{OUT}/{self.number}{name}"

    def add_file(self, path, text, mode=0o644, owner="root"):
        if path not in [known[0] for known in self.files]:
            self.files.append((path, text, mode, owner))
        return path

    def user(self):
        return self.pick(*USERS)

    # --- Targets.

    def command(self):
        n = self.number
        plain = self.pick(
            f"cat >{self.path('.cat')}", "exit 67", "exit 75", f"echo 5.{n % 9}.9 no; exit 1",
            "echo 4.2.2 later; exit 77", "echo said; exit 3", "/no/such/program arg",
            "nosuchprogram", "kill -9 $$", "true", "cat", "echo 2.1.1 odd; exit 1",
            f"(id -u; id -G; umask; pwd | sed s,.*/,,; env | grep -v -e ^PWD -e ^_= -e ^MAIL_CONFIG"
            f" | sort) >{self.path('.env')}",
            "echo a; echo b >&2; exit 70", "printf 'a\\\\001b\\\\tc'; exit 65", "exit 64", "exit 69",
            "exit 71", "exit 72", "exit 73", "exit 74", "exit 76", "exit 78", "cd /", "test a = a")
        return self.pick(f'"|{plain}"', f'"|{plain}"', f"|{plain}" if not set('">') & set(plain) else "|true",
                         f'"| {plain}"')

    def file_target(self):
        path = self.pick(self.path(".file"), self.path(".dir/"), f"{ROOT}/closed/{self.number}",
                         f"{ROOT}/closed/{self.number}/", "/dev/null", f"{OUT}/nosuch/{self.number}",
                         self.path(".taken"), self.path(".link"), self.path(".exe"),
                         self.path(".hard"), self.path(".folder"), self.path(".a b"))
        if path.endswith(".taken"):
            self.add_file(path, "before\n", self.pick(0o600, 0o666, 0o644), self.pick("root", "nobody"))
        if path.endswith(".exe"):
            self.add_file(path, "", 0o766, "nobody")
        if path.endswith(".link"):
            self.add_file(path, "@" + self.path(".behind"))
        if path.endswith(".hard"):
            self.add_file(path, "=", 0o666, "nobody")
        if path.endswith(".folder"):
            self.add_file(path, "/", 0o755)
        return f'"{path}"' if " " in path or self.pick(0, 0, 1) else path

    def address(self):
        n, user = self.number, self.user()
        return self.pick(
            f"r{n}@cap.example", f"r{n}x@cap.example", user, f"{user}+e{n}", f"\\{user}",
            user.upper(), f"nobody{n}", f'"r {n}"@cap.example', f"Full Name <f{n}@cap.example>",
            f"(comment) c{n}@cap.example (more)", f"{user}@mail.test.example", f"{user}@localhost",
            f"a{self.random.randrange(max(1, n))}", f"<b{n}@cap.example>", f"w{n}@cap.example.",
            f"g{n}: h{n}@cap.example;", f"@cap.example:i{n}@cap.example", f"\"{user}\"",
            f"u{n}%cap.example", f"cap.example!v{n}")

    def include(self):
        lines = [self.target(include=False) for _ in range(self.random.randrange(4))]
        lines.insert(0, self.pick("# comment", "", "  # indented", f"l{self.number}@cap.example"))
        name = self.path(f".list{len(self.files)}")
        if self.random.randrange(8) == 0:
            return ":include:" + self.pick("/nosuch", "relative", str(OUT), "/dev/null")
        self.add_file(name, self.pick("\n", "\n", ", ", "\n\n").join(lines) + self.pick("", "\n"),
                      self.pick(0o644, 0o644, 0o644, 0o666, 0o600, 0o664),
                      self.pick("root", "root", "nobody", USERS[0]))
        return self.pick(f":include:{name}", f'":include:{name}"')

    def target(self, include=True):
        choices = [self.address] * 4 + [self.command, self.file_target]
        return self.pick(*choices, *([self.include] if include else []))()

    def targets(self, include=True):
        return [self.target(include) for _ in range(self.pick(1, 1, 2, 3))]

    # --- Cases.

    def recipient(self, address):
        self.recipients.append(address)

    def alias(self):
        n = self.number
        # Whom Postfix tells of a failure in an :include: file of such an alias is not asked here.
        owned = self.random.randrange(4) == 0
        list_ = self.targets(include=not owned)
        if self.random.randrange(6) == 0 and not owned:
            list_.append(f"a{n}")
        self.aliases.append(f"a{n}: {self.pick(', ', ',', ' , ')[0:3].join(list_)}")
        if owned:
            owner = self.pick(f"o{n}@cap.example", self.user(), f"o{n}@cap.example")
            self.aliases.append(f"owner-a{n}: {owner}")
        if self.random.randrange(8) == 0:
            self.aliases.append(f"a{n}+ext: x{n}@cap.example")
        self.recipient(self.pick(f"a{n}", f"a{n}", f"A{n}", f"a{n}+ext", f"a{n}@localhost"))

    def forward(self):
        n, user = self.number, self.user()
        separator = self.pick("\n", "\n", ", ", "\n# note\n", " ,\n ", "\r\n")
        text = separator.join(self.targets()) + self.pick("\n", "", "\n\n")
        text = self.pick(text, text, text, text, "", "# nothing\n", "\n\n", "   \n", "\\" + user + "\n", "\\\\" + user + "\n",
                         user + "\n", "\"|unbalanced\n", "(unbalanced\n", ",,,\n")
        owner = self.pick(user, user, user, user, "root", "nobody")
        mode = self.pick(0o644, 0o644, 0o600, 0o644, 0o664, 0o666, 0o000, 0o755)
        self.add_file(f"{ROOT}/forward/{user}+e{n}", text, mode, owner)
        self.recipient(f"{user}+e{n}")

    def plain(self):
        n, user = self.number, self.user()
        self.recipient(self.pick(user, f"{user}+none", f"nobody{n}", f"nobody{n}+x", user.title(),
                                 f"{user}@localhost", f"owner-a{n}", f'"/tmp/{n}"', f'"|cat{n}"',
                                 f'":include:/x{n}"', f'"sp ace{n}"', f"\"{user}\"@mail.test.example"))

    def mapped(self):
        n = self.number
        key = f"v{n}@virt.example"
        path = self.pick(f"{n}.vfile", f"{n}.vfile", f"{n}.vdir/", f"{n}.vdeep/er/", f"{n}/vnone",
                         f"../closed/{n}", f"../closed/{n}/", f"/{n}.vabs", f"{n}.vtaken",
                         f"{n}.vlink", "../../../dev/null", f"{n}.vfolder", f"{n}.v sp")
        if path.endswith("taken"):
            self.add_file(f"{OUT}/{path}", "before\n", self.pick(0o600, 0o666), self.pick("root", 1501))
        if path.endswith("link"):
            self.add_file(f"{OUT}/{path}", "@" + self.path(".vbehind"))
        if path.endswith("folder"):
            self.add_file(f"{OUT}/{path}", "/", 0o755)
        if self.random.randrange(10):
            self.virtual.append((self.pick(key, key, f"v{n}+x@virt.example"), path))
        uid = self.pick(None, None, None, None, "1501", "99", "0", "x", "-5", "1501 ", "01501")
        if uid:
            self.uids.append((key, uid))
        gid = self.pick(None, None, None, None, "1501", "0", "x", "8")
        if gid:
            self.gids.append((key, gid))
        self.recipient(self.pick(key, key, f"v{n}+x@virt.example", f"V{n}@Virt.Example",
                                 f"V{n}+X@virt.example"))

    def piped(self):
        n = self.number
        flags = "".join(self.random.sample("BFRXhqu.>", self.random.randrange(7)))
        flags += self.pick("", "", "D", "O", "DO")
        macros = ["$recipient", "${sender}", "$(nexthop)", "e=$extension", "$extension", "$user",
                  "${domain}", "$mailbox", "$original_recipient", "{two words}", "$$", "a$$b",
                  "$client_address", "${client_helo}", "${client_hostname}", "x${client_protocol}",
                  "$sasl_method", "$sasl_sender", "$sasl_username", "{}", "$mailbox+$domain",
                  "-f$sender", "{ padded $user }", "\"q", "'z'", "\\\\"]
        words = " ".join(self.random.sample(macros, self.random.randrange(1, 8)))
        program = self.pick(
            f"{ROOT}/show {n} {words}", f"{ROOT}/show {n} {words}", f"{ROOT}/show {n} {words}",
            "/bin/sh -c {cat >/dev/null; echo 5.3.9 bad; exit 1}", "/bin/sh -c {exit 65}",
            "/bin/sh -c {cat >/dev/null; echo fine}", "/bin/sh -c {exit 75}", "/nosuch/program",
            "/bin/sh -c {exit 99}", f"{ROOT}/show {n} $bogus", "/bin/sh -c {kill -15 $$$$}")
        more = self.pick("", "", "null_sender=", "null_sender=no<body", "eol=\\r\\n", "size=10",
                         "directory=/tmp", "directory=/nosuch", "chroot=/nosuch", "eol=\\101\\n")
        limit = self.pick("", "1")
        if limit or set(flags) & set("DO") and self.random.randrange(5):
            self.transports.append((n, f"p{n}_destination_recipient_limit = 1"))
        self.transports.append((n, f"p{n} unix - n n - - pipe flags={flags} user={USERS[0]} {more}"
                                   f" argv={program}"))
        for local in self.random.sample(["One", "two+Ext", '"sp ace"', "x.y", "two+"],
                                        self.random.randrange(1, 4)):
            self.recipient(f"{local}@P{n}.Example" if self.pick(0, 1) else f"{local}@p{n}.example")


SHOW = """#!/usr/bin/python3
import os, sys
text = sys.stdin.buffer.read()
target = f"{OUT}/{sys.argv[1]}.show.{os.getpid()}"
with open(target, "w") as file:
    print(sys.argv[2:], os.getuid(), os.getgroups(), os.path.basename(os.getcwd()), file=file)
    print(sorted(set(os.environ) - {"LC_CTYPE"}), file=file)
    print(repr(text), file=file)
""".replace("{OUT}", str(OUT))


@pytest.fixture(scope="module")
def place():
    """Accounts and a folder that both kinds find the same; one run at a time."""
    alone = open("/tmp/postreiter-differ-local.lock", "w")
    fcntl.flock(alone, fcntl.LOCK_EX)
    for name in USERS:
        try:
            pwd.getpwnam(name)
        except KeyError:
            subprocess.run(["useradd", "--system", "--no-create-home", "--home-dir",
                            f"{ROOT}/home/{name}", name], check=True)
    yield ROOT
    shutil.rmtree(ROOT, ignore_errors=True)
    alone.close()


def lay_out(cases):
    shutil.rmtree(ROOT, ignore_errors=True)
    for folder, mode in (("", 0o755), ("out", 0o1777), ("spool", 0o1777), ("closed", 0o755),
                         ("forward", 0o755), ("home", 0o755), ("cap", 0o777)):
        (ROOT / folder).mkdir()
        (ROOT / folder).chmod(mode)
    for name in USERS:
        (ROOT / "home" / name).mkdir()
        shutil.chown(ROOT / "home" / name, name, name)
    (ROOT / "show").write_text(SHOW)
    (ROOT / "show").chmod(0o755)
    for path, text, mode, owner in cases.files:
        path = pathlib.Path(path)
        if text.startswith("@"):
            path.symlink_to(text[1:])
            continue
        if text == "/":
            path.mkdir()
        else:
            path.write_text("" if text == "=" else text, newline="")
        if text == "=":
            path.with_suffix(".other").hardlink_to(path)
        path.chmod(mode)
        shutil.chown(path, owner)


def settings_of(cases, extra):
    routes = [(f"p{n}.example", f"p{n}:NextHop{n}") for n, line in cases.transports if "unix" in line]
    return {
        "recipient_delimiter": "+", "local_recipient_maps": "", "notify_classes": "",
        "mail_spool_directory": ROOT / "spool", "default_transport": "discard",
        "virtual_mailbox_domains": "virt.example, cap.example", "virtual_mailbox_base": OUT,
        "forward_path": f"{ROOT}/forward/$user${{recipient_delimiter}}${{extension}}",
        "relay_domains": ", ".join(name for name, _ in routes),
        "smtpd_reject_unlisted_recipient": "no",
        "transport_maps": "texthash:ETC/transport", "virtual_mailbox_maps": "texthash:ETC/mailboxes",
        "virtual_uid_maps": "texthash:ETC/uids", "virtual_gid_maps": "texthash:ETC/gids",
        "command_time_limit": "20s", "max_idle": "30s",
        **{line.split(" = ")[0]: "1" for _, line in cases.transports if " = " in line}, **extra,
    }


def write_tables(instance, cases):
    def table(name, rows):
        (instance.config / name).write_text("".join(f"{key} {value}\n" for key, value in rows))
    routes = [(f"p{n}.example", f"p{n}:NextHop{n}") for n, line in cases.transports if "unix" in line]
    table("transport", routes)
    table("mailboxes", cases.virtual + [("@cap.example", "../cap/M/")])
    table("uids", cases.uids + [("@virt.example", "1501"), ("@cap.example", "1502")])
    table("gids", cases.gids + [("@virt.example", "1501"), ("@cap.example", "1502")])
    (instance.config / "aliases").write_text("postmaster: /dev/null\n" + "\n".join(cases.aliases)
                                             + "\n")
    instance.run("postalias", f"hash:{instance.config}/aliases", check=False)


def is_quiet(instance):
    return not any(path.is_file() for name in ("incoming", "active", "maildrop")
                   for path in (instance.queue / name).rglob("*"))


def has_settled(instance):
    """Nothing is on its way, and nothing was said for a while."""
    said = instance.log()
    return is_quiet(instance) and not wait_for(
        lambda: not is_quiet(instance) or instance.log() != said, 1.2)


def run(kind, cases, extra):
    lay_out(cases)
    lines = "".join(line + "\n" for _, line in cases.transports if "unix" in line)
    settings = settings_of(cases, extra)
    instance = Instance(kind=kind, settings=settings, master_extra=lines)
    for name, value in settings.items():
        if "ETC" in str(value):
            instance.set(**{name: value.replace("ETC", str(instance.config))})
    try:
        write_tables(instance, cases)
        instance.start()
        for start in range(0, len(cases.recipients), BATCH):
            number = start // BATCH
            instance.sendmail("-f", "" if number % 5 == 4 else f"s{number}@cap.example", "--",
                              *cases.recipients[start:start + BATCH],
                              text=TEXTS[number % len(TEXTS)])
        assert wait_for(lambda: has_settled(instance), 120), instance.log()[-3000:]
        return instance.log(), deliveries()
    finally:
        instance.close()


# --- What was found, without what differs each time.

def normal(text):
    text = re.sub(r"/tmp/(?:ours|debian)-\w+", "INSTANCE", text)
    text = re.sub(r"\b\d{14}\.[0-9A-F]{8,}\b", "STAMP", text)
    text = re.sub(r"tmp/\d+\.P\d+\.", "tmp/TIME.PID.", text)
    text = re.sub(r"\b[0-9A-F]{9,}\b", "QID", text)
    text = re.sub(r"^((?:b')?>?From \S*)  \w{3} \w{3} +\d+ [\d:]{8} \d{4}", r"\1  DATE", text, flags=re.M)
    text = re.sub(r"[A-Z][a-z]{2}, +\d+ \w{3} \d{4} [\d:]{8} [+-]\d{4} \(\w+\)", "DATE", text)
    return re.sub(r"QID\.\d+/", "QID.N/", text)


def log_lines(log):
    """Deliveries, and what the agents warn of."""
    found = []
    for line in re.findall(r"(?:local|virtual|pipe|discard|error)\[\d+\]: (.*)", log):
        line = re.sub(r"delay=[\d.]+, delays=[\d./]+, ", "", line)
        if "to=<" in line and "(delivered to nobody)" not in line:
            found.append(normal(line))
    for line in re.findall(r"qmgr\[\d+\]: \S+ (from=<.*>), size=\d+, (nrcpt=\d+)", log):
        found.append("queued " + " ".join(line))
    return collections.Counter(found)


def split_notice(text):
    """A bounce has its recipients in any order: the parts of it, sorted."""
    text = re.sub(r"(?<=\S)\n    (?=\S)", " ", text)
    text = re.sub(r"<(\S+)> \(expanded from <\1>\)", r"<\1>", text)
    head, _, rest = text.partition("\n\n")
    blocks = re.split(r"\n\n+", rest)
    return head + "\n" + "\n\n".join(sorted(blocks))


def deliveries():
    found = collections.Counter()
    for folder in ("out", "spool", "closed", "cap", "home"):
        for path in sorted((ROOT / folder).rglob("*")):
            status = path.lstat()
            where = re.sub(r"/(new|tmp)/.*", r"/\1/FILE", str(path.relative_to(ROOT)))
            where = re.sub(r"\.show\.\d+", ".show", where)
            what = f"{where} {oct(status.st_mode)} {status.st_uid}:{status.st_gid}"
            if not path.is_file() or path.is_symlink() or status.st_size > 10 ** 6:
                found[what] += 1
                continue
            if where.startswith("out/command."):
                found[what + "".join(sorted(path.read_text().splitlines(True)))] += 1
                continue
            for message in re.split(r"(?m)^(?=From \S*  DATE$)", normal(path.read_text("latin-1"))):
                message = re.sub(r'boundary="[^"]*"|(?m:^--[^\n]*$)', "BOUNDARY", message)
                if "BOUNDARY" in message:
                    message = split_notice(message)
                found[f"{what}\n{message}"] += 1
    return found


def differences(debian, ours):
    lines = [f"only Debian's: {item}" for item in sorted((debian - ours).elements())]
    lines += [f"only ours: {item}" for item in sorted((ours - debian).elements())]
    return lines


@pytest.mark.parametrize("round", range(len(SETTINGS)))
def test_local_agents_deliver_as_debians(place, round):
    cases = Generator(SEED * 100 + round, CASES // (2 if round == 0 else 4))
    compared(len(cases.recipients))
    debian_log, debian_found = run("debian", cases, SETTINGS[round])
    our_log, our_found = run("ours", cases, SETTINGS[round])
    wrong = differences(log_lines(debian_log), log_lines(our_log))
    wrong += differences(debian_found, our_found)
    assert not wrong, "\n".join(wrong)
