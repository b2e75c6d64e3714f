"""OpenDMARC, which without DNS finds no policy and says so in Authentication-Results."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from lab.peer import debian

from .filter import Filter, listening, offline

PEER = debian("OpenDMARC", "opendmarc")

CONFIGURATION = """\
AuthservID lab.example
IgnoreHosts {home}/hosts
RejectFailures no
SoftwareHeader yes
SPFSelfValidate no
Syslog no
"""


@contextmanager
def run(home: Path, configuration: str = CONFIGURATION) -> Iterator[str]:
    """Runs it with a configuration until the end of the block."""
    file, socket = home / "opendmarc.conf", home / "opendmarc.sock"
    file.write_text(configuration.format(home=home))
    # It leaves mail from 127.0.0.1 alone unless told whom to leave alone.
    (home / "hosts").write_text("192.0.2.200\n")
    with listening(offline(home, "opendmarc", "-f", "-c", file, "-p", f"local:{socket}"), home, socket):
        yield f"unix:{socket}"


def start(home: Path, rules: Sequence[str] = ()) -> AbstractContextManager[str]:
    return run(home)


FILTER = Filter(PEER, start)
