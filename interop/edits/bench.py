"""Runs cases at an MTA, one after the other, and makes records of them."""

import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.client import Client
from lab.ours import our_filter
from lab.postfix import POSTFIX, Postfix, postfix
from lab.process import Unexpected, folder, wait_until
from lab.sendmail import SENDMAIL, Sendmail, sendmail
from lab.sink import Delivered, Sink, sink

from .case import Case
from .edit import VERDICTS, Inexpressible, options
from .neutral import Neutral, mailbox
from .raw_filter import raw_filter, recorded

MTAS = {"postfix": POSTFIX, "sendmail": SENDMAIL}
SERVICE = "edits"
# A message that can be delivered is delivered within that time.
SECONDS = 5.0
# Cases come one after the other, without a pause.
SENDMAIL_SETTINGS = "define(`confCONNECTION_RATE_THROTTLE', `0')dnl\ndefine(`confMAX_DAEMON_CHILDREN', `0')dnl\n"
# What tells the Received header of the MTA itself from others.
OWN = b"by mta.example "


@dataclass
class Seen:
    """What was observed while a case ran."""

    frames: list[tuple[str, bytes]]
    replies: list[tuple[str, str]]
    delivered: list[Delivered]
    held: list[str]
    # Whether some of it stayed in the queue.
    is_left: bool
    # Lines that the client received before the reply to the message, and that are not replies.
    noise: list[str]

    def answers(self) -> list[bytes]:
        """The frames that the filter sent at the end of the message."""
        ends = [place for place, (side, frame) in enumerate(self.frames) if (side, frame[:1]) == ("mta", b"E")]
        if not ends:
            return []
        rest = self.frames[ends[0] :]
        return [frame for side, frame in rest if side == "filter"]

    def shown(self) -> tuple[list[tuple[bytes, bytes]], bytes]:
        """The headers and the body that the filter saw."""
        headers, body = [], b""
        for side, frame in self.frames:
            if side == "mta" and frame[:1] == b"L":
                name, value = frame[1:].split(b"\0")[:2]
                headers.append((name, value))
            elif side == "mta" and frame[:1] in (b"B", b"E"):
                body += frame[1:]
        return headers, body


