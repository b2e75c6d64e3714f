"""What the second filter sees of the edits of the first, what its own indexes count, and what is delivered."""

from collections.abc import Sequence

from under_mtas.message import Message

from .case import HEADERS, Case
from .filter import LEADING_SPACE, Answer, Script
from .steps import NO_HEADERS

STEPS = ("EHLO", "MAIL", "RCPT bob", "RCPT carol", "DATA", "QUIT")
TWO = Message((*HEADERS, ("X-Two", " first"), ("X-Two", " second"), ("X-Two", " third")), b"Hello Bob.\r\n")
NO_DATE = Message(
    (("From", " Alice <alice@sender.example>"), ("Message-Id", " <%MARK@sender.example>")), b"Hello Bob.\r\n"
)
ACCEPT = b"c"


def add(name: str, value: str) -> bytes:
    return b"h" + _texts(name, value)


def insert(index: int, name: str, value: str) -> bytes:
    return b"i" + index.to_bytes(4, "big") + _texts(name, value)


def change(index: int, name: str, value: str) -> bytes:
    return b"m" + index.to_bytes(4, "big") + _texts(name, value)


def delete(index: int, name: str) -> bytes:
    return change(index, name, "")


def _texts(*texts: str) -> bytes:
    return b"".join(text.encode("latin-1") + b"\0" for text in texts)


def body(*chunks: bytes) -> list[bytes]:
    return [b"b" + chunk for chunk in chunks]


def sender(address: str) -> bytes:
    return b"e" + _texts(address)


def rcpt(address: str) -> bytes:
    return b"+" + _texts(address)


def no_rcpt(address: str) -> bytes:
    return b"-" + _texts(address)


def _case(
    name: str,
    first: Sequence[Answer],
    second: Sequence[Answer] = (),
    message: Message = TWO,
    steps: tuple[int, int] = (LEADING_SPACE, LEADING_SPACE),
    show: str = "LB",
    verdicts: tuple[bytes, bytes] = (ACCEPT, ACCEPT),
) -> Case:
    """A case with edits of two filters, which both see values as they stand unless `steps` says otherwise."""
    scripts = {
        1: Script({"E": (*first, verdicts[0])}, steps=steps[0]),
        2: Script({"E": (*second, verdicts[1])}, steps=steps[1]),
    }
    return Case(name, STEPS, scripts, "two", message=message, show=show, edits=True)


BOTH_SPACES = {
    "both keep the space": (LEADING_SPACE, LEADING_SPACE),
    "1 keeps the space": (LEADING_SPACE, 0),
    "2 keeps the space": (0, LEADING_SPACE),
    "none keeps the space": (0, 0),
}
VERDICTS = {
    "CONTINUE": b"c",
    "ACCEPT": b"a",
    "REJECT": b"r",
    "TEMPFAIL": b"t",
    "DISCARD": b"d",
    "550": b"y550 5.7.1 not this\0",
}

