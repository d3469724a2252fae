"""Generated main.cf and master.cf, and generated calls of postconf: the same answers as Debian's."""
import os
import random
import re
import subprocess

import test_postconf
from test_postconf import SKIPPED, THEIRS, compare

CASES = int(os.environ.get("DIFFER_CASES", "600"))
SEED = int(os.environ.get("DIFFER_SEED", "1"))

WORDS = ["yes", "no", "5", "300s", "1d", "0", "-1", "a.example", "b, c", "hash:/etc/x", "$mydomain",
         "${mail_name}", "[x]:25", "{a b} c", "static:{x y}", "$usera", "${userb?{x}:{y}}", "x=y",
         "permit_mynetworks, reject", "check_client_access cidr:/y", "classa", "", "a\tb", "\"q\"",
         "level1", "$userc.$usera", "x" * 60, "3.6", "/var/x", "smtp:[h]", "#x", "a#b"]
# Values that cannot be expanded, or only in parts; one in a hundred, as most end the program.
BROKEN = ["${b", "$(b", "$", "${}", "${mydomain!b}", "${mydomain?{b}c}", "${{a} == {b}", "{a", "$mydomain$",
          "${mydomain?{${b!c}}:{x}}", "${{$compatibility_level} <level {3.x} ? {a} : {b}}"]
PLAIN = [word for word in WORDS if not set(word) & set("${")]
USERS = ["usera", "userb", "userc", "userd", "classa", "x_time_limit", "q_destination_rate_delay",
         "smtp_destination_concurrency_limit",
         "ldapt_server_host", "nosuch_at_all", "smtpd_use_tls", "mysqlq_hosts"]
# Not parameters any more, but defaults refer to them; the last one is really gone.
LEGACY = ["virtual_maps", "fallback_relay", "smtpd_client_connection_limit_exceptions",
          "lmtp_cache_connection"]
PROGRAMS = ["smtpd", "smtp", "cleanup", "pipe flags=R user=x argv=/bin/x ${recipient}", "qmgr -v",
            "spawn user=y argv={a b} c", "lmtp", "local", "virtual", "nosuchd", "bounce", "error"]


def parameters():
    """The names that Postfix knows."""
    text = subprocess.run([THEIRS, "-d"], text=True, capture_output=True, timeout=60).stdout
    return [line.split(" =")[0] for line in text.splitlines()
            if not line.startswith(" ") and line.split(" =")[0] not in SKIPPED | {"inet_protocols", "mynetworks_style"}]


