"""What Postfix and Sendmail deliver after edits: the records of the corpus come out again. See edits/."""

import json
import os
from pathlib import Path

import pytest

from edits.bench import MTAS, bench
from edits.directed import directed
from edits.draw import draw
from lab.peer import peer

# How many cases are sent: all, unless a change is checked, which cannot take minutes.
LIMIT = int(os.environ.get("EDITS_LIMIT", "0")) or None
CORPUS = Path(__file__).resolve().parent.parent / "tests" / "edits"


@pytest.mark.parametrize("mta", [pytest.param(name, marks=peer(it)) for name, it in MTAS.items()])
def test_edits_have_the_recorded_outcome(mta: str, programs: Path, request: pytest.FixtureRequest) -> None:
    head, *lines = [json.loads(line) for line in (CORPUS / f"{mta}.jsonl").read_text().splitlines()]
    recorded = {line["id"]: line for line in lines if "id" in line}
    setups = {line["setup"]: line for line in lines if "sent" in line}
    drawn = sum(name.startswith(f"{head['seed']}/") for name in recorded)
    cases = [*directed(mta), *(draw(head["seed"], number, mta) for number in range(drawn))]
    kept = [case for case in cases if not case.is_large]
    assert [case.name for case in kept] == list(recorded)
    wrong = []
    with bench(mta, programs) as it:
        for case in cases[:LIMIT]:
            setup, outcome = it.record(case)
            if case.is_large:
                assert outcome["delivered"], case.name
            elif (setup, outcome) != (setups.get(setup["setup"]), recorded[case.name]):
                wrong.append(f"{case.name}: {json.dumps(outcome)}")
    figure = f"{len(kept[:LIMIT])} sequences of edits, {it.version}"
    request.node.user_properties.append(("figure", figure))
    if wrong:
        told = f"recorded with {head['version']}, seed {head['seed']}: {len(wrong)} of {len(kept)} differ"
        pytest.fail("\n".join((told, *wrong[:20])), pytrace=False)
