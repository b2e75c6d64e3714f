"""Filters in the place of the recorder that refuse every message at one stage: ours, and one on libmilter."""

import random
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.process import Process, running
from lab.sink import Delivered
from peers.filter import BUILT

from .recorder import Behaviour

OURS = ("filter_blocking", "filter_tokio", "filter_smol")
LIBMILTER = "libmilter"
# Stages at which every message comes by, with the code, and the steps that decline a stage and drop its reply.
STAGES = {
    "connect": ("C", 0x1, 0x1000), "helo": ("H", 0x2, 0x2000), "mail": ("M", 0x4, 0x4000), "rcpt": ("R", 0x8, 0x8000),
    "data": ("T", 0x200, 0x10000), "header": ("L", 0x20, 0x80), "eoh": ("N", 0x40, 0x40000),
    "body": ("B", 0x10, 0x80000), "eom": ("E", 0, 0), "unknown": ("U", 0x100, 0x20000),
}
REFUSING = ("mail", "rcpt", "data", "header", "eoh", "body", "eom", "eom", "eom")
VERDICTS = {"reject": "r", "tempfail": "t", "discard": "d", "550 5.7.1 refused": "y"}
HEADER = "X-Mark"
REJECTED_RCPT = 0x800


@dataclass(frozen=True)
class Subject:
    """A filter that refuses every message at one stage, and what it negotiates."""

    program: str
    stage: str
    verdict: str
    declined: tuple[str, ...]
    silent: tuple[str, ...]
    # Of SKIP, RCPT_REJ and LEADSPC.
    flags: int

    @property
    def steps(self) -> int:
        declined = sum(STAGES[stage][1] for stage in self.declined)
        return declined | sum(STAGES[stage][2] for stage in self.silent) | self.flags

    def __str__(self) -> str:
        return f"{self.program} that says {self.verdict} to {self.stage}, steps {self.steps:#x}"

    def recorder(self, seed: str) -> Behaviour:
        """A recorder that says the same, to show what passes."""
        fixed = {STAGES[self.stage][0]: VERDICTS[self.verdict]}
        return Behaviour(seed, 6, 0, self.steps, (), fixed, verdicts=0, edits=0)

    def must_not_deliver(self, message: Delivered) -> bool:
        """Whether the filter cannot but have refused a message that was delivered. It was not asked about a header
        or a body that is not there."""
        if self.stage == "header":
            return any(name.lower() == HEADER.lower() for name, _ in message.headers)
        return self.stage != "body" or bool(message.body)

    def services(self, all_of_them: Sequence[str]) -> tuple[str, ...]:
        """The services at which the stage is there: DATA came with version 4."""
        old = ("version-2", "version-3") if self.stage == "data" else ()
        return tuple(name for name in all_of_them if name not in old)

    @contextmanager
    def runs(self, programs: Path, socket: Path, home: Path) -> Iterator[Process]:
        """Runs it on that unix socket until the end of the block."""
        socket.unlink(missing_ok=True)
        home.mkdir(exist_ok=True)
        if self.program == LIBMILTER:
            call = f"setreply|{self.verdict.replace(' ', '|')}" if " " in self.verdict else self.verdict
            rules = [f"negotiate:steps|{self.steps:x}", f"{self.stage}:{call}"]
            command: list[str | Path] = [BUILT / "libmilter-filter", f"unix:{socket}", *rules]
        else:
            command = [programs / self.program, "--listen", f"unix:{socket}", *self._options()]
        with running(command, home, name="subject", line="listening") as process:
            # Postfix asks as a user of its own.
            socket.chmod(0o666)
            yield process
            # libmilter takes 5 seconds to end, and there is nothing to see.
            status = process.stop(0.0 if self.program == LIBMILTER else 10.0)
        if self.program != LIBMILTER and status != 0:
            raise AssertionError(f"{self} ended with status {status}\n{process.log()}")

    def _options(self) -> list[str]:
        only = ",".join(stage for stage in STAGES if stage not in self.declined)
        options = ["--at", f"{self.stage}={self.verdict}", "--only", only, "--grace", "1"]
        if self.silent:
            options += ["--no-reply", ",".join(self.silent)]
        names = {0x400: "--skip", 0x800: "--rejected-rcpt", 0x100000: "--leading-space"}
        return options + [name for bit, name in names.items() if self.flags & bit]


def draw_subject(chance: random.Random, program: str) -> Subject:
    """Draws what a program refuses, and what it negotiates."""
    stage = chance.choice(REFUSING)
    others = [name for name in STAGES if name not in (stage, "eom")]
    density = chance.choice((0.0, 0.3, 0.6, 1.0))
    declined = tuple(name for name in others if chance.random() < density)
    density = chance.choice((0.0, 0.0, 0.3, 1.0))
    silent = tuple(name for name in others if name not in declined and chance.random() < density)
    flags = sum(bit for bit in (0x400, REJECTED_RCPT, 0x100000) if chance.random() < 0.3)
    verdict = chance.choice(tuple(VERDICTS))
    if (stage, verdict) == ("rcpt", "discard"):
        # Postfix forgets a DISCARD of a recipient that it refused itself: SPEC_NOTES.md, SCP-10.
        flags &= ~REJECTED_RCPT
    return Subject(program, stage, verdict, declined, silent, flags)


def mark_of(message: Delivered) -> str:
    """The mark of a message that was delivered, from its sender or its header. A bounce has none of its own."""
    values = {name.lower(): value for name, value in message.headers}
    if "multipart/report" in values.get("content-type", ""):
        return ""
    for text in (message.sender, values.get(HEADER.lower(), "")):
        if found := re.search(r"s\d+-\d+", text):
            return found[0]
    return ""
