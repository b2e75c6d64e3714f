"""What came out: one row a peer, and by name what failed and what a peer is known not to do."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

FAIL_OPEN = """\
Each row is a script of SMTP commands from `interop/failopen/cases.py` that ends with a message, sent through a filter
that refuses everything. The MTA is configured to deliver without a filter that fails: Postfix with
`milter_default_action=accept`, Sendmail without `F=`. *Stalled*: the MTA waited for the filter until its timeout.
*Delivered*: the message passed unfiltered. *Closed*: the SMTP server ended the connection. A dash: the filter cannot
negotiate the steps of this row.
"""

DROPIN = """\
`interop/dropin` is a `libmilter.so.1.0.1` on this crate. Programs load it instead of Sendmail's libmilter when
`LD_LIBRARY_PATH` names its folder. Each program below, as Debian ships it, ran the same sessions on both libraries, under
Postfix, Sendmail and the scripts of miltertest. Every frame between MTA and filter, every reply of the MTA, every
delivered message and the exit status of the program were compared. `interop/dropin_programs/masks.py` lists the few
things that are masked: times, ports of clients, signatures, and names in the queue. The numbers are those of Sendmail's
library.
"""
DROPIN_FAIL_OPEN = """\
The rows of the fail-open table with two filters on the drop-in, under the default law and under the robust one
(`MILTER_PROTO_LAW=robust`). The outcomes under the default law are those of libmilter."""


@dataclass(frozen=True)
class Outcome:
    """One scenario: a test with its parameters. `result` is `passed`, `failed` or `known not`; `figure` what it measured.

    `cells` are for tables: the name of the table, two names of the row, the column, the text.
    """

    peer: str
    version: str
    program: str
    scenario: str
    result: str
    reason: str = ""
    figure: str = ""
    cells: tuple[tuple[str, str, str, str, str], ...] = ()


def table(outcomes: Iterable[Outcome]) -> str:
    """The table, as Markdown that can be read as it is."""
    rows: dict[tuple[str, str, str], dict[str, int]] = {}
    for outcome in outcomes:
        row = rows.setdefault((outcome.peer, outcome.version, outcome.program), {})
        row[outcome.result] = row.get(outcome.result, 0) + 1
    lines = [["peer", "version", "our program", "passed", "failed", "known not"]]
    for key, row in sorted(rows.items()):
        lines.append([*key, *(str(row.get(result, 0)) for result in ("passed", "failed", "known not"))])
    widths = [max(len(line[column]) for line in lines) for column in range(6)]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    )


def by_name(outcomes: Iterable[Outcome], result: str) -> Iterator[str]:
    """One line for each scenario with that result, with its reason."""
    for outcome in outcomes:
        if outcome.result == result:
            yield f"* {outcome.peer}: {outcome.scenario}: {outcome.reason}"


def figures(outcomes: Iterable[Outcome]) -> str:
    """What scenarios measured, as a table; nothing if none did."""
    rows = [f"| {outcome.program} | {outcome.scenario} | {outcome.figure} |" for outcome in outcomes if outcome.figure]
    head = "| our program | scenario | figure |\n| --- | --- | --- |\n"
    return head + "\n".join(rows) if rows else ""


def grid(outcomes: Iterable[Outcome], name: str, *heads: str) -> str:
    """The cells of the table with that name, under its two first columns; an empty string if there are none."""
    cells = [cell for outcome in outcomes for table, *cell in outcome.cells if table == name]
    if not cells:
        return ""
    columns = list(dict.fromkeys(column for _, _, column, _ in cells))
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for first, second, column, text in cells:
        rows.setdefault((first, second), {})[column] = text
    lines = [[*heads, *columns], ["---"] * (2 + len(columns))]
    lines += [[*key, *(row.get(column, "") for column in columns)] for key, row in rows.items()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def fail_open(outcomes: Iterable[Outcome]) -> str:
    """The outcome of each fail-open script with each program."""
    return grid(outcomes, "fail-open", "MTA", "case")


def dropin(outcomes: Iterable[Outcome]) -> str:
    """What was tried with the drop-in: the programs, and the fail-open table."""
    outcomes = list(outcomes)
    programs = grid(outcomes, "programs", "program", "version")
    passed = grid(outcomes, "dropin fail-open", "MTA", "case")
    return "\n\n".join(part for part in (programs, DROPIN_FAIL_OPEN if passed else "", passed) if part)


def document(outcomes: list[Outcome], day: date) -> str:
    """INTEROP.md."""
    parts = [
        "# What was tried with real programs\n",
        f"Written by `interop/run --write` on {day.isoformat()}. [interop/README.md](interop/README.md) says how to\n"
        "run it and what the scenarios are. A peer is the real program at the other end of the connection; `faults` are sockets\n"
        "that misbehave on purpose, and `captures` are recorded sessions that `interop/decode.py` reads; the version of both is that\n"
        "of Python.\n",
        table(outcomes) + "\n",
    ]
    for title, result in (("Failed", "failed"), ("Known not", "known not")):
        lines = list(by_name(outcomes, result))
        if lines:
            parts.append(f"## {title}\n\n" + "\n".join(lines) + "\n")
    measured = figures(outcomes)
    if measured:
        parts.append(f"## Figures\n\n{measured}\n")
    passed = fail_open(outcomes)
    if passed:
        parts.append(f"## Fail-open table\n\n{FAIL_OPEN}\n{passed}\n")
    replaced = dropin(outcomes)
    if replaced:
        parts.append(f"## Programs on the drop-in\n\n{DROPIN}\n{replaced}\n")
    return "\n".join(parts)
