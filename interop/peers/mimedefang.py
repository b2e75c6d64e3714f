"""MIMEDefang, with a filter in Perl of our own that does what the header X-Stub of the message says."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.peer import debian

from .filter import HERE, listening, offline

PEER = debian("MIMEDefang", "mimedefang")


@contextmanager
def run(home: Path) -> Iterator[str]:
    multiplexor, socket, spool = home / "multiplexor.sock", home / "mimedefang.sock", home / "spool"
    # It does not run as root.
    home.chmod(0o777)
    spool.mkdir()
    spool.chmod(0o777)
    worker = home / "worker"
    worker.write_text(f'#!/bin/sh\nexec mimedefang.pl -f "{HERE}/scripts/mimedefang_filter.pl" "$@"\n')
    worker.chmod(0o755)
    workers: list[str | Path] = ["mimedefang-multiplexor", "-D", "-U", "defang", "-m", "2", "-x", "2", "-q", "64", "-z", spool]
    workers += ["-s", multiplexor, "-f", worker]
    milter: list[str | Path] = ["mimedefang", "-D", "-U", "defang", "-q", "-m", multiplexor, "-z", spool, "-p", socket]
    with listening(offline(home, *workers), home, multiplexor, name="multiplexor"):
        with listening(offline(home, *milter), home, socket, name="mimedefang"):
            yield f"unix:{socket}"
