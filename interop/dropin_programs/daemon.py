"""OpenDKIM as a daemon that watches over itself: its start, a new configuration, a crash, its end."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.ports import listens
from lab.process import Unexpected, folder, wait_until
from peers import opendkim
from peers.filter import offline

from .library import Library, check_library, loaded
from .record import Record

SETTINGS = """\
Background yes
AutoRestart yes
AutoRestartRate 10/1h
PidFile {home}/pid
"""
OLD, NEW = "Selector lab\n", "Selector second\n"


@dataclass(frozen=True)
class Daemon:
    """The daemon in a folder: one process that watches, and one that filters."""

    home: Path
    library: Library

    @property
    def socket(self) -> Path:
        return self.home / "opendkim.sock"

    @property
    def spec(self) -> str:
        return f"unix:{self.socket}"

    @property
    def watcher(self) -> int:
        return int((self.home / "pid").read_text())

    @property
    def worker(self) -> int:
        """The process that filters, 0 while there is none."""
        return next((pid for pid in loaded(self.home) if pid != self.watcher), 0)

    def start(self, keys: Path) -> str:
        """Starts it as an administrator would. Returns how the command ended."""
        self.configure(keys, OLD)
        command = offline(self.home, "opendkim", "-x", self.home / "opendkim.conf", "-p", f"local:{self.socket}")
        environment = os.environ | self.library.environment
        done = subprocess.run([str(word) for word in command], env=environment, capture_output=True, text=True)
        self.wait()
        return f"started with status {done.returncode}, {done.stdout!r}, {done.stderr!r}"

    def configure(self, keys: Path, selector: str) -> None:
        text = opendkim.SIGN.format(home=keys).replace(OLD, selector) + SETTINGS.format(home=self.home)
        (self.home / "opendkim.conf").write_text(text)

    def wait(self) -> None:
        """Waits until it filters, and sees that both processes run on the library."""
        wait_until(lambda: (self.home / "pid").exists() and self.worker and listens(self.socket), "opendkim to listen")
        if len(check_library(self.home, self.library)) != 2:
            raise Unexpected(f"opendkim is not two processes: {loaded(self.home)}")

    def reload(self) -> None:
        os.kill(self.watcher, signal.SIGUSR1)

    def crash(self) -> None:
        """Kills the process that filters, and waits for the next one."""
        old = self.worker
        os.kill(old, signal.SIGKILL)
        wait_until(lambda: self.worker not in (0, old), "opendkim to start again")
        self.wait()

    def end(self) -> list[str]:
        """Tells it to end. Returns a line for each file that remains."""
        os.kill(self.watcher, signal.SIGTERM)
        wait_until(lambda: not loaded(self.home), "opendkim to end")
        return [f"{name} is left" for name in ("pid", "opendkim.sock") if (self.home / name).exists()]


@contextmanager
def daemon(library: Library) -> Iterator[Daemon]:
    """A daemon that is not started yet. Nothing of it is left after the block."""
    with folder() as home:
        it = Daemon(home, library)
        try:
            yield it
        finally:
            for pid in loaded(home):
                os.kill(pid, signal.SIGKILL)


def signs_as(selector: str, record: Record) -> bool:
    """Whether the message of a session was signed with the key of that name."""
    return any("DKIM-Signature" in line and f" s={selector};" in line for line in record.delivered)
