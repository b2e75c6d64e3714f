"""The messages that filters are shown, and what must have become of one."""

from typing import Any

from lab.ours import Asked

SENDER, RECIPIENT = "<sender@example.com>", "<recipient@example.org>"
ENVELOPE = ("--from", SENDER, "--to", RECIPIENT)

HEADERS = (
    (b"From", b" Sender <sender@example.com>"),
    (b"To", b" recipient@example.org"),
    (b"Subject", b" what the filter sees"),
    (b"X-Twice", b" one"),
    (b"X-Twice", b" two"),
    (b"Date", b" Wed, 04 Mar 2026 12:00:00 +0000"),
    (b"Message-ID", b" <one@example.com>"),
)
ODD_HEADERS = (
    (b"X-Folded", b" first\r\n second\r\n\tthird"),
    (b"X-Empty", b""),
    (b"X-Blank", b" "),
    (b"X-No-Space", b"value"),
    (b"X-Eight-Bit", b" Gr\xc3\xbc\xc3\x9fe, Gr\xfc\xdfe"),
    (b"X-Long", b" " + b"0123456789abcdef" * 1875),
    (b"x-long-folded", b" list" + b"".join(b",\r\n <%d@example.com>" % number for number in range(500))),
)


def message(body: bytes = b"Hello.\r\n\r\nThe end.\r\n", headers: tuple[tuple[bytes, bytes], ...] = HEADERS) -> bytes:
    return b"".join(name + b":" + value + b"\r\n" for name, value in headers) + b"\r\n" + body


def body_of(size: int) -> bytes:
    """A text of that many bytes, in lines."""
    line = b"The quick brown fox jumps over the lazy dog, again and again and.\r\n"
    return (line * (size // len(line) + 1))[:size - 2] + b"\r\n"


PLAIN = message()
ODD = message(headers=HEADERS + ODD_HEADERS)


def headers_of(raw: bytes) -> list[list[str]]:
    """The headers of a message in the form in which our MTA shows them: inside, a line ends with LF."""
    head = raw.partition(b"\r\n\r\n")[0].replace(b"\r\n ", b"\n ").replace(b"\r\n\t", b"\n\t")
    return [list(line.decode("latin-1").partition(":")[::2]) for line in head.split(b"\r\n")]


def is_within(few: list[Any], many: list[Any]) -> bool:
    """Whether `many` has all of `few`, in this order, with others between them."""
    rest = iter(many)
    return all(one in rest for one in few)


def assert_unharmed(asked: Asked, raw: bytes, recipients: list[str]) -> None:
    """Every message that went through did so whole: its headers in order, its body, sender and recipients."""
    body = raw.partition(b"\r\n\r\n")[2].decode("latin-1")
    for result in asked.messages:
        if result["outcome"] == "aborted":
            continue
        assert is_within(headers_of(raw), result["headers"]), result["headers"]
        assert result["body"] == body, f"{len(body)} bytes became {result['body_len']}"
        assert (result["from"], result["recipients"], result["quarantine"]) == (SENDER, recipients, None)
