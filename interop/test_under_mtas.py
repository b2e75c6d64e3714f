"""Our filters under Postfix and Sendmail, judged by what the client saw, what was delivered and what the filter saw.

The cases are tables in `under_mtas/`. An MTA runs for the whole module; the filter is started anew for each case.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import zip_longest
from pathlib import Path

import pytest

from lab.ours import FILTERS
from lab.peer import peer
from lab.postfix import POSTFIX
from lab.sendmail import SENDMAIL
from under_mtas import edits, manners, messages, verdicts
from under_mtas.bench import Bench, Seen, bench
from under_mtas.case import Case
from under_mtas.judge import differences

Before = dict[tuple[str, str], Seen]
CASES = [*verdicts.CASES, *edits.CASES, *messages.CASES, *manners.CASES]


class Benches:
    """The MTAs, each started when its first test comes. One that does not start is not tried again."""

    def __init__(self, programs: Path, stack: ExitStack) -> None:
        self._programs, self._stack = programs, stack
        self._started: dict[str, Bench | Exception] = {}

    def of(self, mta: str) -> Bench:
        if mta not in self._started:
            try:
                self._started[mta] = self._stack.enter_context(bench(mta, self._programs))
            except Exception as error:
                self._started[mta] = error
        started = self._started[mta]
        if isinstance(started, Exception):
            raise started
        return started


@pytest.fixture(scope="module")
def benches(programs: Path) -> Iterator[Benches]:
    with ExitStack() as stack:
        yield Benches(programs, stack)


@pytest.fixture(scope="module")
def seen_before() -> Before:
    """What came of a case with the first of our filters, by MTA and name of the case."""
    return {}


ROWS = [
    pytest.param(it.handle, program, case, marks=peer(it), id=f"{it.name}, {program}, {case.name}")
    for it in (POSTFIX, SENDMAIL)
    for case in CASES
    if case.expected(it.handle) is not None
    for program in FILTERS
]


@pytest.mark.parametrize(("mta", "program", "case"), ROWS)
def test_filter_under_mta(mta: str, program: str, case: Case, benches: Benches, seen_before: Before) -> None:
    expected = case.expected(mta)
    assert expected is not None
    seen = benches.of(mta).run(case, program)
    unexpected = differences(expected, case.message, seen)
    if unexpected:
        pytest.fail("\n".join(unexpected), pytrace=False)
    other = seen_before.setdefault((mta, case.name), seen)
    for ours, theirs in zip_longest(seen.comparable(), other.comparable()):
        assert ours == theirs, "the filters were seen to do different things"
