"""Conversations as MTAs have them, some of them out of order, and filters that do all sorts of things in them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from . import calls, scripts
from .player import Case, conversation
from .scripts import section
from .wire import (
    CALLBACK_OF,
    CALLBACKS,
    EVERY_ACTION,
    EVERY_STEP,
    NO_REPLY,
    NO_STEP,
    SKIP,
    connect,
    frame,
    offer,
    texts,
)

NAMES = ("i", "j", "{mail_addr}", "{rcpt_addr}", "_", "{auth_type}", "x")
VALUES = (b"", b"4Q1", b"4Q2", b"mx.example.org", b"a@example.org", b"local", b"\xc3\xbc", b"a b")
ADDRESSES = (
    b"<a@example.org>", b"<b@example.org>", b"<>", b"<\xc3\xbc@example.org>", b"<long.%s@example.org>" % (b"x" * 200),
)  # fmt: skip
CLIENTS = (b"mx.example.org", b"[192.0.2.1]", b"localhost")
GREETINGS = (b"client", b"", b"[192.0.2.1]", b"%s\xff")
PARAMETERS = (b"SIZE=1000", b"BODY=8BITMIME", b"NOTIFY=SUCCESS,FAILURE", b"ORCPT=rfc822;a@example.org", b"SMTPUTF8")
PEERS = (
    b"4\0\x19192.0.2.1\0", b"4\xff\xff127.0.0.1\0", b"6\0\x19IPv6:2001:db8::1\0", b"6\0\x00::1\0", b"L\0\0/run/socket\0",
    b"U", b"6\x12\x34IPv6:fe80::1\0", b"4\0\x00198.51.100.7\0",
)  # fmt: skip
HEADERS = ((b"Subject", b"one"), (b"Subject", b" one\n\ttwo"), (b"From", b"a@example.org"), (b"X", b""), (b"X-Long", b"y" * 2000),
           (b"Received", b"from x\n\tby y; date"), (b"X%s", b"%n\xff"))  # fmt: skip
STEPS = (EVERY_STEP, EVERY_STEP, EVERY_STEP, 0x7F, 0x3F, 0x1FF, 0x3FF, 0x7FF, EVERY_STEP & ~SKIP, EVERY_STEP & ~0xFF080)

# What a callback may return, by how often it does.
VERDICTS = ((0, 84), (1, 4), (4, 3), (3, 2), (2, 2), (8, 3), (7, 1), (10, 1))
OVER = frozenset((1, 2, 3, 4))


@dataclass
class Conversation:
    """What is needed for a case, in parts that can be left out."""

    setup: dict
    frames: list[bytes]
    sections: list[tuple[str, list[str]]] = field(default_factory=list)
    # Every command has its list of macros: none of a message can be older than it.
    has_every_list: bool = False
    # Where the stream is cut into pieces.
    cuts: tuple[int, ...] = ()

    def case(self, name: str) -> Case:
        sections = [section(callback, *lines) for callback, lines in self.sections]
        script = scripts.script(*sections, look=" ".join(f'"{name}' for name in NAMES), **self.setup)
        return Case(name, script, conversation(*self.frames, cuts=self.cuts), parts=self)


class Generator:
    """One conversation. The MTA knows what the filter returns, and goes on as a real one does."""

    def __init__(self, seed: str):
        self.random = random.Random(seed)
        self.frames: list[bytes] = []
        self.sections: list[tuple[str, list[str]]] = []
        self.has_every_list = self.chance(0.7)
        self.is_orderly = self.chance(0.65)
        self.is_lively = self.chance(0.5)

    def chance(self, likelihood: float) -> bool:
        return self.random.random() < likelihood

    def conversation(self) -> Conversation:
        self.set_up()
        self.open()
        for _ in range(self.random.choice((0, 1, 1, 2, 2, 3, 4))):
            if not self.between_messages():
                break
            self.message()
        self.leave()
        if not self.is_orderly:
            self.disorder()
        # libmilter forgets the last message at MAIL.
        has_every_list = self.is_orderly and self.has_every_list and not self.declined & NO_STEP["M"]
        size = sum(map(len, self.frames))
        cuts = tuple(self.random.randrange(1, size) for _ in range(3)) if self.chance(0.1) and size > 1 else ()
        return Conversation(self.setup, self.frames, self.sections, has_every_list, cuts)

    # --- the filter ---

    def set_up(self) -> None:
        choose = self.random.choice
        version = choose((scripts.CURRENT,) * 7 + (2, 3, 4, 0x1000000, 0x1000002))
        callbacks = scripts.ALL_CALLBACKS
        if self.chance(0.35):
            callbacks = self.random.getrandbits(13) | (0x380 if self.chance(0.9) else 0)
        if self.chance(0.3):
            callbacks &= scripts.WITHOUT_NEGOTIATE
        flags = choose((EVERY_ACTION, EVERY_ACTION, 0x3F, 0, self.random.getrandbits(9)))
        self.setup = {"version": version, "callbacks": callbacks, "flags": flags}
        self.callbacks = {name for bit, name in enumerate(CALLBACKS) if callbacks >> bit & 1}
        self.callbacks -= {"unknown"} if version == 2 else set()
        self.callbacks -= {"data"} if version in (2, 3) else set()
        self.callbacks -= {"negotiate"} if version in (2, 3, 4) else set()
        actions = choose((EVERY_ACTION, EVERY_ACTION, EVERY_ACTION, 0x3F, 0xFF))
        steps = choose(STEPS)
        # What the filter has no callback for can be declined: the rest is among the known differences.
        missing = sum(bit for code, bit in NO_STEP.items() if CALLBACK_OF[code] not in self.callbacks)
        if "negotiate" in self.callbacks and missing & ~steps & ~0x300:
            steps = EVERY_STEP
        # Version 2 with a callback for UNKNOWN is among the known differences.
        versions = (6, 6, 6, 6, 3, 4, 5, 7) if "unknown" in self.callbacks else (6, 6, 6, 2)
        self.frames.append(offer(choose(versions), actions, steps))
        # The steps that the MTA leaves out.
        self.declined = missing & steps
        self.promised = 0
        if "negotiate" not in self.callbacks:
            return
        if self.chance(0.1):
            lines, result = ["put -1 -1 0 0"], 10
        elif self.chance(0.02):
            lines, result = [f"put {self.random.getrandbits(32)} {self.random.getrandbits(32)} 0 0"], choose((0, 1, 7))
        else:
            declined = sum(bit for bit in NO_STEP.values() if self.chance(0.1)) & steps if self.chance(0.3) else 0
            self.promised = sum(bit for bit in NO_REPLY.values() if self.chance(0.3)) if self.chance(0.3) else 0
            extra = sum(bit for bit in (SKIP, 0x800, 0x100000) if self.chance(0.4)) & steps
            self.declined |= declined
            lines, result = [f"put {flags & actions} {self.declined | missing | self.promised | extra} 0 0"], 0
        if self.chance(0.2):
            lines += self.random.sample(list(calls.symbol_lists()), self.random.randrange(1, 6))
        self.sections.append(("negotiate", [*lines, f"return {result}"]))

    def lines_for(self, code: str) -> list[str]:
        """What the callback of a command does."""
        if not self.is_lively:
            return []
        if code == "E":
            return self.random.choices(EDITS, k=self.random.choice((0, 1, 2, 3, 6)))
        return self.random.choices(CALLS, k=self.random.choice((0, 0, 0, 1, 2)))

    # --- the MTA ---

    def send(self, code: str, payload: bytes = b"") -> int:
        """Sends a command after its macros, unless it was declined. Returns the verdict that the MTA sees."""
        if NO_STEP.get(code, 0) & self.declined and not self.chance(0.01):
            return 0
        if self.has_every_list and code in "CHMRTNE" or self.chance(0.2):
            pairs = [(name.encode(), self.random.choice(VALUES)) for name in NAMES if self.chance(0.3)]
            pairs = pairs or [(b"{none}", b"")]
            self.frames.append(frame("D", code.encode() + texts(*(text for pair in pairs for text in pair))))
        self.frames.append(frame(code, payload))
        callback = CALLBACK_OF[code]
        if callback not in self.callbacks:
            return 0
        lines = self.lines_for(code)
        verdict = self.random.choices([row[0] for row in VERDICTS], [row[1] for row in VERDICTS])[0]
        is_promised = NO_REPLY.get(code, 0) & self.promised
        if is_promised:
            verdict = self.random.choice((7, 7, 0))
        elif verdict in (7, 10) and not self.chance(0.2):
            verdict = 0
        if verdict in (1, 4) and self.chance(0.7):
            lines.append(self.random.choice(REPLIES))
        if lines or verdict:
            self.sections.append((callback, [*lines, f"return {verdict}"]))
        else:
            self.sections.append((callback, []))
        return 0 if is_promised else verdict

    def open(self) -> None:
        choose = self.random.choice
        self.is_served = self.send("C", texts(choose(CLIENTS)) + choose(PEERS)) not in OVER
        for _ in range(choose((0, 1, 1, 1, 2))):
            if self.is_served:
                self.is_served = self.send("H", texts(choose(GREETINGS))) not in OVER

    def between_messages(self) -> bool:
        """Whether there is another message."""
        if not self.is_served:
            # The MTA has its orders; it may come back with the next client.
            if not self.chance(0.2):
                return False
            self.end_callback("K")
            self.open()
        if self.chance(0.08):
            self.send("U", texts(self.random.choice((b"HELP", b"VRFY a", b"\xff", b""))))
        if self.chance(0.08):
            self.frames.append(frame("A"))
        if self.chance(0.06):
            self.send("H", texts(b"again"))
        if self.chance(0.06):
            self.end_callback("K")
            self.open()
        return self.is_served

    def end_callback(self, code: str) -> None:
        self.frames.append(frame(code))
        if CALLBACK_OF[code] in self.callbacks and self.is_lively and self.chance(0.3):
            self.sections.append((CALLBACK_OF[code], self.random.choices(CALLS, k=2)))

    def message(self) -> None:
        """A message, to its end or until somebody has enough."""
        for code, payload in self.commands():
            verdict = self.send(code, payload)
            if code == "R":
                if verdict in (2, 3):
                    break
                continue
            if code == "U":
                continue
            if verdict in OVER:
                if code != "E" and self.chance(0.3):
                    self.frames.append(frame("A"))
                return
            if self.chance(0.02):
                self.end_callback("A")
                return

    def commands(self) -> Iterator[tuple[str, bytes]]:
        choose = self.random.choice
        yield "M", texts(choose(ADDRESSES), *self.random.sample(PARAMETERS, choose((0, 0, 1, 2))))
        for _ in range(choose((1, 1, 1, 2, 3))):
            yield "R", texts(choose(ADDRESSES), *self.random.sample(PARAMETERS, choose((0, 0, 0, 1))))
            if self.chance(0.02):
                yield "U", texts(b"NOOP x")
        if self.chance(0.95):
            yield "T", b""
        for _ in range(choose((0, 1, 2, 4, 8))):
            yield "L", texts(*choose(HEADERS))
        if self.chance(0.97):
            yield "N", b""
        for _ in range(choose((0, 1, 1, 2))):
            size = choose((1, 10, 100, 1000, 65_535)) if self.chance(0.3) else 20
            yield "B", self.random.randbytes(size)
        # A body callback that returns anything but CONTINUE for such a chunk is among the known differences.
        has_chunk = self.is_orderly and not self.declined & NO_STEP["B"] and self.chance(0.05)
        if has_chunk:
            self.sections.append(("body", []))
        yield "E", self.random.randbytes(30) if has_chunk else b""

    def leave(self) -> None:
        if self.chance(0.1):
            self.frames.append(frame("A"))
        if self.chance(0.7):
            self.end_callback("Q")

    def disorder(self) -> None:
        """What goes wrong with MTAs that lose track: commands doubled, left out, exchanged, or out of nowhere."""
        for _ in range(self.random.choice((1, 1, 2, 3))):
            place = self.random.randrange(len(self.frames))
            match self.random.randrange(6):
                case 0:
                    del self.frames[place]
                case 1:
                    self.frames.insert(place, self.random.choice(self.frames))
                case 2 if place:
                    self.frames[place - 1 : place + 1] = reversed(self.frames[place - 1 : place + 1])
                case 3:
                    del self.frames[place:]
                case _:
                    self.frames.insert(place, self.stray())
            if not self.frames:
                return

    def stray(self) -> bytes:
        return self.random.choice((
            frame("A"), frame("K"), frame("U", texts(b"STRAY")), frame("H", texts(b"stray")), scripts.MAIL,
            scripts.RCPT, frame("T"),
            scripts.HEADER, frame("N"), frame("B", b"stray"), frame("E"), frame("Q"), connect(), offer(),
            frame("D", b"M" + texts(b"i", b"stray")),
        ))  # fmt: skip


REPLIES = [line for line in calls.replies() if len(line) < 200]
EDITS = [
    line
    for line in (*calls.edits(), *calls.others())
    if "65" not in line and "1048576" not in line and "131" not in line
]
CALLS = [*(line for line in calls.others() if len(line) < 100), *REPLIES[:200:7], *EDITS[::9]]


def case(seed: int, number: int) -> Case:
    return Generator(f"{seed}/{number}").conversation().case(f"conversation/{number}")
