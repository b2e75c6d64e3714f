"""The filter over embedded-io: one connection at a time, in 4 KiB, whatever the peers do."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.process import running

from .noise import noise, seed
from .peer import FAULTS
from .socket_peer import Peer, peer_of
from .subject import Subject
from .wire import CONTINUE, END, OFFER, QUIT, RCPT, REJECT, frame

pytestmark = FAULTS
PROGRAM = "filter_embedded"
REFUSED = frame(b"R", b"<no@rcpt.example>\0")
# One is larger than the filter's memory for replies.
HEADERS = {"X-Short": "yes", "X-Long": "long " * 1000}


def converses(spec: str) -> int:
    """Sees that a message is answered, byte by byte, and counts the replies."""
    with peer_of(spec) as peer:
        peer.ask(OFFER)
        for byte in RCPT + REFUSED + END + QUIT:
            peer.say(bytes([byte]))
        added = b"".join(frame(b"h", f"{name}\0{value}\0".encode()) for name, value in HEADERS.items())
        assert peer.rest() == CONTINUE + REJECT + added + CONTINUE
    return 4 + len(HEADERS)


@pytest.mark.parametrize("program", [PROGRAM])
def test_nothing_that_peers_do_ends_it(
    program: str, programs: Path, folder: Path, figure: Callable[[str], None]
) -> None:
    options = [f"--add-header={name}={value}" for name, value in HEADERS.items()]
    command: list[str | Path] = [
        programs / program,
        "--listen",
        "inet:0",
        "--reject-rcpt",
        "<no@rcpt.example>",
        *options,
    ]
    source = random.Random(number := seed())
    with running(command, folder, name=program, env={"RUST_BACKTRACE": "1"}, line="listening on ") as process:
        subject = Subject(process, process.wait_line("listening on ").removeprefix("listening on "))
        replies = converses(subject.spec)
        before, count = subject.peak(), 0
        for _ in range(60):
            for raw in noise(source):
                peer = Peer(subject.spec)
                try:
                    peer.say(raw)
                    peer.half_close()
                except OSError:
                    # It was refused before all of it was said.
                    pass
                peer.rest()
                (peer.close, peer.reset)[count % 2]()
                count += 1
        replies += converses(subject.spec)
        grown = subject.peak() - before
        assert process.status is None
        assert "panicked" not in process.log()
        assert grown < 256, f"{grown} KiB more"
    figure(f"seed {number}: {count} streams between {replies} replies as expected; peak RSS {grown} KiB more")
