"""Compares the records with what a command makes of them, and makes cases small."""

import json
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lab.process import Unexpected, folder

from .bench import Bench
from .case import ALICE, BOB, Case
from .messages import PLAIN


def write(path: Path, head: dict[str, Any], records: Sequence[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    """Writes records, each setup once and before the first case that has it."""
    rows, known = [head], set()
    for setup, outcome in records:
        if setup["setup"] not in known:
            known.add(setup["setup"])
            rows.append(setup)
        rows.append(outcome)
    path.write_text("".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows))


@dataclass(frozen=True)
class Judge:
    """A command that prints the id and the difference of each case that it cannot reproduce."""

    command: Sequence[str]
    bench: Bench
    head: dict[str, Any]

    def differences(self, records: Sequence[tuple[dict[str, Any], dict[str, Any]]]) -> dict[str, str]:
        """Asks about records: what is different, by id."""
        with folder() as home:
            file = home / "records.jsonl"
            write(file, self.head, records)
            done = subprocess.run([*self.command, str(file)], capture_output=True, text=True)
        pairs = (line.partition("\t") for line in done.stdout.splitlines())
        found = {name: difference for name, tab, difference in pairs if tab}
        if done.returncode != 0 and not found:
            raise Unexpected(f"{self.command} ended with status {done.returncode}\n{done.stdout}{done.stderr}")
        return found

    def small(self, case: Case) -> tuple[Case, str]:
        """The smallest case that is found to be different as well, and its difference."""
        difference = self._difference(case)
        if not difference:
            return case, "the difference did not occur again"
        goes_on = True
        while goes_on:
            goes_on = False
            for smaller in _smaller(case):
                if found := self._difference(smaller):
                    case, difference, goes_on = smaller, found, True
                    break
        return case, difference

    def _difference(self, case: Case) -> str:
        try:
            return self.differences([self.bench.record(case)]).get(case.name, "")
        except Unexpected:
            return ""


def _smaller(case: Case) -> Iterator[Case]:
    """Cases with one thing less."""
    for place in range(len(case.edits)):
        yield replace(case, edits=case.edits[:place] + case.edits[place + 1 :])
    plain = {"verdict": "continue", "recipients": (BOB,), "sender": ALICE, "leading_space": False}
    for name, value in plain.items():
        if getattr(case, name) != value:
            yield replace(case, **{name: value})  # type: ignore[arg-type]
    if (case.message, case.chunked) != (PLAIN, False):
        yield replace(case, message=PLAIN, chunked=False)
