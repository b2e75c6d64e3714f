"""Where delivered mail ends: an SMTP server that takes everything and keeps envelope and bytes.

It is written on sockets, not on a library, because it must take what libraries refuse or change: parameters of RCPT,
lines of any length, bytes that are no text.
"""

import re
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from .ports import free_port

OFFERED = (b"sink.example", b"8BITMIME", b"SIZE", b"DSN")


@dataclass(frozen=True)
class Delivered:
    """One message as it came in. Addresses keep their angle brackets and are followed by their parameters."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes

    @property
    def headers(self) -> list[tuple[str, str]]:
        """Names and values as they stand, folds and leading space included."""
        head, _, _ = self.content.partition(b"\r\n\r\n")
        lines = re.split(rb"\r\n(?![ \t])", head)
        pairs = (line.decode("latin-1").partition(":") for line in lines if line)
        return [(name, value) for name, _, value in pairs]

    @property
    def body(self) -> bytes:
        return self.content.partition(b"\r\n\r\n")[2]

    def untraced(self, host: str) -> list[tuple[str, str]]:
        """The headers, with `*` for the value of the Received header of that host, which is another every time."""
        by = f"by {host} ("
        return [(name, "*" if name == "Received" and by in value else value) for name, value in self.headers]


class Sink:
    """What was delivered so far."""

    def __init__(self, port: int, takes: Callable[[str, Sequence[str]], bool] = lambda *_: True) -> None:
        self.port, self.takes = port, takes
        self._kept: list[Delivered] = []
        self._lock = threading.Lock()

    def keep(self, message: Delivered) -> None:
        with self._lock:
            self._kept.append(message)

    def take(self) -> list[Delivered]:
        """Hands over what has come since the last call."""
        with self._lock:
            taken, self._kept = self._kept, []
        return taken


@contextmanager
def sink(port: int | None = None, takes: Callable[[str, Sequence[str]], bool] = lambda *_: True) -> Iterator[Sink]:
    """Runs a sink on 127.0.0.1 until the end of the block.

    It refuses DATA where `takes` says no to a sender and its recipients.
    """
    box = Sink(free_port() if port is None else port, takes)
    handler = type("Handler", (_Handler,), {"box": box})
    with _Server(("127.0.0.1", box.port), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield box
        finally:
            server.shutdown()
            thread.join()


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    # Five are the default. With more at once the kernel drops the end of a handshake, of which nobody learns where the
    # server speaks first: the MTA waits for a greeting until its time is over, and defers the message.
    request_queue_size = 128
    daemon_threads = True
    block_on_close = False


class _Handler(socketserver.StreamRequestHandler):
    box: Sink

    def handle(self) -> None:
        sender = ""
        recipients: list[str] = []
        self._say(b"220 sink.example ESMTP")
        while line := self._line():
            verb = line[:4].upper()
            argument = line.partition(b":")[2].strip().decode("latin-1")
            if verb == b"EHLO":
                self._say(*(b"250-" + word for word in OFFERED[:-1]), b"250 " + OFFERED[-1])
                continue
            if verb == b"QUIT":
                self._say(b"221 2.0.0 Bye")
                return
            if verb == b"DATA" and not self.box.takes(sender, recipients):
                self._say(b"554 5.7.1 Not this")
                continue
            if verb == b"DATA":
                self._say(b"354 Go on")
                content = self._content()
                if content is None:
                    return
                self.box.keep(Delivered(sender, tuple(recipients), content))
            elif verb == b"MAIL":
                sender, recipients = argument, []
            elif verb == b"RCPT":
                recipients.append(argument)
            self._say(b"250 2.0.0 Ok")

    def _content(self) -> bytes | None:
        """The message, or nothing if the MTA goes away in the middle: it will try again."""
        lines = []
        while (line := self._line()) != b".\r\n":
            if not line:
                return None
            lines.append(line[1:] if line.startswith(b".") else line)
        return b"".join(lines)

    def _line(self) -> bytes:
        # Sendmail writes in pieces, and each would wait 40 ms until the kernel confirms the one before it.
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        return self.rfile.readline()

    def _say(self, *lines: bytes) -> None:
        self.wfile.write(b"".join(line + b"\r\n" for line in lines))
