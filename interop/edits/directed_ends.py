"""Directed cases: a new body, quarantine, verdicts."""

from collections.abc import Iterator

from .case import Case
from .directed_case import case
from .edit import (
    MAX_CHUNK,
    PROGRESS,
    add_header,
    add_rcpt,
    change_from,
    change_header,
    delete_rcpt,
    quarantine,
    replace_body,
)


def ends() -> Iterator[Case]:
    yield from _bodies()
    yield from _held()
    yield from _verdicts()


BIG = b"".join(b"%08d the quick brown fox jumps over the lazy dog\r\n" % number for number in range(3_000))


def bodies() -> dict[str, tuple[bytes, ...]]:
    return {
        "a line": (b"new\r\n",),
        "empty": (b"",),
        "two empty": (b"", b""),
        "empty, then a line": (b"", b"new\r\n"),
        "a line, then empty": (b"new\r\n", b""),
        "no line end": (b"new",),
        "no line end, in two": (b"ne", b"w"),
        "line feed": (b"a\nb\n",),
        "line feed at the start": (b"\na\n",),
        "carriage return": (b"a\rb\r\n",),
        "carriage return at the end": (b"a\r",),
        "line end cut in two": (b"a\r", b"\nb\r\n"),
        "carriage return, then text": (b"a\r", b"b\r\n"),
        "carriage return, empty, line feed": (b"a\r", b"", b"\nb\r\n"),
        "carriage return, empty, text": (b"a\r", b"", b"b\r\n"),
        "carriage return, empty": (b"a\r", b""),
        "carriage return, carriage return": (b"a\r", b"\r\nb"),
        "two carriage returns": (b"a\r\r\nb\r\n",),
        "only a line end": (b"\r\n",),
        "only a carriage return": (b"\r",),
        "only a line feed": (b"\n",),
        "blank lines": (b"\r\n\r\n\r\n",),
        "dots": (b".\r\n..\r\n. .\r\n.",),
        "dot after line feed": (b"a\n.\nb\n",),
        "nul": (b"a\0b\r\n",),
        "8-bit": (bytes(range(128, 256)) + b"\r\n",),
        "controls": (bytes(range(1, 10)) + b"\x0b\x0c" + bytes(range(14, 32)) + b"\x7f\r\n",),
        "like headers": (b"X-A: b\r\n\r\nc\r\n",),
        "three chunks": (b"one\r\n", b"two\r\n", b"three\r\n"),
        "From line": (b"From here\r\nFrom there\r\n",),
    }


def _bodies() -> Iterator[Case]:
    for name, chunks in bodies().items():
        yield case(f"body: {name}", *map(replace_body, chunks))
    new, header = replace_body(b"new\r\n"), add_header(b"X-New", b"1")
    yield case("body: header before", header, new)
    yield case("body: header after", new, header)
    yield case("body: header between", new, header, replace_body(b"more\r\n"))
    yield case("body: progress between", new, PROGRESS, replace_body(b"more\r\n"))
    yield case("body: progress before and after", PROGRESS, new, PROGRESS)
    yield case(
        "body: everything before and after",
        header,
        change_from(b"<carol@sender.example>"),
        new,
        add_rcpt(b"<zoe@rcpt.example>"),
        change_header(1, b"Subject", b"x"),
    )
    yield case("body: quarantine between", new, quarantine(b"held"), replace_body(b"more\r\n"))
    yield case(
        "body: a full chunk and more",
        replace_body(BIG[:MAX_CHUNK]),
        replace_body(BIG[MAX_CHUNK : MAX_CHUNK * 2]),
        replace_body(BIG[MAX_CHUNK * 2 :]),
        is_large=True,
    )
    yield case("body: progress alone", PROGRESS, PROGRESS)


def _held() -> Iterator[Case]:
    yield case("quarantine", quarantine(b"a reason"))
    yield case("quarantine: empty", quarantine(b""))
    yield case("quarantine: twice", quarantine(b"one"), quarantine(b"two"))
    yield case("quarantine: line feed", quarantine(b"one\ntwo"))
    yield case("quarantine: 8-bit", quarantine("Grüße".encode()))
    yield case("quarantine: percent", quarantine(b"100% %s"))
    yield case(
        "quarantine: edits around",
        add_header(b"X-A", b"1"),
        quarantine(b"held"),
        change_header(1, b"Subject", b"x"),
        replace_body(b"new\r\n"),
        add_rcpt(b"<zoe@rcpt.example>"),
    )
    yield case("quarantine: every recipient deleted", quarantine(b"held"), delete_rcpt(b"<bob@rcpt.example>"))


def _verdicts() -> Iterator[Case]:
    edits = (
        add_header(b"X-New", b"1"),
        change_header(1, b"Subject", b"x"),
        replace_body(b"new\r\n"),
        add_rcpt(b"<zoe@rcpt.example>"),
    )
    for verdict in ("accept", "discard", "reject", "tempfail"):
        yield case(f"{verdict} after edits", *edits, verdict=verdict)
        yield case(f"{verdict} after quarantine", quarantine(b"held"), verdict=verdict)
        yield case(f"{verdict} alone", verdict=verdict)
