"""The messages, and what has to become of each in every chain."""

from collections.abc import Sequence
from dataclasses import dataclass

from peers.mail import HEADERS, RECIPIENT, SENDER, body_of

Headers = Sequence[tuple[bytes, bytes]]
SECOND, THIRD, LAST = "<second@example.org>", "<third@example.net>", "<last@example.org>"
DELETED = "<deleted@example.org>"
# What the filters refuse: our filter stands second, the one on pymilter may be the first or the third.
REFUSED, REFUSED_BY_PYMILTER = "<refused@example.org>", "<refused-by-pymilter@example.org>"
REFUSED_HEADER, REFUSED_BODY = b"X-Refuse", b"Come back later.\r\n"
NOT_THIS, LATER = "550 5.7.1 not with this header", "451 4.7.1 come back later"
# In two parts, so that nothing takes this file for spam.
SPAM = b"XJS*C4JDBQADN1.NSBN3*2IDNEN*" + b"GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X\r\n"
BODY = b"Hello.\r\n\r\n.\r\n..\r\nThe end.\r\n"


@dataclass(frozen=True)
class Case:
    """A message with its recipients, and the reply to it if it is refused.

    `is_signed`: it comes with a signature. `was_changed` is a text that became another one after that.
    """

    name: str
    headers: Headers = HEADERS
    body: bytes = BODY
    recipients: tuple[str, ...] = (RECIPIENT,)
    refusal: str = ""
    is_signed: bool = False
    was_changed: tuple[bytes, bytes] = (b"", b"")

    def __str__(self) -> str:
        return self.name

    @property
    def message_id(self) -> bytes:
        return b"<" + self.name.replace(" ", "-").encode() + b"@example.com>"

    @property
    def raw(self) -> bytes:
        """The message, with a Message-ID that is its own."""
        lines = [(name, b" " + self.message_id if name == b"Message-ID" else value) for name, value in self.headers]
        return b"".join(name + b":" + value + b"\r\n" for name, value in lines) + b"\r\n" + self.body


def _with(*more: tuple[bytes, bytes]) -> Headers:
    return (*HEADERS, *more)


def _instead(*others: tuple[bytes, bytes]) -> Headers:
    """With these in the place of the headers of their names."""
    values = dict(others)
    return tuple((name, values.get(name, value)) for name, value in HEADERS)


FOLDED = _instead(
    (b"To", b" recipient@example.org,\r\n\tsecond@example.org,\r\n  third@example.net"),
    (b"Subject", b"\r\n what the\r\n\tfilter sees"),
)
FOLDS = (
    (b"References", b" <a@example.com>\r\n\t<b@example.com>\r\n <c@example.com>"),
    (b"X-Folded", b" a\r\n b\r\n\tc"),
)
FOLDED_TO = _instead(
    (b"From", b" S\xc3\xa9nder\r\n\t<sender@example.com>"),
    (b"To", b"\r\n recipient@example.org,\r\n\tlast@example.org"),
)
EIGHT_BIT = _instead((b"From", b" S\xc3\xa9nder <sender@example.com>"), (b"X-Twice", b" Gr\xfc\xdfe"))
ODD = ((b"X-Empty", b""), (b"X-Blank", b"  "), (b"X-No-Space", b"value"), (b"X-Tab", b"\tvalue "), (b"x-ours", b" not"))
RECEIVED = (
    (b"Received", b" from a.example ([192.0.2.1])\r\n\tby b.example id 1;\r\n\tWed, 4 Mar 2026 11:59:58 +0000"),
    (b"Received", b" by a.example id 0; Wed, 4 Mar 2026 11:59:57 +0000"),
)

CASES = [
    Case("plain"),
    Case("folded headers", (*FOLDED, *FOLDS)),
    Case("eight bits", EIGHT_BIT, b"Gr\xc3\xbc\xc3\x9fe, Gr\xfc\xdfe\x01\xff\r\n"),
    Case("odd headers", _with(*ODD)),
    Case("headers of other hosts", (*RECEIVED, *HEADERS)),
    Case("several recipients", recipients=(RECIPIENT, DELETED, SECOND, THIRD, LAST)),
    Case("no body", body=b""),
    Case("long", body=body_of(200_000)),
    Case("test spam", body=SPAM),
    Case("signed", is_signed=True),
    Case("signed with folded headers", (*FOLDS, *FOLDED_TO), is_signed=True),
    Case("signed, then another subject", is_signed=True, was_changed=(b"what the filter", b"[list] what the filter")),
    Case("signed, then another body", is_signed=True, was_changed=(b"The end", b"Not the end")),
    Case("refused recipients", recipients=(REFUSED, RECIPIENT, REFUSED_BY_PYMILTER, SECOND)),
    Case("refused by a header", _with((REFUSED_HEADER, b" yes"), (b"X-More", b" x")), refusal=NOT_THIS),
    Case("refused by the body", body=REFUSED_BODY, refusal=LATER),
]
