"""Filters that follow a script: CONTINUE to every command, except where the script says otherwise.

The filters of a chain record what they receive on one tape, so that the order across filters is kept. An MTA waits for
each reply before it asks the next filter, so the order of commands with a reply is certain. ABORT, QUIT and macros have
no reply: their order is certain only within one filter.
"""

import socket
import struct
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from faults.wire import frame, split
from lab.ports import stop_listening

# Commands that have a reply, and the step by which a filter promises not to give it.
NO_REPLY = {
    "C": 0x1000, "H": 0x2000, "M": 0x4000, "R": 0x8000, "T": 0x10000, "L": 0x80, "N": 0x40000, "B": 0x80000,
    "U": 0x20000, "E": 0, "O": 0,
}
SKIP, REJECTED_RCPT, LEADING_SPACE = 0x400, 0x800, 0x100000
EVERY_NO_REPLY = sum(NO_REPLY.values())
# How long a filter with `waits` thinks, so that what was sent to the others in the meantime has arrived.
PAUSE = 0.03


class Fault(Enum):
    """What a filter does instead of sending a verdict."""

    CLOSE = "closes"
    SILENT = "is silent"
    GARBAGE = "sends garbage"


Answer = bytes | Fault


@dataclass(frozen=True)
class Script:
    """What one filter does.

    `answers` has a code for the first command of a kind, or a code and a number for a later one (`M`, `R2`), counted
    over all connections. Each answer is the frames to send, without their lengths, and possibly a fault.
    """

    answers: Mapping[str, Sequence[Answer]] = field(default_factory=dict)
    steps: int = 0
    actions: int = 0x1FF
    version: int = 6
    # Macro lists: stage and names.
    lists: Sequence[tuple[int, str]] = ()
    # The SMTP session from which on the filter can be connected to.
    listens_from: int = 1


@dataclass
class Entry:
    """A frame that a filter received, and the answer that it sent."""

    filter: int
    connection: int
    code: str
    payload: bytes
    answer: tuple[Answer, ...] = ()


class Tape:
    """What all filters of a chain received, in order."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.changed = threading.Condition()
        self.open = 0

    def add(self, entry: Entry) -> None:
        with self.changed:
            self.entries.append(entry)

    def wait_closed(self, seconds: float) -> bool:
        """Waits until no filter has a connection, and returns whether that came about."""
        with self.changed:
            return self.changed.wait_for(lambda: self.open == 0, seconds)


class Filter:
    """A filter that runs on a unix socket until it is closed. `number` is its place in the chain."""

    def __init__(self, number: int, path: Path, script: Script, tape: Tape, waits: bool) -> None:
        self._number, self._script, self._tape, self._waits = number, script, tape, waits
        self._connections = 0
        self._counts: dict[str, int] = {}
        path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        # Postfix asks as a user of its own.
        path.chmod(0o666)
        self._thread: threading.Thread | None = None

    def begin_session(self, number: int) -> None:
        """Listens, if the script says so for that SMTP session. A bound socket that does not listen refuses."""
        if number >= self._script.listens_from and self._thread is None:
            self._listener.listen(16)
            self._thread = threading.Thread(target=self._accept, daemon=True)
            self._thread.start()

    def close(self) -> None:
        stop_listening(self._listener)
        if self._thread is not None:
            self._thread.join()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connections += 1
            with self._tape.changed:
                self._tape.open += 1
            threading.Thread(target=self._serve, args=(connection, self._connections), daemon=True).start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        connection.settimeout(60)
        with connection:
            try:
                is_over = self._converse(connection, number)
            except OSError:
                is_over = False
        if not is_over:
            self._tape.add(Entry(self._number, number, "EOF", b""))
        with self._tape.changed:
            self._tape.open -= 1
            self._tape.changed.notify_all()

    def _converse(self, connection: socket.socket, number: int) -> bool:
        """Returns whether it ended with QUIT, or because the filter closed, and not because the MTA did."""
        pending = b""
        while chunk := connection.recv(65_536):
            pending += chunk
            for whole in split(pending):
                pending = pending[len(whole) :]
                entry = Entry(self._number, number, chr(whole[4]), whole[5:])
                entry.answer = self._answer(entry)
                if self._waits and entry.answer:
                    time.sleep(PAUSE)
                self._tape.add(entry)
                if entry.code == "Q" or not self._send(connection, entry.answer):
                    return True
        return False

    def _answer(self, entry: Entry) -> tuple[Answer, ...]:
        if entry.code not in NO_REPLY:
            return ()
        count = self._counts[entry.code] = self._counts.get(entry.code, 0) + 1
        answer = self._script.answers.get(entry.code + (str(count) if count > 1 else ""))
        if answer is None and entry.code == "O":
            return (self._negotiated(entry.payload),)
        if answer is not None:
            return tuple(answer)
        return () if self._script.steps & NO_REPLY[entry.code] else (b"c",)

    def _negotiated(self, offer: bytes) -> bytes:
        version, actions, steps = struct.unpack(">III", offer[:12])
        lists = b"".join(struct.pack(">I", stage) + names.encode() + b"\0" for stage, names in self._script.lists)
        accepted = (min(version, self._script.version), actions & self._script.actions, steps & self._script.steps)
        return b"O" + struct.pack(">III", *accepted) + lists

    def _send(self, connection: socket.socket, answer: tuple[Answer, ...]) -> bool:
        """Sends an answer, and returns whether the connection goes on."""
        for part in answer:
            if part is Fault.CLOSE:
                return False
            if part is Fault.GARBAGE:
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            elif isinstance(part, bytes):
                connection.sendall(frame(part[:1], part[1:]))
        return True
