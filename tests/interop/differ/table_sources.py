"""Sources of tables as no careful person would write them, from a seeded generator."""

LETTERS = "abcxyzABCXYZ019.@+-_=/"
STRANGE = ["ä", "Ä", "ß", "İ", "ſ", "Σ", "ς", "€", "漢", "\u00a0", "é", "Ǆ"]
VALUES = ["v", "OK", "a b  c", "REJECT 5.7.1 no", "x@y.example", "\"quoted value\"", "é€", "$1 $(2)",
          "a:b", "{x} {y}", "a\\b", "# not a comment", "v" * 60, "long " * 900, "'single'", "-1"]
SPACES = [" ", "\t", "  ", " \t ", " \r "]


class Source:
    """Text for postmap, and keys to ask for that are and are not in it."""

    spaces = SPACES + ["\x0b", "\f"]

    def __init__(self, chance, lines=None):
        self.chance = chance
        self.keys = []
        parts = [self.line() for _ in range(lines or chance.randint(3, 14))]
        text = b"\n".join(parts)
        self.text = text + (b"" if chance.random() < 0.15 else b"\n")

    def word(self):
        chance = self.chance
        if self.keys and chance.random() < 0.2:
            return chance.choice([str.upper, str.lower, str.swapcase, str])(chance.choice(self.keys))
        letters = list(LETTERS) + (STRANGE if chance.random() < 0.25 else [])
        word = "".join(chance.choices(letters, k=chance.randint(1, chance.choice([3, 12, 60]))))
        self.keys.append(word)
        return word

    def key(self):
        chance = self.chance
        word = self.word()
        form = chance.random()
        if form < 0.75:
            return word
        if form < 0.8:
            return f'"{word} {word}"'
        if form < 0.84:
            return f'"{word}\\" {word}"'
        if form < 0.87:
            return f'{word}"mid dle"{word}'
        if form < 0.9:
            return f'"{word}'
        if form < 0.93:
            return f"{word}:"
        if form < 0.96:
            return '""'
        return f"{word}\\ {word}"

    def value(self):
        return self.chance.choice(VALUES)

    def line(self):
        chance = self.chance
        form = chance.random()
        entry = f"{self.key()}{chance.choice(self.spaces)}{self.value()}"
        if form < 0.62:
            return entry.encode()
        if form < 0.68:
            return f"{entry}\n{chance.choice(self.spaces)}more of {self.word()}".encode()
        if form < 0.72:
            return f"{entry}\n# between\n\n \n and on".encode()
        if form < 0.76:
            return self.key().encode() + chance.choice([b"", b" ", b"\t \t"])
        if form < 0.80:
            return chance.choice([b"", b"#", b"  # x", b" ", b"\t", b"#\n y"])
        if form < 0.84:
            return entry.encode() + chance.choice([b"\r", b" \t", b"\0", b"\0 behind"])
        if form < 0.88:
            return b"k\xff\xfe" + entry.encode()
        if form < 0.91:
            return entry.encode() + b" \xc3"
        if form < 0.94:
            return b" " + entry.encode()
        return entry.replace(" ", "\0", 1).encode()

    def questions(self, count):
        """Lines for -q -: words of the source, changed and unchanged, and others."""
        chance = self.chance
        asked = []
        for _ in range(count):
            word = chance.choice(self.keys) if self.keys and chance.random() < 0.8 \
                else "".join(chance.choices(LETTERS + "ä ", k=chance.randint(1, 9)))
            word = chance.choice([str.upper, str.lower, str, str, str])(word)
            form = chance.random()
            raw = word.encode()
            if form < 0.05:
                raw = b'"' + raw + b'"'
            elif form < 0.08:
                raw += b" "
            elif form < 0.10:
                raw = b"\xff" + raw
            elif form < 0.12:
                raw = b""
            elif form < 0.14:
                raw += b":"
            asked.append(raw)
        return b"\n".join(asked) + b"\n"


