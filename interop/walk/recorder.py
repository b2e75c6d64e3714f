"""A filter on raw frames: it negotiates what it is told to, answers at random, and records what both sides sent.

It knows nothing of order. Every command that has a reply gets one, wherever it comes, so that a recording shows what
an MTA sends to a filter that never objects.
"""

import json
import random
import socket
import struct
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.ports import stop_listening

# Commands that have a reply, and the step by which a filter promises not to give it.
NO_REPLY = {
    "C": 0x1000, "H": 0x2000, "M": 0x4000, "R": 0x8000, "T": 0x10000, "L": 0x80, "N": 0x40000, "B": 0x80000,
    "U": 0x20000, "E": 0, "O": 0,
}
SKIP = 0x400
NO_MAIL = 0x4
LEADING_SPACE = 0x100000
ACTIONS = {
    "add": 0x01, "body": 0x02, "add-rcpt": 0x04, "delete-rcpt": 0x08, "change": 0x10, "quarantine": 0x20, "from": 0x40,
    "add-rcpt-args": 0x80,
}
TEMPORARY = b"y451 4.7.1 not now\0"
PERMANENT = b"y550 5.7.1 not this\0"
CLOSING = b"y421 4.3.2 closing\0"
MARK = b"x-mark"


@dataclass(frozen=True)
class Behaviour:
    """What a recorder negotiates and how it answers. All of it comes from a seed, and can be shown and replayed."""

    seed: str
    version: int
    actions: int
    steps: int
    # Macro lists: stage and names, or none, for the defaults of the MTA.
    lists: tuple[tuple[int, str], ...] = ()
    # The verdict that is given to every command of a code; where there is none, chance decides.
    fixed: dict[str, str] = field(default_factory=dict)
    # How many of a hundred answers are something else than CONTINUE, and how many messages are edited.
    verdicts: int = 10
    edits: int = 20

    def as_json(self) -> dict[str, Any]:
        return {
            "seed": self.seed, "version": self.version, "actions": hex(self.actions), "steps": hex(self.steps),
            "lists": self.lists, "fixed": self.fixed, "verdicts": self.verdicts, "edits": self.edits,
        }


def behaviour(chance: random.Random, seed: str) -> Behaviour:
    """Draws what a recorder does."""
    density = chance.choice((0.0, 0.05, 0.2, 0.5, 1.0))
    steps = sum(1 << bit for bit in range(21) if chance.random() < density)
    if chance.random() < 0.3:
        # No replies at all, or only the content: sets of bits that chance alone hardly draws.
        steps |= chance.choice((*[0xFF080] * 4, 0x10F, 0x10F, 0x30F, 0x4, 0x5, 0x40, 0x200, 0x4002, 0xFF080 | 0x10F))
    if chance.random() < 0.3:
        steps |= SKIP
    actions = chance.choice((0x1FF, 0, 0x1, 0x1F, chance.randrange(0x200)))
    stages = (0, 1, 2, 3, 4, 5, 6)
    names = ("i", "i {mail_addr}", "{rcpt_addr} {mail_addr} i", "{auth_authen} v _ {tls_version}", "")
    lists: tuple[tuple[int, str], ...] = ()
    if chance.random() < 0.25:
        lists = tuple((stage, chance.choice(names)) for stage in stages if chance.random() < 0.4)
    return Behaviour(
        seed, chance.choice((2, 3, 4, 5, 6, 6, 6)), actions, steps, lists,
        verdicts=chance.choice((0, 3, 10, 25)), edits=chance.choice((0, 0, 30)),
    )


def refuser(chance: random.Random, seed: str) -> Behaviour:
    """Draws another filter of a chain, which refuses commands at random, DATA above all."""
    fixed = {chance.choice("TTTRMNB"): chance.choice("ryt")} if chance.random() < 0.8 else {}
    return Behaviour(seed, 6, 0, chance.choice((0, 0x10F & ~0x8, 0x100)), (), fixed, verdicts=5, edits=0)


