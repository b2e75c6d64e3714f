"""Random bytes, more or less like a conversation. FAULTS_SEED in the environment repeats a run."""

import os
import random
from collections.abc import Iterator

from .wire import CONVERSATION, PLAIN_OFFER, frame


def seed() -> int:
    """The seed of this run, which is printed, and shown if the test fails."""
    number = int(os.environ.get("FAULTS_SEED") or random.randrange(1 << 32))
    print(f"FAULTS_SEED={number}")
    return number


def noise(random_: random.Random) -> Iterator[bytes]:
    """Random bytes; random frames of every code; an orderly conversation, changed, or cut and doubled, or mixed up."""
    yield random_.randbytes(random_.randrange(1, 4096))
    yield b"".join(
        frame(bytes([random_.choice(b"OCHMRTLNBEAQKDU\0\xff")]), random_.randbytes(random_.randrange(40)))
        for _ in range(random_.randrange(1, 60))
    )
    orderly = PLAIN_OFFER + b"".join(command for _, command in CONVERSATION[1:]) * 3
    changed = bytearray(orderly)
    for _ in range(random_.randrange(1, 6)):
        changed[random_.randrange(len(changed))] = random_.randrange(256)
    yield bytes(changed)
    start, end = sorted(random_.sample(range(len(orderly)), 2))
    yield orderly[:end] + orderly[start:]
    commands = [command for _, command in CONVERSATION]
    yield PLAIN_OFFER + b"".join(random_.choices(commands, k=random_.randrange(1, 80)))
