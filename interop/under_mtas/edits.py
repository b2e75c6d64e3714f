"""Every edit, alone and together: what is delivered, to the last byte."""

from collections.abc import Callable
from dataclasses import replace

from .case import Case, Expect, both
from .message import BOB, CAROL, DAVE, Headers, lines
from .talk import message_to

Change = Callable[[Headers], Headers]
BIG = lines(70_000)


def _with(*more: tuple[str, str]) -> Change:
    """These headers at the end."""
    return lambda headers: [*headers, *more]


def _inserted(place: int, *header: str) -> Change:
    """A header at that place, where 0 is above the Received header that the MTA added."""
    return lambda headers: [*headers[:place], (header[0], header[1]), *headers[place:]]


def _renamed(name: str, new: str, value: str) -> Change:
    """The header of that name has a new name and this value."""
    return lambda headers: [(new, value) if other == name else (other, old) for other, old in headers]


def _changed(name: str, number: int, *value: str) -> Change:
    """The header of that name and number has this value, or without one is gone."""

    def change(headers: Headers) -> Headers:
        at = [place for place, (other, _) in enumerate(headers) if other == name][number - 1]
        return [*headers[:at], *((name, text) for text in value), *headers[at + 1 :]]

    return change


def _header(name: str, option: str, change: Change, sendmail: Change | None = None) -> Case:
    """An edit of a header, for both MTAs, or with another outcome in Sendmail."""
    kind, _, value = option.partition(" ")
    said = {{"add-header": "ADDHEADER", "insert-header": "INSHEADER"}.get(kind, "CHGHEADER"): 1}
    return Case(
        name, (f"--{kind}", value), Expect(headers=change, said=said), Expect(headers=sendmail or change, said=said)
    )


def _nothing(headers: Headers) -> Headers:
    return headers


# What Sendmail does in its own way: it adds a header in front of one of the same name; it counts seven headers of its
# configuration that it may add itself (Date, Full-Name, ...), so that whatever is inserted at 1 to 8 stands below its
# Received header; and it keeps the spelling of a name that it changes.
HEADERS = [
    _header("a header is added", "add-header X-New=yes, new", _with(("X-New", " yes, new"))),
    _header(
        "a header of a known name is added",
        "add-header X-Two=more",
        _with(("X-Two", " more")),
        _inserted(6, "X-Two", " more"),
    ),
    _header(
        "a Received header is added",
        "add-header Received=here",
        _with(("Received", " here")),
        _inserted(0, "Received", " here"),
    ),
    _header("an empty header is added", "add-header X-New=", _with(("X-New", " "))),
    _header("a folded header is added", "add-header X-New=a\n\tb", _with(("X-New", " a\r\n\tb"))),
    _header("a header is inserted at 0", "insert-header 0:X-New=top", _inserted(0, "X-New", " top")),
    _header("a header is inserted at 1", "insert-header 1:X-New=second", _inserted(1, "X-New", " second")),
    _header(
        "a header is inserted at 2",
        "insert-header 2:X-New=third",
        _inserted(2, "X-New", " third"),
        _inserted(1, "X-New", " third"),
    ),
    _header(
        "a header is inserted at 9",
        "insert-header 9:X-New=last",
        _with(("X-New", " last")),
        _inserted(2, "X-New", " last"),
    ),
    _header("a header is inserted at 9999", "insert-header 9999:X-New=last", _with(("X-New", " last"))),
    _header("the first of two headers is changed", "change-header 1:X-Two=1", _changed("X-Two", 1, " 1")),
    _header("the second of two headers is changed", "change-header 2:X-Two=2", _changed("X-Two", 2, " 2")),
    _header(
        "a third header is changed where there are two",
        "change-header 3:X-Two=3",
        _with(("X-Two", " 3")),
        _inserted(6, "X-Two", " 3"),
    ),
    _header(
        "a header is changed by a name in capitals",
        "change-header 1:SUBJECT=x",
        _renamed("Subject", "SUBJECT", " x"),
        _changed("Subject", 1, " x"),
    ),
    _header("a header that is not there is changed", "change-header 1:X-No=now", _with(("X-No", " now"))),
    _header("a header is deleted", "delete-header 1:Subject", _changed("Subject", 1)),
    _header("the second of two headers is deleted", "delete-header 2:X-Two", _changed("X-Two", 2)),
    _header("a header that is not there is deleted", "delete-header 1:X-No", _nothing),
]

