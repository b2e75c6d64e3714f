"""amavisd-milter with a stub in place of amavisd."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lab.peer import debian

from .filter import HERE, Filter, listening

PEER = debian("amavisd-milter", "amavisd-milter")


@contextmanager
def start(home: Path, rules: Sequence[str] = ()) -> Iterator[str]:
    scanner, socket, work = home / "amavisd.sock", home / "milter.sock", home / "work"
    work.mkdir(mode=0o700)
    stub: list[str | Path] = [sys.executable, HERE / "scripts" / "amavisd_stub.py", scanner]
    milter: list[str | Path] = ["amavisd-milter", "-f", "-s", f"unix:{socket}", "-S", scanner]
    milter += ["-w", work, "-p", home / "pid"]
    with listening(stub, home, scanner, name="stub"), listening(milter, home, socket):
        yield f"unix:{socket}"


FILTER = Filter(PEER, start)
