"""A scripted SMTP or LMTP server that remembers what it was told."""
import pathlib
import socket
import threading
import time

class Trickle(str):
    """A reply that comes byte by byte."""

    pause = 0.2

    def send(self, client):
        for byte in self.encode() + b"\r\n":
            client.sendall(bytes([byte]))
            time.sleep(self.pause)


DROP = object()         # close the connection instead of a reply
SILENCE = object()      # say nothing at all

DEFAULTS = {
    "GREETING": "220 peer.example ESMTP",
    "EHLO": "250-peer.example\r\n250-PIPELINING\r\n250-SIZE 10240000\r\n250-8BITMIME\r\n"
            "250-ENHANCEDSTATUSCODES\r\n250-DSN\r\n250 SMTPUTF8",
    "LHLO": "250-peer.example\r\n250-PIPELINING\r\n250-ENHANCEDSTATUSCODES\r\n250 8BITMIME",
    "HELO": "250 peer.example",
    "MAIL": "250 2.1.0 Ok",
    "RCPT": "250 2.1.5 Ok",
    "DATA": "354 End data with <CR><LF>.<CR><LF>",
    ".": "250 2.0.0 Ok: queued as PEER",
    "RSET": "250 2.0.0 Ok",
    "NOOP": "250 2.0.0 Ok",
    "QUIT": "221 2.0.0 Bye",
}


class Peer:
    """
    Replies by verb; a reply is a text, DROP, SILENCE, or a function of (line, connection
    number) that gives one of them.  "." answers the end of DATA; with lmtp, each recipient.
    pace() is called before each read of content: a slow or a stuck reader.
    """

    def __init__(self, replies=None, path=None, lmtp=False, host="127.0.0.1", port=0,
                 pace=None):
        self.replies = {**DEFAULTS, **(replies or {})}
        self.lmtp = lmtp
        self.pace = pace
        self.commands = []      # of all connections, in order
        self.messages = []      # bytes as they came, dots and all
        self.groups = []        # what each read brought
        self.connections = 0
        self.gone = 0           # connections that have ended
        self.clients = []       # where each connection came from
        if path:
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(str(path))
            pathlib.Path(path).chmod(0o666)
        else:
            self.listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.listener.bind((host, port))
            self.port = self.listener.getsockname()[1]
        if pace:
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        self.listener.listen(50)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, address = self.listener.accept()
            except OSError:
                return
            self.clients.append(address[0] if address else "")
            self.connections += 1
            threading.Thread(target=self.serve, args=(client, self.connections),
                             daemon=True).start()

    def serve(self, client, number):
        with client:
            try:
                self.converse(client, number)
            except OSError:
                pass
            finally:
                self.gone += 1

    def answer(self, client, verb, line, number):
        """False when the conversation is over."""
        reply = self.replies.get(verb, "502 5.5.2 Error: command not recognized")
        if callable(reply):
            reply = reply(line, number)
        if reply is DROP:
            return False
        if reply is SILENCE:
            return True
        if isinstance(reply, Trickle):
            reply.send(client)
        else:
            client.sendall(reply.encode() + b"\r\n")
        return not reply.startswith("421") and verb != "QUIT"

    def converse(self, client, number):
        recipients = 0
        buffered = b""
        if not self.answer(client, "GREETING", "", number):
            return
        while True:
            while b"\r\n" not in buffered:
                more = client.recv(65536)
                if not more:
                    return
                self.groups.append(more)
                buffered += more
            line, _, buffered = buffered.partition(b"\r\n")
            line = line.decode("utf-8", "surrogateescape")
            verb = line.split(" ")[0].upper()
            self.commands.append(line)
            if verb in ("MAIL", "RSET"):
                recipients = 0
            reply = self.replies.get(verb)
            if verb == "RCPT":
                text = reply(line, number) if callable(reply) else reply
                recipients += isinstance(text, str) and text.startswith("2")
                if text is DROP:
                    return
                if text is not SILENCE:
                    client.sendall(text.encode() + b"\r\n")
                    if text.startswith("421"):
                        return
                continue
            if not self.answer(client, verb, line, number):
                return
            if verb == "DATA" and isinstance(reply, str) and reply.startswith("354"):
                while not (buffered.startswith(b".\r\n") or b"\r\n.\r\n" in buffered[-70000:]):
                    if self.pace:
                        self.pace()
                    more = client.recv(65536)
                    if not more:
                        return
                    self.groups.append(more)
                    buffered += more
                if buffered.startswith(b".\r\n"):
                    message, buffered = b"", buffered[3:]
                else:
                    message, _, buffered = buffered.partition(b"\r\n.\r\n")
                    message += b"\r\n"
                self.messages.append(message)
                for _ in range(recipients if self.lmtp else 1):
                    if not self.answer(client, ".", line, number):
                        return

    def close(self):
        self.listener.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
