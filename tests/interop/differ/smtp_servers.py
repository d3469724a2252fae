"""Scripted SMTP and LMTP servers: one listener, and a script for each loopback address."""
import re
import select
import socket
import threading

DROP, SILENCE = "DROP", "SILENCE"       # instead of a reply
VERBS = {"EHLO", "HELO", "LHLO", "XFORWARD", "MAIL", "RCPT", "DATA", "RSET", "QUIT", "NOOP"}


class Script:
    """
    What one server answers: replies by verb, each a text, DROP, SILENCE, or a list of them for
    the first, second, ... time (the last one stays).  "." is the end of DATA, "GREETING" the start.
    """

    def __init__(self, replies, lmtp=False):
        self.replies = replies
        self.lmtp = lmtp
        self.connections = []       # of each: the bytes that came

    def reply(self, counts, verb):
        text = self.replies.get(verb, "502 5.5.2 Error: command not recognized")
        if isinstance(text, list):
            at = counts[verb] = counts.get(verb, -1) + 1
            text = text[min(at, len(text) - 1)]
        return text


class Conversation:
    def __init__(self, script, client):
        self.script, self.client = script, client
        self.buffered = b""
        self.heard = bytearray()
        self.counts = {}
        self.recipients = 0
        script.connections.append(self.heard)

    def say(self, verb):
        """False when the conversation is over."""
        text = self.script.reply(self.counts, verb)
        if text == DROP:
            return False
        if text == SILENCE:
            self.read_until_closed()
            return False
        self.client.sendall(text.encode("utf-8", "surrogateescape") + b"\r\n")
        if verb == "RCPT" and text.startswith("2"):
            self.recipients += 1
        self.accepted = text.startswith("3")
        return not text.startswith("421") and verb != "QUIT"

    def more(self):
        got = self.client.recv(65536)
        self.heard += got
        self.buffered += got
        return bool(got)

    def read_until_closed(self):
        while self.more():
            pass

    def take_content(self):
        while not (self.buffered.startswith(b".\r\n") or b"\r\n.\r\n" in self.buffered):
            if not self.more():
                return False
        if self.buffered.startswith(b".\r\n"):
            self.buffered = self.buffered[3:]
        else:
            self.buffered = self.buffered.partition(b"\r\n.\r\n")[2]
        answers = self.recipients if self.script.lmtp else 1
        self.recipients = 0
        return all(self.say(".") for _ in range(answers))

    def converse(self):
        if not self.say("GREETING"):
            return
        while True:
            while b"\r\n" not in self.buffered:
                if not self.more():
                    return
            line, _, self.buffered = self.buffered.partition(b"\r\n")
            verb = line.split(b" ")[0].upper().decode("ascii", "replace")
            if not self.say(verb if verb in VERBS else "OTHER"):
                self.linger()       # what stands in the socket must not make the end a reset
                return
            if verb == "DATA" and self.accepted and not self.take_content():
                self.linger()
                return

    def linger(self):
        try:
            self.client.shutdown(socket.SHUT_WR)
            self.client.settimeout(5)
            self.read_until_closed()
        except OSError:
            pass


class Servers:
    """Scripts by address; all of them on one port."""

    def __init__(self, scripts):
        self.scripts = scripts
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("0.0.0.0", 0))
        self.port = self.listener.getsockname()[1]
        self.listener.listen(500)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        script = self.scripts.get(client.getsockname()[0])
        with client:
            if not script:
                return
            try:
                Conversation(script, client).converse()
            except OSError:
                pass

    def close(self):
        self.listener.close()
