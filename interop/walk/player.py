"""Plays a script to an MTA, and notes every reply."""

import itertools
import socket
import ssl
import struct
from contextlib import suppress
from dataclasses import dataclass, field

from lab.postfix import Postfix

from .script import Script, Step

# A server that has written nothing for so long has written all.
QUIET = 0.06


@dataclass
class Played:
    """What came of a script: commands with their replies, and whether one never came."""

    replies: list[tuple[str, str]] = field(default_factory=list)
    hung: bool = False


class _Left(Exception):
    """The session has ended: one of the two went away."""


def submit(postfix: Postfix, script: Script, tag: str) -> None:
    """Gives the messages of a script to the command sendmail."""
    for number, step in enumerate(script, 1):
        mark = f"{tag}-{number}"
        content = step[1].replace("%MARK", mark).encode("latin-1")
        postfix.submit(content, f"{mark}@sender.example", f"bob.{mark}@rcpt.example")


class Player:
    """A client on a connection. `tag` is the beginning of every mark."""

    def __init__(self, connection: socket.socket, tag: str) -> None:
        self._tag, self._socket = tag, connection
        self._numbers = itertools.count(1)
        self._asked = self._mark = f"{tag}-0"
        self.played = Played()

    def play(self, script: Script) -> Played:
        self._reader = self._socket.makefile("rb")
        try:
            self._reply("connect")
            for step in script:
                getattr(self, "_take_" + step[0])(step)
        except _Left:
            pass
        except TimeoutError:
            self.played.hung = True
        except OSError as error:
            self.played.replies.append((script[-1][0], type(error).__name__))
        finally:
            with suppress(OSError):
                self._reader.close()
            with suppress(OSError):
                self._socket.close()
        return self.played

    # --- steps ---

    def _take_say(self, step: Step) -> None:
        self._send(self._line(step[1]))
        self._follow(step[1], self._reply(step[1]))

    def _take_pipe(self, step: Step) -> None:
        self._send(b"".join(map(self._line, step[1])))
        for line in step[1]:
            self._follow(line, self._reply(line))

    def _take_data(self, step: Step) -> None:
        self._send(b"DATA\r\n")
        if not self._reply("DATA").startswith("354"):
            return
        content = self._filled(step[1])
        if content and not content.endswith(b"\r\n"):
            content += b"\r\n"
        content = (b"\r\n" + content).replace(b"\r\n.", b"\r\n..")[2:]
        if step[2] == "cut":
            self._send(content[: len(content) // 2])
            raise _Left
        self._send(content + b".\r\n")
        self._reply(".")

    def _take_bdat(self, step: Step) -> None:
        content = self._filled(step[1])
        line = f"BDAT {len(content)}" + (" LAST" if step[2] else "")
        self._send(line.encode() + b"\r\n" + content)
        self._reply(line)

    def _take_flood(self, step: Step) -> None:
        self._next_mark()
        self._mark = self._asked
        self._send(self._filled(step[1]))
        patience = self._socket.gettimeout()
        self._socket.settimeout(QUIET)
        got = b""
        with suppress(TimeoutError):
            while chunk := self._socket.recv(65_536):
                got += chunk
        self._socket.settimeout(patience)
        # After a time-out the reader would refuse to go on.
        self._reader = self._socket.makefile("rb")
        self.played.replies.append(("flood", got.decode("latin-1")))

    def _take_starttls(self, _: Step) -> None:
        self._send(b"STARTTLS\r\n")
        if not self._reply("STARTTLS").startswith("220"):
            return
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self._reader.close()
        self._socket = context.wrap_socket(self._socket)
        self._reader = self._socket.makefile("rb")

    def _take_leave(self, _: Step) -> None:
        raise _Left

    def _take_reset(self, _: Step) -> None:
        with suppress(OSError):
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise _Left

    # --- marks ---

    def _next_mark(self) -> None:
        self._asked = f"{self._tag}-{next(self._numbers)}"

    def _filled(self, text: str) -> bytes:
        return text.replace("%MAIL", self._asked).replace("%MARK", self._mark).encode("latin-1")

    def _line(self, line: str) -> bytes:
        if "%MAIL" in line:
            self._next_mark()
            # Recipients in the same write belong to the MAIL in front of them.
            self._mark_before, self._mark = self._mark, self._asked
        return self._filled(line) + b"\r\n"

    def _follow(self, line: str, reply: str) -> None:
        """Keeps the mark of the MAIL that holds, and ends a message that a command has begun."""
        is_good = reply.startswith("250")
        if "%MAIL" in line and not is_good:
            self._mark = self._mark_before
        elif line[:4].upper() == "MAIL" and "%MAIL" not in line and is_good:
            # A message without a mark in its sender is another one all the same.
            self._next_mark()
            self._mark = self._asked
        if reply.startswith("354"):
            self._send(b".\r\n")
            self._reply(".")

    # --- the connection ---

    def _send(self, raw: bytes) -> None:
        # A server that has gone away is found out by the reply.
        with suppress(BrokenPipeError, ConnectionResetError):
            self._socket.sendall(raw)

    def _reply(self, label: str) -> str:
        lines: list[str] = []
        while not lines or lines[-1][3:4] == "-":
            line = self._reader.readline()
            if not line:
                self.played.replies.append((label, " / ".join([*lines, "closed"])))
                raise _Left
            lines.append(line.decode("latin-1").rstrip("\r\n"))
        self.played.replies.append((label, " / ".join(lines)))
        return self.played.replies[-1][1]
