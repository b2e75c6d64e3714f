"""Programs of Debian on libmilter, unmodified, under Postfix and Sendmail: with Sendmail's library and with the drop-in.

Every frame, every reply of the MTA and every delivered message has to be the same with both.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from dropin_programs.bench import FRONTS, MTAS, Bench, Run, bench
from dropin_programs.failopen import on_dropin
from dropin_programs.library import REAL, dropin
from dropin_programs.miltertest import MILTERTEST
from dropin_programs.programs import PROGRAMS, UNLIKE, Program, dropin_peer
from failopen.bench import Benches, cases_of, surprises
from failopen.known import known

from lab.peer import peer
from peers import opendkim
from peers.filter import Filter
from peers.libraries import LIBMILTER, LIBRARIES

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


def assert_same(real: Run, ours: Run, front: str, record: Callable[[str], None]) -> None:
    """Fails with the shortest session that is not the same, and the names of the others. `record` gets the result."""
    sessions, stories = real.records[front], real.differences(ours, front)
    if stories:
        record(f"{len(stories)} of {len(sessions)} sessions differ")
        shortest = min(stories, key=lambda name: len(sessions[name].frames))
        others = ", ".join(name for name in stories if name != shortest)
        lines = [f"{shortest}: - is Sendmail's libmilter, + is the drop-in", *stories[shortest]]
        pytest.fail("\n".join([*lines, f"and in {others}" if others else "and in no other session"]), pytrace=False)
    assert ours.end() == real.end()
    record(f"{len(sessions)} sessions, {sum(it.number_of_frames for it in sessions.values())} frames")


ROWS = [
    pytest.param(front.name, it, marks=peer(it.peer), id=f"{it.name}, {front.name}")
    for it in PROGRAMS for front in FRONTS
]


@pytest.mark.parametrize(("front", "case"), ROWS)
def test_program_is_the_same(front: str, case: Program, runs: Runs, record_property: Property) -> None:
    real, ours = runs.of(case.name, lambda bench: bench.run(case, (REAL, dropin())))
    if front != MILTERTEST.name:
        sent = real.sent_by_filter(front)
        assert not [words for words in case.sends if not any(words in line for line in sent)]
    row = (case.name, case.of.version(), front)
    assert_same(real, ours, front, lambda text: record_property("cell", ("programs", *row, text)))


@pytest.mark.parametrize("front", [it.name for it in MTAS])
@peer(dropin_peer(opendkim.PEER))
def test_daemon_is_the_same(front: str, runs: Runs, record_property: Property) -> None:
    """OpenDKIM in the background gets a new configuration, crashes, is started again by itself, and ends."""
    real, ours = runs.of("daemon", lambda bench: [bench.live(it) for it in (REAL, dropin())])
    row = ("opendkim, as a daemon", opendkim.PEER.version(), front)
    assert_same(real, ours, front, lambda text: record_property("cell", ("programs", *row, text)))


@pytest.mark.parametrize("front", [it.name for it in FRONTS])
@peer(dropin_peer(LIBMILTER))
def test_a_difference_is_noticed(front: str, runs: Runs) -> None:
    """Two filters that do not do the same, both on Sendmail's library."""
    one, other = runs.of("two that differ", lambda bench: [bench.run(it, (REAL,))[0] for it in UNLIKE])
    stories = one.differences(other, front)
    name = "walk.lua" if front == MILTERTEST.name else "a message"
    assert "frames:" in stories[name]
    assert any(line.startswith("- ") and 'value="one way"' in line for line in stories[name])
    assert any(line.startswith("+ ") and 'value="another way"' in line for line in stories[name])
    if front != MILTERTEST.name:
        assert "delivered:" in stories["a message"]
        assert "SMTP:" in stories["several recipients"]


@pytest.fixture(scope="module")
def tables(programs: Path) -> Iterator[Benches]:
    with ExitStack() as stack:
        yield Benches(programs, stack)


FILTERS = [it for it in LIBRARIES if it.name in ("libmilter", "pymilter")]


@pytest.mark.parametrize("law", ["", "robust"], ids=lambda law: law or "the law of libmilter")
@pytest.mark.parametrize("it", [pytest.param(it, marks=peer(dropin_peer(it.peer)), id=it.name) for it in FILTERS])
def test_what_passes_a_filter(it: Filter, law: str, tables: Benches, record_property: Property) -> None:
    """The drop-in fails where libmilter does, but for the robust law, under which no mail passes."""
    results = tables.of_library(on_dropin(it, law))
    for mta in MTAS:
        for case in cases_of(mta.handle):
            result = results[mta.handle, case.name]
            assert result is not None, case
            column = f"{it.name}, {law}" if law else it.name
            record_property("cell", ("dropin fail-open", mta.name, case.label, column, result.cell))
    surprise = surprises(results, {} if law else known(it.name))
    if surprise:
        pytest.fail(surprise, pytrace=False)
