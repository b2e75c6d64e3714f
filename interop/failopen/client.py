"""Runs a script against an MTA, and measures how long each reply takes."""

import time
from dataclasses import dataclass

from lab.client import Client, Reply
from under_mtas.message import PLAIN, Message, lines

# More than the limit that `bench.py` sets in Sendmail.
LARGE = 1_100_000
WITH_REFUSED_HEADER = PLAIN.with_headers(("X-Refuse", " yes"))
MESSAGES = {
    "DATA": bytes(PLAIN),
    "DATA with X-Refuse": bytes(WITH_REFUSED_HEADER),
    "DATA too large": bytes(PLAIN.with_body(lines(LARGE))),
    "DATA with large headers": bytes(PLAIN.with_headers(*[("X-Large", " " + 900 * "x")] * 250)),
    "DATA without headers": bytes(Message((), b"no header\r\n")),
    "DATA of nothing": b"",
}
CUT = 60


@dataclass(frozen=True)
class Heard:
    """The replies to a script, and how many seconds the slowest of them took."""

    replies: list[tuple[str, Reply]]
    longest: float

    @property
    def is_closed(self) -> bool:
        """Whether the MTA closed the connection before the script ended."""
        return any(not reply.lines for _, reply in self.replies)

    def __str__(self) -> str:
        return "\n".join(f"{label}: {reply}" for label, reply in self.replies)


def speak(port: int, script: list[str], sender: str) -> Heard:
    """Sends a script, then QUIT. `sender` identifies the messages of this script among those of the others."""
    before = time.monotonic()
    longest = 0.0
    with Client(port, seconds=40) as client:
        chunks: list[bytes] = []
        for step in [*script, "QUIT"]:
            _say(client, step, sender, chunks)
            after = time.monotonic()
            longest, before = max(longest, after - before), after
    return Heard(client.replies, longest)


def _say(client: Client, step: str, sender: str, chunks: list[bytes]) -> None:
    verb, _, rest = step.partition(" ")
    if verb == "EHLO":
        client.say("EHLO client.example", step)
    elif verb == "MAIL":
        client.say(f"MAIL FROM:{sender}", step)
    elif verb == "RCPT":
        client.say(f"RCPT TO:<{rest}@rcpt.example>", step)
    elif verb == "DATA":
        if client.say("DATA", step).code == 354:
            client.content(MESSAGES[step])
            client.end(f"{step}, the end")
    elif verb == "BDAT":
        _chunk(client, step, chunks)
    else:
        client.say(step)


def _chunk(client: Client, step: str, chunks: list[bytes]) -> None:
    """Sends an empty chunk, the first bytes of the message, or the rest of it."""
    if step == "BDAT 0":
        chunk, last = b"", ""
    elif step == "BDAT LAST":
        chunk, last = (chunks.pop() if chunks else bytes(PLAIN)), " LAST"
    else:
        message = bytes(WITH_REFUSED_HEADER if "X-Refuse" in step else PLAIN)
        chunk, last = message[:CUT], ""
        chunks.append(message[CUT:])
    client.send(f"BDAT {len(chunk)}{last}\r\n".encode() + chunk)
    client.reply(step)
