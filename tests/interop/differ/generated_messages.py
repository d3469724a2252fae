"""A seeded generator of messages as programs send them, and as they should not."""
import generated_addresses

PLAIN = ["Subject", "Date", "Message-Id", "Received", "X-Odd", "Content-Length", "Return-Path",
         "Delivered-To", "Comments", "Keywords", "In-Reply-To", "References", "X-Mailer", "Lines",
         "Status", "Resent-Date", "Resent-Message-Id", "MIME-Version", "Apparently-To", "a", "-",
         "Content-Description", "Content-Foo", "Priority"]
ADDRESSED = ["From", "To", "Cc", "Bcc", "Reply-To", "Sender", "Resent-From", "Resent-To",
             "Resent-Cc", "Resent-Bcc", "Resent-Sender", "Resent-Reply-To", "Errors-To",
             "Return-Receipt-To", "Mail-Followup-To", "Disposition-Notification-To", "X-To",
             "Mail-Reply-To", "TO", "from", "rEsEnT-tO"]
VALUES = ["x", "", " ", "a b  c", "<1@2.test>", "Mon, 1 Jan 2001 01:02:03 +0000", "é", "a\tb", "a\n b",
          "a\n\tb\n  c", "x" * 300, "<id@x>\n <id2@x>", "a\n ", "=?utf-8?Q?x?=", "a: b", "(c) <x@y> (d)",
          "\x01\x7f", "\"q\"", " lead", "trail "]
ODD_LINES = ["no colon here", "From someone Mon Jan 1", ">From x", ": empty name", " starts blank",
             "\ttab first", "a b: blank in name", "X-é: 8-bit name", "X_y:z", "X :z", "X\t: z", "..",
             ".", "", "--x", "\x01: control"]
TYPES = ["text/plain", "text/plain; charset=utf-8", "multipart/mixed; boundary=x",
         "multipart/mixed; boundary=\"x y\"", "multipart/digest; boundary=x", "message/rfc822",
         "message/partial; number=1", "message/external-body", "message/global",
         "multipart/mixed;\n boundary=\"x\"", "MULTIPART/Alternative; foo=bar; Boundary=x",
         "multipart/mixed", "text/plain; boundary=x", "multipart/mixed; boundary=\"x", "", ";",
         "multipart / mixed; boundary = x", "(c) multipart/mixed (d); boundary(e)=x",
         "multipart/mixed; boundary=x\\y", "multipart/mixed; x=\"a;boundary=z\"; boundary=x",
         "message/delivery-status", "text; boundary=x"]
ENCODINGS = ["7bit", "8bit", "binary", "base64", "quoted-printable", "8BIT", "x-odd", "",
             "8bit (comment)", "(c) 8bit", "8bit; x", "7bit 8bit", "\"8bit\""]
BODY = ["text", "", ".", "..x", "é", "x" * 998, "y" * 2500, "From here", "a\tb", " blank first",
        "header: like", "Content-Type: text/plain", "trailing  ", "\x01\x02", "é" * 600]


def content_headers(chance):
    found = []
    if chance.random() < 0.6:
        found.append(f"Content-Type: {chance.choice(TYPES)}")
    if chance.random() < 0.5:
        found.append(f"Content-Transfer-Encoding: {chance.choice(ENCODINGS)}")
    chance.shuffle(found)
    return found


def header(chance):
    kind = chance.random()
    if kind < 0.45:
        return f"{chance.choice(ADDRESSED)}: {generated_addresses.header_value(chance)}"
    if kind < 0.9:
        space = chance.choice([" ", " ", " ", "", "\t", "  "])
        return f"{chance.choice(PLAIN)}:{space}{chance.choice(VALUES)}"
    return chance.choice(ODD_LINES)


def body(chance, depth=0):
    lines = [chance.choice(BODY) for _ in range(chance.choice([0, 1, 1, 3]))]
    if depth < 3 and chance.random() < 0.6:
        for _ in range(chance.randint(1, 3)):
            lines.append(chance.choice(["--x", "--x", "--x y", "--xz", "--x--", "-- x"]))
            lines += content_headers(chance)
            if chance.random() < 0.3:
                lines.append(header(chance))
            if chance.random() < 0.9:
                lines.append("")
            lines += body(chance, depth + 1)
        lines += chance.choice([["--x--"], ["--x--", "behind"], []])
    return lines


def message(chance):
    """The text of a message, with LF."""
    headers = [header(chance) for _ in range(chance.choice([0, 1, 2, 4, 8]))]
    if chance.random() < 0.6:
        headers += content_headers(chance)
    if chance.random() < 0.1:
        headers += ["Received: x"] * chance.choice([3, 10, 60])
    if chance.random() < 0.05:
        headers.append("X-Long: " + "long " * 25000)
    lines = headers + ([""] if chance.random() < 0.9 else []) + body(chance)
    return "\n".join(lines) + chance.choice(["\n", "\n", ""])
