"""Our MTAs with filters that leave, stall, or talk nonsense."""

import random
import struct
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lab.ours import Asked, our_mta
from lab.process import wait_until

from .faulty_filter import ANSWER_SILENT_BODY, COMMANDS, Behaviour, answer, faulty_filter
from .noise import seed
from .peer import FAULTS
from .socket_peer import Peer
from .subject import MTAS, filter_to_test
from .wire import CONTINUE, frame

pytestmark = FAULTS
# What the MTAs are given, in seconds, and how much later they may end.
TIMEOUT, LATE = 1.0, 5.0
AT_ONCE = 5.0


def leave(peer: Peer) -> None:
    """FIN, when the end of the behaviour closes the socket."""


FAULTY: dict[str, Callable[[Peer], None]] = {
    "leaves with FIN": leave,
    "leaves with RST": Peer.reset,
    "leaves within a length": lambda peer: peer.say(CONTINUE[:2]),
    "leaves within a reply": lambda peer: peer.say(frame(b"y", b"550 5.7.1 no\0")[:-3]),
    "says a length of 0": lambda peer: stay(peer, struct.pack(">I", 0)),
    "says a length of 2 MB": lambda peer: stay(peer, struct.pack(">I", 2_000_000)),
    "says a length of 4 GB": lambda peer: stay(peer, b"\xff" * 4),
    "says an unknown code": lambda peer: stay(peer, frame(b"\x01")),
    "says a command": lambda peer: stay(peer, frame(b"H", b"name\0")),
    "answers twice": lambda peer: stay(peer, CONTINUE * 2),
    "answers and begins another reply": lambda peer: stay(peer, CONTINUE + CONTINUE[:2]),
}


def stay(peer: Peer, said: bytes) -> None:
    """Says something, and waits until the other side goes."""
    peer.say(said)
    peer.rest()


def ask(programs: Path, mta: str, behaviour: Behaviour, *options: str, receives: int = 0) -> tuple[Asked, float]:
    """Asks a faulty filter, and says how long it took."""
    with faulty_filter(behaviour, receives) as spec:
        begun = time.monotonic()
        asked = our_mta(programs, mta, spec, *options)
        return asked, time.monotonic() - begun


def failed_clearly(mta: str, asked: Asked, what: str) -> None:
    """Sees that it said what is wrong in one line."""
    lines = asked.errors.splitlines()
    assert asked.status == 1, f"{what}: status {asked.status}, {asked}"
    assert len(lines) == 1 and lines[0].startswith(f"{mta}: "), f"{what}: {asked.errors}"


@pytest.mark.parametrize("fault", FAULTY)
@pytest.mark.parametrize("program", MTAS)
def test_a_faulty_filter_ends_the_conversation_at_once(
    program: str, fault: str, programs: Path, figure: Callable[[str], None]
) -> None:
    def one(replies: int) -> tuple[Asked, float]:
        def behaviour(peer: Peer) -> None:
            answer(peer, replies)
            FAULTY[fault](peer)

        return ask(programs, program, behaviour)

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(one, range(len(COMMANDS))))
    for replies, (asked, took) in enumerate(results):
        failed_clearly(program, asked, f"{fault} after {replies} replies")
        assert took < AT_ONCE, f"{fault} after {replies} replies: {took:.1f} s"
    said = {asked.errors.strip().removeprefix(f"{program}: ") for asked, _ in results}
    figure(f"{len(results)} stages, all within {max(took for _, took in results):.2f} s: {min(said, key=len)}")


@pytest.mark.parametrize("program", MTAS)
def test_a_silent_filter_is_given_up_at_every_stage(
    program: str, programs: Path, figure: Callable[[str], None]
) -> None:
    def one(replies: int) -> tuple[Asked, float]:
        def behaviour(peer: Peer) -> None:
            answer(peer, replies)
            peer.rest()

        return ask(programs, program, behaviour, "--timeout", str(TIMEOUT))

    with ThreadPoolExecutor(len(COMMANDS)) as pool:
        results = list(pool.map(one, range(len(COMMANDS))))
    for replies, (asked, took) in enumerate(results):
        failed_clearly(program, asked, f"silent after {replies} replies")
        assert TIMEOUT * 0.95 < took < TIMEOUT + LATE, f"silent after {replies} replies: {took:.2f} s"
    times = sorted(took for _, took in results)
    figure(f"timeout of {TIMEOUT:g} s fired at {len(times)} stages after {times[0]:.2f} to {times[-1]:.2f} s")


@pytest.mark.parametrize("program", MTAS)
def test_slow_replies_are_no_silence(program: str, programs: Path, figure: Callable[[str], None]) -> None:
    def behaviour(peer: Peer) -> None:
        assert answer(peer, 3) == b"M"
        for place in range(5):
            # Nothing comes in that time.
            assert not peer.has_something(0.4)
            peer.say(CONTINUE[place : place + 1])
        assert answer(peer, 100) == b"Q"

    asked, took = ask(programs, program, behaviour, "--timeout", str(TIMEOUT))
    assert (asked.status, asked.errors) == (0, "")
    assert took > TIMEOUT * 1.5
    figure(f"a reply took {took:.1f} s, a byte every 0.4 s, timeout {TIMEOUT:g} s")


