"""miltertest in the place of an MTA: it runs scripts, and what these print is compared with the frames."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from lab.client import Reply
from lab.peer import debian
from peers.filter import HERE

from .record import Record, record
from .recorder import Recorder

MILTERTEST = debian("miltertest", "miltertest")
SCRIPTS = {name: HERE / "miltertest" / f"{name}.lua" for name in ("walk", "letters")}


@dataclass(frozen=True)
class Simulator:
    """miltertest and the recorder that it asks."""

    recorder: Recorder

    def play(self) -> dict[str, Record]:
        """Runs every script."""
        return {f"{name}.lua": self.run(script) for name, script in SCRIPTS.items()}

    def run(self, script: Path) -> Record:
        command = ["miltertest", "-D", f"addr=inet:{self.recorder.port}@127.0.0.1", "-s", str(script)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        lines = [*done.stdout.splitlines(), f"status {done.returncode} {done.stderr}".strip()]
        return record(self.recorder.take(), [(script.stem, Reply((line,))) for line in lines], [], [])
