"""A seeded generator of address forms, good and bad."""
import re

LOCALS = ["user", "a", "joe+ext", "joe+", "+x", "-x", "x.y", ".x", "x.", "x..y", "mm", "moved",
          '"quo ted"', '"a\\"b"', '"a@b"', '"h!u"', '"u%h"', '""', "owner-l", "l-request",
          "MAILER-DAEMON", "double-bounce", "Joe+Ext", "Robert", "bob", "list", "loop", "é", "",
          "h!u", "u%h", "u%h%i", "h!i!u", "a b", "a\\ b", "a\\", "x#y", "/etc/x", "|cmd", "u%h!i"]
DOMAINS = ["local.test", "LOCAL.test", "host", "host.", "host..", "sub.t.test", "t.test",
           "[127.0.0.1]", "[192.0.2.7]", "[1.2.3.4]", "[IPv6:::1]", "[x y]", "1.2.3.4", "é.test",
           "a..b", "", "UP.Test", '"q.test"', "a b", "mx.example.test", "mx.example.test.",
           "relay.test", "sub.relay.test", "valias.test", "vmbox.test", "canon.test", "masq.test",
           "deep.masq.test", "not.masq.test", "a.not.masq.test", "b.keep.masq.test", "xmasq.test",
           "MASQ.test", "D.Masq.Test", "-x.test", "a_b.test", "null.test",
           "err.test", "err2.test", "xn--9ca.test", "a.b.c.d.test", "origin.test", "."]
# What stands in source routes.
HOSTS = ["local.test", "t.test", "host", "a b", "é.test", '"q.test"', "", "1.2.3.4", "UP.Test"]


def pick(chance):
    local, domain = chance.choice(LOCALS), chance.choice(DOMAINS)
    form = chance.random()
    if local in ("", '""') and (domain.startswith("[IPv6") or form > 0.65):
        local = "user"      # Debian's takes the literal's colon for the end of a route
    if form < 0.55:
        return f"{local}@{domain}"
    if form < 0.65:
        return local
    if form < 0.72:
        return f"@{chance.choice(HOSTS)},@{chance.choice(HOSTS)}:{local}@{domain or 'host'}"
    if form < 0.76:
        return f"@{chance.choice(HOSTS)}:{local}@{domain or 'host'}"
    if form < 0.82:
        return f"{local}%{domain}@{chance.choice(DOMAINS)}"
    if form < 0.88:
        return f"{domain}!{local}@{chance.choice(DOMAINS)}"
    if form < 0.93:
        return f"{local}@{domain}@{chance.choice(DOMAINS)}"
    if form < 0.96:
        return f"{domain}!{local}"
    return f"{local}%{domain}"


def with_comment(chance, address):
    spot = chance.random()
    if spot < 0.3:
        return f"(one) {address}"
    if spot < 0.6:
        return f"{address} (two (three) \\) four)"
    if spot < 0.8:
        return address.replace("@", "@(in) ", 1)
    return address.replace("@", " (in)@", 1)


def named(chance, address):
    name = chance.choice(["Full Name ", '"Quoted, N." ', "J. Doe ", "", "é ", "(c) x ", "A (b) C"])
    return f"{name}<{address}>" + chance.choice(["", "", "", " (after)", "(x)", " x"])


def element(chance):
    """One address as it may stand in a list of a header."""
    address = pick(chance)
    form = chance.random()
    if form < 0.45:
        return address
    if form < 0.55:
        return with_comment(chance, address)
    if form < 0.8:
        return named(chance, address)
    if form < 0.85:
        return f"grp: {address}, {pick(chance)};"
    if form < 0.88:
        return "undisclosed:;"
    if form < 0.91:
        return address.replace("@", " @ ").replace(".", " . ", 1)
    if form < 0.94:
        return f"<{address}"
    if form < 0.97:
        return f"{address}>"
    return with_comment(chance, named(chance, address))


def header_value(chance):
    elements = [element(chance) for _ in range(chance.choice([1, 1, 1, 2, 3, 6]))]
    return chance.choice([", ", ", ", ",", ",\n\t", " , ", ",\n "]).join(elements)


def path(chance):
    """What a client may put behind RCPT TO: or MAIL FROM:."""
    address = pick(chance)
    form = chance.random()
    if form < 0.75:
        return f"<{address}>"
    if form < 0.8:
        return address
    if form < 0.85:
        return f"<<{address}>>"
    if form < 0.9:
        return f"<{with_comment(chance, address)}>"
    if form < 0.95:
        return f"<{address}" if chance.random() < 0.3 else f" <{address}>"
    return named(chance, address)


