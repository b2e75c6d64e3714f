"""vrfydmn: refuses mail of domains that are not on a list, or puts another sender into it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.packages import apt, kept, unpack, unpacked_version
from lab.peer import Peer

from .filter import listening, offline

ROOT = kept("vrfydmn")


def install() -> None:
    # Its package cannot be configured: it makes a folder of a user whom it does not create.
    apt("vrfydmn", "python3-milter")
    unpack("vrfydmn", ROOT, "vrfydmn")


PEER = Peer("vrfydmn", "apt", install, lambda: unpacked_version(ROOT, "vrfydmn"))


@contextmanager
def run(home: Path, *options: str) -> Iterator[str]:
    """Runs it until the end of the block. It knows no domain."""
    socket = home / "vrfydmn.sock"
    # With Python 3 it does not read its list: it takes the letters of the name of the file for domains.
    (home / "0").touch()
    words = ["--socket", f"unix:{socket}", "--file", "0", "--user", "root", "--group", "root", "--debug", *options]
    with listening(offline(home, "/usr/bin/python3", ROOT / "usr/sbin/vrfydmn", *words), home, socket, name="vrfydmn"):
        yield f"unix:{socket}"
