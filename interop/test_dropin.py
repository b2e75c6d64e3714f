"""Programs of Debian on libmilter, unmodified, under Postfix and Sendmail: with Sendmail's library and with the drop-in.

Every frame, every reply of the MTA and every delivered message has to be the same with both.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from dropin_programs.bench import MTAS, Bench, Run, bench
from dropin_programs.library import REAL, dropin
from dropin_programs.programs import PROGRAMS, Program

from lab.peer import peer

Property = Callable[[str, object], None]


class Runs:
    """What came of each program with both libraries, run when its first test comes."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._bench: Bench | None = None
        self._seen: dict[str, list[Run] | Exception] = {}

    def of(self, program: Program) -> list[Run]:
        """With Sendmail's library, and with the drop-in. If one cannot be run, every test of it fails with that error."""
        if program.name not in self._seen:
            try:
                self._bench = self._bench or self._stack.enter_context(bench())
                self._seen[program.name] = self._bench.run(program, (REAL, dropin()))
            except Exception as error:
                self._seen[program.name] = error
        seen = self._seen[program.name]
        if isinstance(seen, Exception):
            raise seen
        return seen


@pytest.fixture(scope="module")
def runs() -> Iterator[Runs]:
    with ExitStack() as stack:
        yield Runs(stack)


ROWS = [
    pytest.param(mta.name, it, marks=peer(it.peer), id=f"{it.name}, {mta.name}") for it in PROGRAMS for mta in MTAS
]


@pytest.mark.parametrize(("mta", "case"), ROWS)
def test_program_is_the_same_with_the_dropin(mta: str, case: Program, runs: Runs) -> None:
    real, ours = runs.of(case)
    stories = {name: it.differences(ours.records[mta][name]) for name, it in real.records[mta].items()}
    stories = {name: lines for name, lines in stories.items() if lines}
    if stories:
        shortest = min(stories, key=lambda name: len(real.records[mta][name].frames))
        others = [name for name in stories if name != shortest]
        lines = [f"{shortest}: - is Sendmail's libmilter, + is the drop-in", *stories[shortest]]
        pytest.fail("\n".join([*lines, f"and so in {', '.join(others) or 'no other'}"]), pytrace=False)
    assert ours.end() == real.end()
