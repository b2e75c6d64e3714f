"""Plays all cases on both libraries, in several processes, and reports the differences."""

from __future__ import annotations

import argparse
import collections
import dataclasses
import itertools
import multiprocessing
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import abuse, conversations, known
from .shrink import shrink
from .player import Case, Outcome, Player
from .wire import show

SEED = 20_260_101
# Differences that are made small; the others are only counted.
MOST_REPORTS = 5

# Cases in which libmilter waits for seconds run beside the others.
SLOW = "stops/"
# The empty name is an abstract socket, which only one process at a time can have.
ALONE = ("sockets/unix:/", "sockets/:/")

state: dict = {}


@dataclasses.dataclass
class Judged:
    """A case and what both did."""

    case: Case
    reference: Outcome
    library: Outcome
    # The second without what is known to differ, and the rows of known.py that say so.
    left: Outcome
    rows: list[str]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="run", description=__doc__)
    parser.add_argument("--program", type=Path, required=True, help="the filter program")
    parser.add_argument("--reference", type=Path, help="folder of the library that is right (default: the system's)")
    parser.add_argument("--library", type=Path, help="folder of the library to be compared (default: the system's)")
    parser.add_argument("--seed", type=int, default=SEED, help="of the conversations")
    parser.add_argument("--conversations", type=int, default=5000, metavar="N")
    parser.add_argument("--only", metavar="TEXT", default="", help="only cases with this text in their names")
    parser.add_argument("--all", action="store_true", help="report every difference, not only the first ones")
    parser.add_argument("--show", action="store_true", help="show what both did, with or without a difference")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--limit", type=float, default=12.0, help="seconds for one script")
    return parser.parse_args()


class Pair:
    """The same filter program on both libraries."""

    def __init__(self, options: argparse.Namespace, place: Path):
        place.mkdir()
        self.options = options
        program = [str(options.program)]
        self.reference = Player(program, options.reference, place, "one")
        self.library = Player(program, options.library, place, "two")

    def judge(self, case: Case) -> Judged:
        """Plays a case on both and accounts for what is known to differ."""
        if case.name.startswith("closed/"):
            if self.options.library is None:
                return Judged(case, Outcome(), Outcome(), Outcome(), [])
            without = dataclasses.replace(case, script=case.script.replace("~", "!"))
            reference, library = (self.library.play(it, self.options.limit) for it in (without, case))
        else:
            reference, library = self.play(case)
        return Judged(case, reference, library, *known.explain(case, reference, library, self.play))

    def play(self, case: Case) -> tuple[Outcome, Outcome]:
        if case.name.startswith(ALONE):
            with state["alone"]:
                return self.reference.play(case, self.options.limit), self.library.play(case, self.options.limit)
        # Both at the same time.
        with ThreadPoolExecutor(1) as executor:
            library = executor.submit(self.library.play, case, self.options.limit)
            return self.reference.play(case, self.options.limit), library.result()

    def stop(self) -> None:
        self.reference.stop()
        self.library.stop()


def start_worker(options: argparse.Namespace, folder: Path, alone: object) -> None:
    state.update(alone=alone, pair=Pair(options, folder / str(multiprocessing.current_process()._identity[0])))


def play(case: Case) -> Judged:
    return state["pair"].judge(case)


def play_slow(options: argparse.Namespace, folder: Path, number: int, case: Case) -> Judged:
    pair = Pair(options, folder / f"slow-{number}")
    try:
        return pair.judge(case)
    finally:
        pair.stop()


def columns(left: list[str], right: list[str], width: int = 70) -> list[str]:
    """Two columns around the first difference, and how many lines there are."""
    first = next((i for i, pair in enumerate(zip(left, right)) if pair[0] != pair[1]), min(len(left), len(right)))
    lines = []
    for row in range(max(0, first - 6), min(max(len(left), len(right)), first + 8)):
        cells = [side[row] if row < len(side) else "" for side in (left, right)]
        mark = " " if cells[0] == cells[1] else "!"
        cells = [cell if len(cell) <= width else cell[: width - 12] + "..." + cell[-9:] for cell in cells]
        lines.append(f"{mark} {row:5} {cells[0]:{width}} | {cells[1]}")
    return lines


