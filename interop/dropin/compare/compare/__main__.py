"""Plays the same scripts on two builds of libmilter and reports what they do differently."""

from __future__ import annotations

import argparse
import collections
import itertools
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import abuse, conversations, known
from .pair import Judged, Pair, Settings
from .player import Case
from .report import report

SEED = 20_260_101
CONVERSATIONS = 5000
# Conversations that are made small and reported; the others are only counted.
MOST_REPORTS = 5
# Cases in which libmilter waits for seconds run beside the others.
SLOW = ("stops/", "timing/stuck-mta")

# What a worker process works with.
state: dict[str, Pair] = {}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="run", description=__doc__)
    parser.add_argument("--program", type=Path, required=True, help="the filter program")
    parser.add_argument("--reference", type=Path, default="system", help="the library that is right, or its folder")
    parser.add_argument("--library", type=Path, default="system", help="the one to be compared, or its folder")
    parser.add_argument("--seed", type=int, default=SEED, help="of the conversations")
    parser.add_argument("--conversations", type=int, default=CONVERSATIONS, metavar="N")
    parser.add_argument("--only", metavar="TEXT", default="", help="only cases with this text in their names")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only every Nth case")
    parser.add_argument(
        "--alone", action="store_true", help="compare nothing: under both of its laws, it must not crash"
    )
    parser.add_argument(
        "--under", metavar="COMMAND", default="", help="with --alone: what runs the program, such as valgrind"
    )
    parser.add_argument("--plant", metavar="FAULT", help="a fault of plant.c, for the library to be compared")
    parser.add_argument("--show", action="store_true", help="print what both did, with or without a difference")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--limit", type=float, default=12.0, help="seconds for one script")
    return parser.parse_args()


def folder_of(library: Path) -> Path | None:
    """`None` for "system", the library of the system."""
    if library == Path("system"):
        return None
    return (library.parent if library.is_file() else library).resolve()


def chosen(options: argparse.Namespace) -> list[Case]:
    talks = (conversations.case(options.seed, number) for number in range(options.conversations))
    cases = [case for case in itertools.chain(abuse.cases(), talks) if options.only in case.name]
    names = collections.Counter(case.name for case in cases)
    if max(names.values(), default=1) > 1:
        raise ValueError(f"names that are given twice: {names.most_common(3)}")
    return cases[:: options.every]


def start_worker(settings: Settings, folder: Path, turn: object) -> None:
    number = multiprocessing.current_process()._identity[0]
    state["pair"] = Pair(settings, folder / str(number), turn)


def judge(case: Case) -> Judged:
    return state["pair"].judge(case)


def shrunk(judged: Judged) -> Judged:
    return state["pair"].shrunk(judged)


def judge_slow(settings: Settings, folder: Path, turn: object, number: int, case: Case) -> Judged:
    pair = Pair(settings, folder / f"slow-{number}", turn)
    try:
        return pair.judge(case)
    finally:
        pair.stop()


def play_all(options: argparse.Namespace, settings: Settings, folder: Path) -> Iterator[Judged]:
    """What became of every case; conversations that differ come last and small."""
    turn, pending = multiprocessing.Lock(), []
    cases = chosen(options)
    slow = [case for case in cases if case.name.startswith(SLOW)]
    quick = [case for case in cases if not case.name.startswith(SLOW)]
    with (
        multiprocessing.Pool(options.jobs, start_worker, (settings, folder, turn)) as pool,
        ThreadPoolExecutor(24) as executor,
    ):
        slowly = [executor.submit(judge_slow, settings, folder, turn, *it) for it in enumerate(slow)]
        quickly = pool.imap_unordered(judge, quick, 8)
        for judged in itertools.chain(quickly, (future.result() for future in slowly)):
            is_talk = judged.case.parts is not None and not options.alone
            if is_talk and judged.reference != judged.library and len(pending) < MOST_REPORTS:
                pending.append(pool.apply_async(shrunk, (judged,)))
            else:
                yield judged
        yield from (result.get() for result in pending)


def main() -> int:
    options = arguments()
    library, reference = folder_of(options.library), folder_of(options.reference)
    settings = Settings(
        options.program.resolve(), reference, library, options.limit, options.alone, options.under, options.plant
    )
    print(f"seed {options.seed}")
    started = time.monotonic()
    differences, counts, rows = 0, collections.Counter(), collections.Counter()
    with tempfile.TemporaryDirectory(prefix="milter-compare-") as folder:
        for judged in play_all(options, settings, Path(folder)):
            counts[judged.case.name.split("/")[0]] += 1
            rows.update(judged.rows)
            is_different = judged.reference != judged.library
            differences += is_different
            if is_different or options.show:
                print(report(judged.case, judged.reference, judged.library, options.show), flush=True)
    groups = ", ".join(f"{count} {name}" for name, count in counts.items())
    print(f"{counts.total()} cases in {time.monotonic() - started:.1f} s: {groups}")
    is_whole = library and not (options.only or options.alone) and options.every == 1
    is_whole = is_whole and options.seed == SEED and options.conversations >= CONVERSATIONS
    is_stale = False
    for row in known.ROWS if library and not options.alone else ():
        note = "" if rows[row.name] or row.is_chance else "   STALE" if is_whole else "   not needed"
        is_stale |= note == "   STALE"
        print(f"{rows[row.name]:7}  {row.name}: {row.reason}{note}")
    print(f"{differences} differences")
    return int(differences > 0 or is_stale)


if __name__ == "__main__":
    sys.exit(main())
