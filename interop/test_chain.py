"""What Postfix and Sendmail do with two and three filters in a row: see chain/.

The MTAs run all cases once, several at a time; every case is then compared with the file tests/chain/MTA.txt.
"""

import tomllib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from difflib import ndiff
from pathlib import Path

import pytest

from chain import edits, failures, steps, verdicts
from chain.bench import bench
from chain.case import BOTH, Case
from chain.expected import CASES_FILE, cases_as_text, expected, write
from chain.show import show
from lab.packages import CannotInstall
from lab.peer import peer
from lab.postfix import POSTFIX
from lab.sendmail import SENDMAIL

PEERS = dict(zip(BOTH, (POSTFIX, SENDMAIL), strict=True))
# The slowest come first, since several run at a time.
CASES = [*failures.CASES, *steps.CASES, *verdicts.CASES, *edits.CASES]
EXPECTED = {mta: expected(mta) for mta in BOTH}

Lines = dict[str, list[str]]


class Runs:
    """What was seen with each MTA. They run at the same time, since most of it is waiting for timeouts."""

    def __init__(self, mtas: Iterable[str], folder: Path | None) -> None:
        for mta in mtas:
            with suppress(CannotInstall):
                PEERS[mta].install()
        self._folder = folder
        pool = ThreadPoolExecutor(len(PEERS))
        self._seen = {mta: pool.submit(self._run, mta) for mta in mtas}

    def of(self, mta: str) -> Lines:
        return self._seen[mta].result()

    def _run(self, mta: str) -> Lines:
        cases = [case for case in CASES if mta in case.mtas]
        with bench(mta) as running:
            seen = running.run(cases)
        lines = {case.name: show(case, seen[case.name]) for case in cases}
        if self._folder is not None:
            write(self._folder / f"{mta}.txt", lines)
            (self._folder / CASES_FILE.name).write_text(cases_as_text(CASES))
        return lines


@pytest.fixture(scope="module")
def runs(request: pytest.FixtureRequest) -> Runs:
    callspecs = [getattr(item, "callspec", None) for item in request.session.items if item.path == request.path]
    wanted = {it.params["mta"] for it in callspecs if it is not None}
    return Runs(sorted(wanted), request.config.option.chains)


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
    # The test of the crate plays what is in that file: `--chains` writes it.
    assert CASES_FILE.read_text() == cases_as_text(CASES)


@pytest.mark.parametrize("mta", [pytest.param(mta, marks=peer(it), id=it.name) for mta, it in PEERS.items()])
def test_every_case_that_a_rule_names_is_there(mta: str) -> None:
    """docs/rules.toml names cases for rules; some are for one of the MTAs only."""
    rules = tomllib.loads((Path(__file__).parents[1] / "docs" / "rules.toml").read_text())
    named = {name for rule in rules.values() for name in rule.get("chains", [])}
    others = {case.name for case in CASES if mta not in case.mtas}
    assert len(named) > 50
    assert named - others - EXPECTED[mta].keys() == set()
