"""Seeded cases for test_smtp_conversations.py: messages, envelopes, servers, settings."""

GOOD = {
    "GREETING": "220 peer.example ESMTP",
    "EHLO": "250-peer.example\r\n250-PIPELINING\r\n250-SIZE 10240000\r\n250-8BITMIME\r\n"
            "250-ENHANCEDSTATUSCODES\r\n250-DSN\r\n250 SMTPUTF8",
    "LHLO": "250-peer.example\r\n250-PIPELINING\r\n250-ENHANCEDSTATUSCODES\r\n250 8BITMIME",
    "HELO": "250 peer.example",
    "XFORWARD": "250 2.0.0 Ok",
    "MAIL": "250 2.1.0 Ok",
    "RCPT": "250 2.1.5 Ok",
    "DATA": "354 End data with <CR><LF>.<CR><LF>",
    ".": "250 2.0.0 Ok: queued as PEER",
    "RSET": "250 2.0.0 Ok",
    "NOOP": "250 2.0.0 Ok",
    "QUIT": "221 2.0.0 Bye",
}

# master.cf services: what is set for each, and the files that they read.
VARIANTS = {
    "plain": {},
    "keep8": {"set": {"disable_mime_output_conversion": "yes"}},
    "generic": {"set": {"smtp_generic_maps": "texthash:$config_directory/generic"}},
    "checks": {"set": {"smtp_header_checks": "regexp:$config_directory/checks",
                       "smtp_mime_header_checks": "regexp:$config_directory/mime_checks",
                       "smtp_nested_header_checks": "regexp:$config_directory/nested_checks",
                       "smtp_body_checks": "regexp:$config_directory/body_checks"}},
    "short": {"set": {"smtp_line_length_limit": "80"}},
    "nolimit": {"set": {"smtp_line_length_limit": "0"}},
    "forward": {"set": {"smtp_send_xforward_command": "yes"}},
    "filter": {"set": {"smtp_reply_filter": "regexp:$config_directory/reply_filter"}},
    "noquote": {"set": {"smtp_quote_rfc821_envelope": "no"}},
    "discards": {"set": {"smtp_discard_ehlo_keyword_address_maps":
                         "static:{pipelining, dsn, nonsense}"}},
    "pix": {"set": {"smtp_pix_workaround_threshold_time": "1s",
                    "smtp_pix_workaround_delay_time": "1s"}},
    "pixmaps": {"set": {"smtp_pix_workaround_maps": "static:disable_esmtp"}},
    "helo": {"set": {"smtp_never_send_ehlo": "yes", "smtp_helo_name": "other.example"}},
    "greeted": {"set": {"smtp_always_send_ehlo": "no"}},
    "flags": {"flags": " flags=DORX"},
    "lmtp": {"program": "lmtp"},
    "lmtpfinal": {"program": "lmtp", "set": {"lmtp_assume_final": "yes"}},
    "hasty": {"set": {"smtp_helo_timeout": "1s", "smtp_mail_timeout": "1s",
                      "smtp_rcpt_timeout": "1s", "smtp_data_init_timeout": "1s",
                      "smtp_data_done_timeout": "1s", "smtp_xforward_timeout": "1s",
                      "smtp_quit_timeout": "1s", "smtp_rset_timeout": "1s",
                      "smtp_skip_quit_response": "no", "smtp_send_xforward_command": "yes"}},
    "slow": {"set": {"smtp_skip_5xx_greeting": "no", "smtp_skip_quit_response": "no",
                     "smtp_per_request_deadline": "yes"}},
}

FILES = {
    "generic": "s@sender.example outside@out.example\n@sender.example @out.example\n"
               "me@inner.example \"some body\"@out.example\nalso@inner.example gr\u00fc@out.example\n"
               "a@c1.example x@y.example\n",
    "checks": "/^X-Replace:/ REPLACE X-Replaced: it\n/^X-Prepend: (.*)/ PREPEND X-Before: $1\n"
              "/^X-Strip:/ STRIP gone\n/^X-Ignore:/ IGNORE\n/^X-Warn:/ WARN look\n/^X-Info:/ INFO\n"
              "/^X-Reject:/ REJECT no\n/^X-Bad:/ NONSENSE\n/^X-Empty:/ REPLACE\n/^X-Dunno:/ DUNNO\n"
              "/^X-Hold:/ HOLD\n/^X-Ok:/ OK\n",
    "mime_checks": "/^Content-Type: text.html/ REPLACE Content-Type: text/plain\n"
                   "/^Content-Disposition:/ IGNORE\n/^Content-Description:/ WARN described\n"
                   "/^Mime-Version:/ PREPEND X-Mime: yes\n",
    "nested_checks": "/^Subject:/ PREPEND X-Nested: yes\n/^To:/ STRIP\n",
    "body_checks": "/^dot/ REPLACE .dotted\n/^gone/ IGNORE\n/^Warn/ WARN body\n"
                   "/^pre/ PREPEND before\n/viagra/ REJECT\n/^strip/ STRIP\n",
    "reply_filter": "/^250-SIZE/ 250-NOSIZE\n/^550 (.*)/ 450 $1\n/^451/ 554 5.0.0 was 451\n"
                    "/^250-DSN/ 250-8BITMIME\n",
}


