"""Many peers at once, more than there is room for, and an end in the middle of their messages."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from lab.ours import our_mta
from lab.process import wait_until

from .crowd import ADDED, OPTIONS, crowd, expected_replies, rush
from .peer import FAULTS
from .socket_peer import Peer, peer_of
from .subject import FILTERS, MTAS, filter_to_test
from .wire import CONNECT, CONTINUE, DATA, END, END_OF_HEADERS, HELO, MAIL, PLAIN_OFFER, QUIT, RCPT

pytestmark = FAULTS
# How much memory may grow from the first three rounds to the last, in KiB: 1.2 KiB for each connection in between.
GROWTH = 4096


@pytest.mark.parametrize("program", FILTERS)
def test_no_reply_is_lost_or_doubled_among_200_connections(
    program: str, programs: Path, folder: Path, figure: Callable[[str], None]
) -> None:
    with filter_to_test(programs, program, folder, *OPTIONS) as subject:
        begun = time.monotonic()
        replies = crowd(subject.spec, 200, 20)
        assert replies == expected_replies(200, 20)
        subject.wait_connections(0)
        figure(f"{replies} of {expected_replies(200, 20)} replies in {time.monotonic() - begun:.1f} s")


@pytest.mark.parametrize(("program", "mta"), list(zip(FILTERS, MTAS, strict=True)))
def test_200_connections_of_our_mta(
    program: str, mta: str, programs: Path, folder: Path, figure: Callable[[str], None]
) -> None:
    with filter_to_test(programs, program, folder, *OPTIONS) as subject:
        begun = time.monotonic()
        asked = our_mta(
            programs, mta, subject.spec, "--connections", "200", "--messages", "20", "--to", "<no@x>", "--to", "<y@x>"
        )
        assert (asked.status, asked.errors) == (0, "")
        assert len(asked.messages) == 4000
        assert {message["outcome"] for message in asked.messages} == {"accepted"}
        assert {len(message["refused"]) for message in asked.messages} == {1}
        assert {len(message["edits"]) for message in asked.messages} == {1}
        figure(f"4000 of 4000 messages in {time.monotonic() - begun:.1f} s")


@pytest.mark.parametrize("program", FILTERS)
def test_memory_does_not_grow(program: str, programs: Path, folder: Path, figure: Callable[[str], None]) -> None:
    with filter_to_test(programs, program, folder, *OPTIONS) as subject:
        rounds: list[int] = []
        for _ in range(20):
            assert rush(subject.spec, 200) == expected_replies(200, 1)
            subject.wait_connections(0)
            rounds.append(subject.memory())
        wait_until(lambda: subject.threads() <= 64, "the threads of connections to end")
        grown = rounds[-1] - max(rounds[:3])
        assert grown < GROWTH, rounds
        figure(f"RSS {rounds[0]}, {rounds[2]}, {rounds[-1]} KiB after rounds 1, 3 and 20 of 200 connections")


@pytest.mark.parametrize("program", FILTERS)
def test_those_over_the_limit_wait_and_are_served(
    program: str, programs: Path, folder: Path, figure: Callable[[str], None]
) -> None:
    with filter_to_test(programs, program, folder, "--connections", "10") as subject, ExitStack() as stack:
        peers = [stack.enter_context(peer_of(subject.spec)) for _ in range(30)]
        for peer in peers:
            peer.say(PLAIN_OFFER + CONNECT)
        served, most = 0, 0
        waiting = list(peers)
        while waiting:
            wait_until(lambda: any(peer.has_something(0) for peer in waiting), f"one of {len(waiting)} to be served")
            answered = next(peer for peer in waiting if peer.has_something(0))
            most = max(most, subject.connections())
            answered.frames(2)
            answered.say(QUIT)
            assert answered.rest() == b""
            waiting.remove(answered)
            served += 1
        assert most <= 10
        subject.is_well()
        figure(f"{served} of 30 served, at most {most} at once, with --connections 10")


def begin(spec: str, in_message: bool) -> Peer:
    """A peer that has begun a message, or waits for a client."""
    peer = Peer(spec)
    peer.ask(PLAIN_OFFER)
    for command in (CONNECT, HELO, *((MAIL, RCPT) if in_message else ())):
        assert peer.ask(command) == CONTINUE
    return peer


@pytest.mark.parametrize("program", FILTERS)
def test_an_end_lets_messages_in_progress_finish(
    program: str, programs: Path, folder: Path, figure: Callable[[str], None]
) -> None:
    with filter_to_test(programs, program, folder, *OPTIONS) as subject:
        busy = [begin(subject.spec, True) for _ in range(50)]
        idle = [begin(subject.spec, False) for _ in range(10)]
        begun = time.monotonic()
        subject.process.terminate()
        assert all(peer.is_ended_within(5) for peer in idle), "an idle peer is not kept waiting"
        idle_took = time.monotonic() - begun
        wait_until(lambda: not subject.is_listening(), "new connections to be refused", 5)
        for peer in busy:
            for command in (DATA, END_OF_HEADERS):
                assert peer.ask(command) == CONTINUE
        for peer in busy:
            peer.say(END)
        answered = [peer.exactly(len(ADDED + CONTINUE)) for peer in busy]
        assert answered == [ADDED + CONTINUE] * 50
        assert [peer.rest() for peer in busy] == [b""] * 50
        wait_until(lambda: subject.process.status is not None, "the filter to end", 5)
        figure(
            f"10 idle peers let go after {idle_took:.2f} s; 50 of 50 messages finished; ended after "
            f"{time.monotonic() - begun:.2f} s with status {subject.process.status}"
        )
        for peer in busy + idle:
            peer.close()


@pytest.mark.parametrize("program", FILTERS)
def test_an_end_does_not_wait_for_ever(
    program: str, programs: Path, folder: Path, figure: Callable[[str], None]
) -> None:
    with filter_to_test(programs, program, folder, "--grace", "1") as subject:
        busy = [begin(subject.spec, True) for _ in range(50)]
        begun = time.monotonic()
        subject.process.terminate()
        wait_until(lambda: subject.process.status is not None, "the filter to end", 5)
        took = time.monotonic() - begun
        assert took > 0.95
        assert all(peer.is_ended_within(1) for peer in busy)
        figure(f"50 stuck messages cut off after {took:.2f} s of --grace 1, status {subject.process.status}")
        for peer in busy:
            peer.close()


@pytest.mark.parametrize("program", FILTERS)
def test_running_out_of_descriptors_is_survived(
    program: str, programs: Path, folder: Path, figure: Callable[[str], None]
) -> None:
    with filter_to_test(programs, program, folder, descriptors=40) as subject, ExitStack() as stack:
        peers = [stack.enter_context(peer_of(subject.spec)) for _ in range(60)]
        for peer in peers:
            peer.say(PLAIN_OFFER)
        wait_until(lambda: sum(peer.has_something(0) for peer in peers) >= 25, "25 peers to be answered")
        served = 0
        for peer in peers:
            assert peer.has_something(), f"peer {served} is not served"
            peer.frame()
            peer.say(QUIT)
            assert peer.rest() == b""
            served += 1
        subject.is_well()
        figure(f"{served} of 60 served with 40 descriptors")


@pytest.mark.parametrize("more", range(4))
@pytest.mark.parametrize("program", FILTERS)
def test_an_end_needs_no_descriptor(
    program: str, more: int, programs: Path, folder: Path, figure: Callable[[str], None]
) -> None:
    with filter_to_test(programs, program, folder) as subject, ExitStack() as stack:
        peers = [stack.enter_context(peer_of(subject.spec)) for _ in range(5)]
        for peer in peers:
            peer.ask(PLAIN_OFFER)
        subject.limit_descriptors(subject.highest_descriptor() + more)
        begun = time.monotonic()
        subject.process.terminate()
        wait_until(lambda: subject.process.status is not None, "the filter to end", 5)
        figure(f"ended after {time.monotonic() - begun:.2f} s")
