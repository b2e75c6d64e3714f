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
KeyFile {home}/key.pem
AuthservID lab.example
InternalHosts 127.0.0.1
DNSOverride {public}
"""


@contextmanager
def start(home: Path, rules: Sequence[str] = ()) -> Iterator[str]:
    file, socket = home / "dkimpy.conf", home / "dkimpy.sock"
    opendkim.make_key(home)
    public = (home / "key.public").read_text()
    file.write_text(CONFIGURATION.format(home=home, public=public))
    with listening(offline(home, "dkimpy-milter", file), home, socket):
        yield f"unix:{socket}"


FILTER = Filter(PEER, start)
