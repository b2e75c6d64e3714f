"""Scripts for the filter, and the usual bytes of an MTA."""

from __future__ import annotations

from .wire import connect, frame, macros, offer, texts

CURRENT = 0x1000001
ALL_CALLBACKS = 0x1FFF
WITHOUT_NEGOTIATE = 0x0FFF

MAIL = frame("M", texts(b"<a@example.org>", b"SIZE=1"))
RCPT = frame("R", texts(b"<b@example.org>"))
HEADER = frame("L", texts(b"Subject", b"one"))
# The filter never listens, or smfi_main comes back by itself.
ENDS = [("await", "main: end")]

UNKNOWN = frame("U", texts(b"PROBE"))
OPENING = connect() + frame("H", texts(b"client"))
MESSAGE = (
    macros("M", b"i", b"Q1", b"{mail_addr}", b"a") + MAIL + RCPT + frame("T") + HEADER + frame("N")
    + frame("B", b"text\r\n") + frame("E")
)  # fmt: skip
QUIT = frame("Q")
# Everything once, and an abort.
WHOLE = [offer(), OPENING, UNKNOWN, MESSAGE, MAIL, RCPT, frame("A"), QUIT]


def script(
    *sections: str,
    version: int = CURRENT,
    flags: int = 0x1FF,
    callbacks: int = ALL_CALLBACKS,
    before: str = "",
    name: str = '"test',
    after: str = "",
    conn: str = '"unix:{socket}',
    look: str = '"i "j "{mail_addr}',
) -> str:
    """A filter that is set up as it should be, and the sections of its callbacks."""
    setup = [
        f"look {look}",
        "@main",
        f"describe {version} {flags} {callbacks} {name}",
        before,
        f"setconn {conn}",
        "register",
        "opensocket 1",
        'say "ready',
        "main",
        after,
    ]
    return "\n".join(line for line in [*setup, *sections] if line)


def section(name: str, *lines: str, result: int | None = None) -> str:
    end = [] if result is None else [f"return {result}"]
    return "\n".join([f"@{name}", *lines, *end])
