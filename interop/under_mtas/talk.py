"""What an SMTP client says to the MTA. Each talk stops where a client would give up."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from lab.client import Client, Reply
from lab.ours import Filter
from lab.postfix import Postfix
from lab.sendmail import Sendmail

from .message import BOB, CAROL, DAVE, NOBODY, SENDER, Message


@dataclass(frozen=True)
class Talk:
    """A client that is connected, the message that it has, and the filter behind the MTA, if it runs.

    `another` connects one more client.
    """

    client: Client
    message: Message
    filter: Filter | None
    another: Callable[[], Client]
    mta: Postfix | Sendmail

    def hello(self) -> None:
        """Goes on even if the greeting refuses it: the verdict of a filter holds for what follows."""
        self.client.say("EHLO client.example", "helo")

    def send(self, recipients: Sequence[str] = (BOB,), sender: str = SENDER, mark: str = "") -> None:
        """Sends the message, unless sender, all recipients or DATA are refused. `mark` goes before the labels."""
        if not self.client.say(f"MAIL FROM:{sender}", mark + "mail").is_good:
            return
        taken = [self.client.say(f"RCPT TO:{to}", mark + label).is_good for label, to in _labelled(recipients)]
        if any(taken) and self.client.say("DATA", mark + "data").is_good:
            self.client.content(bytes(self.message))
            self.client.end(mark + "end")

    def leave(self) -> None:
        self.client.say("QUIT", "quit")


def _labelled(recipients: Sequence[str]) -> list[tuple[str, str]]:
    """A lone recipient is labelled `rcpt`, one of several by its name."""
    return [("rcpt" if len(recipients) == 1 else to.strip("<").partition("@")[0], to) for to in recipients]


def one_message(talk: Talk) -> None:
    talk.hello()
    talk.send()
    talk.leave()


def message_to(*recipients: str) -> Callable[[Talk], None]:
    """One message to these recipients."""

    def say(talk: Talk) -> None:
        talk.hello()
        talk.send(recipients)
        talk.leave()

    return say


def three_messages(talk: Talk) -> None:
    """To Bob, to Carol, to Dave, on one connection."""
    talk.hello()
    for to in (BOB, CAROL, DAVE):
        talk.send((to,), mark=f"{to[1:-1].partition('@')[0]}: ")
    talk.leave()


def reset_in_the_middle(talk: Talk) -> None:
    """RSET after the first message's recipient, then another message."""
    talk.hello()
    talk.client.say(f"MAIL FROM:{SENDER}", "first mail")
    talk.client.say(f"RCPT TO:{CAROL}", "first rcpt")
    talk.client.say("RSET", "rset")
    talk.send()
    talk.leave()


def unknown_commands(talk: Talk) -> None:
    """An unknown command in every place where a client may send one, and a message."""
    talk.client.say("FROB before helo", "frob 1")
    talk.hello()
    talk.client.say("FROB after helo", "frob 2")
    talk.client.say(f"MAIL FROM:{SENDER}", "mail")
    talk.client.say("FROB after mail", "frob 3")
    talk.client.say(f"RCPT TO:{BOB}", "rcpt")
    talk.client.say("FROB after rcpt", "frob 4")
    if talk.client.say("DATA", "data").is_good:
        talk.client.content(bytes(talk.message))
        talk.client.end()
    talk.client.say("FROB after the message", "frob 5")
    talk.leave()


def gone_in_data(talk: Talk) -> None:
    """The client goes away in the middle of a line of the body."""
    talk.hello()
    talk.client.say(f"MAIL FROM:{SENDER}", "mail")
    talk.client.say(f"RCPT TO:{BOB}", "rcpt")
    talk.client.say("DATA", "data")
    talk.client.content(bytes(talk.message)[:-8])
    talk.client.close()


def after_starttls(talk: Talk) -> None:
    """A message after STARTTLS and a second EHLO."""
    talk.hello()
    talk.client.starttls()
    talk.client.say("EHLO encrypted.example", "second helo")
    talk.send()
    talk.leave()


