"""What decode.py, which knows only docs/milter.json, reads in every capture is what `dump` reads."""

import platform
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import decode
from lab.peer import Peer, peer

CAPTURES = sorted((Path(__file__).resolve().parents[1] / "tests" / "captures").glob("*/*.jsonl"))
FRAME = re.compile(r" *[0-9]+\.[0-9]{3}  (?P<frame>[<>] .*)")
MARKS = {"mta": ">", "filter": "<"}
ESCAPES = {ord('"'): '\\"', ord("\\"): "\\\\", ord("\r"): "\\r", ord("\n"): "\\n", ord("\t"): "\\t"}
COMMANDS = {it["code"]: it["name"] for it in decode.PROTOCOL["commands"]}
LISTS = {it["list"]: it["command"] for it in decode.PROTOCOL["macro_stages"]}

pytestmark = peer(Peer("captures", "apt", lambda: None, platform.python_version))


@pytest.mark.parametrize("program", ["dump"])
def test_decode_reads_what_dump_reads(program: str, programs: Path, request: pytest.FixtureRequest) -> None:
    ours = dumped(programs / program)
    frames = 0
    for path in CAPTURES:
        lines = ours.pop(str(path))
        theirs = [(line_of(side, name, found), rest) for side, name, found, rest in decode.frames(path)]
        assert len(theirs) == len(lines), path
        for (line, rest), our_line in zip(theirs, lines, strict=True):
            # A note may follow, after two blanks or more.
            assert our_line == line or our_line.startswith(f"{line}  "), f"{path}: {line!r} is not {our_line!r}"
            assert rest == b"", f"{path}: {line!r} leaves {rest!r}"
        frames += len(lines)
    assert not ours and frames > 7_000
    request.node.user_properties.append(("figure", f"{len(CAPTURES)} captures, {frames} frames"))


def test_a_payload_that_is_cut_short_or_too_long_is_not_decoded() -> None:
    for fields, payload, error in [
        ("CONNECT", b"host\x004\x00", AssertionError),
        ("HELO", b"no end", ValueError),
        ("OPTNEG", b"\0\0\0\6", AssertionError),
    ]:
        with pytest.raises(error):
            decode.fields(layout(fields), bytearray(payload))
    rest = bytearray(b"host\0U\0\x19")
    assert decode.fields(layout("CONNECT"), rest) == {"host": b"host", "family": ord("U")}
    assert rest == b"\0\x19"


def test_the_script_is_short() -> None:
    assert decode.__file__ is not None
    assert len(Path(decode.__file__).read_text().splitlines()) <= 40


def layout(name: str) -> list[dict[str, Any]]:
    return next(it["fields"] for it in decode.PROTOCOL["commands"] if it["name"] == name)


def dumped(program: Path) -> dict[str, list[str]]:
    """The frames of every capture, as `dump` shows them, by path."""
    shown = subprocess.run([program, "--full", *CAPTURES], capture_output=True, text=True, check=True, timeout=60)
    frames: dict[str, list[str]] = {}
    for line in shown.stdout.splitlines():
        if line.removeprefix("# ") in map(str, CAPTURES):
            frames[line.removeprefix("# ")] = lines = []
        elif found := FRAME.fullmatch(line):
            lines.append(found["frame"])
        assert "unfinished" not in line
    return frames


def line_of(side: str, name: str, found: dict[str, Any]) -> str:
    """A frame in the notation of `dump`."""
    return " ".join((MARKS[side], name, *words(found)))


def words(found: dict[str, Any]) -> Iterator[str]:
    for key, value in found.items():
        # A body without bytes is shown as nothing.
        if key == "chunk" and not value:
            continue
        if isinstance(value, list):
            for item in value:
                yield from words(item)
        elif isinstance(value, bytes):
            yield quoted(value)
        elif key in ("actions", "steps"):
            yield f"{value:#x}"
        elif key == "family":
            yield chr(value)
        elif key == "stage":
            # The stage of a macro list has a number of its own; that of MACRO is the code of a command.
            yield LISTS.get(value) or COMMANDS[value]
        else:
            yield str(value)


def quoted(text: bytes) -> str:
    shown = (ESCAPES.get(byte) or (chr(byte) if 32 <= byte < 127 else f"\\x{byte:02x}") for byte in text)
    return f'"{"".join(shown)}"'
