"""Programs of Debian on libmilter, unmodified, under Postfix and Sendmail: with Sendmail's library and with the drop-in.

Every frame, every reply of the MTA and every delivered message has to be the same with both.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from dropin_programs.bench import FRONTS, MTAS, Bench, Run, bench
from dropin_programs.library import REAL, dropin
from dropin_programs.programs import PROGRAMS, Program, dropin_peer

from lab.peer import peer
from peers import opendkim

Property = Callable[[str, object], None]


class Runs:
    """What came of each program with both libraries, run when its first test comes."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._bench: Bench | None = None
        self._seen: dict[str, list[Run] | Exception] = {}

    def of(self, name: str, run: Callable[[Bench], list[Run]]) -> list[Run]:
        """With Sendmail's library, and with the drop-in. If one cannot be run, every test of it fails with that error."""
        if name not in self._seen:
            try:
                self._bench = self._bench or self._stack.enter_context(bench())
                self._seen[name] = run(self._bench)
            except Exception as error:
                self._seen[name] = error
        seen = self._seen[name]
        if isinstance(seen, Exception):
            raise seen
        return seen


@pytest.fixture(scope="module")
def runs() -> Iterator[Runs]:
    with ExitStack() as stack:
        yield Runs(stack)


def assert_same(real: Run, ours: Run, front: str) -> None:
    """Fails with the shortest session that is not the same, and the names of the others."""
    stories = {name: it.differences(ours.records[front][name]) for name, it in real.records[front].items()}
    stories = {name: lines for name, lines in stories.items() if lines}
    if stories:
        shortest = min(stories, key=lambda name: len(real.records[front][name].frames))
        others = [name for name in stories if name != shortest]
        lines = [f"{shortest}: - is Sendmail's libmilter, + is the drop-in", *stories[shortest]]
        pytest.fail("\n".join([*lines, f"and so in {', '.join(others) or 'no other'}"]), pytrace=False)
    assert ours.end() == real.end()


ROWS = [
    pytest.param(front.name, it, marks=peer(it.peer), id=f"{it.name}, {front.name}")
    for it in PROGRAMS for front in FRONTS
]


@pytest.mark.parametrize(("front", "case"), ROWS)
def test_program_is_the_same(front: str, case: Program, runs: Runs) -> None:
    real, ours = runs.of(case.name, lambda bench: bench.run(case, (REAL, dropin())))
    assert_same(real, ours, front)


@pytest.mark.parametrize("front", [it.name for it in MTAS])
@peer(dropin_peer(opendkim.PEER))
def test_daemon_is_the_same(front: str, runs: Runs) -> None:
    """OpenDKIM in the background gets a new configuration, crashes, is started again by itself, and ends."""
    real, ours = runs.of("daemon", lambda bench: [bench.live(it) for it in (REAL, dropin())])
    assert_same(real, ours, front)
