"""What a filter is to the matrix, and how one is run."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Protocol

from lab.peer import Peer
from lab.process import Process

from .answers import ACCEPTING, ANSWERS
from .known import KNOWN, Known

HERE = Path(__file__).parent
BUILT = HERE.parents[1] / "target" / "interop"


class Start(Protocol):
    """Starts a filter in a folder, with rules, until the end of the block, and gives the place where it listens."""

    def __call__(self, home: Path, rules: Sequence[str] = ()) -> AbstractContextManager[str]: ...


@dataclass(frozen=True)
class Filter:
    """A real filter. `start` runs it in a folder, with rules if it takes any, and gives the place where it listens."""

    peer: Peer
    start: Start

    @property
    def name(self) -> str:
        return self.peer.name

    @property
    def answer(self) -> str:
        """What it answers to OPTNEG with everything offered, as the transcript shows it."""
        return ANSWERS[self.name]

    @property
    def reusable(self) -> bool:
        """Whether QUIT_NC may follow a message that it let pass."""
        return self.answer.startswith("6") and self.name not in ACCEPTING

    def known_for(self, scenario: str) -> Known | None:
        """The row about a scenario that it does not manage."""
        rows = KNOWN.get(self.name, {})
        return next((row for pattern, row in rows.items() if fnmatchcase(scenario, pattern)), None)


@dataclass(frozen=True)
class Conditions:
    """How filters are run. `started` gets every process that is started."""

    restarts: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    # How many seconds each may take to end. Few have anything to tidy up, and libmilter takes up to 5 seconds.
    patience: float = 0.0
    started: list[Process] | None = None


CONDITIONS = ContextVar("CONDITIONS", default=Conditions())


@contextmanager
def under(conditions: Conditions) -> Iterator[Conditions]:
    """Within the block, filters are started under these conditions. They keep them after it."""
    before = CONDITIONS.set(conditions)
    try:
        yield conditions
    finally:
        CONDITIONS.reset(before)


def restarting() -> AbstractContextManager[Conditions]:
    """Within the block, a filter that ends is started again after a moment."""
    return under(Conditions(restarts=True))


@contextmanager
def listening(
    command: Sequence[str | Path], home: Path, where: Path | tuple[str, int], name: str = ""
) -> Iterator[Process]:
    """Runs a program that listens there until the end of the block."""
    conditions = CONDITIONS.get()
    if conditions.restarts:
        name = name or Path(command[0]).name
        stale = str(where) if isinstance(where, Path) else ""
        again = 'while :; do [ -z "$0" ] || rm -f "$0"; "$@"; echo "ended with status $?" >&2; sleep 0.2; done'
        command = ["sh", "-c", again, stale, *command]
    process = Process(command, home, name, conditions.environment)
    if conditions.started is not None:
        conditions.started.append(process)
    try:
        process.wait_listening(where, 60)
        yield process
    finally:
        process.stop(conditions.patience)


def scripted(command: Callable[[], Sequence[str | Path]]) -> Start:
    """Starts a filter of this folder, which takes a unix socket and rules as its arguments."""

    @contextmanager
    def start(home: Path, rules: Sequence[str] = ()) -> Iterator[str]:
        socket = home / "filter.sock"
        with listening([*command(), socket, *rules], home, socket, name="filter"):
            yield f"unix:{socket}"

    return start


def offline(home: Path, *command: str | Path) -> list[str | Path]:
    """The command with an empty resolv.conf of its own, so that no DNS query of it leaves the machine."""
    empty = home / "resolv.conf"
    empty.touch()
    namespace = ["unshare", "--mount", *([] if os.getuid() == 0 else ["--map-root-user"])]
    return [*namespace, "sh", "-c", 'mount --bind "$0" /etc/resolv.conf && exec "$@"', empty, *command]