class Maker:
    def __init__(self, random):
        self.random = random
        self.pick = random.choice

    def maybe(self, chance=0.5):
        return self.random.random() < chance

    # --- Text. ---------------------------------------------------------------------------

    def word(self, eight=False):
        words = ["hello", "x", "dot.", "viagra", "=3D", "=", "Warn", "f\t", "foo  ", "1234567890" * 3]
        if eight:
            words += ["gr\u00fc\u00df", "\u4f60\u597d", "\u00e9", "\udcff\udc80"]
        return self.pick(words)

    def line(self, eight):
        kind = self.random.randrange(24)
        if kind == 0:
            return self.pick([".", "..", ".dot", "dot", "gone", "pre", "strip", "From x", "From",
                              ".\t", " ", "\t", "", "", "--", "-- ", "--inner", "Warn me",
                              "Subject: not one", "trailing ", "tab\t", "=", "a\rb", "nul\0byte"])
        if kind == 1:
            return "x" * self.pick([70, 71, 72, 73, 74, 75, 76, 77, 78, 79, 80, 81, 997, 998, 999,
                                    1000, 1996, 2047, 2048, 2049, 4096, 5000])
        if kind == 2 and eight:
            return "\u00fc" * self.pick([1, 20, 24, 25, 26, 38, 500, 1025, 3000])
        if kind == 3:
            return "y" * self.pick([60, 70, 74, 75, 76]) + self.pick([" ", "\t", "=", ".", " .", "  z"])
        return " ".join(self.word(eight) for _ in range(self.random.randrange(12)))

    def body(self, eight, lines=6):
        return [self.line(eight) for _ in range(self.random.randrange(lines))]

    # --- MIME. ---------------------------------------------------------------------------

    def type_header(self, eight):
        return self.pick(["Content-Type: text/plain; charset=utf-8", "content-type:text/html",
                          "Content-Type: text/plain;\n\tcharset=\"utf-8\"", "Content-Type: application/x",
                          "Content-Type: text", "Content-Type:", "Content-Type: Text/Plain ; a=b",
                          "Content-Type: (c) text/plain", "Content-Type: message/partial; id=x",
                          "Content-Type: message/external-body", "Content-Type: message/news",
                          "Content-Type: message/delivery-status", "Content-Type: message/global",
                          "Content-Type: message/disposition-notification",
                          "Content-Type: model/x", "Content-Type: image/gif; name=\"gr\u00fc\""
                          if eight else "Content-Type: image/gif; name=x"])

    def encoding_header(self):
        return self.pick(["Content-Transfer-Encoding: 8bit", "content-transfer-encoding:8BIT",
                          "Content-Transfer-Encoding: 7bit", "Content-Transfer-Encoding: binary",
                          "Content-Transfer-Encoding: base64", "Content-Transfer-Encoding: x-odd",
                          "Content-Transfer-Encoding: quoted-printable",
                          "Content-Transfer-Encoding:\n 8bit", "Content-Transfer-Encoding: (c) 8bit",
                          "Content-Transfer-Encoding: \"8bit\"", "Content-Transfer-Encoding:",
                          "Content-Transfer-Encoding: 8bit; x", "Content-Transfer-Encoding: 8 bit"])

    def part(self, eight, depth):
        """Lines of headers, an empty one, and a body."""
        lines = []
        kind = self.random.randrange(10)
        if self.maybe(0.2):
            lines.append(self.pick(["Content-Disposition: inline", "Content-Description: d",
                                    "Content-Id: <x@y>", "X-Part: p", "Mime-Version: 1.0"]))
        if kind < 3 and depth < 4:
            return lines + self.multipart(eight, depth + 1)
        if kind < 5 and depth < 4:
            if self.maybe(0.5):
                lines.append(self.encoding_header())
            lines.append(self.pick(["Content-Type: message/rfc822", "Content-Type: message/global",
                                    "content-type: MESSAGE/RFC822; x=y"]))
            return lines + [""] + self.message(eight, depth + 1)
        headers = [self.type_header(eight)] * self.maybe(0.6) + [self.encoding_header()] * self.maybe(0.5)
        self.random.shuffle(headers)
        if self.maybe(0.1):
            return lines + headers + self.body(eight)
        return lines + headers + [""] + self.body(eight)

    def multipart(self, eight, depth):
        boundary = self.pick(["b", "inner", "=_x", "a b", "long" * 20, "b%d" % depth])
        quoted = f'"{boundary}"' if self.maybe(0.6) or " " in boundary else boundary
        subtype = self.pick(["mixed", "alternative", "digest", "Mixed", "signed"])
        lines = [self.pick([f"Content-Type: multipart/{subtype}; boundary={quoted}",
                            f"Content-Type: multipart/{subtype};\n boundary={quoted}; a=b",
                            f"content-type: MULTIPART/{subtype}; x=y; BOUNDARY={quoted}",
                            f"Content-Type: multipart/{subtype}; boundary ={quoted}"])]
        if self.maybe(0.3):
            lines.append(self.encoding_header())
        lines += [""] + self.body(eight and self.maybe(0.3), 2)
        for _ in range(self.random.randrange(4)):
            lines.append(f"--{boundary}" + self.pick(["", "", "", " ", "x"]))
            lines += self.part(eight, depth)
        if self.maybe(0.8):
            lines.append(f"--{boundary}--")
            lines += self.body(eight and self.maybe(0.3), 2)
        return lines

    def headers(self, eight):
        pool = ["Subject: test", "From: s@sender.example", "To: a@x.example",
                "From: S Ender <s@sender.example>", "To: <a@c1.example>, Me <me@inner.example>",
                "Cc: also@inner.example (comment), \"q, r\" <me@inner.example>", "X-Replace: a\n b",
                "Reply-To: unknown@inner.example", "X-Prepend: pp", "X-Strip: s", "X-Ignore: i",
                "X-Warn: w", "X-Info: i", "X-Reject: r", "X-Bad: b", "X-Empty: e", "X-Dunno: d",
                "X-Hold: h", "X-Ok: o", "Resent-To: me@inner.example", "Sender: s@sender.example",
                "X-Long: " + "word " * 250, "X-Longer: " + "w" * 1100, "Mime-Version: 1.0",
                "MIME-Version: 1.0", "X-Folded: a\n\tb\n c", "X-Blank : y", "Delivered-To: old@x",
                "Received: by x", "Return-Path: <s@sender.example>", "Errors-To: me@inner.example",
                "Subject:no blank", "X-E:", "To: group: me@inner.example, b@x;", "To: undisclosed:;"]
        if eight:
            pool += ["Subject: gr\u00fc\u00df", "From: \u00fc <s@sender.example>",
                     "To: gr\u00fc@sender.example", "X-Odd: \udcff"]
        return self.random.sample(pool, self.random.randrange(1, 8))

    def message(self, eight, depth=0):
        lines = self.headers(eight and self.maybe(0.4))
        if self.maybe(0.75):
            rest = self.part(eight, depth)
            if self.maybe(0.1) and "" in rest:
                rest.remove("")
            return lines + rest
        return lines + ([""] + self.body(eight) if self.maybe(0.95) else [])

    def content(self, eight):
        text = "\n".join(self.message(eight))
        data = text.encode("utf-8", "surrogateescape")
        return data + b"\n" if self.maybe(0.9) else data

    # --- Envelopes. ----------------------------------------------------------------------

    def recipient(self):
        local = self.pick(["a", "b", "c.d", "a b", "x\"y", ".dot", "dot.", "a..b", "gr\u00fc", "a+ext",
                           "UPPER", "a@b", "x,y"])
        original = self.pick([f"{local}@orig.example"] * 3 + ["gr\u00fc@orig.example", "a b@o.example", ""])
        notify = self.pick([0, 0, 0, 1, 2, 4, 8, 6, 14])
        dsn = self.pick(["", "", "rfc822;old@x.example", "rfc822;a+b=c@x", "utf-8;gr\u00fc@x.example",
                         "x400;odd thing"])
        return local, original, notify, dsn

    def envelope(self):
        eight = self.maybe(0.5)
        return {
            "content": self.content(eight),
            "sender": self.pick(["s@sender.example"] * 4 + ["", "a b@sender.example",
                                                            "gr\u00fc@sender.example"]),
            "recipients": list({recipient[0]: recipient for recipient in
                                (self.recipient() for _ in range(self.pick([1, 1, 1, 2, 3])))
                                }.values()),
            "encoding": self.pick(["8bit", "7bit", "", "8bit"]) if eight else self.pick(["", "7bit"]),
            "send_options": self.pick([0] * 14 + [1, 2, 3, 5, 9, 15]),
            "envelope_id": self.pick(["", "", "id=1+2", "plain"]),
            "return_flags": self.pick([0, 0, 1, 2]),
            "attributes": self.attributes(),
        }

    def attributes(self):
        pool = [("log_client_name", "client.example"), ("log_client_address", "192.0.2.1"),
                ("log_client_port", "1234"), ("log_helo_name", "helo name.example"),
                ("log_protocol_name", "ESMTP"), ("log_message_origin", "client.example[192.0.2.1]"),
                ("client_name", "direct.example"), ("helo_name", "direct")]
        if self.maybe(0.3):
            return []
        return pool if self.maybe(0.3) else pool[:6]

    # --- Servers. ------------------------------------------------------------------------

    def extensions(self, verb):
        names = ["PIPELINING", "SIZE 10240000", "SIZE", "8BITMIME", "ENHANCEDSTATUSCODES",
                 "DSN", "SMTPUTF8", "XFORWARD NAME ADDR PROTO HELO SOURCE PORT IDENT",
                 "XFORWARD NAME ADDR", "CHUNKING", "HELP", "VRFY", "pipelining", "8bitmime ", "ETRN"]
        chosen = [name for name in names if self.maybe(0.45)]
        if self.maybe(0.04):
            chosen.insert(0, "SIZE 100")
        lines = [self.pick(["peer.example", "peer.example hello", "ESMTP", "Hi"])] + chosen
        return "\r\n".join(f"250{'-' if number + 1 < len(lines) else ' '}{line}"
                           for number, line in enumerate(lines))

    def refusal(self):
        code = self.pick(["450", "451", "550", "554", "552", "452", "421", "500", "501", "502", "530"])
        status = self.pick(["", "", f"{code[0]}.1.1 ", f"{code[0]}.7.0 ", "4.2.0 ", "5.3.0 ", "2.0.0 "])
        text = self.pick(["no", "gr\u00fc\u00df Gott", "ctrl\x01char", "long " * 40, ""])
        if self.maybe(0.2):
            return f"{code}-{status}first\r\n{code} {status}{text}"
        if self.maybe(0.1):
            return f"{code}"
        return f"{code} {status}{text}"

    def odd(self, verb):
        return self.pick([self.refusal()] * 6 + ["DROP", "250 2.0.0 Ok", "354 go", "200 hm", "300 eh",
                                                 "250-a\r\n250-b\r\n250 2.1.0 c", "garbage\r\n250 fine",
                                                 "250 5.1.1 odd", "299 2.9.9 ok", "650 6.0.0 x"])

    def replies(self, lmtp):
        replies = dict(GOOD)
        if self.maybe(0.7):
            replies["EHLO"] = replies["LHLO"] = self.extensions("EHLO")
        if self.maybe(0.1):
            replies["GREETING"] = self.pick(["220 peer.example", "220-a\r\n220 peer ESMTP",
                                             "220 ESMTP peer", "220 **************",
                                             "220 ****0**2*** ESMTP", "220"])
        if self.maybe(0.6):
            return replies
        verb = self.pick(["GREETING", "EHLO", "HELO", "MAIL", "RCPT", "RCPT", "DATA", ".", ".", "QUIT",
                          "XFORWARD"])
        if verb == "HELO":
            replies["EHLO"] = self.refusal()
        if verb == "RCPT" or lmtp and verb == ".":
            replies[verb] = [self.pick([GOOD[verb], self.odd(verb)]) for _ in range(3)]
        else:
            replies[verb] = self.odd(verb)
        if verb in ("MAIL", "RCPT") and self.maybe(0.3):
            replies["DATA"] = "503 5.5.1 nobody"
        if lmtp and verb == "EHLO":
            replies["LHLO"] = replies["EHLO"]
        return replies

    def case(self):
        variant = self.pick(sorted(VARIANTS) + ["plain"] * 8)
        lmtp = VARIANTS[variant].get("program") == "lmtp"
        case = {"variant": variant, "lmtp": lmtp, **self.envelope(), "replies": self.replies(lmtp)}
        if variant == "hasty" and self.maybe(0.5):
            verb = self.pick(["GREETING", "EHLO", "MAIL", "RCPT", "DATA", ".", "QUIT", "XFORWARD", "RSET"])
            case["replies"] = {**GOOD, verb: "SILENCE"}
            if verb == "RSET":
                case["replies"].update(EHLO="250 peer.example", MAIL="550 5.1.0 no")
        if variant == "pix":
            case["replies"] = {**case["replies"], "GREETING": "220 *******"}
        return case


def generate(random, count):
    maker = Maker(random)
    return [maker.case() for _ in range(count)]