ENVELOPE = [
    both("the sender is changed", ("--change-sender", "<carol@rcpt.example>"), Expect(sender=CAROL)),
    both("the sender is changed to nobody", ("--change-sender", "<>"), Expect(sender="<>")),
    both(
        "the sender is changed, with arguments",
        ("--change-sender", "<carol@rcpt.example> ENVID=xyz RET=HDRS"),
        Expect(sender=CAROL, envelope=(f"{CAROL}*RET=HDRS*", f"{CAROL}*ENVID=xyz*")),
    ),
    both("a recipient is added", ("--add-rcpt", CAROL), Expect(recipients=(BOB, CAROL))),
    both(
        "a recipient is added, with arguments",
        ("--add-rcpt", f"{CAROL} NOTIFY=NEVER"),
        Expect(recipients=(BOB, CAROL), envelope=(f"{CAROL}*NOTIFY=NEVER*",)),
    ),
    both(
        "a recipient is deleted",
        ("--delete-rcpt", CAROL),
        Expect(recipients=(BOB, DAVE)),
        talk=message_to(BOB, CAROL, DAVE),
    ),
    both("a recipient that is not there is deleted", ("--delete-rcpt", CAROL), Expect(said={"DELRCPT": 1})),
    both("every recipient is deleted", ("--delete-rcpt", BOB), Expect(delivered=0)),
    both("the recipient is another", ("--add-rcpt", CAROL, "--delete-rcpt", BOB), Expect(recipients=(CAROL,))),
]


def _body(name: str, body: bytes, frames: int = 1) -> Case:
    return both(
        name, ("--replace-body", "{folder}/body"), Expect(body=body, said={"REPLBODY": frames}), files={"body": body}
    )


BODY = [
    _body("the body is replaced", b"Another body.\r\n"),
    _body("the body is replaced by dots", b".\r\n..\r\n.. .\r\n.\r\n"),
    _body("the body is replaced by 70,000 bytes", BIG, frames=2),
    _body("the body is replaced by 65,535 bytes", lines(65_535)),
    _body("the body is replaced by 8-bit text", "Grüße\r\n".encode() + bytes(range(128, 256)) + b"\r\n"),
    _body("the body is replaced by nothing", b""),
]


def _quarantined(name: str, option: str, value: str, reason: str) -> Case:
    return Case(name, (option, value), Expect(delivered=0, held=("",)), Expect(delivered=0, held=(reason,)))


QUARANTINE = [
    _quarantined("the message is quarantined", "--quarantine", "looks odd", "looks odd"),
    _quarantined("the message is quarantined for one of its headers", "--quarantine-if", "X-Two", "X-Two"),
    both(
        "the message is not quarantined for a header that it has not",
        ("--quarantine-if", "X-Three"),
        Expect(said={"OPTNEG 6 0x20": 1, "QUARANTINE": 0}),
    ),
]

ALL_OPTIONS = (
    "--add-header",
    "X-New=added",
    "--insert-header",
    "0:X-Top=inserted",
    "--change-header",
    "1:Subject=changed",
    "--delete-header",
    "2:X-Two",
    "--change-sender",
    "<dave@rcpt.example>",
    "--add-rcpt",
    CAROL,
    "--delete-rcpt",
    BOB,
    "--replace-body",
    "{folder}/body",
    "--progress",
    "3",
)


def _all_headers(headers: Headers) -> Headers:
    changed = _changed("X-Two", 2)(_changed("Subject", 1, " changed")(headers))
    return [("X-Top", " inserted"), *changed, ("X-New", " added")]


ALL = Expect(sender=DAVE, recipients=(CAROL,), headers=_all_headers, body=BIG)

TOGETHER = [
    both("all edits together", ALL_OPTIONS, ALL, files={"body": BIG}),
    both("all edits together, and ACCEPT", (*ALL_OPTIONS, "--at", "eom=accept"), ALL, files={"body": BIG}),
    both(
        "edits before a DISCARD come to nothing",
        (*ALL_OPTIONS, "--at", "eom=discard"),
        Expect(delivered=0),
        files={"body": BIG},
    ),
    Case(
        "edits before a REJECT come to nothing",
        (*ALL_OPTIONS, "--at", "eom=reject"),
        _refused := Expect({"end": "550 5.7.1 Command rejected"}, delivered=0),
        replace(_refused, replies={"end": "554 5.7.1 Command rejected"}),
        files={"body": BIG},
    ),
    both(
        "PROGRESS many times",
        ("--progress", "100", "--add-header", "X-New=yes"),
        Expect(headers=_with(("X-New", " yes")), said={"PROGRESS": 100}),
    ),
]

CASES = [*HEADERS, *ENVELOPE, *BODY, *QUARANTINE, *TOGETHER]
