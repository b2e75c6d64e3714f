"""Postfix and the filters of the chains, which stay up; what comes of a message there and with our MTAs."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edits.bench import own_header
from edits.neutral import mailbox
from lab.client import Client
from lab.ours import our_mta
from lab.postfix import Postfix, postfix
from lab.process import Unexpected, folder
from lab.sink import Delivered, Sink, sink
from peers import opendkim
from peers.mail import SENDER

from .cases import CASES, Case
from .chains import NOON, Chain

# As Postfix tells filters about a client whose name it does not look up.
CLIENT = ("--client", "[127.0.0.1],127.0.0.1", "--helo", "client.example")


@dataclass(frozen=True)
class Outcome:
    """What came of a message: the reply that refused it, or the message as it was delivered, to the last byte.

    Recipients are sorted, as Postfix sorts them. `refused` has those that were refused, with the reply to each.
    """

    refusal: str
    refused: tuple[tuple[str, str], ...]
    sender: str = ""
    recipients: tuple[str, ...] = ()
    content: bytes = b""

    def lines(self) -> list[str]:
        shown = [f"refused: {self.refusal}", *map(repr, self.refused), self.sender, *self.recipients]
        return shown + [repr(line) for line in self.content.splitlines(keepends=True)]


class Bench:
    """Runs chains. `specs` has the places of the filters of each."""

    def __init__(self, programs: Path, mta: Postfix, box: Sink, home: Path, specs: dict[str, Sequence[str]]) -> None:
        self._programs, self._mta, self._box, self._home, self._specs = programs, mta, box, home, specs
        self._seen: dict[str, dict[str, Outcome]] = {}
        self._signed: dict[str, bytes] = {}

    def postfix(self, chain: Chain, case: Case) -> Outcome:
        """What Postfix does. All messages are sent when the first is asked for."""
        if chain.name not in self._seen:
            self._seen[chain.name] = self._send(chain)
        return self._seen[chain.name][case.name]

    def ours(self, program: str, chain: Chain, case: Case, received: bytes) -> Outcome:
        """What our MTA does, which adds the same Received header as Postfix did."""
        with folder() as home:
            output = home / "delivered"
            options = [*CLIENT, "--output", str(output), "--rules", "postfix"]
            if received:
                value = received.decode("latin-1").removeprefix("Received: ").replace("\r\n", "\n").removesuffix("\n")
                options += ["--received", value]
            result = self._ask(program, self._specs[chain.name], case, self._raw(case), home, *options)
            refused = tuple((it["recipient"], it["reply"]) for it in result["refused"])
            if result["outcome"] != "accepted":
                if result["outcome"] != "refused" or result["quarantine"] is not None:
                    raise Unexpected(f"{program}: {result}")
                return Outcome(result["reply"], refused)
            return Outcome("", refused, result["from"], tuple(sorted(result["recipients"])), output.read_bytes())

    def _send(self, chain: Chain) -> dict[str, Outcome]:
        self._box.take()
        told = {case.name: self._talk(self._mta.ports[chain.name.replace(" ", "-")], case) for case in CASES}
        self._mta.settle()
        if self._mta.held():
            raise Unexpected("Postfix holds a message")
        delivered = self._box.take()
        return {case.name: _outcome(case, *told[case.name], delivered) for case in CASES}

    def _talk(self, port: int, case: Case) -> tuple[str, tuple[tuple[str, str], ...]]:
        """Sends a message to Postfix. Returns the reply that refused it, and those to refused recipients."""
        raw = self._raw(case)
        with Client(port) as smtp:
            smtp.say("EHLO client.example")
            smtp.say(f"MAIL FROM:{SENDER}")
            replies = [(to, smtp.say(f"RCPT TO:{to}")) for to in case.recipients]
            refused = tuple((to, str(reply)) for to, reply in replies if not reply.is_good)
            end = smtp.say("DATA")
            if end.is_good:
                smtp.content(raw)
                end = smtp.end()
            smtp.say("QUIT")
            return "" if end.is_good else str(end), refused

    def _raw(self, case: Case) -> bytes:
        """The message as the client sends it. A signature is made only once, by a filter of its own."""
        if not case.is_signed:
            return case.raw
        if case.name not in self._signed:
            with folder() as home, opendkim.run(home, "sign", opendkim.SIGN, keys=self._home, time=NOON) as spec:
                output = home / "signed"
                self._ask("mta_blocking", [spec], case, case.raw, home, "--output", str(output))
                self._signed[case.name] = output.read_bytes()
        old, new = case.was_changed
        return self._signed[case.name].replace(old, new, 1) if old else self._signed[case.name]

    def _ask(
        self, program: str, specs: Sequence[str], case: Case, raw: bytes, home: Path, *options: str
    ) -> dict[str, Any]:
        """Asks filters about a message. `options` are more words for our MTA."""
        (home / "message").write_bytes(raw)
        filters = [word for spec in specs[1:] for word in ("--filter", spec)]
        envelope = ["--from", SENDER, *(word for to in case.recipients for word in ("--to", to))]
        message = ["--message", str(home / "message")]
        asked = our_mta(self._programs, program, specs[0], *filters, *envelope, *message, *options)
        if asked.status != 0 or len(asked.messages) != 1:
            raise Unexpected(f"{program} ended with status {asked.status}: {asked.errors}")
        return asked.messages[0]


def _outcome(
    case: Case, refusal: str, refused: tuple[tuple[str, str], ...], delivered: Sequence[Delivered]
) -> Outcome:
    mine = [it for it in delivered if case.message_id in it.content]
    if len(mine) != (0 if refusal else 1):
        raise Unexpected(f"{case}: Postfix said {refusal!r}, and delivered {len(mine)} messages")
    if refusal:
        return Outcome(refusal, refused)
    recipients = tuple(sorted(mailbox(to)[0] for to in mine[0].recipients))
    return Outcome("", refused, mailbox(mine[0].sender)[0], recipients, mine[0].content)


def received_of(outcome: Outcome) -> bytes:
    """The Received header of Postfix itself."""
    return own_header(outcome.content) or b""


@contextmanager
def bench(programs: Path, chains: Sequence[Chain]) -> Iterator[Bench]:
    """Runs the filters of these chains, and Postfix, until the end of the block."""
    with ExitStack() as stack:
        home, box = stack.enter_context(folder()), stack.enter_context(sink())
        opendkim.make_key(home)
        specs = {}
        for chain in chains:
            places = [stack.enter_context(folder(home)) for _ in chain.filters]
            starts = zip(chain.filters, places, strict=True)
            specs[chain.name] = [stack.enter_context(start(place, programs)) for start, place in starts]
            for spec in specs[chain.name]:
                # Postfix connects as a user of its own.
                Path(spec.removeprefix("unix:")).chmod(0o666)
        services = {
            chain.name.replace(" ", "-"): f"-o smtpd_milters={','.join(specs[chain.name])}"
            " -o smtpd_client_connection_rate_limit=0"
            for chain in chains
        }
        (home / "postfix").mkdir()
        mta = stack.enter_context(postfix(home / "postfix", box.port, services))
        yield Bench(programs, mta, box, home, specs)
