"""Whether mail passes a filter that refuses everything, when the SMTP client causes an unusual sequence of commands.

The MTAs are configured to deliver without a filter that fails, as Sendmail does by default. Our filters must refuse
every message at once. The outcomes with other libraries are recorded, and must not change unnoticed.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from failopen.bench import IMPOSSIBLE, REFUSED, Bench, Result, bench, cases_of
from failopen.cases import Case
from failopen.known import known, reason
from failopen.programs import OTHERS, OURS, Program, ours

from lab.peer import Peer, peer
from lab.postfix import POSTFIX
from lab.sendmail import SENDMAIL

MTAS = (POSTFIX, SENDMAIL)
Property = Callable[[str, object], None]
Results = dict[str, Result | None]
ROWS = [
    pytest.param(it, program, case, marks=peer(it), id=f"{it.name}, {program}, {case.name}")
    for it in MTAS
    for program in OURS
    for case in cases_of(it.handle)
]


class LetThrough(Exception):
    """A library had its known outcomes."""


class Benches:
    """The MTAs, each started for its first test, and the results of each program, which runs only once."""

    def __init__(self, programs: Path, stack: ExitStack) -> None:
        self.programs = programs
        self._stack = stack
        self._started: dict[str, Bench] = {}
        self._seen: dict[tuple[str, str], Results | Exception] = {}

    def results(self, mta: str, program: Program, name: str = "") -> Results:
        """The results of all cases with a program. If it cannot be run, every case fails with that error."""
        key = (mta, name or program.name)
        if key not in self._seen:
            try:
                self._seen[key] = self._bench(mta).run(program)
            except Exception as error:
                self._seen[key] = error
        seen = self._seen[key]
        if isinstance(seen, Exception):
            raise seen
        return seen

    def of_library(self, program: Program) -> dict[str, Results]:
        """The results of a library with both MTAs, run at the same time: most of it is waiting for timeouts."""
        started = {it.handle: self._bench(it.handle) for it in MTAS}
        with ThreadPoolExecutor(len(started)) as pool:
            return dict(zip(started, pool.map(lambda one: one.run(program), started.values()), strict=True))

    def _bench(self, mta: str) -> Bench:
        if mta not in self._started:
            self._started[mta] = self._stack.enter_context(bench(mta, self.programs))
        return self._started[mta]


@pytest.fixture(scope="module")
def benches(programs: Path) -> Iterator[Benches]:
    with ExitStack() as stack:
        yield Benches(programs, stack)


def cell(record: Property, mta: Peer, case: Case, column: str, text: str) -> None:
    """Adds a cell to the table in INTEROP.md."""
    record("cell", (case.label, mta.name, column, text))


@pytest.mark.parametrize(("mta", "program", "case"), ROWS)
def test_our_filter_refuses_at_once(
    mta: Peer, program: str, case: Case, benches: Benches, record_property: Property
) -> None:
    result = benches.results(mta.handle, ours(benches.programs, program))[case.name]
    assert result is not None
    cell(record_property, mta, case, program, result.cell)
    if result.cell != REFUSED:
        pytest.fail(str(result), pytrace=False)
    assert any(case.frames in line for line in result.conversations), f"no {case.frames} was seen\n{result}"
    if case.recipients:
        assert result.recipients == case.recipients, f"the filter saw {result.recipients}\n{result}"


@pytest.mark.parametrize("mta", [pytest.param(it.handle, marks=peer(it), id=it.name) for it in MTAS])
def test_without_a_refusal_every_message_is_delivered(mta: str, benches: Benches) -> None:
    """Shows that a script can fail: each of them delivers its message unless the filter refuses it."""
    results = benches.results(mta, ours(benches.programs, OURS[0], options=()), "refuses nothing")
    expected = {case.name: case.unrefused for case in cases_of(mta)}
    stories = [f"{name}: {it}" for name, it in results.items() if it is None or it.cell != expected[name]]
    assert not stories, "\n\n".join(stories)


def library(it: Peer) -> object:
    """A library as a parameter; known outcomes other than a refusal are reported as "known not"."""
    marks = [peer(it)]
    if known(it.name):
        marks.append(pytest.mark.xfail(reason=reason(it.name), strict=True, raises=LetThrough))
    return pytest.param(it, id=it.name, marks=marks)


@pytest.mark.parametrize("it", [library(it) for it in OTHERS])
def test_a_library_refuses_at_once(it: Peer, benches: Benches, record_property: Property) -> None:
    by_mta = benches.of_library(OTHERS[it])
    results = {(mta, case): result for mta, seen in by_mta.items() for case, result in seen.items()}
    for mta in MTAS:
        for case in cases_of(mta.handle):
            result = results[mta.handle, case.name]
            cell(record_property, mta, case, it.name, IMPOSSIBLE if result is None else result.cell)
    found = {key: result.worst for key, result in results.items() if result is not None and result.cell != REFUSED}
    rows = known(it.name)
    changed = [key for key in results if found.get(key) != rows.get(key)]
    if changed:
        story = "\n\n".join(f"{key}: {results[key]}\nknown: {rows.get(key, REFUSED)}" for key in changed)
        pytest.fail(f"another outcome than what is known for {changed}\n{story}", pytrace=False)
    if found:
        raise LetThrough(reason(it.name))