class Aliases(Source):
    """The same for postalias."""

    spaces = SPACES
    TARGETS = ["root", "a, b", "a b", '"|/bin/cmd arg"', "|/bin/cmd", ":include:/etc/x", "/var/m",
               "x@y.example", "Full Name <f@g>", "a@b (comment)", "grp: a, b;", "\\user",
               '"\\\\user"', "a,,b", "@x", "a@", "ä@ö", '"unbalanced', "<>", "a;b", "", "(c) a",
               '"a b"@c', "a:b", "x" * 40, "\\\\user", "a\\@b@c", 'x\\"y', "a\\ b", "a.b\\,@c", "a@[1\\2]",
               "|a\\ b", "x ! y % z", "a | b", 'a\\b"c d"']

    def value(self):
        return self.chance.choice(self.TARGETS)

    def line(self):
        chance = self.chance
        form = chance.random()
        name = self.key()
        entry = f"{name}:{chance.choice(self.spaces + [''])}{self.value()}"
        if form < 0.7:
            return entry.encode()
        if form < 0.76:
            return f"{entry},\n{chance.choice(self.spaces)}{self.value()}".encode()
        if form < 0.80:
            return chance.choice([b"", b"#", b"  # x", b" ", b":", b": x", b"nocolon x", b"only"])
        if form < 0.84:
            return f"{self.word()} (comment): {self.value()}".encode()
        if form < 0.88:
            return f"{self.word()} {self.word()}: {self.value()}".encode()
        if form < 0.92:
            return f"{self.word()}, {self.word()}: {self.value()}".encode()
        if form < 0.95:
            return b"k\xff" + entry.encode()
        return f" {entry}".encode()


class Patterns(Source):
    """regexp and pcre."""

    PIECES = ["a", "b", "x", ".", "[a-c]", "(a)", "(b|x)", "a*", "^", "$", "\\.", "(", ")", "[",
              "@", "x+", "a{2}", "\\/", "ä", "(?:a)", "\\d", "\\S", "()", "|"]
    RESULTS = ["OK", "$1", "${1}", "$(1)", "$2", "${1", "$", "$$", "$1x$2", "$9", "REJECT $1 x", "",
               "$a", "${10}"]

    def pattern(self):
        chance = self.chance
        return "".join(chance.choices(self.PIECES, weights=[6, 6, 6, 3, 3, 3, 3, 2, 2, 2, 1, 1, 1,
                                                            1, 3, 2, 1, 1, 1, 1, 1, 1, 1, 1],
                                      k=chance.randint(1, 5)))

    def line(self):
        chance = self.chance
        mark = chance.choice("////!|%#") if chance.random() < 0.2 else "/"
        flags = chance.choice(["", "", "", "i", "m", "x", "ii", "z", "s", "A", "E", "U"])
        whole = f"{chance.choice(['', '', '', '!'])}{mark}{self.pattern()}{mark}{flags}"
        self.keys.append("".join(chance.choices("abx.@1", k=chance.randint(1, 6))))
        form = chance.random()
        if form < 0.72:
            return f"{whole} {chance.choice(self.RESULTS)}".encode()
        if form < 0.82:
            return f"if {whole}{chance.choice(['', '', ' extra'])}".encode()
        if form < 0.90:
            return chance.choice(["endif", "endif", "endif x", "ENDIF", "if", "if x", "endifx"]).encode()
        return chance.choice([b"# c", b"", b"foo bar", b"/a", b"/a/", b"!", b" /x/ y", b"/\xff/ z",
                              b"/a/ x\n  y"])


class Networks(Source):
    """cidr."""

    def line(self):
        chance = self.chance
        four = ".".join(str(chance.choice([0, 1, 10, 127, 192, 255, 256])) for _ in range(4))
        six = chance.choice(["2001:db8::", "::1", "fe80::1", "::ffff:10.0.0.1", "1::2::3", "::"])
        address = chance.choice([four, four, six, f"[{four}]", f"[{six}]", "10.0.0", "x"])
        mask = chance.choice(["", "", "/8", "/16", "/24", "/32", "/33", "/64", "/128", "/", "/x",
                              "/08", "/0"])
        self.keys += [four, six]
        form = chance.random()
        whole = f"{chance.choice(['', '', '', '!', '! '])}{address}{mask}"
        if form < 0.75:
            return f"{whole}{chance.choice(self.spaces)}{self.value()}".encode()
        if form < 0.85:
            return f"if {whole}{chance.choice(['', '', ' extra'])}".encode()
        if form < 0.92:
            return chance.choice([b"endif", b"endif", b"endif x", b"if", b"if x", b"ENDIF"])
        return chance.choice([b"# c", b"", whole.encode(), b"!", b" x", b"10.0.0.0/8 a\n  b"])
