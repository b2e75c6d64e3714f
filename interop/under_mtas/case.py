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
    """What must be seen.

    `replies` are patterns (`*` is anything) of replies by their label; every other reply must be a good one. `headers` and `body`
    say what is delivered, made of what was sent; every message is compared to the last byte. `envelope` are
    patterns, each of its sender or a recipient as it was delivered with its arguments. `held` are the reasons of messages
    in quarantine; Postfix keeps none. `told` are patterns of event lines of the filter that must come in this order;
    `untold` must not come; `times` is how often events that start with these words must come,
    and `said` how often such responses of the filter must have been on the wire.
    """

    replies: Mapping[str, str] = field(default_factory=dict)
    delivered: int = 1
    held: tuple[str, ...] = ()
    sender: str = SENDER
    recipients: tuple[str, ...] = (BOB,)
    envelope: tuple[str, ...] = ()
    headers: Callable[[Headers], Headers] = as_sent
    body: bytes | None = None
    told: tuple[str, ...] = ()
    untold: tuple[str, ...] = ()
    times: Mapping[str, int] = field(default_factory=dict)
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
