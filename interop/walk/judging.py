"""The judge: a program on milter-proto that reads recordings."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.packages import CannotInstall

HERE = Path(__file__).parent
TARGET = HERE.parents[1] / "target" / "interop" / "judge"
PROGRAM = TARGET / "release" / "milter-proto-walk-judge"


@dataclass(frozen=True)
class Finding:
    """Something that should not have happened. What is the same each time makes it comparable."""

    kind: str
    what: str
    # The row of the table that explains it, or nothing.
    explained: str = ""
    file: str = ""
    text: str = ""
    frames: str = ""

    @property
    def signature(self) -> tuple[str, str]:
        return self.kind, self.what


def build() -> None:
    """Builds the judge."""
    command = ["cargo", "build", "--quiet", "--locked", "--release", "--target-dir", str(TARGET)]
    done = subprocess.run([*command, "--manifest-path", str(HERE / "judge/Cargo.toml")], capture_output=True, text=True)
    if done.returncode != 0:
        raise CannotInstall("the judge of the walk", " ".join(command), done.stderr)


def judge(paths: Sequence[Path]) -> tuple[list[Finding], dict[str, Any]]:
    """Judges recordings, or folders of them; returns what was found, and figures."""
    if not paths:
        return [], {}
    command = [str(PROGRAM), "--explained", str(HERE / "explained.json"), *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode not in (0, 1) or not done.stdout:
        raise AssertionError(f"the judge failed: {done.stderr}")
    *lines, figures = [json.loads(line) for line in done.stdout.splitlines()]
    return [_finding(line) for line in lines], figures


def _finding(line: dict[str, Any]) -> Finding:
    what = " ".join(word for word in (line["rule"], line["command"], "at", line["stage"]) if word)
    return Finding(line["kind"], what, line["explained"] or "", line["file"], line["text"], line["frames"])
