"""Many orderly peers at once, each with replies of its own, so that none can be lost, doubled or mixed up."""

import asyncio
from collections.abc import Coroutine
from contextlib import ExitStack
from dataclasses import dataclass

from lab.process import Unexpected

from .socket_peer import PATIENCE, address, peer_of
from .wire import (
    BODY,
    CONNECT,
    CONTINUE,
    DATA,
    END,
    END_OF_HEADERS,
    HEADER,
    HELO,
    PLAIN_OFFER,
    QUIT,
    REJECT,
    frame,
)

# What the filter adds; long enough that replies are not all alike.
OPTIONS = ("--reject-rcpt", "<no*", "--add-header", "X-Seen=by the filter")
ADDED = frame(b"h", b"X-Seen\0by the filter\0")


@dataclass(frozen=True)
class Turn:
    """A command, and the bytes that have to come back."""

    said: bytes
    expected: bytes


def message(connection: int, number: int) -> list[Turn]:
    """A message with recipients of whom some are refused: which ones depends on the connection and the message."""
    bits = (connection * 31 + number * 7) & 0xF
    recipients = [
        Turn(
            frame(b"R", (b"<no-%d@rcpt.example>\0" if bits >> at & 1 else b"<yes-%d@rcpt.example>\0") % at),
            REJECT if bits >> at & 1 else CONTINUE,
        )
        for at in range(4)
    ]
    return [
        Turn(
            frame(b"D", b"Mi\0%d-%d\0" % (connection, number)) + frame(b"M", b"<%d@sender.example>\0" % number),
            CONTINUE,
        ),
        *recipients,
        Turn(frame(b"R", b"<yes@rcpt.example>\0"), CONTINUE),
        *(Turn(command, CONTINUE) for command in (DATA, HEADER, END_OF_HEADERS, BODY)),
        Turn(END, ADDED + CONTINUE),
    ]


async def play(spec: str, connection: int, messages: int, together: bool) -> int:
    """Plays a connection to its end and counts the replies. `together`: it says a message at once, then reads."""
    reader, writer = await connect(spec)
    writer.write(PLAIN_OFFER)
    await reader.readexactly(17)
    turns = [Turn(CONNECT, CONTINUE), Turn(HELO, CONTINUE)]
    replies = 1
    for number in range(messages):
        turns += message(connection, number)
        if together:
            turns = [Turn(b"".join(turn.said for turn in turns), b"".join(turn.expected for turn in turns))]
        for turn in turns:
            writer.write(turn.said)
            got = await soon(reader.readexactly(len(turn.expected)), f"connection {connection}, message {number}")
            assert got == turn.expected, f"connection {connection}, message {number}: {got!r}"
            replies += got.count(CONTINUE) + got.count(REJECT)
        turns = []
    writer.write(QUIT)
    assert await soon(reader.read(), f"connection {connection}, its end") == b"", "something came behind QUIT"
    writer.close()
    return replies


async def soon(reading: Coroutine[None, None, bytes], what: str) -> bytes:
    """Waits for bytes, and names what they are about if they do not come."""
    try:
        return await asyncio.wait_for(reading, PATIENCE)
    except TimeoutError:
        raise Unexpected(f"{what}: no reply within {PATIENCE:g} s") from None


async def connect(spec: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    _, where = address(spec)
    if isinstance(where, str):
        return await asyncio.open_unix_connection(where)
    return await asyncio.open_connection(*where)


def crowd(spec: str, connections: int, messages: int) -> int:
    """Plays all connections at once and counts the replies, each of which was the expected one in its place.

    One of four waits for every reply, as MTAs do; the others say a message at once.
    """

    async def all_of_them() -> int:
        plays = (play(spec, number, messages, number % 4 != 0) for number in range(connections))
        return sum(await asyncio.gather(*plays))

    return asyncio.run(all_of_them())


def rush(spec: str, connections: int) -> int:
    """Opens all connections, says a whole message on each, and only then reads, counts and closes."""
    with ExitStack() as stack:
        peers = [stack.enter_context(peer_of(spec)) for _ in range(connections)]
        turns = [[Turn(CONNECT, CONTINUE), Turn(HELO, CONTINUE), *message(number, 0)] for number in range(connections)]
        for peer, said in zip(peers, turns, strict=True):
            peer.say(PLAIN_OFFER + b"".join(turn.said for turn in said))
        for peer, said in zip(peers, turns, strict=True):
            peer.frame()
            assert peer.exactly(sum(len(turn.expected) for turn in said)) == b"".join(turn.expected for turn in said)
            peer.say(QUIT)
            assert peer.rest() == b"", "something came behind QUIT"
    return sum(1 + len(said) for said in turns)


def expected_replies(connections: int, messages: int) -> int:
    """OPTNEG, CONNECT, HELO, and eleven replies a message."""
    return connections * (3 + 11 * messages)
