"""The rules that every scripted filter in this folder takes on its command line.

    FILTER SOCKET RULE...

A rule is STAGE[/TEXT]:CALL[|ARGUMENT...] and applies if TEXT occurs in the text of the callback (the
host name, the address, the header's name, the unknown line). Verdicts are accept reject tempfail
discard skip and setreply|CODE|ENHANCED|TEXT; every other call is an edit and belongs to eom, except
negotiate:symlist|STAGE|NAMES and negotiate:steps|HEX. A filter that can ask for SKIP does so anyway.
Not every library can ask for every step: see `failopen/programs.py`.
"""

import sys
from typing import NamedTuple

VERDICTS = {"continue", "accept", "reject", "tempfail", "discard", "skip", "setreply", "setmlreply"}


class Call(NamedTuple):
    name: str
    arguments: list[str]


def from_command_line() -> tuple[str, list[str]]:
    """The path of the socket, and the rules."""
    return sys.argv[1], sys.argv[2:]


def of(rules: list[str], stage: str, text: str = "") -> tuple[list[Call], Call | None]:
    """The edits of `stage`, in order, and its last verdict."""
    edits: list[Call] = []
    verdict = None
    for rule in rules:
        where, _, what = rule.partition(":")
        name, _, pattern = where.partition("/")
        if name != stage or pattern not in text:
            continue
        call, *arguments = what.split("|")
        if call in VERDICTS:
            verdict = Call(call, arguments)
        else:
            edits.append(Call(call, arguments))
    return edits, verdict


def asked_steps(rules: list[str]) -> int:
    """The steps that the rules ask for."""
    calls = of(rules, "negotiate")[0]
    return sum(int(call.arguments[0], 16) for call in calls if call.name == "steps")


def asked_macros(rules: list[str]) -> dict[int, str]:
    """The names of macros that the rules ask for, by the number of the stage."""
    calls = of(rules, "negotiate")[0]
    return {int(call.arguments[0]): call.arguments[1] for call in calls if call.name == "symlist"}
