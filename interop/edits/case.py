"""One case: a message with its envelope, and what a filter sends at its end."""

from dataclasses import dataclass, replace
from typing import NamedTuple

from .edit import Edit
from .messages import PLAIN


class Mailbox(NamedTuple):
    """An address of the envelope as the client writes it, and its ESMTP arguments."""

    address: str
    arguments: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " ".join((self.address, *self.arguments))


ALICE = Mailbox("<alice@sender.example>")
BOB = Mailbox("<bob@rcpt.example>")
CAROL = Mailbox("<carol@rcpt.example>")
DAVE = Mailbox("<dave@rcpt.example>")


@dataclass(frozen=True)
class Case:
    """`chunked` sends the message by BDAT, which takes any bytes; only Postfix knows it."""

    name: str
    edits: tuple[Edit, ...]
    verdict: str = "continue"
    message: bytes = PLAIN
    sender: Mailbox = ALICE
    recipients: tuple[Mailbox, ...] = (BOB,)
    leading_space: bool = False
    chunked: bool = False
    # Large cases are run and compared, but are not part of the corpus.
    is_large: bool = False

    def without_edits(self) -> "Case":
        """The same message with nothing to say about it."""
        return replace(self, name="", edits=(), verdict="continue", is_large=False)
