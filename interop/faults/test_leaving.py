"""Peers that leave at every place of a conversation, in every way that there is to leave."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.process import wait_until

from .peer import FAULTS
from .socket_peer import Peer, peer_of
from .subject import FILTERS, filter_to_test
from .wire import split, stages

pytestmark = FAULTS
PLACES = ("inet:0@127.0.0.1", "unix:filter")
WAYS: dict[str, Callable[[Peer], None]] = {"FIN": Peer.close, "RST": Peer.reset}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("program", FILTERS)
def test_a_peer_that_leaves_at_any_stage_is_let_go(
    program: str, place: str, programs: Path, folder: Path, figure: Callable[[str], None]
) -> None:
    place = place.replace("unix:", f"unix:{folder}/")
    with filter_to_test(programs, program, folder, "--events", spec=place) as subject:
        count, messages, slowest = 0, 0, 0.0
        for stage in stages():
            for way, reads in [(way, reads) for way in WAYS for reads in (False, True)]:
                peer = Peer(subject.spec)
                peer.say(stage.said)
                if reads:
                    peer.frames(stage.replies)
                    messages += stage.in_message
                left = time.monotonic()
                WAYS[way](peer)
                subject.wait_connections(0)
                slowest = max(slowest, time.monotonic() - left)
                count += 1
        subject.is_well()
        # Each connection is closed once, and each message of a peer that took part is given up.
        wait_until(lambda: subject.process.out.read_text().count(" close\n") >= count + 2, "the last close")
        said = [line.split()[1] for line in subject.process.out.read_text().splitlines()[1:]]
        assert said.count("close") == count + 2, "the two orderly ones included"
        assert said.count("abort") >= messages
        figure(f"{count} peers left, all let go within {slowest:.3f} s")


@pytest.mark.parametrize("program", FILTERS)
def test_who_says_no_more_still_gets_every_reply(
    program: str, programs: Path, folder: Path, figure: Callable[[str], None]
) -> None:
    with filter_to_test(programs, program, folder) as subject:
        replies = 0
        for stage in stages():
            with peer_of(subject.spec) as peer:
                peer.say(stage.said)
                peer.half_close()
                got = list(split(peer.rest()))
                assert len(got) == stage.replies, stage.name
                replies += len(got)
        figure(f"{replies} of {replies} replies came behind the peer's FIN")


@pytest.mark.parametrize("program", FILTERS)
def test_an_mta_that_is_killed_leaves_nothing_behind(
    program: str, programs: Path, folder: Path, figure: Callable[[str], None]
) -> None:
    with filter_to_test(programs, program, folder, "--events") as subject:
        threads = subject.threads()
        command = [programs / "mta_blocking", "--filter", subject.spec, "--connections", "20", "--messages", "100000"]
        mta = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL)
        try:
            wait_until(lambda: subject.process.out.read_text().count(" eom\n") > 100, "100 messages")
            assert subject.connections() == 20
        finally:
            mta.kill()
            mta.wait()
        subject.wait_connections(0)
        wait_until(lambda: subject.threads() <= threads, "the threads of 20 connections to end")
        wait_until(
            lambda: subject.process.out.read_text().count(" close\n") == 21,
            "20 times close, and the orderly one before",
        )
        subject.is_well()
        figure("20 connections, all closed")
