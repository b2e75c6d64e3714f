"""What Postfix and Sendmail do with two and three filters in a row: see chain/.

An MTA runs all cases once, several at a time; every case is then compared with the file chain/MTA.txt.
"""

import re
from contextlib import ExitStack
from difflib import ndiff
from pathlib import Path

import pytest

from chain import edits, failures, steps, verdicts
from chain.bench import bench
from chain.case import BOTH, Case
from chain.expected import expected, write
from chain.show import show
from lab.peer import peer
from lab.postfix import POSTFIX
from lab.sendmail import SENDMAIL

PEERS = dict(zip(BOTH, (POSTFIX, SENDMAIL), strict=True))
# The slowest come first, since several run at a time.
CASES = [*failures.CASES, *steps.CASES, *verdicts.CASES, *edits.CASES]
EXPECTED = {mta: expected(mta) for mta in BOTH}

Lines = dict[str, list[str]]


class Runs:
    """What was seen with each MTA, which runs for its first test. One that fails is not tried again."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._seen: dict[str, Lines | Exception] = {}

    def of(self, mta: str) -> Lines:
        if mta not in self._seen:
            try:
                self._seen[mta] = self._run(mta)
            except Exception as error:
                self._seen[mta] = error
        seen = self._seen[mta]
        if isinstance(seen, Exception):
            raise seen
        return seen

    def _run(self, mta: str) -> Lines:
        cases = [case for case in CASES if mta in case.mtas]
        with ExitStack() as stack:
            seen = stack.enter_context(bench(mta)).run(cases)
        lines = {case.name: show(case, seen[case.name]) for case in cases}
        if self._folder is not None:
            write(self._folder / f"{mta}.txt", lines)
        return lines


@pytest.fixture(scope="module")
def runs(request: pytest.FixtureRequest) -> Runs:
    return Runs(request.config.option.chains)


ROWS = [
    pytest.param(mta, case, marks=peer(it), id=f"{it.name}, {case.name}")
    for mta, it in PEERS.items()
    for case in CASES
    if mta in case.mtas
]


@pytest.mark.parametrize(("mta", "case"), ROWS)
def test_a_chain_of_filters(mta: str, case: Case, runs: Runs) -> None:
    seen, told = runs.of(mta)[case.name], EXPECTED[mta].get(case.name, [])
    if seen != told:
        pytest.fail("\n".join(line for line in ndiff(told, seen) if line[0] in "+-"), pytrace=False)


@pytest.mark.parametrize("mta", [pytest.param(mta, marks=peer(it), id=it.name) for mta, it in PEERS.items()])
def test_every_case_is_expected_once(mta: str) -> None:
    names = [case.name for case in CASES if mta in case.mtas]
    assert len(set(names)) == len(names), "two cases have the same name"
    assert set(names) == EXPECTED[mta].keys()


@pytest.mark.parametrize("mta", [pytest.param(mta, marks=peer(it), id=it.name) for mta, it in PEERS.items()])
def test_every_case_that_a_rule_names_is_there(mta: str) -> None:
    """The rules of SPEC_NOTES.md name cases; some are for one of the MTAs only."""
    notes = (Path(__file__).parents[1] / "SPEC_NOTES.md").read_text()
    lists = re.findall(r"interop/chain:((?:\s*`[^`]+`,?)+)", notes)
    named = {" ".join(name.split()) for text in lists for name in re.findall(r"`([^`]+)`", text)}
    others = {case.name for case in CASES if mta not in case.mtas}
    assert len(named) > 50
    assert named - others - EXPECTED[mta].keys() == set()