@pytest.mark.parametrize("program", MTAS)
def test_a_filter_that_reads_nothing_is_given_up(
    program: str, programs: Path, folder: Path, figure: Callable[[str], None]
) -> None:
    message = folder / "message"
    message.write_bytes(b"Subject: long\r\n\r\n" + b"one line of the body, which is 40 bytes\r\n" * 500_000)

    def behaviour(peer: Peer) -> None:
        answer(peer, 8, ANSWER_SILENT_BODY)
        wait_until(lambda: is_gone.is_set(), "the MTA to go", 20)

    is_gone = threading.Event()
    with faulty_filter(behaviour, receives=4096) as spec:
        begun = time.monotonic()
        asked = our_mta(programs, program, spec, "--timeout", str(TIMEOUT), "--message", str(message))
        took = time.monotonic() - begun
        is_gone.set()
    failed_clearly(program, asked, "a filter that reads nothing")
    assert TIMEOUT * 0.95 < took < TIMEOUT + LATE
    figure(f"write timeout of {TIMEOUT:g} s fired after {took:.2f} s, with 20 MB to be sent")


@pytest.mark.parametrize("response", (b"p", b"hX-Flood\0again\0"))
@pytest.mark.parametrize("program", MTAS)
def test_endless_responses_are_ended(
    program: str, response: bytes, programs: Path, figure: Callable[[str], None]
) -> None:
    said = 0

    def behaviour(peer: Peer) -> None:
        nonlocal said
        answer(peer, len(COMMANDS) - 1)
        while True:
            peer.say(frame(response[:1], response[1:]) * 100)
            said += 100

    asked, took = ask(programs, program, behaviour)
    failed_clearly(program, asked, "endless responses")
    assert took < AT_ONCE
    figure(f"ended after {took:.2f} s; {asked.errors.strip().removeprefix(program + ': ')}")


@pytest.mark.parametrize("program", MTAS)
def test_random_replies_end_in_order(program: str, programs: Path, figure: Callable[[str], None]) -> None:
    first = seed()

    def one(number: int) -> tuple[Asked, float]:
        source = random.Random(first + number)

        def behaviour(peer: Peer) -> None:
            answer(peer, source.randrange(len(COMMANDS)))
            code, payload = (
                bytes([source.choice(b"Ocardtypsbh+-2eimqfl\0\xff")]),
                source.randbytes(source.randrange(40)),
            )
            if source.random() < 0.3:
                stay(peer, source.randbytes(source.randrange(1, 200)))
            peer.say(frame(code, payload) + CONTINUE * source.randrange(2))
            answer(peer, 100)

        return ask(programs, program, behaviour, "--timeout", str(TIMEOUT))

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(one, range(80)))
    for number, (asked, took) in enumerate(results):
        assert asked.status in (0, 1), f"seed {first} + {number}: {asked}"
        if asked.status == 1:
            failed_clearly(program, asked, f"seed {first} + {number}")
        # Each reply may be waited for, and some random bytes are the beginning of a long frame.
        assert took < TIMEOUT + LATE, f"seed {first} + {number}: {took:.1f} s"
    failed = sum(asked.status for asked, _ in results)
    slowest = max(took for _, took in results)
    figure(f"seed {first}: {failed} of {len(results)} ended with an error, all within {slowest:.2f} s")


@pytest.mark.parametrize("program", MTAS)
def test_a_filter_that_is_killed_is_noticed_at_once(
    program: str, programs: Path, folder: Path, figure: Callable[[str], None]
) -> None:
    with ThreadPoolExecutor(1) as pool, filter_to_test(programs, "filter_blocking", folder, "--events") as subject:
        asking = pool.submit(our_mta, programs, program, subject.spec, "--connections", "50", "--messages", "100000")
        wait_until(lambda: subject.process.out.read_text().count(" eom\n") > 200, "200 messages")
        begun = time.monotonic()
        subject.process.kill()
        asked = asking.result(AT_ONCE)
        took = time.monotonic() - begun
    failed_clearly(program, asked, "a filter that is killed")
    figure(f"50 connections ended after {took:.2f} s: {asked.errors.strip().removeprefix(program + ': ')}")


@pytest.mark.parametrize("program", MTAS)
def test_a_filter_that_is_not_there(program: str, programs: Path, folder: Path, figure: Callable[[str], None]) -> None:
    with faulty_filter(Peer.close) as spec:
        pass
    for where in (spec, f"unix:{folder}/nobody"):
        asked = our_mta(programs, program, where)
        failed_clearly(program, asked, where)
    figure(asked.errors.strip().removeprefix(program + ": ").replace(str(folder), ""))
