"""dkimpy-milter: signs mail from this host, verifies other mail with a key from its configuration."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lab.peer import debian

from . import opendkim
from .filter import Filter, listening, offline

PEER = debian("dkimpy-milter", "dkimpy-milter", "openssl")

CONFIGURATION = """\
Syslog no
Socket local:{home}/dkimpy.sock
PidFile {home}/dkimpy.pid
UserID root
Mode sv
Domain example.com
Selector lab
KeyFile {keys}/key.pem
AuthservID lab.example
InternalHosts {internal}
DNSOverride {public}
"""


@contextmanager
def run(home: Path, keys: Path, internal: str = "127.0.0.1") -> Iterator[str]:
    """Runs it with the key in `keys` until the end of the block. It signs the mail of that address."""
    file, socket = home / "dkimpy.conf", home / "dkimpy.sock"
    public = (keys / "key.public").read_text()
    file.write_text(CONFIGURATION.format(home=home, keys=keys, public=public, internal=internal))
    with listening(offline(home, "dkimpy-milter", file), home, socket):
        yield f"unix:{socket}"


@contextmanager
def start(home: Path, rules: Sequence[str] = ()) -> Iterator[str]:
    opendkim.make_key(home)
    with run(home, home) as spec:
        yield spec


FILTER = Filter(PEER, start)