def shrunk(judged: Judged) -> Judged:
    """The smallest conversation that shows a difference, played by the worker."""
    parts = judged.case.parts
    last = judged

    def differs(smaller: conversations.Conversation) -> bool:
        nonlocal last
        again = state["pair"].judge(smaller.case(judged.case.name))
        if again.reference == again.left:
            return False
        last = again
        return True

    shrink(parts, differs)
    return last


def report(case: Case, reference: Outcome, library: Outcome) -> str:
    out = [f"DIFFERENT: {case.name}"]
    if case.parts is not None:
        sent = [f"  > {line}" for line in show(b"".join(case.parts.frames))]
        out += [f"  {case.parts.setup}", *sent, *(f"  @{name}: {lines}" for name, lines in case.parts.sections)]
    if reference.lines() != library.lines():
        out += ["  the callbacks, the calls and their results:", *columns(reference.lines(), library.lines())]
    for index, (left, right) in enumerate(zip(reference.replies, library.replies)):
        if left != right:
            out += [f"  the replies on connection {index}:", *columns(show(left), show(right))]
    return "\n".join(out)


def main() -> int:
    options = arguments()
    print(f"seed {options.seed}")
    cases = itertools.chain(abuse.cases(), (conversations.case(options.seed, i) for i in range(options.conversations)))
    cases = [case for case in cases if options.only in case.name]
    names = collections.Counter(case.name for case in cases)
    assert max(names.values(), default=1) == 1, f"names that are given twice: {names.most_common(5)}"
    started = time.monotonic()
    different, counts, known_counts = 0, collections.Counter(), collections.Counter()
    slow = [case for case in cases if case.name.startswith(SLOW)]
    quick = [case for case in cases if not case.name.startswith(SLOW)]
    with tempfile.TemporaryDirectory(prefix="milter-compare-") as name:
        folder, alone, reports = Path(name), multiprocessing.Lock(), []
        with (
            multiprocessing.Pool(options.jobs, start_worker, (options, folder, alone)) as pool,
            ThreadPoolExecutor(24) as executor,
        ):
            waiting = [executor.submit(play_slow, options, folder, i, case) for i, case in enumerate(slow)]
            quickly = pool.imap_unordered(play, quick, 8)
            for judged in itertools.chain(quickly, (future.result() for future in waiting)):
                counts[judged.case.name.split("/")[0]] += 1
                if options.show:
                    print(f"{judged.case.name}\n{judged.case.script}\n", judged.reference, "\n", judged.library)
                known_counts.update(judged.rows)
                if judged.reference == judged.left:
                    continue
                different += 1
                if judged.case.parts is not None and len(reports) < MOST_REPORTS:
                    reports.append(pool.apply_async(shrunk, (judged,)))
                elif judged.case.parts is None or options.all:
                    print(report(judged.case, judged.reference, judged.left), flush=True)
            for pending in reports:
                judged = pending.get()
                print(report(judged.case, judged.reference, judged.left), flush=True)
    print(f"{sum(counts.values())} cases in {time.monotonic() - started:.1f} s: {dict(counts)}")
    for row in known.ROWS:
        print(f"{known_counts[row.name]:7}  {row.name}: {row.reason}")
    print(f"{different} differences")
    is_whole = options.library and not options.only and options.seed == SEED and options.conversations >= 5000
    stale = [row.name for row in known.ROWS if not known_counts[row.name] and not row.is_chance] if is_whole else []
    if stale:
        print(f"stale rows of known.py: {', '.join(stale)}")
    return int(different > 0 or bool(stale))


if __name__ == "__main__":
    sys.exit(main())
