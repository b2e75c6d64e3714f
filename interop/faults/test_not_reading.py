"""Peers that read nothing, or say much more than they read."""

import select
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from .peer import FAULTS
from .socket_peer import Peer, peer_of
from .subject import FILTERS, filter_to_test
from .wire import CONNECT, CONTINUE, CONVERSATION, END, END_OF_HEADERS, HELO, MAIL, OFFER, RCPT, frame

pytestmark = FAULTS
# What the filters are given, in seconds, and how much later a connection may end.
TIMEOUT, LATE = 1.0, 5.0
# How much a flood may add to the filter's memory, in KiB: buffers for one read and for one turn, and their slack.
GROWTH = 4096


@pytest.fixture
def new_body(folder: Path) -> Path:
    """A body of 5 MB: more than the kernel takes for a peer with a small buffer."""
    path = folder / "body"
    path.write_bytes(b"one line of the new body, 40 bytes long\r\n" * (5_000_000 // 41))
    return path


@pytest.mark.parametrize("program", FILTERS)
def test_who_reads_nothing_of_a_new_body_is_given_up(
    program: str, programs: Path, folder: Path, new_body: Path, figure: Callable[[str], None]
) -> None:
    options = ("--replace-body", str(new_body), "--timeout", str(TIMEOUT))
    with filter_to_test(programs, program, folder, *options) as subject:
        with peer_of(subject.spec, receives=4096) as peer:
            before = time.monotonic()
            peer.say(b"".join(command for _, command in CONVERSATION[:-1]))
            subject.wait_connections(1)
            subject.wait_connections(0, TIMEOUT + LATE)
            took = time.monotonic() - before
        assert took > TIMEOUT * 0.95
        figure(f"write timeout of {TIMEOUT:g} s fired after {took:.2f} s")


@pytest.mark.parametrize("program", FILTERS)
def test_who_reads_a_new_body_slowly_gets_all_of_it(
    program: str, programs: Path, folder: Path, new_body: Path, figure: Callable[[str], None]
) -> None:
    options = ("--replace-body", str(new_body), "--timeout", str(TIMEOUT))
    with filter_to_test(programs, program, folder, *options) as subject:
        with peer_of(subject.spec, receives=65_536) as peer:
            begun = time.monotonic()
            peer.say(b"".join(command for _, command in CONVERSATION[:-1]))
            got = bytearray()
            while not got.endswith(CONTINUE) or len(got) < 1000:
                # Reads what came, then nothing until a share of the time is over that is twice the timeout.
                got += peer.socket.recv(1 << 16)
                due = begun + 2 * TIMEOUT * len(got) / 5_000_000
                while (left := due - time.monotonic()) > 0:
                    select.select([], [], [], left)
            took = time.monotonic() - begun
        body = new_body.read_bytes()
        chunks = [frame(b"b", body[start : start + 65_535]) for start in range(0, len(body), 65_535)]
        assert got.endswith(b"".join(chunks) + CONTINUE)
        figure(f"{len(body)} bytes read in {took:.1f} s, timeout {TIMEOUT:g} s")


@pytest.mark.parametrize("program", FILTERS)
def test_a_flood_without_replies_is_read_and_not_kept(
    program: str, programs: Path, folder: Path, figure: Callable[[str], None]
) -> None:
    with filter_to_test(programs, program, folder, "--no-reply", "header,body") as subject:
        before, begun = subject.peak(), time.monotonic()
        with peer_of(subject.spec) as peer:
            peer.ask(OFFER)
            for command in (CONNECT, HELO, MAIL, RCPT):
                assert peer.ask(command) == CONTINUE
            headers = frame(b"L", b"X-Flood\0" + b"x" * 500 + b"\0") * 2000
            macros = b"".join(frame(b"D", b"L{m%d}\0" % number + b"x" * 500 + b"\0") for number in range(2000))
            for turn in range(20):
                peer.say(macros.replace(b"{m", b"{%c" % (97 + turn)) + headers)
            peer.say(END_OF_HEADERS)
            assert peer.frame() == CONTINUE
            peer.say(END)
            assert peer.frame() == CONTINUE, "the one reply that is owed"
        grown = subject.peak() - before
        assert grown < GROWTH, f"{grown} KiB more"
        size = 20 * (len(headers) + len(macros)) / 1e6
        figure(
            f"{size:.0f} MB without reply in {time.monotonic() - begun:.1f} s; peak RSS {before} KiB, {grown} KiB more"
        )


FLOODS = {
    "recipients": CONNECT + HELO + MAIL + RCPT * 200_000,
    "whole messages": CONNECT + HELO + (MAIL + RCPT + END) * 40_000,
}


@pytest.mark.parametrize("flood", FLOODS)
@pytest.mark.parametrize("program", FILTERS)
def test_a_flood_of_commands_whose_replies_are_not_read_is_given_up(
    program: str, flood: str, programs: Path, folder: Path, figure: Callable[[str], None]
) -> None:
    options = ["--timeout", str(TIMEOUT)]
    for number in range(20):
        options += ["--add-header", f"X-Reply-{number}={'x' * 990}"]
    with filter_to_test(programs, program, folder, *options) as subject:
        before, begun = subject.peak(), time.monotonic()
        with peer_of(subject.spec, receives=4096) as peer:
            peer.ask(OFFER)
            sent = say_what_is_taken(peer, FLOODS[flood])
            subject.wait_connections(0, TIMEOUT + LATE)
        took, grown = time.monotonic() - begun, subject.peak() - before
        assert grown < GROWTH, f"{grown} KiB more"
        figure(f"given up after {took:.2f} s and {sent / 1e3:.0f} kB; peak RSS {before} KiB, {grown} KiB more")


@pytest.mark.parametrize("program", FILTERS)
def test_who_reads_too_late_gets_no_byte_twice(
    program: str, programs: Path, folder: Path, figure: Callable[[str], None]
) -> None:
    # Small frames, which are gathered, and a large one, which is not copied.
    headers = [(f"X-Reply-{number}", f"{number} " * 300) for number in range(20)]
    (folder / "body").write_bytes(b"a line\r\n" * 1000)
    options = [f"--add-header={name}={value}" for name, value in headers] + ["--replace-body", str(folder / "body")]
    with filter_to_test(programs, program, folder, *options, "--timeout", str(TIMEOUT)) as subject:
        with ExitStack() as stack:
            # Around the timeout, and twice it, and more: a filter that tries again does so then.
            peers = [stack.enter_context(peer_of(subject.spec, receives=65_536)) for _ in range(8)]
            for peer in peers:
                peer.ask(OFFER)
                peer.say(CONNECT + HELO + (MAIL + RCPT + END) * 400)
            got = []
            for peer in peers:
                select.select([], [], [], TIMEOUT * 0.45)
                got.append(peer.rest())
        edits = b"".join(frame(b"h", f"{name}\0{value}\0".encode()) for name, value in headers)
        edits += frame(b"b", b"a line\r\n" * 1000)
        expected = CONTINUE * 2 + (CONTINUE * 2 + edits + CONTINUE) * 400
        for stream in got:
            assert expected.startswith(stream), f"not what was said, behind {common(stream, expected)} bytes"
        figure(
            f"{', '.join(f'{len(stream) / 1e3:.0f}' for stream in got)} of {len(expected) / 1e3:.0f} kB, in their order"
        )


def common(one: bytes, other: bytes) -> int:
    """How far two streams are the same."""
    return next((at for at, (left, right) in enumerate(zip(one, other, strict=False)) if left != right), len(one))


def say_what_is_taken(peer: Peer, raw: bytes) -> int:
    """Says as much as the other side takes, and reads nothing."""
    peer.socket.settimeout(TIMEOUT + LATE)
    sent = 0
    try:
        while sent < len(raw):
            sent += peer.socket.send(raw[sent : sent + 65_536])
    except (BrokenPipeError, ConnectionResetError):
        pass
    return sent