PIECES = ["<", ">", "<", ">", "@", "@", "(", ")", '"', "\\", ",", ";", ":", ".", "..", "%", "!", "[",
          "]", " ", "\t", "a", "b", "user", "host", "local.test", "t.test", "joe+x", "é", "\x7f",
          "<>", "()", '""', "[]", "(c)", '"q"', "\\\\", '\\"', "\\@", "@a,@b:", "@a:", "[1.2.3.4]",
          "[IPv6:::1]", "[ipv6:2001:db8::1]", "=?utf-8?q?x?=", "grp:", "a@b", "x" * 90]
WHOLE = ["<", ">", "<>", "<>x", "x<>", "<<>>", "<<a@t.test>>", "<a", "<a@t.test", "a>", "a@t.test>", "<a><b>",
         "<a@t.test><b@t.test>", "<a@t.test> <b@t.test>", "grp:;", "grp:", "grp: ;", ":;", ";", ",", ",,",
         "a,", ",a", "a;b", "a:b", "a:b;c", "grp:<@x,@y:a@t.test>;", "grp: @x:a@t.test, b;",
         "grp: x: a;;", "<grp:a;>", "(a)", "(", ")", "((a)", "(a))b@t.test", "a(b@t.test", "(a)b(c)@(d)t.test(e)",
         "<(a)b(c)@(d)t.test(e)>", "a(\\))b@t.test", '"a', 'a"', '"a"b@t.test', 'a"b"@t.test', '"a"."b"@t.test',
         '"a" "b"@t.test', '"a\\', "a\\", "a\\@t.test", "\\a@t.test", '"\\""@t.test', '"\\a"@t.test',
         '"a\\\\"@t.test', "[a]@t.test", "a@[", "a@]", "a@[]", "a@[[1.2.3.4]]", "a@[1.2.3.4]x", "a@x[1.2.3.4]",
         "a@[1.2.3.4", "a@[IPv6:::1", "a@[IPv6:2001:db8::1]", "a@[2001:db8::1]", "a@[IPv6:1.2.3.4]",
         "a@[ipv6:::1]", "a@[127.0.0.1].", "a@t.test.", "a@t.test..", "a@.t.test", "a@.", "a@..", ".@t.test",
         "..@t.test", "a.@t.test", "a@@t.test", "@", "@@", "@t.test", "a@", "a@b@", "a@b@c", "@a@b", "a%", "%a",
         "%@t.test", "a%%b@local.test", "a%b%@local.test", "!", "!a", "a!", "a!!b", "a!@local.test", "!a@local.test",
         "a!b%c", "a!b@c%d", "a%b!c", "a%b!c@local.test", "h!a%b@local.test", "@x:a", "@x:", "@x,@y:", "@x,:a@b",
         "@:a@b", "@x:@y:a@b", "@x:a%b@local.test", "@local.test:a@t.test", "@local.test,@x:a@t.test", "a b@t.test",
         "a@t test", "a @ t . test", "a\t@t.test", "a . b @ t . test", "<a b@t.test>", "< a@t.test >", "<a@t.test >x",
         "é@t.test", "a@é.test", '"é"@t.test', "(é)a@t.test", "é <a@t.test>", "=?utf-8?q?a?= <a@t.test>",
         "x" * 300 + "@t.test", "a@" + "x" * 70 + ".test", "a@" + ".".join(["x" * 60] * 5), "a" * 2000,
         "a@" + "(" * 50 + ")" * 50 + "t.test", "<" * 30 + "a@t.test" + ">" * 30, "a@t.test" + " " * 200 + "(x)",
         '"' + "a" * 500 + '"@t.test', ",".join(["a@t.test"] * 60), "@" + ",@".join(["x"] * 60) + ":a@t.test"]


def odd(chance):
    """What no standard has a name for: pieces in any order, and known traps, whole or spoiled."""
    text = spoiled(chance)
    # As above: Debian's takes the colon of a literal for the end of a route.
    return text if "@" not in text else re.sub(r"(?i)\[[^@\[\]]*:[^@\[\]]*\]?", "[1.2.3.4]", text)


def spoiled(chance):
    form = chance.random()
    if form < 0.4:
        return "".join(chance.choice(PIECES) for _ in range(chance.randint(1, 9)))
    text = chance.choice(WHOLE) if form < 0.7 else element(chance)
    if form < 0.6 or not text:
        return text
    spot = chance.randrange(len(text))
    if chance.random() < 0.5:
        return text[:spot] + text[spot + 1:]
    return text[:spot] + chance.choice(PIECES) + text[spot:]