class Recorder:
    """Listens on a unix socket and serves as many connections as come. What they do is set before each session."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        # Postfix asks as a user of its own.
        path.chmod(0o666)
        self._listener.listen(64)
        self._changed = threading.Condition()
        self._open = 0
        self._serial = 0
        self._session: tuple[Behaviour, dict[str, Any], Path] | None = None
        self._kept: list[Path] = []
        self.refused: set[str] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def begin(self, it: Behaviour, header: dict[str, Any], stem: Path) -> None:
        """Sets what the connections of the next SMTP session do. `header` is the first line of their recordings."""
        with self._changed:
            self._session, self._serial, self._kept, self.refused = (it, header, stem), 0, [], set()

    def wait(self, seconds: float) -> None:
        """Waits for the first connection of the session."""
        with self._changed:
            self._changed.wait_for(lambda: self._serial > 0, seconds)

    def finish(self, seconds: float) -> tuple[bool, list[Path]]:
        """Waits until every connection of the session has ended, and returns whether they have, and the recordings."""
        with self._changed:
            ended = self._changed.wait_for(lambda: self._open == 0, seconds)
            return ended, list(self._kept)

    def close(self) -> None:
        stop_listening(self._listener)
        self._path.unlink(missing_ok=True)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._changed:
                assert self._session is not None
                it, header, stem = self._session
                self._open += 1
                self._serial += 1
                path = stem.with_name(f"{stem.name}.{self._serial}.jsonl")
                self._kept.append(path)
            threading.Thread(target=self._serve, args=(connection, it, header, path), daemon=True).start()

    def _serve(self, connection: socket.socket, it: Behaviour, header: dict[str, Any], path: Path) -> None:
        conversation = _Conversation(connection, it)
        try:
            conversation.run()
        finally:
            connection.close()
            path.write_text("".join(json.dumps(line) + "\n" for line in (header, *conversation.lines)))
            with self._changed:
                self.refused |= conversation.refused
                self._open -= 1
                self._changed.notify_all()


class _Conversation:
    """One connection of an MTA."""

    def __init__(self, connection: socket.socket, it: Behaviour) -> None:
        self._connection, self._it = connection, it
        self._begun = time.monotonic()
        self._steps = self._actions = 0
        self._counts: dict[str, int] = {}
        self._mark = ""
        self.lines: list[dict[str, Any]] = []
        self.refused: set[str] = set()

    def run(self) -> None:
        connection = self._connection
        connection.settimeout(120)
        pending = b""
        try:
            while chunk := connection.recv(65_536):
                pending += chunk
                while len(pending) >= 4 and len(pending) - 4 >= (size := struct.unpack(">I", pending[:4])[0]):
                    frame, pending = pending[: 4 + size], pending[4 + size :]
                    self._log("mta", frame)
                    if not self._take(chr(frame[4]), frame[5:]):
                        return
        except OSError:
            self.lines.append({"dir": "mta", "t": self._now(), "event": "reset"})
            return
        if pending:
            self._log("mta", pending)
        self.lines.append({"dir": "mta", "t": self._now(), "event": "eof"})

    def _take(self, code: str, payload: bytes) -> bool:
        """Answers a command if it has a reply. False ends the connection, after QUIT."""
        if code == "Q":
            return False
        if code == "O":
            self._negotiate(payload)
            return True
        if code == "M":
            self._mark = _mark_of(payload)
        elif code == "T" and self._steps & NO_MAIL:
            self._mark = ""
        elif code == "L" and payload.lower().startswith(MARK + b"\0"):
            self._mark = payload.split(b"\0")[1].strip().decode("latin-1")
        if code in NO_REPLY and not self._steps & NO_REPLY[code]:
            self._answer(code)
        if code in "AEK":
            self._mark = ""
        return True

    def _negotiate(self, payload: bytes) -> None:
        version, actions, steps = struct.unpack(">III", payload[:12])
        self._actions, self._steps = actions & self._it.actions, steps & self._it.steps
        answer = struct.pack(">III", min(version, self._it.version), self._actions, self._steps)
        if actions & 0x100:
            answer += b"".join(struct.pack(">I", stage) + names.encode() + b"\0" for stage, names in self._it.lists)
        self._say(b"O" + answer)

    def _answer(self, code: str) -> None:
        count = self._counts[code] = self._counts.get(code, 0) + 1
        # A command more or less in the script changes the answers to its own kind only, which helps to shrink.
        chance = random.Random(f"{self._it.seed}/{code}/{count}")
        if code == "E" and chance.randrange(100) < self._it.edits:
            for edit in self._edits(chance):
                self._say(edit)
        verdict = b"c"
        if code in self._it.fixed:
            verdict = {"y": PERMANENT}.get(self._it.fixed[code], self._it.fixed[code].encode())
        elif chance.randrange(100) < self._it.verdicts:
            verdict = chance.choice(self._verdicts(code))
        elif code == "B" and self._steps & SKIP and self._it.verdicts and chance.random() < 0.3:
            verdict = b"s"
        if verdict[:1] in b"rtdy" and code in "MLNBE" and self._mark:
            self.refused.add(self._mark)
        if verdict[:1] in b"ad" or (verdict[:1] in b"rty" and code in "MLNBE"):
            self._mark = ""
        self._say(verdict)

    def _verdicts(self, code: str) -> Sequence[bytes]:
        """What may be said to a command, apart from CONTINUE: what every MTA understands there."""
        refusals = [b"r", b"t", PERMANENT, TEMPORARY]
        if code == "U":
            return refusals
        if code in "CH":
            return [*refusals, b"a"]
        verdicts = [*refusals, CLOSING, b"a", b"d"]
        return verdicts

    def _edits(self, chance: random.Random) -> list[bytes]:
        """Edits that were agreed on, chunks of a new body in a row."""
        space = b" " if self._steps & LEADING_SPACE else b""
        choices = {
            "add": [b"hX-Added\0" + space + b"yes\0", b"i\0\0\0\1X-Inserted\0" + space + b"a\n b\0"],
            "change": [b"m\0\0\0\1Subject\0" + space + b"changed\0", b"m\0\0\0\1Subject\0\0"],
            "add-rcpt": [b"+<dave@rcpt.example>\0"],
            "add-rcpt-args": [b"2<erin@rcpt.example>\0NOTIFY=NEVER\0"],
            "delete-rcpt": [b"-<carol@rcpt.example>\0"],
        }
        edits = [
            edit for name, rows in choices.items() for edit in rows
            if self._actions & ACTIONS[name] and chance.random() < 0.4
        ]
        chance.shuffle(edits)
        if self._actions & ACTIONS["body"] and chance.random() < 0.4:
            edits.extend([b"bnew body\r\n"] * chance.choice((1, 3)))
        return [*[b"p"] * chance.choice((0, 0, 2)), *edits]

    def _say(self, frame: bytes) -> None:
        raw = struct.pack(">I", len(frame)) + frame
        self._log("filter", raw)
        self._connection.sendall(raw)

    def _log(self, side: str, raw: bytes) -> None:
        self.lines.append({"dir": side, "t": self._now(), "hex": raw.hex()})

    def _now(self) -> float:
        return round(time.monotonic() - self._begun, 4)


def _mark_of(payload: bytes) -> str:
    """The mark of a message, which is the local part of its sender."""
    return payload.split(b"\0")[0].strip(b"<>").partition(b"@")[0].decode("latin-1")
