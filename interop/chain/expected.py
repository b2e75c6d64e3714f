"""What is expected of each case, in a text file for each MTA: `== NAME`, the lines of `show`, and an empty line.

Beside them are the cases themselves, a line of JSON each, for the test of the crate that plays them with its own chain.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from .case import Case
from .filter import Answer, Fault, Script

HERE = Path(__file__).parents[2] / "tests" / "chain"
CASES_FILE = HERE / "cases.jsonl"
MARK = "== "
# A longer body is told by its length: its content does not matter.
LONG = 1000


def expected(mta: str) -> dict[str, list[str]]:
    """The lines of every case by its name."""
    blocks = (HERE / f"{mta}.txt").read_text().split(MARK)[1:]
    lines = [block.strip().splitlines() for block in blocks]
    return {name: rest for name, *rest in lines}


def write(file: Path, seen: Mapping[str, Sequence[str]]) -> None:
    """Writes such a file."""
    file.write_text("".join("\n".join((MARK + name, *lines)) + "\n\n" for name, lines in seen.items()))


def cases_as_text(cases: Sequence[Case]) -> str:
    """The cases, a line of JSON each. Bytes are characters of the same numbers."""
    return "".join(json.dumps(_case(case), separators=(",", ":")) + "\n" for case in cases)


def _case(case: Case) -> dict[str, object]:
    body = case.message.body
    facts = {
        "name": case.name,
        "mtas": list(case.mtas),
        "steps": list(case.steps),
        "filters": [_script(case.scripts.get(place, Script())) for place in range(1, case.filters + 1)],
        "action": case.policy,
        "headers": "".join(f"{name}:{value}\r\n" for name, value in case.message.headers),
        "body": body.decode("latin-1") if len(body) < LONG else len(body),
        "show": case.show,
        "macros": case.macros,
        "edits": case.edits,
        "is_rude": case.is_rude,
    }
    return {name: value for name, value in facts.items() if value}


def _script(script: Script) -> dict[str, object]:
    """What the script has that the default does not."""
    facts = {
        "answers": {code: [_answer(part) for part in parts] for code, parts in script.answers.items()},
        "steps": script.steps,
        "actions": script.actions,
        "version": script.version,
        "lists": [list(it) for it in script.lists],
        "listens_from": script.listens_from,
    }
    default = vars(Script())
    return {name: value for name, value in facts.items() if value and value != default[name]}


def _answer(part: Answer) -> str | dict[str, str]:
    """A frame without its length, or a fault."""
    return {"fault": part.value} if isinstance(part, Fault) else part.decode("latin-1")
