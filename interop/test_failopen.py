"""Whether mail passes a filter that refuses everything, when the SMTP client causes an unusual sequence of commands.

The MTAs are configured to deliver without a filter that fails, as Sendmail does by default. Our filters must refuse
every message at once. The outcomes with other libraries are recorded, and must not change unnoticed.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from failopen.bench import IMPOSSIBLE, MTAS, REFUSED, Benches, cases_of, surprises
from failopen.cases import Case
from failopen.known import known, reason
from failopen.programs import OTHERS, OURS, ours

from lab.peer import Peer, peer

Property = Callable[[str, object], None]
ROWS = [
    pytest.param(it, program, case, marks=peer(it), id=f"{it.name}, {program}, {case.name}")
    for it in MTAS
    for program in OURS
    for case in cases_of(it.handle)
]


class LetThrough(Exception):
    """A library had its known outcomes."""


@pytest.fixture(scope="module")
def benches(programs: Path) -> Iterator[Benches]:
    with ExitStack() as stack:
        yield Benches(programs, stack)


def cell(record: Property, mta: Peer, case: Case, column: str, text: str) -> None:
    """Adds a cell to the table in INTEROP.md."""
    record("cell", ("fail-open", mta.name, case.label, column, text))


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
    results = benches.of_library(OTHERS[it])
    for mta in MTAS:
        for case in cases_of(mta.handle):
            result = results[mta.handle, case.name]
            cell(record_property, mta, case, it.name, IMPOSSIBLE if result is None else result.cell)
    rows = known(it.name)
    surprise = surprises(results, rows)
    if surprise:
        pytest.fail(surprise, pytrace=False)
    if rows:
        raise LetThrough(reason(it.name))
