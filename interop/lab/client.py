"""An SMTP client that keeps every reply, and can be as rude as a scenario needs."""

import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass


@dataclass(frozen=True)
class Reply:
    """A reply of the server, line by line. No lines: it had closed the connection."""

    lines: tuple[str, ...]

    @property
    def code(self) -> int:
        return int(self.lines[-1][:3]) if self.lines else 0

    @property
    def is_good(self) -> bool:
        return 200 <= self.code < 400

    def __str__(self) -> str:
        return " / ".join(self.lines) if self.lines else "closed"


class Client:
    """A connection to an MTA. `replies` holds what was said and what came back, in order.

    It is a context manager that goes away at the end of its block.
    """

    def __init__(self, port: int, host: str = "127.0.0.1", seconds: float = 300.0) -> None:
        self._connection = socket.create_connection((host, port), seconds)
        self._reader = self._connection.makefile("rb")
        self.replies: list[tuple[str, Reply]] = []
        self.greeting = self.reply("connect")

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def say(self, line: str, label: str = "") -> Reply:
        """Sends a command and reads its reply."""
        self.send(line.encode("latin-1") + b"\r\n")
        return self.reply(label or line)

    def content(self, message: bytes) -> None:
        """Sends a message, or the first part of one, after DATA was taken."""
        self.send((b"\r\n" + message).replace(b"\r\n.", b"\r\n..")[2:])

    def end(self, label: str = "end") -> Reply:
        """Ends the message and reads the reply to it. The message has to end with a line end."""
        self.send(b".\r\n")
        return self.reply(label)

    def send(self, raw: bytes) -> None:
        """Sends bytes and waits for nothing. A server that has gone away is found out by the reply."""
        with suppress(BrokenPipeError, ConnectionResetError):
            self._connection.sendall(raw)

    def starttls(self) -> None:
        """Turns TLS on; any certificate will do."""
        if self.say("STARTTLS").code != 220:
            raise AssertionError(f"no TLS: {self.replies[-1][1]}")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self._connection = context.wrap_socket(self._connection)
        self._reader = self._connection.makefile("rb")

    def close(self) -> None:
        """Goes away without a word."""
        self._reader.close()
        self._connection.close()

    def reply(self, label: str) -> Reply:
        """Reads a reply and keeps it."""
        lines: list[str] = []
        while not lines or lines[-1][3:4] == "-":
            try:
                line = self._reader.readline()
            except ConnectionResetError:
                line = b""
            if not line:
                break
            lines.append(line.decode("latin-1").rstrip("\r\n"))
        reply = Reply(tuple(lines))
        self.replies.append((label, reply))
        return reply