def refused_by_the_mta(talk: Talk) -> None:
    """Two recipients, one of which the MTA itself refuses."""
    talk.hello()
    talk.send((NOBODY, BOB))
    talk.leave()


def filter_dies_at_the_end(talk: Talk) -> None:
    """The filter is killed while the MTA asks it about the message. It was halted, so that it cannot have answered."""
    assert talk.filter is not None
    talk.hello()
    talk.client.say(f"MAIL FROM:{SENDER}", "mail")
    talk.client.say(f"RCPT TO:{BOB}", "rcpt")
    talk.client.say("DATA", "data")
    talk.filter.process.halt()
    talk.client.content(bytes(talk.message))
    talk.filter.process.kill()
    talk.client.end()
    talk.leave()


def filter_is_told_to_stop(talk: Talk) -> None:
    """The filter gets SIGTERM in the middle of a message."""
    assert talk.filter is not None
    talk.hello()
    talk.client.say(f"MAIL FROM:{SENDER}", "mail")
    talk.client.say(f"RCPT TO:{BOB}", "rcpt")
    talk.filter.process.terminate()
    talk.client.say("DATA", "data")
    talk.client.content(bytes(talk.message))
    talk.client.end()
    talk.leave()


def all_in_one_write(talk: Talk) -> None:
    """The commands of a message in one write, as PIPELINING allows."""
    talk.hello()
    commands = (f"MAIL FROM:{SENDER}", f"RCPT TO:{BOB}", f"RCPT TO:{CAROL}", "DATA")
    talk.client.send("".join(f"{line}\r\n" for line in commands).encode())
    replies = [talk.client.reply(label) for label in ("mail", "bob", "carol", "data")]
    if replies[-1].is_good:
        talk.client.content(bytes(talk.message))
        talk.client.end()
    talk.leave()


def with_arguments(talk: Talk) -> None:
    """Every command with arguments, the sender with none of a name."""
    talk.hello()
    talk.client.say("MAIL FROM:<> SIZE=500 BODY=8BITMIME RET=HDRS ENVID=xyz", "mail")
    talk.client.say(f"RCPT TO:{BOB} NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;rob@rcpt.example", "rcpt")
    talk.client.say("DATA", "data")
    talk.client.content(bytes(talk.message))
    talk.client.end()
    talk.leave()


def many_clients_at_once(number: int) -> Callable[[Talk], None]:
    """So many clients, all connected before the first of them sends its message."""

    def one(talk: Talk, client: Client) -> list[tuple[str, Reply]]:
        with client:
            one_message(replace(talk, client=client))
        return client.replies

    def say(talk: Talk) -> None:
        clients = [talk.another() for _ in range(number)]
        with ThreadPoolExecutor(number) as pool:
            for replies in pool.map(lambda client: one(talk, client), clients):
                talk.client.replies.extend(replies)
        talk.leave()

    return say


def for_another_client(talk: Talk) -> None:
    """XCLIENT: from then on the client is somebody else."""
    talk.hello()
    talk.client.say("XCLIENT NAME=[UNAVAILABLE] ADDR=192.0.2.7 PORT=4321", "xclient")
    talk.client.say("EHLO other.example", "second helo")
    talk.send()
    talk.leave()


def in_chunks(talk: Talk) -> None:
    """A message in two chunks, with BDAT in the place of DATA."""
    talk.hello()
    talk.client.say(f"MAIL FROM:{SENDER}", "mail")
    talk.client.say(f"RCPT TO:{BOB}", "rcpt")
    content = bytes(talk.message)
    for label, part, last in (("bdat", content[:100], ""), ("end", content[100:], " LAST")):
        talk.client.send(f"BDAT {len(part)}{last}\r\n".encode() + part)
        if not talk.client.reply(label).is_good:
            break
    talk.leave()


def without_smtp(talk: Talk) -> None:
    """A message by the command sendmail of Postfix. The SMTP connection has left before."""
    talk.leave()
    assert isinstance(talk.mta, Postfix)
    talk.mta.submit(bytes(talk.message), SENDER.strip("<>"), BOB.strip("<>"))