CASES = [
    # --- headers ---
    _case("1 adds a header", [add("X-New", " yes")]),
    _case("1 adds a header of a known name", [add("X-Two", " more")]),
    _case("1 adds a header, 2 changes it", [add("X-New", " yes")], [change(1, "X-New", " no")]),
    _case("1 adds a header, 2 deletes it", [add("X-New", " yes")], [delete(1, "X-New")]),
    _case("1 and 2 add the same header", [add("X-New", " one")], [add("X-New", " two")]),
    _case(
        "1 adds a header of a known name, 2 changes the first and the last",
        [add("X-Two", " more")],
        [change(1, "X-Two", " 1"), change(4, "X-Two", " 4")],
    ),
    *(_case(f"1 inserts a header at {index}", [insert(index, "X-New", " yes")]) for index in (0, 1, 2, 9, 9999)),
    *(
        _case(
            f"1 inserts a header at 0, 2 at {index}", [insert(0, "X-New", " one")], [insert(index, "X-Other", " two")]
        )
        for index in (0, 1, 2, 3)
    ),
    *(
        _case(
            f"1 inserts a header at 1, 2 at {index}", [insert(1, "X-New", " one")], [insert(index, "X-Other", " two")]
        )
        for index in (0, 1, 2, 3)
    ),
    _case(
        "1 inserts headers at 0 and 1, 2 at 9",
        [insert(0, "X-A", " a"), insert(1, "X-B", " b")],
        [insert(9, "X-Other", " two")],
    ),
    _case("1 inserts a header at 0, 2 at 10", [insert(0, "X-New", " one")], [insert(10, "X-Other", " two")]),
    _case("2 inserts at 9", [], [insert(9, "X-Other", " two")]),
    _case("2 inserts at 10", [], [insert(10, "X-Other", " two")]),
    _case("1 deletes the first header, 2 inserts at 9", [delete(1, "From")], [insert(9, "X-Other", " two")]),
    _case(
        "1 inserts a Received at 0, 2 deletes the first Received",
        [insert(0, "Received", " by filter")],
        [delete(1, "Received")],
    ),
    _case(
        "1 inserts a Received at 1, 2 deletes the first Received",
        [insert(1, "Received", " by filter")],
        [delete(1, "Received")],
    ),
    _case("1 adds a Received, 2 deletes the first Received", [add("Received", " by filter")], [delete(1, "Received")]),
    _case("1 changes a header", [change(1, "Subject", " other")]),
    _case("1 changes a header by a name in capitals", [change(1, "SUBJECT", " other")]),
    _case("1 changes the fourth where there are three", [change(4, "X-Two", " fourth")]),
    _case("1 deletes a header", [delete(1, "Subject")]),
    _case("1 deletes the first of three", [delete(1, "X-Two")]),
    _case("1 deletes the first of three, 2 changes 1", [delete(1, "X-Two")], [change(1, "X-Two", " 1")]),
    _case("1 deletes the first of three, 2 changes 2", [delete(1, "X-Two")], [change(2, "X-Two", " 2")]),
    _case("1 deletes the first of three, 2 changes 3", [delete(1, "X-Two")], [change(3, "X-Two", " 3")]),
    _case("1 deletes the first of three, 2 deletes 1", [delete(1, "X-Two")], [delete(1, "X-Two")]),
    _case("1 deletes the first and changes 2", [delete(1, "X-Two"), change(2, "X-Two", " 2")]),
    _case("1 deletes the first and changes 1", [delete(1, "X-Two"), change(1, "X-Two", " 1")]),
    _case(
        "1 deletes the first and changes 1, 2 changes 1",
        [delete(1, "X-Two"), change(1, "X-Two", " 1")],
        [change(1, "X-Two", " one")],
    ),
    *(
        _case(
            f"1 deletes the first of three, 2 declined headers and changes {index}",
            [delete(1, "X-Two")],
            [change(index, "X-Two", f" {index}")],
            steps=(LEADING_SPACE, LEADING_SPACE | NO_HEADERS),
        )
        for index in (1, 2, 3)
    ),
    _case(
        "1 deletes all three, 2 changes 1",
        [delete(3, "X-Two"), delete(2, "X-Two"), delete(1, "X-Two")],
        [change(1, "X-Two", " 1")],
    ),
    _case(
        "1 deletes all three, 2 adds one",
        [delete(3, "X-Two"), delete(2, "X-Two"), delete(1, "X-Two")],
        [add("X-Two", " new")],
    ),
    _case(
        "1 deletes every header",
        [
            delete(1, "From"),
            delete(1, "Date"),
            delete(1, "Subject"),
            delete(3, "X-Two"),
            delete(2, "X-Two"),
            delete(1, "X-Two"),
        ],
    ),
    _case(
        "1 deletes the first and adds one, 2 changes 3",
        [delete(1, "X-Two"), add("X-Two", " new")],
        [change(3, "X-Two", " 3")],
    ),
    _case("1 adds a Date where there is none", [add("Date", " Thu, 26 Nov 2026 12:00:00 +0000")], message=NO_DATE),
    _case("1 adds a folded value with LF", [add("X-New", " a\n b\n\tc")]),
    _case("1 adds a folded value with CR LF", [add("X-New", " a\r\n b\r\n\tc")]),
    _case("1 adds a value with LF and no blank after it", [add("X-New", " a\nb")]),
    _case("1 adds a value that ends with LF", [add("X-New", " a\n")]),
    _case("1 adds an empty value", [add("X-New", "")]),
    _case("1 adds a value of one space", [add("X-New", " ")]),
    *(
        _case(
            f"1 adds a value with a space and one without, {name}",
            [add("X-With", " yes"), add("X-Without", "yes")],
            steps=steps,
        )
        for name, steps in BOTH_SPACES.items()
    ),
    *(
        _case(
            f"1 changes a value to one without a space, {name}",
            [change(1, "Subject", "other")],
            [change(1, "X-Two", "1")],
            steps=steps,
        )
        for name, steps in BOTH_SPACES.items()
    ),
    # --- body ---
    _case("1 replaces the body", body(b"New body.\r\n")),
    _case("1 replaces the body in pieces", body(b"New ", b"body.\r", b"\nMore.\r\n")),
    _case("1 replaces the body by one without a line end", body(b"New body.")),
    _case("1 replaces the body by one with bare LF", body(b"one\ntwo\n")),
    _case("1 replaces the body by nothing", body(b"")),
    _case("1 and 2 replace the body", body(b"New body.\r\n"), body(b"Newer body.\r\n")),
    _case(
        "1 replaces the body, edits of 2 come in between", [*body(b"New "), add("X-New", " yes"), *body(b"body.\r\n")]
    ),
    # --- envelope ---
    _case("1 changes the sender", [sender("<frank@sender.example>")], show="MRD"),
    _case(
        "1 and 2 change the sender", [sender("<frank@sender.example>")], [sender("<grace@sender.example>")], show="M"
    ),
    _case("1 adds a recipient", [rcpt("<frank@rcpt.example>")], show="MRD"),
    _case("1 and 2 add the same recipient", [rcpt("<frank@rcpt.example>")], [rcpt("<frank@rcpt.example>")]),
    _case("1 adds a recipient, 2 deletes it", [rcpt("<frank@rcpt.example>")], [no_rcpt("<frank@rcpt.example>")]),
    _case("1 deletes a recipient", [no_rcpt("<bob@rcpt.example>")], show="MR"),
    _case("1 and 2 delete the same recipient", [no_rcpt("<bob@rcpt.example>")], [no_rcpt("<bob@rcpt.example>")]),
    _case("1 deletes a recipient, 2 adds it", [no_rcpt("<bob@rcpt.example>")], [rcpt("<bob@rcpt.example>")]),
    _case("1 deletes every recipient", [no_rcpt("<bob@rcpt.example>"), no_rcpt("<carol@rcpt.example>")]),
    _case("1 deletes one recipient, 2 the other", [no_rcpt("<bob@rcpt.example>")], [no_rcpt("<carol@rcpt.example>")]),
    # --- verdicts of 2 after edits of 1 ---
    *(
        _case(
            f"1 edits, then {name} by 2",
            [add("X-New", " yes"), *body(b"New body.\r\n"), rcpt("<frank@rcpt.example>")],
            [add("X-Second", " yes")],
            verdicts=(b"c", verdict),
            show="",
        )
        for name, verdict in VERDICTS.items()
    ),
    *(
        _case(f"edits of 1 with {name}", [add("X-New", " yes")], verdicts=(verdict, b"c"), show="")
        for name, verdict in VERDICTS.items()
    ),
    *(
        _case(f"1 quarantines, then {name} by 2", [b"qfirst reason\0"], verdicts=(b"c", verdict), show="")
        for name, verdict in VERDICTS.items()
    ),
    *(
        _case(
            f"1 quarantines and adds a header with {name}",
            [b"qfirst reason\0", add("X-New", " yes")],
            verdicts=(verdict, b"c"),
            show="",
        )
        for name, verdict in VERDICTS.items()
    ),
    _case("1 and 2 quarantine", [b"qfirst reason\0"], [b"qsecond reason\0"], show=""),
    _case("2 quarantines", [], [b"qsecond reason\0"], show=""),
    # --- macros after edits ---
    Case(
        "macros after edits of 1",
        STEPS,
        {
            1: Script({"E": (sender("<frank@sender.example>"), rcpt("<frank@rcpt.example>"), b"c")}),
            2: Script(lists=((5, "{mail_addr} f s {rcpt_addr} {nrcpts} {msg_id}"), (6, "{mail_addr} f"))),
        },
        "two",
        show="D",
    ),
]
