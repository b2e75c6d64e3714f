"""One case: what the SMTP client does, and what each filter of the chain does."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from zlib import crc32

from under_mtas.message import Message

from .filter import Script

BOTH = ("postfix", "sendmail")
HEADERS = (
    ("From", " Alice <alice@sender.example>"),
    ("Date", " Wed, 25 Nov 2026 12:00:00 +0000"),
    ("Message-Id", " <%MARK@sender.example>"),
    ("Subject", " a question"),
)
PLAIN = Message(HEADERS, b"Hello Bob.\r\n")
# A session with two messages, of which the first has two recipients.
MESSAGE = ("MAIL", "RCPT bob", "RCPT carol", "DATA")
SECOND = ("MAIL", "RCPT dave", "DATA")
SESSION = ("EHLO", *MESSAGE, *SECOND, "QUIT")


@dataclass(frozen=True)
class Case:
    """A case. `scripts` are those of filters that do something else than CONTINUE, by their place.

    `show` are the codes of commands whose payload is shown. With `macros` the filters think before each answer, and
    MACRO is shown with its place in the order of all filters. With `edits` the messages that are delivered are shown.
    A client that `is_rude` sends what the MTA cannot but refuse.
    """

    name: str
    steps: Sequence[str] = SESSION
    scripts: Mapping[int, Script] = field(default_factory=dict)
    service: str = "tempfail"
    mtas: Sequence[str] = BOTH
    message: Message = PLAIN
    show: str = ""
    macros: bool = False
    edits: bool = False
    is_rude: bool = False

    @property
    def filters(self) -> int:
        return 2 if self.service == "two" else 3

    @property
    def policy(self) -> str:
        """The failure action. The service with two filters has the same as most others."""
        return "tempfail" if self.service == "two" else self.service

    @property
    def slug(self) -> str:
        """What marks the messages of this case."""
        return f"case{crc32(self.name.encode()):08x}-"

    def sender(self, number: int) -> str:
        return f"<{self.slug}{number}@sender.example>"

    def content(self, number: int) -> bytes:
        return bytes(self.message).replace(b"%MARK", f"{self.slug}{number}".encode())

    def number_in(self, text: str) -> int:
        """The number of the message that a text holds."""
        found = re.search(re.escape(self.slug) + r"(\d+)@", text)
        assert found is not None
        return int(found[1])
