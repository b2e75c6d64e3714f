"""The command line: see `run`."""

import argparse
import json
import shlex
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lab.packages import CannotInstall
from lab.process import Unexpected

from .bench import MTAS, bench
from .case import Case
from .directed import directed
from .draw import draw
from .judge import Judge, write

# To make a case small takes a few seconds.
MADE_SMALL = 10


def main() -> int:
    parser = argparse.ArgumentParser(prog="interop/edits/run", description=__doc__)
    parser.add_argument("--mta", choices=sorted(MTAS), action="append", help="one of the MTAs; otherwise both")
    parser.add_argument("--cases", type=int, default=300, metavar="N", help="cases that are drawn, for each MTA (300)")
    parser.add_argument("--seed", required=True, metavar="S", help="what the cases are drawn from")
    parser.add_argument("--only", default="", metavar="TEXT", help="only cases whose name contains that")
    parser.add_argument("--undirected", action="store_true", help="no directed cases")
    parser.add_argument("--judge", metavar="COMMAND", help="ask a command whether it reproduces the records")
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
    begun, failures = time.monotonic(), 0
    records, cases = [], {}
    with bench(name, arguments.programs.resolve()) as it:
        head = {"mta": name, "version": it.version, "seed": arguments.seed}
        for case in _cases(name, arguments):
            try:
                record = it.record(case)
            except Unexpected as error:
                print(f"   FAILED {name} {case.name}: {error}", flush=True)
                failures += 1
                continue
            cases[case.name] = case
            if arguments.large or not case.is_large:
                records.append(record)
        if arguments.judge:
            failures += _judge(Judge(shlex.split(arguments.judge), it, head), records, cases)
    print(f"{name}: {len(records)} records, {failures} failures, {time.monotonic() - begun:.1f} s", flush=True)
    if arguments.write:
        arguments.write.mkdir(parents=True, exist_ok=True)
        write(arguments.write / f"{name}.jsonl", head, records)
    return failures


def _judge(judge: Judge, records: list[tuple[dict[str, Any], dict[str, Any]]], cases: dict[str, Case]) -> int:
    """Prints the cases that the judge cannot reproduce, and returns how many. The first few are made small."""
    found = judge.differences(records)
    for number, (name, difference) in enumerate(found.items()):
        print(f"   DIFFERS {name}: {difference}")
        if number < MADE_SMALL:
            case, difference = judge.small(cases[name])
            print(f"      small: {difference}", *map(json.dumps, judge.bench.record(case)), sep="\n      ", flush=True)
    return len(found)


def _cases(name: str, arguments: argparse.Namespace) -> Iterator[Case]:
    if not arguments.undirected:
        yield from (case for case in directed(name) if arguments.only in case.name)
    cases = (draw(arguments.seed, number, name) for number in range(arguments.cases))
    yield from (case for case in cases if arguments.only in case.name)


sys.exit(main())
