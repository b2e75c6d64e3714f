"""A filter program on one build of libmilter, and the plays in which it takes part."""

from __future__ import annotations

import os
import re
import select
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

# Seconds after which a filter that does nothing has failed.
LIMIT = 12.0
# Seconds between the pieces of a stream: both libraries wait for a millisecond before they leave a connection.
PAUSE = 0.004


@dataclass
class Case:
    """A script for the filter, and the steps that the driver takes.

    A step is a tuple of its name and its arguments; `Play` has a method for each name.
    """

    name: str
    script: str
    steps: list[tuple]
    # What a generated case was made of: see shrink.py.
    parts: object = None


@dataclass
class Outcome:
    """Everything that is compared."""

    log: list[str] = field(default_factory=list)
    replies: list[bytes] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)
    status: str = ""

    def lines(self) -> list[str]:
        return [*self.log, *(f"connection {i}: {end}" for i, end in enumerate(self.ends)), self.status]


def conversation(*stream: bytes, cuts: tuple[int, ...] = ()) -> list[tuple]:
    """The steps of one connection: everything is written, this half is closed, and all replies are read.

    At the cuts there is a pause: long enough for both libraries to leave the connection and come back to it.
    """
    whole, steps, start = b"".join(stream), [("connect",)], 0
    for cut in sorted({cut for cut in cuts if cut < len(whole)}):
        steps += [("send", 0, whole[start:cut]), ("pause", PAUSE)]
        start = cut
    return [*steps, ("send", 0, whole[start:]), ("half", 0), ("drain", 0)]


def owner(line: str) -> tuple[bool, str]:
    """Whose line it is: the main program and the connections have threads of their own. In a crowd clients are named."""
    client = re.match(r"client\d+ ", line)
    return not line.startswith("main: "), client[0] if client else ""


class Silence(Exception):
    """The filter did nothing until the deadline."""


class Player:
    """A running filter program. Each script gets a process of its own, forked from the program."""

    def __init__(self, program: list[str], library: Path | None, folder: Path, environment: dict | None = None):
        self.program, self.library, self.folder = program, library, folder
        self.folder.mkdir()
        self.environment = environment or {}
        self.path = self.folder / "socket"
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        self.control, theirs = socket.socketpair()
        environment = {**os.environ, **self.environment}
        # Whoever calls this may run with the drop-in.
        environment.pop("LD_LIBRARY_PATH", None)
        if self.library:
            environment["LD_LIBRARY_PATH"] = str(self.library)
        with (self.folder / "errors").open("ab") as errors:
            self.process = subprocess.Popen(
                self.program, stdin=theirs, stdout=subprocess.DEVNULL, stderr=errors, env=environment, cwd=self.folder
            )
        theirs.close()
        self.control.setblocking(False)

    def stop(self) -> None:
        if self.process:
            self.control.close()
            self.process.kill()
            self.process.wait()
            self.process = None

    def errors(self) -> list[str]:
        """The end of what the program wrote to its standard error."""
        return (self.folder / "errors").read_text(errors="replace").splitlines()[-60:]

    def clean(self) -> None:
        """Removes whatever a script has left in the folder."""
        for path in self.folder.iterdir():
            if path.name != "errors":
                path.unlink() if path.is_symlink() or not path.is_dir() else path.rmdir()

    def play(self, case: Case, limit: float = LIMIT) -> Outcome:
        if self.process is None:
            self.start()
        self.clean()
        play = Play(self, case, limit)
        try:
            return play.run()
        except Silence as silence:
            play.outcome.status = f"silent until the deadline, while the driver waited for: {silence}"
            self.stop()
            return play.outcome


