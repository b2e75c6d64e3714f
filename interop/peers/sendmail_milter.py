"""Sendmail::Milter, libmilter for Perl, with the sample that comes with it: it adds a line to every message."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.peer import debian

from .filter import listening

PEER = debian("Sendmail::Milter", "libsendmail-milter-perl")

SAMPLE = "/usr/share/doc/libsendmail-milter-perl/examples/sample.pl"


@contextmanager
def run(home: Path) -> Iterator[str]:
    socket, configuration = home / "sample.sock", home / "sample.cf"
    # It looks up where it listens as Sendmail does.
    configuration.write_text(f"Xsample, S=local:{socket}, F=T\n")
    with listening(["perl", SAMPLE, "sample", configuration], home, socket, name="sample"):
        yield f"unix:{socket}"
