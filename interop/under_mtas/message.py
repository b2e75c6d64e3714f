"""The messages that are sent."""

from dataclasses import dataclass, replace

SENDER = "<alice@sender.example>"
BOB = "<bob@rcpt.example>"
CAROL = "<carol@rcpt.example>"
DAVE = "<dave@rcpt.example>"
NOBODY = "<nobody@rcpt.example>"

Headers = list[tuple[str, str]]


@dataclass(frozen=True)
class Message:
    """A message: headers with their values as they stand, folds and leading space included, and a body."""

    headers: tuple[tuple[str, str], ...]
    body: bytes

    def __bytes__(self) -> bytes:
        lines = [f"{name}:{value}\r\n".encode("latin-1") for name, value in self.headers]
        return b"".join(lines) + b"\r\n" + self.body

    def with_headers(self, *more: tuple[str, str]) -> "Message":
        return replace(self, headers=self.headers + more)

    def with_body(self, body: bytes) -> "Message":
        return replace(self, body=body)


# Neither MTA has anything to add to it.
PLAIN = Message(
    (
        ("From", " Alice <alice@sender.example>"),
        ("To", " bob@rcpt.example"),
        ("Date", " Wed, 25 Nov 2026 12:00:00 +0000"),
        ("Message-Id", " <1@sender.example>"),
        ("Subject", " a question"),
        ("X-Two", " first"),
        ("X-Two", " second"),
    ),
    b"Hello Bob,\r\n.\r\n..what is it?\r\n",
)


def lines(size: int) -> bytes:
    """A body of `size` bytes: numbered lines, so that no part of it is like another."""
    line = b"%08d the quick brown fox jumps over the lazy dog\r\n"
    whole = b"".join(line % number for number in range(size // 50 + 1))
    return whole[: size - 2].rstrip(b"\r\n").ljust(size - 2, b".") + b"\r\n"
