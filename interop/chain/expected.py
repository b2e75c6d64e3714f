"""What is expected of each case, in a text file for each MTA: `== NAME`, the lines of `show`, and an empty line."""

from collections.abc import Mapping, Sequence
from pathlib import Path

HERE = Path(__file__).parent
MARK = "== "


def expected(mta: str) -> dict[str, list[str]]:
    """The lines of every case by its name."""
    blocks = (HERE / f"{mta}.txt").read_text().split(MARK)[1:]
    lines = [block.strip().splitlines() for block in blocks]
    return {name: rest for name, *rest in lines}


def write(file: Path, seen: Mapping[str, Sequence[str]]) -> None:
    """Writes such a file."""
    file.write_text("".join("\n".join((MARK + name, *lines)) + "\n\n" for name, lines in seen.items()))