@dataclass
class Bench:
    """An MTA that runs, its sink, and the socket where it looks for a filter.

    It is a unix socket: Sendmail writes frames in pieces, and over TCP each would wait 40 ms until the kernel confirms
    the one before it.
    """

    name: str
    version: str
    mta: Postfix | Sendmail
    sink: Sink
    programs: Path
    socket: Path
    _setups: dict[Case, dict[str, Any]] = field(default_factory=dict)

    def record(self, case: Case) -> tuple[dict[str, Any], dict[str, Any]]:
        """Runs a case, and returns the record of its setup and its own.

        The filter is filter_blocking, or one that sends raw frames if no options of filter_blocking send these.
        """
        key = case.without_edits()
        if key not in self._setups:
            self._setups[key] = {"setup": len(self._setups), **self._controlled(key)}
        setup = self._setups[key]
        seen, program = self._seen(case)
        unedited = setup.get("unedited", setup["own"] + setup["sent"])
        outcome = _outcome(self.name, case, seen, program, setup["own"], unedited)
        return setup, {"id": outcome.pop("id"), "setup": setup["setup"], **outcome}

    def _controlled(self, case: Case) -> dict[str, Any]:
        """Runs a case without edits."""
        seen = self._raw(case)
        return _setup(self.name, case, seen)

    def _seen(self, case: Case) -> tuple[Seen, str]:
        with folder() as home:
            try:
                arguments = options(case.edits, case.verdict, case.leading_space, home)
            except Inexpressible:
                return self._raw(case), "raw"
            arguments += ["--record", str(home / "frames")]
            with our_filter(self.programs, "filter_blocking", home, f"unix:{self.socket}", *arguments) as ours:
                # Postfix connects as a user of its own.
                self.socket.chmod(0o666)
                seen = self._played(case)
                wait_until(lambda: len(ours.events("close")) == len(ours.events("negotiate")), "the MTA to leave")
                wait_until(lambda: ours.events("close"), "the MTA to have come")
            seen.frames = recorded(home / "frames")
            if "not said: " in ours.process.err.read_text():
                # The library refuses to send such a frame.
                return self._raw(case), "raw"
            self._compare(case, seen, ours.process.log())
            return seen, "filter_blocking"

    def _raw(self, case: Case) -> Seen:
        answers = [*(edit.frame for edit in case.edits), VERDICTS[case.verdict]]
        with raw_filter(self.socket, answers, case.leading_space) as ours:
            seen = self._played(case)
            if not ours.closed.wait(60):
                raise Unexpected("the MTA has not left the filter")
            seen.frames = list(ours.frames)
            self._compare(case, seen, "")
            return seen

    def _compare(self, case: Case, seen: Seen, log: str) -> None:
        """Checks that the frames on the wire are those of the case, in their order."""
        wanted = [*(edit.frame for edit in case.edits), VERDICTS[case.verdict]]
        got = seen.answers()
        # An MTA that refuses an edit closes the connection, and the rest may not be sent.
        if wanted[: len(got)] != got or (len(got) < len(wanted) and "250" in dict(seen.replies)["end"][:3]):
            raise Unexpected(f"the filter sent {got} instead of {wanted}\n{log}")

    def _played(self, case: Case) -> Seen:
        self.sink.take()
        logged = len(self.mta.log())
        with Client(self.mta.ports[SERVICE]) as smtp:
            smtp.say("EHLO client.example", "helo")
            if not smtp.say(f"MAIL FROM:{case.sender}", "mail").is_good:
                raise Unexpected(f"{case.sender} was refused: {smtp.replies[-1][1]}")
            for number, to in enumerate(case.recipients):
                if not smtp.say(f"RCPT TO:{to}", f"rcpt {number}").is_good:
                    raise Unexpected(f"{to} was refused: {smtp.replies[-1][1]}")
            if case.chunked:
                smtp.send(f"BDAT {len(case.message)} LAST\r\n".encode() + case.message)
            elif smtp.say("DATA", "data").is_good:
                content = (b"\r\n" + case.message).replace(b"\r\n.", b"\r\n..")[2:]
                smtp.send(content + b".\r\n")
            noise = []
            while (lines := smtp.reply("end").lines) and not lines[-1][:3].isdigit():
                noise += lines
            smtp.say("QUIT", "quit")
        is_left = self._is_left()
        held = self.mta.release()
        if held:
            is_left |= self._is_left()
        if held and isinstance(self.mta, Postfix):
            held = self.mta.holds(logged)
        replies = [(label, str(reply)) for label, reply in smtp.replies]
        return Seen([], replies, self.sink.take(), held, is_left, noise)

    def _is_left(self) -> bool:
        """Waits until the message is delivered. A message that the MTA would retry later is removed."""
        try:
            self.mta.settle(SECONDS)
        except Unexpected:
            return True
        return False


@contextmanager
def bench(name: str, programs: Path) -> Iterator[Bench]:
    """Runs an MTA by its name until the end of the block."""
    # Sendmail takes no certificate or key from below a folder that everybody may write to, as /tmp is.
    with folder(Path("/run")) as home, sink() as box:
        socket = home / "filter"
        runs: AbstractContextManager[Postfix | Sendmail]
        if name == "postfix":
            services = {SERVICE: f"-o smtpd_milters=unix:{socket} -o smtpd_client_connection_rate_limit=0"}
            runs = postfix(home, box.port, services)
        else:
            times = "T=C:30s;S:30s;R:30s;E:5m"
            runs = sendmail(home, box.port, {SERVICE: f"S=unix:{socket}, F=T, {times}"}, {}, SENDMAIL_SETTINGS)
        with runs as it:
            yield Bench(name, MTAS[name].version(), it, box, programs, socket)


