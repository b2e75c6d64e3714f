"""Peers that are slow, silent, or give and take a few bytes at a time."""

import select
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from .peer import FAULTS
from .socket_peer import Peer, peer_of
from .subject import FILTERS, filter_to_test
from .wire import CONTINUE, CONVERSATION, MESSAGE, OFFER, WITHOUT_REPLY, frame, stages

pytestmark = FAULTS
# What the filters are given, in seconds; how much later than that a connection may end, on a machine that is busy.
TIMEOUT, LATE = 2.0, 5.0
# Between two bytes of a slow peer: far from the timeout, and all of them are longer than it.
PAUSE, BYTES = 0.5, 6


@pytest.mark.parametrize("program", FILTERS)
def test_silence_ends_a_connection_at_every_stage(
    program: str, programs: Path, folder: Path, figure: Callable[[str], None]
) -> None:
    with filter_to_test(programs, program, folder, "--timeout", str(TIMEOUT)) as subject, ExitStack() as stack:
        begun: dict[Peer, tuple[str, float]] = {}
        for stage in stages():
            peer = stack.enter_context(peer_of(subject.spec))
            before = time.monotonic()
            peer.say(stage.said)
            begun[peer] = (stage.name, before)
            peer.frames(stage.replies)
        took: dict[str, float] = {}
        deadline = time.monotonic() + TIMEOUT + LATE
        while begun and time.monotonic() < deadline:
            for peer in readable(begun, deadline - time.monotonic()):
                assert peer.rest() == b"", "nothing is said to who is silent"
                name, before = begun.pop(peer)
                took[name] = time.monotonic() - before
        assert not begun, f"still open after {TIMEOUT + LATE} s"
        assert min(took.values()) > TIMEOUT * 0.95, took
        subject.wait_connections(0)
        figure(
            f"timeout of {TIMEOUT:g} s fired on {len(took)} peers after {min(took.values()):.2f} to "
            f"{max(took.values()):.2f} s"
        )


@pytest.mark.parametrize("program", FILTERS)
def test_slow_progress_is_no_silence(program: str, programs: Path, folder: Path, figure: Callable[[str], None]) -> None:
    with filter_to_test(programs, program, folder, "--timeout", str(TIMEOUT)) as subject, ExitStack() as stack:
        peers: list[tuple[Peer, bytes]] = []
        said: list[bytes] = []
        for _, command in CONVERSATION:
            if len(command) > BYTES:
                peer = stack.enter_context(peer_of(subject.spec))
                peer.say(b"".join(said))
                peer.frames(sum(before[4:5] not in WITHOUT_REPLY for before in said))
                peers.append((peer, command))
            said.append(command)
        begun = time.monotonic()
        for place in range(BYTES):
            for peer, command in peers:
                peer.say(command[place : place + 1])
            gone = readable([peer for peer, _ in peers], PAUSE, all_of_it=True)
            assert not gone, f"{len(gone)} of {len(peers)} ended after {place + 1} bytes"
        took = time.monotonic() - begun
        answered = 0
        for peer, command in peers:
            peer.say(command[BYTES:])
            if command[4:5] not in WITHOUT_REPLY:
                answered += bool(peer.frame())
        assert took > TIMEOUT * 1.4
        figure(f"{answered} frames answered that took {took:.1f} s, a byte every {PAUSE} s, timeout {TIMEOUT:g} s")


def readable(
    peers: "list[Peer] | dict[Peer, tuple[str, float]]", seconds: float, all_of_it: bool = False
) -> list[Peer]:
    """Waits until something came from some of them, or `seconds` are over."""
    by_socket = {peer.socket: peer for peer in peers}
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        found, _, _ = select.select(list(by_socket), [], [], left)
        if found or not all_of_it:
            return [by_socket[socket] for socket in found]
    return []


@pytest.mark.parametrize("place", ("inet:0@127.0.0.1", "unix:filter"))
@pytest.mark.parametrize("program", FILTERS)
def test_one_byte_a_write_is_as_good_as_whole_frames(
    program: str, place: str, programs: Path, folder: Path, figure: Callable[[str], None]
) -> None:
    place = place.replace("unix:", f"unix:{folder}/")
    with filter_to_test(programs, program, folder, "--add-header", "X-A=b", spec=place) as subject:
        said = b"".join(command for _, command in CONVERSATION[1:-1]) + b"".join(command for _, command in MESSAGE)
        with peer_of(subject.spec) as peer:
            peer.ask(OFFER)
            for place_of_byte in range(len(said)):
                peer.say(said[place_of_byte : place_of_byte + 1])
            peer.half_close()
            got = peer.rest()
        end = frame(b"h", b"X-A\0b\0") + CONTINUE
        expected = CONTINUE * 2 + (CONTINUE * 6 + end) * 2
        assert got == expected
        figure(f"{len(said)} writes of one byte, {len(got)} bytes of replies, all as expected")


@pytest.mark.parametrize("place", ("inet:0@127.0.0.1", "unix:filter"))
@pytest.mark.parametrize("program", FILTERS)
def test_cut_reads_and_writes_change_nothing(
    program: str, place: str, programs: Path, folder: Path, figure: Callable[[str], None]
) -> None:
    """Commands come in pieces as small as the kernel makes them, and the replies do not fit into its buffers."""
    place = place.replace("unix:", f"unix:{folder}/")
    body = b"".join(b"line %d of the new body\r\n" % number for number in range(500_000))
    (folder / "body").write_bytes(body)
    options = ("--replace-body", str(folder / "body"), "--data-size", "256k")
    with filter_to_test(programs, program, folder, *options, spec=place) as subject:
        # What it receives into is not small: with less room than a segment, TCP sends some hundred bytes, 5 times a second.
        with peer_of(subject.spec, sends=1) as peer:
            peer.ask(OFFER)
            commands = [command for name, command in CONVERSATION[1:-2] if name != "MACRO"]
            commands += [frame(b"B", b"x" * 200_000), frame(b"E")]
            for command in commands[:-1]:
                assert peer.ask(command) == CONTINUE
            peer.say(commands[-1])
            peer.half_close()
            got = bytearray()
            while some := peer.socket.recv(61):
                got += some
        size = 262_143
        chunks = [body[start : start + size] for start in range(0, len(body), size)]
        assert got == b"".join(frame(b"b", chunk) for chunk in chunks) + CONTINUE
        figure(f"{len(got)} bytes in reads of 61, all as expected")
