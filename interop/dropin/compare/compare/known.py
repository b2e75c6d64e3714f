"""Known differences: what the drop-in does otherwise than libmilter, and means to do.

A row says what may differ, and nothing else: what it forgives is put right in a copy of ours, and the rest has to be the
same. A row that a full run does not need is stale and fails it.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from dataclasses import dataclass

from .player import Case, Outcome
from .wire import split

# Puts right in ours what the row forgives, and says whether there was anything.
Forgive = Callable[[Case, Outcome, Outcome], bool]


@dataclass
class Row:
    name: str
    reason: str
    forgive: Forgive


LOOKED_UP = re.compile(r"  ([^ ]+)=(.*)")
CALLED = re.compile(r"  getsymval = (?!NULL)\"(.*)")


def sent_values(case: Case) -> set[str]:
    """The values of all macros that the driver sends, as the filter shows them."""
    values = set()
    for name, *arguments in case.steps:
        if name == "send":
            for code, payload in split(arguments[1])[0]:
                if code == "D":
                    values.update(payload[1:].split(b"\0")[1::2])
    return {"".join(chr(b) if 0x21 <= b <= 0x7E and b != 0x5C else f"\\x{b:02x}" for b in value) for value in values}


def old_macros(case: Case, reference: Outcome, ours: Outcome) -> bool:
    """libmilter may show a macro that we have forgotten, or an older value."""
    sent = sent_values(case)
    log, theirs = [], iter(ours.log)
    line = next(theirs, None)
    needed = False
    for right in reference.log:
        looked_up, called = LOOKED_UP.fullmatch(right), CALLED.fullmatch(right)
        if right == line:
            line = next(theirs, None)
        elif looked_up and looked_up[2] in sent:
            needed = True
            # Another value of the same macro, or none.
            mine = line and LOOKED_UP.fullmatch(line)
            if mine and mine[1] == looked_up[1]:
                line = next(theirs, None)
        elif called and called[1] in sent and line and line.startswith("  getsymval = "):
            needed = True
            line = next(theirs, None)
        else:
            break
        log.append(right)
    if needed:
        rest = [] if line is None else [line, *theirs]
        ours.log = log + rest
    return needed


ROWS = (
    Row(
        "old-macros",
        "libmilter shows macros of a message that is over, and of an earlier command (SPEC_NOTES MAC-10, DEV-45)",
        old_macros,
    ),
)


def explain(case: Case, reference: Outcome, ours: Outcome) -> tuple[Outcome, list[str]]:
    """Ours without what the rows forgive, and the rows that were needed."""
    if reference == ours:
        return ours, []
    left, names = copy.deepcopy(ours), []
    for row in ROWS:
        if row.forgive(case, reference, left):
            names.append(row.name)
        if reference == left:
            break
    return left, names
