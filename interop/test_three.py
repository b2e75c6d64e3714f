"""Three live filters in a row: our MTAs deliver what Postfix delivers with the same filters. See three/.

The filters stay up, and both sides ask the same ones. Nothing is left out of the comparison: our MTA gets the Received
header that Postfix made, and the clock of the filter that signs stands still.
"""

from collections.abc import Iterator
from difflib import ndiff
from pathlib import Path

import pytest

from lab.ours import MTAS
from lab.peer import peer
from lab.postfix import POSTFIX
from three.bench import Bench, bench, received_of
from three.cases import CASES, Case
from three.chains import CHAINS, VERIFIED, Chain

ROWS = [
    pytest.param(program, chain, case, marks=peer(chain.peer), id=f"{chain}, {case}, {program}")
    for chain in CHAINS
    for case in CASES
    for program in MTAS
]


@pytest.fixture(scope="module")
def running(request: pytest.FixtureRequest, programs: Path) -> Iterator[Bench]:
    callspecs = [getattr(item, "callspec", None) for item in request.session.items if item.path == request.path]
    wanted = [chain for chain in CHAINS if any(it is not None and it.params["chain"] is chain for it in callspecs)]
    for it in {POSTFIX, *(it for chain in wanted for it in (chain.peer, *chain.others))}:
        it.install()
    with bench(programs, wanted) as started:
        yield started


@pytest.mark.parametrize(("program", "chain", "case"), ROWS)
def test_three_filters(program: str, chain: Chain, case: Case, running: Bench) -> None:
    theirs = running.postfix(chain, case)
    assert theirs.refusal == case.refusal
    if not case.refusal:
        assert [mark for mark in chain.marks if mark not in theirs.content] == [], "a filter did nothing"
    ours = running.ours(program, chain, case, received_of(theirs))
    if ours != theirs:
        lines = ndiff(theirs.lines(), ours.lines())
        pytest.fail("\n".join(line for line in lines if line[0] in "+-"), pytrace=False)


VERDICTS = {
    "plain": b"dkim=none",
    "signed": b"dkim=pass",
    "signed with folded headers": b"dkim=pass",
    "signed, then another subject": b"dkim=pass",
    "signed, then another body": b"dkim=fail",
}
BY_NAME = {case.name: case for case in CASES}


@pytest.mark.parametrize("case", [pytest.param(BY_NAME[name], marks=peer(VERIFIED.peer), id=name) for name in VERDICTS])
@pytest.mark.parametrize("chain", [VERIFIED])
def test_the_third_filter_sees_what_the_second_changed(chain: Chain, case: Case, running: Bench) -> None:
    """The second filter gives every message the subject that was signed."""
    assert VERDICTS[case.name] in running.postfix(chain, case).content
