"""Processes of the laboratory: each has its own folder and log, is waited for, and is ended by its process id."""

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from .ports import listens

PATIENCE = 60.0


class Unexpected(AssertionError):
    """A program did not do in time what it was waited for, or ended in another way than it should."""


def wait_until(condition: Callable[[], object], what: str, seconds: float = PATIENCE) -> None:
    """Polls until `condition` is true, and raises `Unexpected` if it is not within `seconds`."""
    deadline = time.monotonic() + seconds
    pause = 0.001
    while not condition():
        if time.monotonic() > deadline:
            raise Unexpected(f"waited {seconds:g} s for {what}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)


@contextmanager
def folder(parent: Path | None = None) -> Iterator[Path]:
    """A temporary folder that every user may enter, with a path short enough for unix sockets."""
    with tempfile.TemporaryDirectory(prefix="interop-", dir=parent, ignore_cleanup_errors=True) as name:
        os.chmod(name, 0o755)
        yield Path(name)


class Process:
    """A running program in a session of its own, with standard output and error in files of `home`."""

    def __init__(
        self, command: Sequence[str | Path], home: Path, name: str = "", env: Mapping[str, str] | None = None
    ) -> None:
        self.name = name or Path(command[0]).name
        self.was_killed = False
        self.out, self.err = home / f"{self.name}.out", home / f"{self.name}.err"
        with self.out.open("wb") as out, self.err.open("wb") as err:
            self._child = subprocess.Popen(
                [str(word) for word in command],
                cwd=home,
                env=None if env is None else os.environ | dict(env),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def status(self) -> int | None:
        """The exit status, negative for a signal, None while it runs."""
        return self._child.poll()

    def log(self) -> str:
        """What it has written so far: standard output, then standard error."""
        return self.out.read_text(errors="backslashreplace") + self.err.read_text(errors="backslashreplace")

    def wait_listening(self, where: tuple[str, int] | Path, seconds: float = PATIENCE) -> None:
        """Waits until a connection to it is taken."""
        self._wait(lambda: listens(where), f"{self.name} to listen on {where}", seconds)

    def wait_line(self, text: str, seconds: float = PATIENCE) -> str:
        """Waits for a whole line that contains `text` and returns it."""

        def found() -> list[str]:
            whole, _, _ = self.log().rpartition("\n")
            return [line for line in whole.split("\n") if text in line]

        self._wait(found, f"{self.name} to write {text!r}", seconds)
        return found()[0]

    def halt(self) -> None:
        """Halts it, as a program that hangs."""
        os.kill(self.pid, signal.SIGSTOP)

    def terminate(self) -> None:
        """Asks it to end, and does not wait."""
        self._child.terminate()

    def kill(self) -> None:
        """Ends it at once, as a crash would."""
        self.was_killed = True
        os.killpg(self.pid, signal.SIGKILL)
        self._child.wait()

    def stop(self, seconds: float = 10.0) -> int:
        """Ends it: SIGTERM, then SIGKILL to whatever is left of its session. Returns the exit status."""
        if self._child.poll() is None:
            self._child.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._child.wait(seconds)
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        return self._child.wait()

    def _wait(self, condition: Callable[[], object], what: str, seconds: float) -> None:
        def done() -> object:
            if self.status is not None and not condition():
                raise Unexpected(f"{self.name} ended with status {self.status}, waited for {what}\n{self.log()}")
            return condition()

        try:
            wait_until(done, what, seconds)
        except Unexpected as error:
            raise Unexpected(f"{error}\n{self.log()}" if self.status is None else str(error)) from None


@contextmanager
def running(
    command: Sequence[str | Path],
    home: Path,
    *,
    name: str = "",
    env: Mapping[str, str] | None = None,
    listening: tuple[str, int] | Path | None = None,
    line: str | None = None,
    seconds: float = PATIENCE,
) -> Iterator[Process]:
    """Runs a program until the end of the block; ready when it listens there, or has written that line."""
    process = Process(command, home, name, env)
    try:
        if listening is not None:
            process.wait_listening(listening, seconds)
        if line is not None:
            process.wait_line(line, seconds)
        yield process
    finally:
        process.stop()
