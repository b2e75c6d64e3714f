"""What an SMTP client says: the same to every program, with each library."""

from collections.abc import Callable
from dataclasses import dataclass

from lab.client import Client
from peers.mail import HEADERS, ODD_HEADERS, PLAIN, body_of, message

SENDER = "<sender@example.com>"
CAROL, REFUSED, NOBODY = (f"<{name}@rcpt.example>" for name in ("carol", "refused", "nobody"))
# More than fits into one frame of a body.
LARGE = 300_000


@dataclass(frozen=True)
class Talk:
    """A client that is connected. Mail to `bob` is found again by that address, which no other session has."""

    client: Client
    bob: str

    def greet(self) -> None:
        self.client.say("EHLO client.example", "helo")

    def sender(self, arguments: str = "", sender: str = SENDER) -> bool:
        return self.client.say(f"MAIL FROM:{sender}{arguments}", "mail").is_good

    def recipient(self, to: str = "") -> bool:
        return self.client.say(f"RCPT TO:{to or self.bob}", "rcpt").is_good

    def content(self, raw: bytes) -> None:
        if self.client.say("DATA", "data").is_good:
            self.client.content(raw)
            self.client.end()

    def send(self, raw: bytes, *others: str) -> None:
        """Sends a message to Bob and others, unless its sender or all recipients are refused."""
        if self.sender():
            taken = [self.recipient(to) for to in ("", *others)]
            if any(taken):
                self.content(raw)

    def leave(self) -> None:
        self.client.say("QUIT", "quit")


@dataclass(frozen=True)
class Session:
    """One SMTP session."""

    name: str
    talk: Callable[[Talk], None]


def message_to(raw: bytes, *others: str) -> Callable[[Talk], None]:
    """A session with one message, to Bob and others."""

    def talk(it: Talk) -> None:
        it.greet()
        it.send(raw, *others)
        it.leave()

    return talk


def messages_of(*raws: bytes) -> Callable[[Talk], None]:
    """A session with several messages."""

    def talk(it: Talk) -> None:
        it.greet()
        for raw in raws:
            it.send(raw)
        it.leave()

    return talk


def no_message(it: Talk) -> None:
    it.greet()
    it.leave()


def no_recipient(it: Talk) -> None:
    """The MTA refuses one recipient, and some of the filters another."""
    it.greet()
    it.sender()
    it.recipient(NOBODY)
    it.recipient(REFUSED)
    it.leave()


def no_sender(it: Talk) -> None:
    """A bounce, with arguments."""
    it.greet()
    if it.sender(" SIZE=500 BODY=8BITMIME", "<>") and it.recipient():
        it.content(PLAIN)
    it.leave()


def reset_twice(it: Talk) -> None:
    """RSET after MAIL and after RCPT, then a message."""
    it.greet()
    it.sender()
    it.client.say("RSET", "rset")
    it.sender()
    it.recipient(CAROL)
    it.client.say("RSET", "rset")
    it.send(PLAIN)
    it.leave()


def greeted_again(it: Talk) -> None:
    """HELO in the middle of a message, and commands that no MTA knows."""
    it.greet()
    it.client.say("FROB one", "frob")
    it.sender()
    it.client.say("FROB two", "frob")
    it.client.say("HELO again.example", "helo again")
    it.client.say("NOOP", "noop")
    it.send(PLAIN)
    it.leave()


def gone_in_the_content(it: Talk) -> None:
    """The client goes away in the middle of a line."""
    it.greet()
    it.sender()
    it.recipient()
    if it.client.say("DATA", "data").is_good:
        it.client.content(PLAIN[:-8])
    it.client.close()


def gone_in_the_envelope(it: Talk) -> None:
    it.greet()
    it.sender()
    it.client.close()


def mark_of(number: int) -> bytes:
    """What only the message of this client holds, in a header and in the body."""
    return b"crowd-%d@" % number


def one_of_a_crowd(number: int) -> bytes:
    """A message of its own for each of many clients."""
    address = mark_of(number) + b"example.com"
    others = tuple((name, value) for name, value in HEADERS if name != b"Message-ID")
    return message(b"From " + address + b".\r\n" + body_of(10_000), (*others, (b"Message-ID", b" <" + address + b">")))


MANY_HEADERS = HEADERS + tuple((b"X-Number", b" %d" % number) for number in range(500))
SESSIONS = [
    Session("a message", message_to(PLAIN)),
    Session("no message", no_message),
    Session("three messages", messages_of(PLAIN, message(b"The second.\r\n"), message(b"The third.\r\n"))),
    Session("several recipients", message_to(PLAIN, NOBODY, REFUSED, CAROL)),
    Session("no recipient that is taken", no_recipient),
    Session("no sender", no_sender),
    Session("a large body", message_to(message(body_of(LARGE)))),
    Session("many headers", message_to(message(headers=MANY_HEADERS))),
    Session("odd headers", message_to(message(headers=HEADERS + ODD_HEADERS))),
    Session("no body", message_to(message(b""))),
    Session("no headers", message_to(b"\r\nonly a body\r\n")),
    Session("RSET", reset_twice),
    Session("HELO in a message", greeted_again),
    Session("a client gone in the content", gone_in_the_content),
    Session("a client gone in the envelope", gone_in_the_envelope),
]
