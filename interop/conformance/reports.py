"""Where the reports of milter-check are, and what they say."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.peer import Peer

HERE = Path(__file__).parent
FOLDER = HERE.parents[1] / "target" / "interop" / "conformance"

Report = dict[str, Any]


@dataclass(frozen=True)
class Judged:
    """A program, its version, and its report."""

    name: str
    version: str
    report: Report

    def failed(self, level: str) -> list[Any]:
        rows = self.report["scenarios"]
        return [row for row in rows if row["result"] == "fail" and row["level"] == level]


def report_folder() -> Path:
    FOLDER.mkdir(parents=True, exist_ok=True)
    return FOLDER


def known_file(handle: str) -> Path:
    """The failures that are known of a program."""
    return HERE / "known" / f"{file_name(handle)}.txt"


def named(it: Peer) -> str:
    """The name of a program and its version, as its report has it."""
    return f"{it.name}, {it.version() or 'this crate'}"


def read_all() -> list[Judged]:
    """Every report that is there."""
    reports = [json.loads(file.read_text()) for file in sorted(FOLDER.glob("*.json"))]
    return [Judged(*report["name"].rsplit(", ", 1), report) for report in reports]


def file_name(handle: str) -> str:
    """The name of a program as that of a file."""
    return handle.replace("::", "-")
