"""The command line: see `run`."""

import argparse
import json
import signal
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from lab.packages import CannotInstall
from lab.process import Unexpected

from .bench import MTAS, bench
from .case import Case
from .directed import directed
from .draw import draw


def main() -> int:
    parser = argparse.ArgumentParser(prog="interop/edits/run", description=__doc__)
    parser.add_argument("--mta", choices=sorted(MTAS), action="append", help="one of the MTAs; otherwise both")
    parser.add_argument("--cases", type=int, default=300, metavar="N", help="cases that are drawn, for each MTA (300)")
    parser.add_argument("--seed", required=True, metavar="S", help="what the cases are drawn from")
    parser.add_argument("--only", default="", metavar="TEXT", help="only cases whose name contains that")
    parser.add_argument("--undirected", action="store_true", help="no directed cases")
    parser.add_argument("--write", type=Path, metavar="FOLDER", help="write the records there")
    parser.add_argument("--large", action="store_true", help="write the records of large cases as well")
    parser.add_argument("--programs", type=Path, required=True, metavar="FOLDER", help="where our filters are")
    arguments = parser.parse_args()
    # Programs are ended on the way out, so this has to be one.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    failures = 0
    for name in arguments.mta or sorted(MTAS):
        try:
            MTAS[name].install()
        except CannotInstall as error:
            print(error, file=sys.stderr)
            return 1
        failures += _run(name, arguments)
    return 1 if failures else 0


def _run(name: str, arguments: argparse.Namespace) -> int:
    begun, failures, lines = time.monotonic(), 0, []
    with bench(name, arguments.programs.resolve()) as it:
        head = {"mta": name, "version": it.version, "seed": arguments.seed}
        for case in _cases(name, arguments):
            try:
                records = it.record(case)
            except Unexpected as error:
                print(f"   FAILED {name} {case.name}: {error}", flush=True)
                failures += 1
                continue
            kept = records if arguments.large or not case.is_large else records[:-1]
            lines += kept
    outcomes = sum("id" in line for line in lines)
    print(f"{name}: {outcomes} records, {failures} failures, {time.monotonic() - begun:.1f} s", flush=True)
    if arguments.write:
        arguments.write.mkdir(parents=True, exist_ok=True)
        _write(arguments.write / f"{name}.jsonl", [head, *lines])
    return failures


def _cases(name: str, arguments: argparse.Namespace) -> Iterator[Case]:
    if not arguments.undirected:
        yield from (case for case in directed(name) if arguments.only in case.name)
    cases = (draw(arguments.seed, number, name) for number in range(arguments.cases))
    yield from (case for case in cases if arguments.only in case.name)


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows))


sys.exit(main())