class Instance:
    """A main.cf, a master.cf, and what may be asked of them."""

    def __init__(self, chance, names):
        self.chance = chance
        self.names = chance.sample(names, 6) + chance.sample(USERS, 4)
        self.services = []
        self.main = "".join(self.setting() for _ in range(chance.randint(0, 9)))
        self.master = "".join(self.service() for _ in range(chance.randint(1, 6)))

    def value(self):
        chance = self.chance
        if chance.random() < 0.01:
            return chance.choice(BROKEN)
        return chance.choice([" ", " ", ", ", "\n  ", "\n# c\n\t"]).join(
            chance.choices(WORDS, k=chance.choice([1, 1, 1, 2, 3])))

    def setting(self):
        chance = self.chance
        equals = chance.choice([" = ", " = ", "=", " =", "\t=\t", "   =   "])
        between = chance.choice(["", "", "", "\n", "# c\n", " \n", "  # c\n", "#a = b\n"])
        name, value = chance.choice(self.names), self.value()
        if name in USERS and "$user" in value and value not in BROKEN:
            # Of names that nest without end Postfix complains again in each text on the way.
            value = value.replace("$", "")
        return f"{name}{equals}{value}\n{between}"

    def override(self):
        chance = self.chance
        name = chance.choice([name for name in self.names if not name.startswith("user")])
        # What values of -o refer to: doc/differences.md.
        word = chance.choice([w for w in WORDS if w and not set(w) & set(" \t{$")])
        return chance.choice([f"-o {name}={word}", f"-o {{ {name} = {word} {word} }}", "-v",
                              f"-o {name}=", f"-o {{{name}={word}}}"])

    def service(self):
        chance = self.chance
        name, kind = chance.choice(["smtp", "relay", "x", "10.0.0.1:25", "[::1]:smtp", "local",
                                    "verylongservicename"]), chance.choice(["inet", "unix", "unix",
                                                                            "fifo", "unix-dgram"])
        if (name, kind) in self.services:
            name = f"again{len(self.services)}"
        self.services.append((name, kind))
        fields = [chance.choice(["-", "y", "n"]), chance.choice(["-", "y", "n"]),
                  chance.choice(["-", "y", "n"]), chance.choice(["-", "60", "300?", "0"]),
                  chance.choice(["-", "0", "1", "10"]), chance.choice(PROGRAMS)]
        program, _, rest = fields.pop().partition(" ")
        more = [self.override() for _ in range(chance.choice([0, 0, 1, 2, 3]))]
        space = chance.choice([" ", " ", "\t", "   "])
        lines = [space.join([name, kind, *fields, program])]
        for word in more:
            lines.append(chance.choice([" ", "\n  ", "\n    ", "\n# c\n\t"]) + word)
        if rest:
            lines.append(chance.choice([" ", "\n  "]) + rest)
        return "".join(lines) + "\n" + chance.choice(["", "", "# c\n", "\n", " # c\n"])

    def call(self):
        chance = self.chance
        name, kind = chance.choice(self.services)
        parameter, word = chance.choice(self.names), chance.choice(WORDS)
        service = chance.choice([f"{name}/{kind}", f"{name}/{kind}", f"*/{kind}", f"{name}/*", name,
                                 "*/*", "nosuch/unix"])
        form = chance.choice(["n", "d", "names", "o", "M", "F", "P", "e", "X", "#", "Me", "Fe", "Pe",
                              "MX", "PX", "M#", "C"])
        layout = chance.choice([[], [], ["-f"], ["-x"], ["-fx"], ["-H"]])
        if form == "n":
            return ["-n", *layout]
        if form == "d":
            return ["-d", parameter, chance.choice(self.names)]
        if form == "names":
            return [*(layout if layout != ["-H"] else []), *chance.sample(self.names, 3), chance.choice(LEGACY)]
        if form == "o":
            return ["-x", "-o", f"{parameter}={chance.choice(PLAIN)}",
                    "-o", "mydomain=o.example",
                    *chance.sample(self.names, 2)]
        if form == "C":
            return ["-n", "-C", chance.choice(["builtin", "service", "user", "all",
                                               "user,service"])]
        if form in "MFP":
            tail = {"M": "", "F": f"/{chance.choice(['chroot', 'command', 'wakeup', '*'])}",
                    "P": f"/{parameter}"}[form]
            plain = [option for option in layout if "x" not in option or form != "F"]
            return [f"-{form}", *([] if form == "M" and plain == ["-H"] else plain),
                    *([] if chance.random() < 0.3 else [service + tail])]
        if form == "e":
            return [*chance.choice([[], ["-e"]]), f"{parameter}={word}"]
        if form in ("X", "#"):
            return [f"-{form}", parameter]
        if form == "Me":
            fields = self.service().splitlines()[0].split(None, 2)[2]
            other = chance.choice([*self.services, ("new", "unix"), (name, kind)])
            return ["-M", f"{name}/{kind}={other[0]} {other[1]} {fields}"]
        if form == "Fe":
            return ["-F", f"{service}/" + chance.choice(["chroot=y", "private=-", "wakeup=1000",
                                                         "command=smtpd -v", "process_limit=7"])]
        # Of a setting in braces that is there twice Postfix leaves the first one, with its new value.
        if form == "Pe" and self.master.count(parameter) > 1 and re.search(
                r"\{ ?" + re.escape(parameter), self.master):
            return ["-P", service]
        if form == "Pe":
            return ["-P", f"{service}/{parameter}={word or 'x'}"]
        if form == "PX":
            return ["-PX", f"{service}/{parameter}"]
        return [f"-{form}", service]


def cases(count):
    names = parameters()
    for number in range(count // 6):
        chance = random.Random(SEED * 1000003 + number)
        instance = Instance(chance, names)
        for _ in range(6):
            yield instance.main, instance.master, instance.call()


def test_generated_configurations_are_shown_and_edited_alike(tmp_path):
    compare(tmp_path, cases(CASES))


def test_broken_values_are_told_of_alike(tmp_path):
    level = "compatibility_level = 3.6\n"
    master = "smtp inet n - n - - smtpd -o { service_name = x y } -o myorigin=x\n"
    values = ["$", "${}", "${a!b}", "$(a", "${a?{b}c}", "${{a}", "${{a} == {b}", "${a?{${b}",
              "x$", "a${}b"]
    chain = "".join(f"v{i} = $v{i + 1}\n" for i in range(150)) + "v150 = x\n"
    shown = ["{a", "${x?{a${}}}", "a${: }{", "${ }", "a${x:  y  }b", "${x }", "${ x ? y }.",
             "${{x} == {x} ? {y} }.", "${{x} == {y}:z }.", "${x?{y} }.", "b${x? y }.", "b${{x} == {x}? y }.",
             "b${{x} == {y}?{b}: z }.", "${c?{${d!}}:{$e}} ${{a$f} == {b$g}?{$h}}"]
    mains = ([level + f"{name} = {value}\n" for value in values
              for name in ("nosuch", "mydomain", "mynetworks_style", "smtpd_banner")] +
             [level + f"{name} = {value}\n" for value in shown
              for name in ("nosuch", "mydomain", "smtpd_banner")] +
             [level + "a = $b\nb = $a\n" + line
              for line in ("", "mydomain = $a\n", "smtpd_banner = $a\n", "smtpd_banner = $b\n")] +
             [level + chain + "smtpd_banner = $v0\n", "compatibility_level = a#b\n",
              level + "service_name = -1\nprocess_name = x\n"])
    compare(tmp_path, [(main, master, ["-x", "mail_name", "smtpd_banner"]) for main in mains] +
            [(main, master, call) for main in mains[:4] for call in (["-P"], ["-e", "a=b"])] +
            [("", master, ["-x", "-o", "compatibility_level=a#b", "myhostname"])])