def _setup(mta: str, case: Case, control: Seen) -> dict[str, Any]:
    """The message and its envelope: as the client sent them, as a filter sees them, as they are delivered unedited."""
    neutral = _neutral(mta, control)
    headers, body = control.shown()
    it: dict[str, Any] = {
        "sender": [case.sender.address, *case.sender.arguments],
        "recipients": [[to.address, *to.arguments] for to in case.recipients],
        "sent": _text(case.message),
        "leading_space": case.leading_space,
        "shown": [[_text(name), neutral(_text(value))] for name, value in headers],
    }
    if case.chunked:
        it["chunked"] = True
    if body != _plain_body(case.message):
        it["shown_body"] = _text(body)
    if len(control.delivered) != 1:
        raise Unexpected(f"without edits it was delivered {len(control.delivered)} times: {control.replies}")
    content = control.delivered[0].content
    it["own"] = neutral(_text(own_header(content) or b""))
    unedited = neutral(_text(content))
    if unedited != it["own"] + it["sent"]:
        it["unedited"] = unedited
    return it


def _outcome(mta: str, case: Case, seen: Seen, program: str, own: str, unedited: str) -> dict[str, Any]:
    """The record of a case: what the filter sent, and what was delivered."""
    neutral = _neutral(mta, seen)
    edits = [_text(edit.frame) for edit in case.edits]
    kept, bounces = _without_bounces(seen.delivered)
    it: dict[str, Any] = {"id": case.name, "edits": edits}
    if program != "filter_blocking":
        it["filter"] = program
    if case.verdict != "continue":
        it["verdict"] = _text(VERDICTS[case.verdict])
    reply = neutral(dict(seen.replies)["end"])
    if not reply.startswith("250"):
        it["reply"] = reply
    if seen.noise:
        it["noise"] = [re.sub(r"\b0x[0-9a-f]+", "0x0", line) for line in seen.noise]
    if seen.held:
        it["held"] = seen.held
    it["delivered"] = [_delivered(one, neutral, unedited) for one in kept]
    for one in kept:
        if own not in neutral(_text(one.content)):
            it["own"] = neutral(_text(own_header(one.content) or b""))
    if bounces:
        it["bounces"] = bounces
    if seen.is_left:
        it["left"] = True
    return it


def _delivered(one: Delivered, neutral: Neutral, unedited: str) -> dict[str, Any]:
    """A message and its envelope. The message is left out if it is as without edits."""
    it: dict[str, Any] = {"sender": mailbox(one.sender), "recipients": [mailbox(to) for to in one.recipients]}
    text = neutral(_text(one.content))
    return it if text == unedited else {**it, "message": text}


def _neutral(mta: str, seen: Seen) -> Neutral:
    return Neutral(mta, [*(text for _, text in seen.replies), *(_text(one.content) for one in seen.delivered)])


def own_header(message: bytes) -> bytes | None:
    """The Received header that the MTA itself added, line ends included."""
    head = message.partition(b"\r\n\r\n")[0] + b"\r\n"
    place = head.find(OWN)
    start = head.rfind(b"Received:", 0, place)
    if place < 0 or start < 0:
        return None
    end = place
    while (end := head.find(b"\r\n", end) + 2) > 1 and head[end : end + 1] in (b" ", b"\t"):
        pass
    return head[start:end]


def _without_bounces(delivered: Sequence[Delivered]) -> tuple[list[Delivered], int]:
    """Separates the messages in which the MTA reports that it cannot deliver. They are only counted."""
    kept = [it for it in delivered if b"\r\nAuto-Submitted: auto-" not in it.content]
    return kept, len(delivered) - len(kept)


def _plain_body(message: bytes) -> bytes:
    if message.startswith(b"\r\n"):
        return message[2:]
    return message.partition(b"\r\n\r\n")[2]


def _text(raw: bytes) -> str:
    """Each byte as the character of that number."""
    return raw.decode("latin-1")
