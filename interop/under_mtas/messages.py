"""Messages of many shapes and sizes, and their recipients: all of it comes to the filter, and through unchanged."""

from dataclasses import replace

from .case import Case, Expect, both
from .message import BOB, CAROL, DAVE, PLAIN, lines
from .talk import (
    all_in_one_write,
    gone_in_data,
    many_clients_at_once,
    message_to,
    refused_by_the_mta,
    reset_in_the_middle,
    three_messages,
    with_arguments,
)

SPACES = PLAIN.with_headers(
    ("X-None", "none"),
    ("X-One", " one"),
    ("X-Two-Spaces", "  two"),
    ("X-Tab", "\ttab"),
    ("X-Empty", ""),
    ("X-Blank", " "),
)
FOLDED = PLAIN.with_headers(("X-Fold", " one\r\n\ttwo\r\n  three"), ("X-Early", "\r\n early"))
LONG = PLAIN.with_headers(
    ("X-Line", " " + "long" * 500),
    ("X-Folds", "".join(f" part{number:04}\r\n\t" for number in range(2_000)) + "end"),
)
EIGHT_BITS = replace(
    PLAIN.with_headers(("X-Latin", " Gr\xfc\xdfe")), body="Grüße\r\n".encode() + bytes(range(128, 256)) + b"\r\n"
)
# Not over 2,296 bytes a line: Sendmail cuts what it sends on there, to a buffer of 2,304 with the name.
LARGE_TOO = b"".join(reversed(lines(5_000_000).splitlines(keepends=True)))
SMALL, LARGE = PLAIN.with_body(lines(300_000)), PLAIN.with_body(lines(5_000_000))


def _event(text: str) -> str:
    """The text of an event: bytes that are not shown stand as \\xHH."""
    return "".join(c if "!" <= c <= "~" and c != "\\" else f"\\x{ord(c):02x}" for c in text) or '""'


def _header(name: str, value: str) -> str:
    return f"header {name} {_event(value)}"


SHAPES = [
    both(
        "headers with and without leading space",
        (),
        Expect(
            told=(
                _header("X-None", "none"),
                _header("X-One", "one"),
                _header("X-Two-Spaces", " two"),
                _header("X-Tab", "\ttab"),
                _header("X-Empty", ""),
                _header("X-Blank", ""),
            )
        ),
        message=SPACES,
    ),
    both(
        "headers with their leading space",
        ("--leading-space",),
        Expect(
            told=(
                _header("X-None", "none"),
                _header("X-One", " one"),
                _header("X-Two-Spaces", "  two"),
                _header("X-Tab", "\ttab"),
                _header("X-Empty", ""),
                _header("X-Blank", " "),
            )
        ),
        message=SPACES,
    ),
    both(
        "folded headers",
        (),
        Expect(told=(_header("X-Fold", "one\n\ttwo\n  three"), _header("X-Early", "\n early"))),
        message=FOLDED,
    ),
    both(
        "long headers",
        (),
        Expect(
            told=(
                _header("X-Line", "long" * 500),
                r"header X-Folds part0000\x0a\x09\x20part0001*part1999\x0a\x09end",
            )
        ),
        message=LONG,
    ),
    both(
        "8-bit headers and body",
        (),
        Expect(told=(_header("X-Latin", "Gr\xfc\xdfe"), r"body Gr\xc3\xbc\xc3\x9fe*\xff\x0d\x0a")),
        message=EIGHT_BITS,
    ),
    both("a message without a body", (), Expect(times={"body": 0, "eom": 1}), message=PLAIN.with_body(b"")),
    both("a body of 300,000 bytes", (), Expect(times={"body": 5}), message=SMALL),
    both("a body of 65,535 bytes", (), Expect(times={"body": 1}), message=PLAIN.with_body(lines(65_535))),
    both("a body of 5,000,000 bytes", (), Expect(times={"body": 77}), message=LARGE),
    both(
        "a body of 5,000,000 bytes is replaced by as many",
        ("--replace-body", "{folder}/body"),
        Expect(body=LARGE_TOO),
        message=LARGE,
        files={"body": LARGE_TOO},
    ),
    both(
        "a body of 300,000 bytes is replaced by none",
        ("--replace-body", "{folder}/body"),
        Expect(body=b""),
        message=SMALL,
        files={"body": b""},
    ),
    both(
        "a message without a body gets one",
        ("--replace-body", "{folder}/body"),
        Expect(body=b"There.\r\n"),
        message=PLAIN.with_body(b""),
        files={"body": b"There.\r\n"},
    ),
]

