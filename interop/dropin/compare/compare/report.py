"""A difference as text: what was sent, and what each of the two did, side by side."""

from __future__ import annotations

from .player import Case, Outcome
from .wire import show

# Lines around the first one that differs.
BEFORE, AFTER = 6, 8
WIDTH = 70


def report(case: Case, reference: Outcome, library: Outcome, is_whole: bool = False) -> str:
    out = [f"{'SAME' if reference == library else 'DIFFERENT'}: {case.name}"]
    if is_whole:
        out += [case.script]
    if case.parts is not None:
        sent = [f"  > {line}" for line in show(b"".join(case.parts.frames))]
        out += [f"  {case.parts.setup}", *sent, *(f"  @{name}: {lines}" for name, lines in case.parts.sections)]
    if is_whole or reference.lines() != library.lines():
        out += ["  the callbacks, the calls and their results:", *columns(reference.lines(), library.lines(), is_whole)]
    for index, (left, right) in enumerate(zip(reference.replies, library.replies)):
        if is_whole or left != right:
            out += [f"  the replies on connection {index}:", *columns(show(left), show(right), is_whole)]
    return "\n".join(out)


def columns(left: list[str], right: list[str], is_whole: bool) -> list[str]:
    """Two columns: all lines, or those around the first one that differs."""
    rows = max(len(left), len(right))
    pairs = [[side[row] if row < len(side) else "" for side in (left, right)] for row in range(rows)]
    first = next((row for row, pair in enumerate(pairs) if pair[0] != pair[1]), rows)
    shown = range(rows) if is_whole else range(max(0, first - BEFORE), min(rows, first + AFTER))
    lines = []
    for row in shown:
        mark = " " if pairs[row][0] == pairs[row][1] else "!"
        cells = [cell if len(cell) <= WIDTH else f"{cell[: WIDTH - 12]}...{cell[-9:]}" for cell in pairs[row]]
        lines.append(f"{mark} {row:5} {cells[0]:{WIDTH}} | {cells[1]}")
    return lines