class Play:
    """One script and its connections. Everything that the filter writes is kept as it comes."""

    def __init__(self, player: Player, case: Case, limit: float):
        self.player, self.case = player, case
        self.deadline = time.monotonic() + limit
        self.control = player.control
        self.outcome = Outcome()
        self.sockets: list[socket.socket | None] = []
        self.unsent = b""
        self.partial = b""
        self.marks: dict[int, int] = {}

    def run(self) -> Outcome:
        script = self.case.script.replace("{socket}", str(self.player.path))
        if "{port}" in script:
            script = script.replace("{port}", str(self.choose_port()))
        script = script.encode()
        self.unsent = b"S%d\n%s" % (len(script), script)
        try:
            for name, *arguments in self.case.steps:
                if self.is_over():
                    break
                getattr(self, f"step_{name}")(*arguments)
            if not self.is_over():
                self.unsent += b"q"
            self.wait(self.is_over, "the end of the filter")
        finally:
            for index, end in enumerate(self.sockets):
                self.pump_socket(index)
                if self.sockets[index] is not None:
                    end.close()
                    self.outcome.ends[index] = "open to the last"
        self.outcome.status = self.outcome.log.pop()
        self.outcome.log.sort(key=owner)
        return self.outcome

    def choose_port(self) -> int:
        with socket.create_server(("127.0.0.1", 0)) as server:
            self.port = server.getsockname()[1]
        return self.port

    def is_over(self) -> bool:
        return bool(self.outcome.log) and self.outcome.log[-1].startswith("ended ")

    # --- steps ---

    def step_connect(self, host: tuple | None = None) -> None:
        """Waits for the line "ready", and connects to the filter's unix socket, or to a host."""
        self.step_await("ready")
        if self.is_over():
            return
        end = socket.socket(socket.AF_UNIX if host is None else host[0], socket.SOCK_STREAM)
        try:
            end.connect(str(self.player.path) if host is None else (host[1], self.port))
        except OSError as error:
            end.close()
            end = None
            self.outcome.ends.append(f"no connection: {error.strerror}")
        else:
            end.setblocking(False)
            self.outcome.ends.append("")
        self.sockets.append(end)
        self.outcome.replies.append(b"")

    def step_send(self, index: int, stream: bytes) -> None:
        """Writes bytes. The filter may close before it has read them all."""
        view = memoryview(stream)
        while view and self.sockets[index] is not None and not self.is_over():
            try:
                view = view[self.sockets[index].send(view) :]
            except BlockingIOError:
                self.pump(self.sockets[index])
            except OSError:
                return

    def step_half(self, index: int) -> None:
        if self.sockets[index] is not None:
            try:
                self.sockets[index].shutdown(socket.SHUT_WR)
            except OSError:
                pass

    def step_drain(self, index: int) -> None:
        """Reads until the filter closes. All it had to say about the connection has been said by then."""
        self.wait(lambda: self.sockets[index] is None or self.is_over(), f"the end of connection {index}")
        self.pump_log()

    def step_read(self, index: int, count: int) -> None:
        """Reads until so many bytes have come in all."""
        enough = lambda: self.sockets[index] is None or len(self.outcome.replies[index]) >= count  # noqa: E731
        self.wait(lambda: enough() or self.is_over(), f"{count} bytes on connection {index}")

    def step_close(self, index: int) -> None:
        if self.sockets[index] is not None:
            self.sockets[index].close()
            self.sockets[index] = None
            self.outcome.ends[index] = "closed by the driver"

    def step_await(self, line: str, times: int = 1) -> None:
        """Waits until a line has come so many times."""
        self.wait(lambda: self.outcome.log.count(line) >= times or self.is_over(), f"the line {line!r}")

    def step_mark(self, index: int) -> None:
        """Notes how many bytes have come so far, as a line of the log."""
        self.pump_socket(index)
        self.outcome.log.append(f"(the driver has {len(self.outcome.replies[index])} bytes of connection {index})")

    def step_gate(self) -> None:
        """Opens a gate that the filter waits at."""
        self.unsent += b"g"

    def step_pause(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        self.wait(lambda: time.monotonic() >= end or self.is_over(), "nothing", seconds)

    def step_sleep(self, seconds: float) -> None:
        """Reads nothing for a while."""
        time.sleep(seconds)

    def step_prepare(self, kind: str) -> None:
        """Puts something where the filter's socket will be, before the filter starts."""
        path, other = self.player.path, self.player.folder / "other"
        if kind in ("socket", "link-to-socket"):
            with socket.socket(socket.AF_UNIX) as server:
                server.bind(str(path if kind == "socket" else other))
        elif kind in ("file", "link-to-file"):
            (path if kind == "file" else other).touch()
        elif kind == "folder":
            path.mkdir()
        if kind.startswith("link") or kind == "dangling":
            path.symlink_to(other)

    # --- reading and writing ---

    def wait(self, is_met, what: str, tick: float = 1.0) -> None:
        while not is_met():
            left = self.deadline - time.monotonic()
            if left <= 0:
                raise Silence(what)
            self.pump(timeout=min(left, tick))

    def pump(self, writer: socket.socket | None = None, timeout: float = 1.0) -> None:
        poll = select.poll()
        poll.register(self.control, select.POLLIN | (select.POLLOUT if self.unsent else 0))
        indices = {}
        for index, end in enumerate(self.sockets):
            if end is not None:
                poll.register(end, select.POLLIN | (select.POLLOUT if end is writer else 0))
                indices[end.fileno()] = index
        for descriptor, _ in poll.poll(timeout * 1000):
            if descriptor in indices:
                self.pump_socket(indices[descriptor])
            else:
                self.pump_log()

    def pump_log(self) -> None:
        path = str(self.player.path)
        if self.unsent:
            try:
                self.unsent = self.unsent[self.control.send(self.unsent) :]
            except BlockingIOError:
                pass
        while True:
            try:
                chunk = self.control.recv(1 << 18)
            except BlockingIOError:
                return
            if not chunk:
                raise Silence("the program itself, which has ended")
            *lines, self.partial = (self.partial + chunk).split(b"\n")
            self.outcome.log += [line.decode("latin-1").replace(path, "{socket}") for line in lines]

    def pump_socket(self, index: int) -> None:
        end = self.sockets[index]
        while end is not None:
            try:
                chunk = end.recv(1 << 18)
            except BlockingIOError:
                return
            except OSError as error:
                # Everything that was written before has been read.
                chunk, self.outcome.ends[index] = b"", f"closed by the filter ({error.strerror})"
            if not chunk:
                end.close()
                self.sockets[index] = end = None
                # The bytes that the filter did not read make it a reset; when is chance.
                self.outcome.ends[index] = "closed by the filter"
            else:
                self.outcome.replies[index] += chunk
