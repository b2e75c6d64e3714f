"""pyspf-milter: checks SPF. It finds no record, since no DNS query of it leaves the machine."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from lab.peer import debian
from lab.ports import free_port

from .filter import Filter, listening, offline

PEER = debian("pyspf-milter", "pyspf-milter")

CONFIGURATION = """\
debugLevel = 1
TestOnly = 1
HELO_reject = Fail
Mail_From_reject = Fail
PermError_reject = False
TempError_Defer = False
skip_addresses = 127.0.0.0/8,192.0.2.0/24
Socket = inet:{port}@localhost
PidFile = {home}/pyspf.pid
UserID = root
InternalHosts = 127.0.0.1,192.0.2.0/24
"""


@contextmanager
def run(home: Path, configuration: str = CONFIGURATION) -> Iterator[str]:
    """Runs it with a configuration until the end of the block."""
    file, port = home / "pyspf.conf", free_port()
    file.write_text(configuration.format(home=home, port=port))
    with listening(offline(home, "pyspf-milter", file), home, ("127.0.0.1", port), name="pyspf-milter"):
        yield f"inet:{port}@127.0.0.1"


def start(home: Path, rules: Sequence[str] = ()) -> AbstractContextManager[str]:
    return run(home)


FILTER = Filter(PEER, start)
