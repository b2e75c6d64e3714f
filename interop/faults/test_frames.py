"""Peers whose bytes are no frames, or no commands, or none of both."""

import random
import struct
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from .noise import noise, seed
from .peer import FAULTS
from .socket_peer import Peer, peer_of
from .subject import FILTERS, filter_to_test
from .wire import OFFER, PLAIN_OFFER, split, stages

pytestmark = FAULTS
# How long a connection may stay open, in seconds, whose next frame is refused: no timeout is needed for that.
AT_ONCE = 5.0
# Lengths that are no lengths: none, one more than a chunk of 64 KiB, and the largest numbers.
LENGTHS = (0, 65_537, 0x1000000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


@pytest.mark.parametrize("program", FILTERS)
def test_a_length_is_refused_from_its_four_bytes(
    program: str, programs: Path, folder: Path, figure: Callable[[str], None]
) -> None:
    with filter_to_test(programs, program, folder) as subject:
        before, slowest, count = subject.peak(), 0.0, 0
        for length in LENGTHS:
            for stage in [stage for stage in stages() if " of " not in stage.name]:
                if stage.name == "nothing":
                    continue
                with peer_of(subject.spec) as peer:
                    peer.say(stage.said.replace(OFFER, PLAIN_OFFER))
                    assert len(peer.frames(stage.replies)) == stage.replies
                    begun = time.monotonic()
                    peer.say(struct.pack(">I", length))
                    assert peer.is_ended_within(AT_ONCE), f"length {length:#x} after {stage.name}"
                    slowest, count = max(slowest, time.monotonic() - begun), count + 1
        grown = subject.peak() - before
        assert grown < 1024, f"{grown} KiB more"
        subject.is_well()
        figure(f"{count} lengths refused within {slowest * 1000:.0f} ms; peak RSS {grown} KiB more")


@pytest.mark.parametrize("program", FILTERS)
def test_nothing_is_allocated_for_what_is_only_announced(
    program: str, programs: Path, folder: Path, figure: Callable[[str], None]
) -> None:
    with filter_to_test(programs, program, folder) as subject, ExitStack() as stack:
        peers = [stack.enter_context(peer_of(subject.spec)) for _ in range(100)]
        for peer in peers:
            peer.ask(PLAIN_OFFER)
        before = subject.memory()
        for peer in peers:
            peer.say(struct.pack(">I", 65_536) + b"B")
        # All of it was read once another peer was served.
        subject.is_well()
        grown = subject.memory() - before
        # 6.4 MB were announced.
        assert grown < 1024, f"{grown} KiB more"
        figure(f"100 peers announced 6400 KiB; RSS {before} KiB, {grown} KiB more")


@pytest.mark.parametrize("program", FILTERS)
def test_random_bytes_end_a_connection_and_nothing_else(
    program: str, programs: Path, folder: Path, figure: Callable[[str], None]
) -> None:
    source = random.Random(number := seed())
    with filter_to_test(programs, program, folder) as subject:
        before, count, replies = subject.peak(), 0, 0
        for _ in range(100):
            for raw in noise(source):
                peer = Peer(subject.spec)
                try:
                    peer.say(raw)
                    peer.half_close()
                except OSError:
                    # It was refused before all of it was said.
                    pass
                replies += len(list(split(peer.rest())))
                peer.close()
                count += 1
        subject.is_well()
        subject.wait_connections(0)
        grown = subject.peak() - before
        assert grown < 2048, f"{grown} KiB more"
        figure(f"seed {number}: {count} streams, {replies} replies, all closed; peak RSS {grown} KiB more")
