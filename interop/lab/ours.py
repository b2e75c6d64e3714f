"""Our example programs: filters that listen for a real MTA, and MTAs that ask a real filter."""

import json
import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .process import Process, Unexpected, running

FILTERS = ("filter_blocking", "filter_tokio")
# filter_smol shares the rules of the others, and is tested where order and timing matter.
EVERY_FILTER = (*FILTERS, "filter_smol")
MTAS = ("mta_blocking", "mta_tokio")
# The codes of frames, by their names in --log.
COMMANDS = {
    "OPTNEG": "O", "CONNECT": "C", "HELO": "H", "MAIL": "M", "RCPT": "R", "DATA": "T", "HEADER": "L", "EOH": "N",
    "BODY": "B", "BODYEOB": "E", "ABORT": "A", "QUIT": "Q", "QUIT_NC": "K", "UNKNOWN": "U",
}
REPLIES = {
    "CONTINUE": "c", "REJECT": "r", "TEMPFAIL": "t", "ACCEPT": "a", "DISCARD": "d", "REPLYCODE": "y", "SKIP": "s"
}


@dataclass(frozen=True)
class Filter:
    """One of our filters, while it runs."""

    process: Process
    spec: str

    def events(self, *names: str) -> list[str]:
        """Its event lines so far, all of them or those with one of these names."""
        lines = self.process.out.read_text().splitlines()
        events = [line for line in lines if re.match(r"\d+ ", line)]
        return [line for line in events if not names or line.split()[1] in names]

    def said(self) -> list[str]:
        """The frames that it has sent: the number of the connection, and the frame with sizes for content."""
        frames = re.findall(r"^\[(\d+)\] < (.*)$", self.process.err.read_text(), re.MULTILINE)
        return [f"{number} {frame}" for number, frame in frames]

    def conversations(self) -> list[str]:
        """Each connection as one line of codes: commands except MACRO, each with its replies, as in `M<c R<c T<r`."""
        shown: dict[str, list[str]] = {}
        for number, side, name in re.findall(r"^\[(\d+)\] ([<>]) (\w+)", self.process.err.read_text(), re.MULTILINE):
            codes = shown.setdefault(number, [])
            if side == ">" and name != "MACRO":
                codes.append(COMMANDS.get(name, name))
            elif side == "<" and codes:
                codes[-1] += f"<{REPLIES.get(name, name)}"
        return [" ".join(codes) for codes in shown.values()]


@contextmanager
def our_filter(programs: Path, program: str, home: Path, spec: str, *options: str) -> Iterator[Filter]:
    """Runs one of our filters until the end of the block, then sees that it ends in order: exit status 0.

    One that a test has killed is exempt.
    """
    command: list[str | Path] = [_path(programs, program), "--listen", spec, "--events", "--log", *options]
    with running(command, home, name=program, env={"RUST_BACKTRACE": "1"}, line="listening on ") as process:
        listening = process.wait_line("listening on ").removeprefix("listening on ")
        yield Filter(process, listening)
        status = process.stop()
    if status != 0 and not process.was_killed:
        raise Unexpected(f"{program} ended with status {status}\n{process.log()}")


@dataclass(frozen=True)
class Asked:
    """What one of our MTAs came back with."""

    status: int
    messages: list[dict[str, Any]]
    errors: str


def our_mta(programs: Path, program: str, spec: str, *options: str, seconds: float = 60) -> Asked:
    """Runs one of our MTAs against a filter, to its end."""
    command: Sequence[str | Path] = [_path(programs, program), "--filter", spec, "--json", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds)
    # Not splitlines: a text may hold U+0085 and the like, which JSON leaves as they are.
    lines = [line for line in done.stdout.split("\n") if line]
    return Asked(done.returncode, [json.loads(line) for line in lines], done.stderr)


def _path(programs: Path, program: str) -> Path:
    if not (programs / program).exists():
        raise Unexpected(f"our program {program} is not in {programs}")
    return programs / program
