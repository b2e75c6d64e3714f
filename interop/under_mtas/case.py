"""One row of the tables: what our filter is told to do, what a client says to the MTA, and what must come of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from .message import BOB, PLAIN, SENDER, Headers, Message
from .talk import Talk, one_message


def as_sent(headers: Headers) -> Headers:
    """No header is changed."""
    return headers


@dataclass(frozen=True)
class Expect:
    """What must be seen. In patterns `*` is anything."""

    # Patterns of replies, by their label. Every other reply must be a good one.
    replies: Mapping[str, str] = field(default_factory=dict)
    # How many messages are delivered, and for what reasons others are in quarantine. Postfix keeps no reasons.
    delivered: int = 1
    held: tuple[str, ...] = ()
    # The envelope: addresses, and patterns of addresses with their arguments.
    sender: str = SENDER
    recipients: tuple[str, ...] = (BOB,)
    envelope: tuple[str, ...] = ()
    # What is delivered, made of what was sent. Messages are compared to the last byte.
    headers: Callable[[Headers], Headers] = as_sent
    body: bytes | None = None
    # Patterns of events that the filter tells in this order, others that it must not tell, and how often it tells
    # those that start with these words.
    told: tuple[str, ...] = ()
    untold: tuple[str, ...] = ()
    times: Mapping[str, int] = field(default_factory=dict)
    # How often the filter sends frames that start with these words.
    said: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """One scenario. An MTA for which nothing is expected is not asked."""

    name: str
    options: tuple[str, ...]
    postfix: Expect | None
    sendmail: Expect | None
    talk: Callable[[Talk], None] = one_message
    message: Message = PLAIN
    service: str = "usual"
    host: str = "127.0.0.1"
    files: Mapping[str, bytes] = field(default_factory=dict)
    filter_runs: bool = True

    def expected(self, mta: str) -> Expect | None:
        return self.postfix if mta == "postfix" else self.sendmail


def both(name: str, options: tuple[str, ...], expect: Expect = Expect(), **rest: object) -> Case:
    """A case in which both MTAs do the same."""
    return Case(name, options, expect, expect, **rest)  # type: ignore[arg-type]
