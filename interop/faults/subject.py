"""The program that is put to the test, and what the system says of it."""

import os
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.ours import FILTERS, MTAS
from lab.process import Process, Unexpected, running, wait_until

from .socket_peer import peer_of
from .wire import CONVERSATION, PLAIN_OFFER, QUIT, VERDICTS, WITHOUT_REPLY

__all__ = ["FILTERS", "MTAS", "Subject", "filter_to_test"]


@dataclass(frozen=True)
class Subject:
    """One of our filters, while it runs."""

    process: Process
    spec: str

    def memory(self) -> int:
        """Resident memory, in KiB."""
        return int(self._status("VmRSS").split()[0])

    def peak(self) -> int:
        """The most resident memory that it had so far, in KiB."""
        return int(self._status("VmHWM").split()[0])

    def threads(self) -> int:
        return int(self._status("Threads"))

    def connections(self) -> int:
        """Connections that it has not closed, its own sockets apart."""
        family, _, rest = self.spec.partition(":")
        return len(self._descriptors() & (unix_peers(rest) if family == "unix" else tcp_peers(rest)))

    def wait_connections(self, count: int, seconds: float = 10.0) -> None:
        wait_until(lambda: self.connections() == count, f"{count} connections to be left", seconds)

    def highest_descriptor(self) -> int:
        return max(int(path.name) for path in Path(f"/proc/{self.process.pid}/fd").iterdir())

    def limit_descriptors(self, count: int) -> None:
        """Lets it have no descriptor of that number or a higher one."""
        resource.prlimit(self.process.pid, resource.RLIMIT_NOFILE, (count, count))

    def ask_to_end(self) -> None:
        """Sends SIGTERM and waits for nothing."""
        os.kill(self.process.pid, signal.SIGTERM)

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

    def _descriptors(self) -> set[str]:
        """The inodes of its sockets."""
        links = (link_of(path) for path in Path(f"/proc/{self.process.pid}/fd").iterdir())
        return {link[8:-1] for link in links if link.startswith("socket:")}

    def _status(self, field: str) -> str:
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return line.partition(":")[2].strip()
        raise Unexpected(f"/proc says nothing about {field}")


def link_of(path: Path) -> str:
    try:
        return os.readlink(path)
    except FileNotFoundError:
        return ""


def tcp_peers(place: str) -> set[str]:
    """The inodes of the connected sockets at the port of PORT@HOST."""
    port = f":{int(place.partition('@')[0]):04X}"
    rows = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    return {row[9] for row in rows if row[1].endswith(port) and row[3] != "0A"}


def unix_peers(path: str) -> set[str]:
    """The inodes of the connected sockets of a path. Those that wait to be taken are no process's."""
    rows = (line.split() for line in Path("/proc/net/unix").read_text().splitlines()[1:])
    return {row[6] for row in rows if row[-1] == path and row[5] == "03"}


@contextmanager
def filter_to_test(
    programs: Path, program: str, home: Path, *options: str, spec: str = "inet:0@127.0.0.1", descriptors: int = 0
) -> Iterator[Subject]:
    """Runs one of our filters until the end of the block, then sees that it ends in order and did not panic."""
    command = [programs / program, "--listen", spec, *options]
    with running(command, home, name=program, env={"RUST_BACKTRACE": "1"}, line="listening on ") as process:
        subject = Subject(process, process.wait_line("listening on ").removeprefix("listening on "))
        if descriptors:
            subject.limit_descriptors(descriptors)
        yield subject
        status = process.stop()
    if status != 0:
        raise Unexpected(f"{program} ended with status {status}\n{process.log()[-2000:]}")
    if "panicked" in process.log():
        raise Unexpected(f"{program} panicked\n{process.log()[-2000:]}")