RECIPIENTS = [
    both(
        "three recipients",
        (),
        Expect(recipients=(BOB, CAROL, DAVE), told=(f"rcpt {BOB}", f"rcpt {CAROL}", f"rcpt {DAVE}")),
        talk=message_to(BOB, CAROL, DAVE),
    ),
    Case(
        "one of three recipients is refused",
        ("--reject-rcpt", "*carol*"),
        _two := Expect({"carol": "550 5.7.1 Command rejected"}, recipients=(BOB, DAVE), times={"rcpt": 3, "data": 1}),
        replace(_two, replies={"carol": f"550 5.7.1 {CAROL}... Command rejected"}),
        talk=message_to(BOB, CAROL, DAVE),
    ),
    # Sendmail puts the address in front of the text if the code is 450, 550 or 553.
    Case(
        "two of three recipients get replies of their own",
        ("--at", "rcpt/*bob*=550 5.1.1 no bob", "--at", "rcpt/*dave*=452 4.2.2 dave is full"),
        _carol := Expect({"bob": "550 5.1.1 no bob", "dave": "452 4.2.2 dave is full"}, recipients=(CAROL,)),
        replace(_carol, replies={"bob": f"550 5.1.1 {BOB}... no bob", "dave": "452 4.2.2 dave is full"}),
        talk=message_to(BOB, CAROL, DAVE),
    ),
    Case(
        "every recipient is refused",
        ("--reject-rcpt", "*"),
        _none := Expect(
            {"bob": "550 5.7.1 Command rejected", "carol": "550 5.7.1 Command rejected"},
            delivered=0,
            times={"rcpt": 2, "data": 0},
        ),
        replace(
            _none, replies={name: f"550 5.7.1 <{name}@rcpt.example>... Command rejected" for name in ("bob", "carol")}
        ),
        talk=message_to(BOB, CAROL),
    ),
    Case(
        "a recipient that the MTA refuses",
        (),
        _bob := Expect(
            {"nobody": "554 5.7.1 <nobody@rcpt.example>: Recipient address rejected: no such user"}, times={"rcpt": 1}
        ),
        _no := replace(_bob, replies={"nobody": "550 5.1.1 <nobody@rcpt.example>... no such user"}),
        talk=refused_by_the_mta,
    ),
    # Sendmail does not show the filter those that check_rcpt refuses.
    Case(
        "a recipient that the MTA refuses is shown to who asks for it",
        ("--rejected-rcpt", "--show-macros", "{rcpt_mailer}"),
        replace(_bob, times={"rcpt": 2}, told=("rcpt <nobody@rcpt.example> {rcpt_mailer}=error", f"rcpt {BOB}*")),
        replace(_no, said={"OPTNEG 6 0x0 0x800": 1}),
        talk=refused_by_the_mta,
    ),
    # Postfix forgets the DISCARD, and asks nothing more about the message: SPEC_NOTES.md, SCP-10.
    Case(
        "a recipient that the MTA refuses is no reason to discard a message",
        ("--rejected-rcpt", "--at", "rcpt/*nobody*=discard"),
        replace(_bob, said={"DISCARD": 1}, untold=("data", "header*", "eom")),
        None,
        talk=refused_by_the_mta,
    ),
]

CONVERSATIONS = [
    both(
        "three messages on a connection",
        ("--add-header", "X-New=yes"),
        Expect(
            delivered=3,
            recipients=(BOB, CAROL, DAVE),
            headers=lambda headers: [*headers, ("X-New", " yes")],
            times={"connect": 1, "helo": 1, "mail": 3, "eom": 3, "abort": 0, "close": 1},
        ),
        talk=three_messages,
    ),
    Case(
        "the second of three messages is refused",
        ("--at", "rcpt/*carol*=accept", "--at", "eom/*=reject"),
        _refused := Expect(
            {"bob: end": "550 5.7.1 Command rejected", "dave: end": "550 5.7.1 Command rejected"},
            recipients=(CAROL,),
            times={"mail": 3, "eom": 2, "close": 1},
        ),
        replace(
            _refused, replies={"bob: end": "554 5.7.1 Command rejected", "dave: end": "554 5.7.1 Command rejected"}
        ),
        talk=three_messages,
    ),
    both(
        "commands in one write",
        (),
        Expect(recipients=(BOB, CAROL), told=(f"rcpt {BOB}", f"rcpt {CAROL}", "data", "eom")),
        talk=all_in_one_write,
    ),
    both(
        "commands in one write, and a refused recipient",
        ("--at", "rcpt/*bob*=554 5.7.1 no"),
        Expect({"bob": "554 5.7.1 no"}, recipients=(CAROL,)),
        talk=all_in_one_write,
    ),
    both(
        "arguments of MAIL and RCPT, and no sender",
        (),
        Expect(
            sender="<>",
            told=(
                "mail <> SIZE=500 BODY=8BITMIME RET=HDRS ENVID=xyz",
                f"rcpt {BOB} NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;rob@rcpt.example",
            ),
        ),
        talk=with_arguments,
    ),
    both(
        "twenty clients at once",
        ("--add-header", "X-New=yes"),
        Expect(
            delivered=20,
            recipients=(BOB,) * 20,
            headers=lambda headers: [*headers, ("X-New", " yes")],
            times={"connect": 21, "eom": 20, "close": 21},
        ),
        talk=many_clients_at_once(20),
    ),
    both(
        "RSET in the middle of a message",
        (),
        Expect(told=("mail*", f"rcpt {CAROL}", "abort", "mail*", f"rcpt {BOB}", "eom", "close"), times={"abort": 1}),
        talk=reset_in_the_middle,
    ),
    both(
        "the client is gone in DATA",
        (),
        Expect(delivered=0, told=(f"rcpt {BOB}", "data", "abort", "close"), untold=("header*", "eom")),
        talk=gone_in_data,
    ),
]

CASES = [*SHAPES, *RECIPIENTS, *CONVERSATIONS]
