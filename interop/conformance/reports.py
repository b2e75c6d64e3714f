"""Where the reports of milter-check are, and what they say."""

import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
FOLDER = HERE.parents[1] / "target" / "interop" / "conformance"

Report = dict[str, Any]


def report_folder() -> Path:
    FOLDER.mkdir(parents=True, exist_ok=True)
    return FOLDER


def known_file(handle: str) -> Path:
    """The failures that are known of a program."""
    return HERE / "known" / f"{handle}.txt"


def read(handle: str) -> Report:
    report: Report = json.loads((FOLDER / f"{handle}.json").read_text())
    return report
