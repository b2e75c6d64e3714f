"""Conversations that every filter must manage, whatever it thinks of the message."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from lab.ours import Asked

from .filter import Filter
from .mail import ENVELOPE, HEADERS, ODD, PLAIN, RECIPIENT, assert_unharmed, body_of, message

MORE = ("<second@example.org>", "<third@example.net>")


def nothing(it: Filter) -> str:
    return ""


@dataclass(frozen=True)
class Conversation:
    """Options of our MTA, and what must come of each message. `frames` is a pattern that the transcript must show."""

    name: str
    options: tuple[str, ...] = ()
    raw: bytes = PLAIN
    outcomes: tuple[str, ...] = ("accepted",)
    recipients: tuple[str, ...] = (RECIPIENT,)
    frames: Callable[[Filter], str] = nothing

    def __str__(self) -> str:
        return self.name

    def command_line(self, file: str) -> list[str]:
        return [*ENVELOPE, "--message", file, "--log", "--timeout", "10", *self.options]

    def check(self, it: Filter, asked: Asked) -> None:
        assert asked.status == 0, asked.errors
        assert tuple(result["outcome"] for result in asked.messages) == self.outcomes, asked.messages
        assert_unharmed(asked, self.raw, list(self.recipients))
        assert re.search(self.frames(it), asked.errors), f"no {self.frames(it)} in\n{asked.errors}"


def negotiated(it: Filter) -> str:
    return f"< OPTNEG {re.escape(it.answer)}\n"


def unknown(it: Filter) -> str:
    """UNKNOWN is sent unless the filter speaks version 2 or wants none."""
    version, _, steps = it.answer.split()[:3]
    wanted = int(version) > 2 and not int(steps, 16) & 0x100
    return "> UNKNOWN" if wanted else r"\A(?!(.|\n)*> UNKNOWN)"


def quit_nc(it: Filter) -> str:
    return "> QUIT_NC\n" if it.reusable else r"\A(?!(.|\n)*> QUIT_NC)"


def version(number: int) -> Callable[[Filter], str]:
    return lambda it: rf"< OPTNEG [2-{number}] "


CONVERSATIONS = [
    Conversation("what it negotiates", frames=negotiated),
    Conversation("three messages on a connection", ("--messages", "3"), outcomes=("accepted",) * 3),
    Conversation(
        "four connections with two messages each", ("--connections", "4", "--messages", "2"), outcomes=("accepted",) * 8
    ),
    Conversation("three recipients", ("--to", MORE[0], "--to", MORE[1]), recipients=(RECIPIENT, *MORE)),
    Conversation("a recipient that the MTA has refused", ("--rejected-to", "<nobody@example.org>")),
    # HELO is said once, so what is given up behind it is the first message only.
    Conversation(
        "a message given up after helo", ("--abort-after", "helo", "--messages", "2"), outcomes=("aborted", "accepted")
    ),
    *(
        Conversation(
            f"messages given up after {stage}", ("--abort-after", stage, "--messages", "3"), outcomes=("aborted",) * 3
        )
        for stage in ("mail", "rcpt", "data", "header", "eoh", "body")
    ),
    Conversation(
        "another client on the same connection", ("--quit-nc", "--messages", "2"), outcomes=("accepted",) * 2,
        frames=quit_nc,
    ),
    Conversation("an unknown command", ("--unknown", "FROB some words"), frames=unknown),
    Conversation("odd headers", raw=ODD),
    # Postfix shows filters no more than 60,000 bytes of a header, and passes all of it on.
    Conversation(
        "a header of 70,000 bytes", raw=message(headers=(*HEADERS, (b"X-Long", b" " + b"0123456789" * 7000))),
        frames=lambda it: '> HEADER "X-Long" <59[0-9]{3} bytes>\n',
    ),
    Conversation("a message without a body", raw=message(b"")),
    Conversation("a body of 300 KB", raw=message(body_of(300_000))),
    Conversation("a body of 5 MB", raw=message(body_of(5_000_000))),
    Conversation("a client with an IPv6 address", ("--client", "client.example.org,2001:db8::7,40000")),
    Conversation("a client on a unix socket", ("--client", "localhost,/run/client.sock")),
    Conversation("a client without an address", ("--client", "localhost,unknown")),
    Conversation("version 2 offered as Postfix does", ("--offer", "2,0x1ff,0x7f"), frames=version(2)),
    Conversation("version 2 offered with its own actions", ("--offer", "2,0x3f,0x7f"), frames=version(2)),
    Conversation("version 3 offered", ("--offer", "3,0x1ff,0x17f"), frames=version(3)),
    Conversation("version 4 offered", ("--offer", "4,0x1ff,0x37f"), frames=version(4)),
    Conversation("the policy of Sendmail", ("--policy", "sendmail", "--messages", "2"), outcomes=("accepted",) * 2),
    Conversation("the strict policy", ("--policy", "strict", "--messages", "2"), outcomes=("accepted",) * 2),
]
# What the other MTA of ours says too: it differs from the first one in how it reads and writes.
OTHER_MTA = [
    it for it in CONVERSATIONS if it.name.startswith(("what", "three messages", "four", "another", "a body of"))
]
