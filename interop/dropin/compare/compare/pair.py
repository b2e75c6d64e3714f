"""The same filter program on both libraries, and the judgement on what they do."""

from __future__ import annotations

import dataclasses
import shlex
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

from . import known
from .conversations import Conversation
from .player import Case, Outcome, Player
from .shrink import shrink

# The empty name is an abstract socket, which only one process at a time can have.
ALONE = ("sockets/unix:/", "sockets/:/")


@dataclasses.dataclass
class Settings:
    """What the command line says about the two."""

    program: Path
    reference: Path | None
    library: Path | None
    limit: float
    # Only the second is played, with this in front of its command line.
    is_alone: bool
    under: str
    # A fault that is planted in the second.
    plant: str | None = None


@dataclasses.dataclass
class Judged:
    """A case and what both did."""

    case: Case
    reference: Outcome
    # The second without what is known to differ, and the rows of known.py that say so.
    library: Outcome
    rows: list[str]


class Pair:
    def __init__(self, settings: Settings, place: Path, turn: AbstractContextManager):
        place.mkdir()
        self.settings, self.turn = settings, turn
        program = [str(settings.program)]
        self.reference = Player(program, settings.reference, place / "one")
        # The name of a fault, and the library that makes it.
        planted = {"PLANT": settings.plant, "LD_PRELOAD": str(settings.program.parent / "plant.so")}
        self.library = Player(
            [*shlex.split(settings.under), *program],
            settings.library,
            place / "two",
            planted if settings.plant else None,
        )
        self.robust = Player(self.library.program, settings.library, place / "six", {"MILTER_PROTO_LAW": "robust"})

    def judge(self, case: Case) -> Judged:
        """Plays a case on both and accounts for what is known to differ."""
        if self.settings.is_alone:
            return self.judge_alone(case)
        if case.name.startswith("closed/"):
            return self.judge_closed(case)
        reference, library = self.play(case)
        return Judged(case, reference, *known.explain(case, reference, library, self.play))

    def judge_alone(self, case: Case) -> Judged:
        """Under both laws, whatever is done to it, the program ends as it should."""
        players = [player for player in (self.library, self.robust) if self.settings.library or player is self.library]
        for player in players:
            status = player.play(case, self.settings.limit).status
            if status != "ended with status 0":
                return Judged(case, Outcome(["ended with status 0"]), Outcome([status, *player.errors()]), [])
        return Judged(case, Outcome(), Outcome(), [])

    def judge_closed(self, case: Case) -> Judged:
        """For ours a context that is over is like none at all. The real library reads freed memory."""
        if self.settings.library is None:
            return Judged(case, Outcome(), Outcome(), [])
        without = dataclasses.replace(case, script=case.script.replace("~", "!"))
        return Judged(case, *(self.library.play(it, self.settings.limit) for it in (without, case)), [])

    def play(self, case: Case) -> tuple[Outcome, Outcome]:
        if case.name.startswith(ALONE):
            with self.turn:
                return self.reference.play(case, self.settings.limit), self.library.play(case, self.settings.limit)
        # Both at the same time.
        with ThreadPoolExecutor(1) as executor:
            library = executor.submit(self.library.play, case, self.settings.limit)
            return self.reference.play(case, self.settings.limit), library.result()

    def shrunk(self, judged: Judged) -> Judged:
        """The smallest conversation that shows the difference."""
        last = judged

        def differs(smaller: Conversation) -> bool:
            nonlocal last
            again = self.judge(smaller.case(judged.case.name))
            if again.reference == again.library:
                return False
            last = again
            return True

        shrink(judged.case.parts, differs)
        return last

    def stop(self) -> None:
        for player in (self.reference, self.library, self.robust):
            player.stop()
