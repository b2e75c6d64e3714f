"""The program that is put to the test, and what the system says of it."""

import os
import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from lab.ours import FILTERS, MTAS
from lab.process import Process, Unexpected, running, wait_until

from .socket_peer import address, peer_of
from .wire import CONVERSATION, PLAIN_OFFER, QUIT, VERDICTS, WITHOUT_REPLY

__all__ = ["FILTERS", "MTAS", "Subject", "filter_to_test"]


@dataclass(frozen=True)
class Subject:
    """One of our filters, while it runs."""

    process: Process
    spec: str
    # The sockets that it needs for itself: the one that listens, and what its signals come through.
    own: frozenset[str] = frozenset()

    def memory(self) -> int:
        """Resident memory, in KiB."""
        return int(self._status("VmRSS").split()[0])

    def peak(self) -> int:
        """The most resident memory that it had so far, in KiB."""
        return int(self._status("VmHWM").split()[0])

    def threads(self) -> int:
        return int(self._status("Threads"))

    def connections(self) -> int:
        """Connections that it has not closed."""
        return len(sockets_of(self.process.pid) - self.own)

    def wait_connections(self, count: int, seconds: float = 10.0) -> None:
        wait_until(lambda: self.connections() == count, f"{count} connections to be left", seconds)

    def is_listening(self) -> bool:
        """Whether a connection is taken, or would be once there is room."""
        family, where = address(self.spec)
        with socket.socket(family) as probe:
            return probe.connect_ex(where) == 0

    def highest_descriptor(self) -> int:
        return max(int(path.name) for path in Path(f"/proc/{self.process.pid}/fd").iterdir())

    def limit_descriptors(self, count: int) -> None:
        """Lets it have no descriptor of that number or a higher one."""
        resource.prlimit(self.process.pid, resource.RLIMIT_NOFILE, (count, count))

    def is_well(self) -> None:
        """Sees that it answers an orderly peer."""
        with peer_of(self.spec) as peer:
            peer.ask(PLAIN_OFFER)
            for name, command in CONVERSATION[1:]:
                if command[4:5] in WITHOUT_REPLY:
                    peer.say(command)
                    continue
                reply = peer.ask(command)
                while name == "BODYEOB" and reply[4:5] not in VERDICTS:
                    reply = peer.frame()
            peer.say(QUIT)
            if peer.rest():
                raise Unexpected("something came behind QUIT")

    def _status(self, field: str) -> str:
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return line.partition(":")[2].strip()
        raise Unexpected(f"/proc says nothing about {field}")


def sockets_of(pid: int) -> frozenset[str]:
    """The sockets that a process holds."""
    links = (link_of(path) for path in Path(f"/proc/{pid}/fd").iterdir())
    return frozenset(link for link in links if link.startswith("socket:"))


def link_of(path: Path) -> str:
    try:
        return os.readlink(path)
    except FileNotFoundError:
        return ""


def settled(subject: Subject) -> Subject:
    """Lets a filter serve one orderly peer, and takes what it holds then for its own."""
    before: list[frozenset[str]] = []

    def is_closed() -> bool:
        before.append(sockets_of(subject.process.pid))
        return len(before[-1]) < len(during)

    with peer_of(subject.spec) as peer:
        peer.ask(PLAIN_OFFER)
        during = sockets_of(subject.process.pid)
        peer.say(QUIT)
        peer.rest()
    wait_until(is_closed, "the first connection to be closed")
    return replace(subject, own=before[-1])


@contextmanager
def filter_to_test(
    programs: Path, program: str, home: Path, *options: str, spec: str = "inet:0@127.0.0.1", descriptors: int = 0
) -> Iterator[Subject]:
    """Runs one of our filters until the end of the block, then sees that it ends in order and did not panic."""
    command: list[str | Path] = [programs / program, "--listen", spec, *options]
    with running(command, home, name=program, env={"RUST_BACKTRACE": "1"}, line="listening on ") as process:
        subject = settled(Subject(process, process.wait_line("listening on ").removeprefix("listening on ")))
        if descriptors:
            subject.limit_descriptors(descriptors)
        yield subject
        status = process.stop()
    if status != 0 and not process.was_killed:
        raise Unexpected(f"{program} ended with status {status}\n{process.log()[-2000:]}")
    if "panicked" in process.log():
        raise Unexpected(f"{program} panicked\n{process.log()[-2000:]}")
