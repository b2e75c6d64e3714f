"""One case: a message with its envelope, and the frames that a filter sends at the end of the message."""

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
    """A case. If `chunked` is true, the message is sent by BDAT, which accepts any bytes; Sendmail has no BDAT."""

    name: str
    edits: tuple[Edit, ...]
    verdict: str = "continue"
    message: bytes = PLAIN
    sender: Mailbox = ALICE
    recipients: tuple[Mailbox, ...] = (BOB,)
    leading_space: bool = False
    chunked: bool = False
    # Large cases are run, but are not part of the corpus.
    is_large: bool = False

    def without_edits(self) -> "Case":
        """The same setup with no edits."""
        return replace(self, name="", edits=(), verdict="continue", is_large=False)
