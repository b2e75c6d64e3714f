"""The two libraries: Sendmail's, and the drop-in, which the loader of programs finds first if it is told to."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from lab.packages import apt, installed_version
from lab.process import Unexpected
from peers.libraries import build

NAME = "libmilter.so.1.0.1"
CRATE = Path(__file__).resolve().parents[1] / "dropin"


@dataclass(frozen=True)
class Library:
    """A library, by the environment of programs that load it."""

    name: str
    environment: Mapping[str, str] = field(default_factory=dict)

    def is_at(self, file: Path) -> bool:
        """Whether the library that a program has loaded from this file is this one."""
        folder = self.environment.get("LD_LIBRARY_PATH")
        return file.parent == Path(folder).resolve() if folder else file.is_relative_to("/usr/lib")


REAL = Library("Sendmail's")


@cache
def folder() -> Path:
    """Where the drop-in is: DROPIN_LIBRARY names a folder that has it, otherwise it is built once a run."""
    given = os.environ.get("DROPIN_LIBRARY")
    if given:
        return Path(given).resolve()
    build("drop-in", CRATE / "build", folder=CRATE)
    return CRATE / "target" / "lib"


def install() -> None:
    """Installs what the drop-in is built with and compared with, and builds it."""
    apt("drop-in", "libmilter1.0.1", "gcc", "libc6-dev")
    folder()


def version() -> str:
    """The version of Sendmail's library."""
    return installed_version("libmilter1.0.1") or ""


def dropin(law: str = "") -> Library:
    """The drop-in, under the law of that name, or else in step with Sendmail's library."""
    environment = {"LD_LIBRARY_PATH": str(folder())}
    return Library("the drop-in", environment | ({"MILTER_PROTO_LAW": law} if law else {}))


def loaded(home: Path) -> dict[int, list[Path]]:
    """The processes that have this folder on their command line and libmilter in their memory, and from which files."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str(home).encode() not in (process / "cmdline").read_bytes():
                continue
            lines = (process / "maps").read_text().splitlines()
        except (FileNotFoundError, ProcessLookupError):
            continue
        files = {Path(line.split(maxsplit=5)[5]) for line in lines if "/libmilter.so" in line}
        if files:
            found[int(process.name)] = sorted(files)
    return found


def check_library(home: Path, library: Library) -> set[int]:
    """Sees that the program in this folder runs on that library and no other. Returns its processes."""
    found = loaded(home)
    strays = {pid: files for pid, files in found.items() if not all(map(library.is_at, files))}
    if not found or strays:
        raise Unexpected(f"what should run on {library.name} libmilter has loaded {strays or 'none'}")
    return set(found)
