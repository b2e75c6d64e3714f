"""The command line of the walk: see `run`."""

import argparse
import signal
import sys
import time
from pathlib import Path

from lab.packages import CannotInstall

from .walk import MTAS, install, walk


def main() -> int:
    parser = argparse.ArgumentParser(prog="interop/walk/run", description="Random SMTP sessions against real MTAs.")
    parser.add_argument("--mta", choices=sorted(MTAS), action="append", help="one of the MTAs; otherwise both")
    parser.add_argument("--sessions", type=int, default=300, metavar="N", help="sessions for each MTA (300)")
    parser.add_argument("--seed", required=True, metavar="S", help="what the sessions are drawn from")
    parser.add_argument("--first", type=int, default=0, metavar="N", help="the number of the first session (0)")
    parser.add_argument("--programs", type=Path, required=True, metavar="FOLDER", help="where our filters are")
    arguments = parser.parse_args()
    # Programs are ended on the way out, so this has to be one.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    failed = False
    for name in arguments.mta or sorted(MTAS):
        try:
            install(MTAS[name])
        except CannotInstall as error:
            print(error, file=sys.stderr)
            return 1
        print(f"{name}: {arguments.sessions} sessions with seed {arguments.seed}", flush=True)
        begun = time.monotonic()
        report = walk(name, arguments.programs.resolve(), arguments.sessions, arguments.seed, arguments.first)
        for what, number in sorted(report.figures.items()):
            print(f"   {number:9,}  {what}")
        for line in report.notes:
            print(f"   {line}")
        for line in report.failures:
            print(f"   FOUND {line}")
        print(f"{name}: {len(report.failures)} findings, {time.monotonic() - begun:.1f} s", flush=True)
        failed |= bool(report.failures)
    return 1 if failed else 0


sys.exit(main())
