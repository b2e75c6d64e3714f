"""rspamd: a proxy worker that speaks Milter and scans itself, with no module that needs a network."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lab.peer import debian

from .filter import HERE, Filter, listening, offline

PEER = debian("rspamd", "rspamd")


@contextmanager
def start(home: Path, rules: Sequence[str] = ()) -> Iterator[str]:
    file, socket = home / "rspamd.conf", home / "rspamd.sock"
    file.write_text((HERE / "rspamd.conf").read_text().replace("@HOME@", str(home)))
    # With the list of public suffixes that it comes with, it compiles patterns for 15 seconds first.
    (home / "suffixes").write_text("com\norg\n")
    with listening(offline(home, "rspamd", "-f", "-i", "-c", file), home, socket, name="rspamd"):
        yield f"unix:{socket}"


FILTER = Filter(PEER, start)
