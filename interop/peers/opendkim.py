"""OpenDKIM: signs, or verifies with a key of our own from a file instead of DNS."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lab.peer import debian

from .filter import Filter, listening, offline

PEER = debian("OpenDKIM", "opendkim", "openssl", "libfaketime")

# The loader of programs knows what $LIB is.
CLOCK = "/usr/$LIB/faketime/libfaketimeMT.so.1"
SIGN = """\
Mode s
Domain example.com
Selector lab
KeyFile {home}/key.pem
RequireSafeKeys no
Syslog no
"""
VERIFY = """\
Mode v
TestDNSData {home}/dns
AuthservID lab.example
AlwaysAddARHeader yes
Syslog no
"""


def make_key(home: Path) -> None:
    """Makes a key of example.com in `home`: key.pem, and dns with the record that publishes it."""
    def openssl(*words: str) -> bytes:
        return subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=home).stdout

    openssl("genrsa", "-out", "key.pem", "2048")
    public = "".join(openssl("rsa", "-in", "key.pem", "-pubout").decode().splitlines()[1:-1])
    (home / "dns").write_text(f"lab._domainkey.example.com v=DKIM1; k=rsa; p={public}\n")
    (home / "key.public").write_text(f"v=DKIM1; k=rsa; p={public}")


@contextmanager
def run(home: Path, name: str, configuration: str, keys: Path | None = None, time: str = "") -> Iterator[str]:
    """Runs it with a configuration until the end of the block. The key is in `keys`, or in `home`.

    `time` is what its clock always shows, in UTC: the same message then gets the same signature again.
    """
    file, socket = home / f"{name}.conf", home / f"{name}.sock"
    file.write_text(configuration.format(home=keys or home))
    clock = ["env", f"LD_PRELOAD={CLOCK}", "TZ=UTC", f"FAKETIME={time}", "DONT_FAKE_MONOTONIC=1"] if time else []
    command = offline(home, *clock, "opendkim", "-f", "-x", file, "-p", f"local:{socket}")
    with listening(command, home, socket, name=name):
        yield f"unix:{socket}"


@contextmanager
def start(home: Path, rules: Sequence[str] = ()) -> Iterator[str]:
    """The signer."""
    make_key(home)
    with run(home, "sign", SIGN) as spec:
        yield spec


@contextmanager
def verifier(home: Path) -> Iterator[str]:
    """A verifier for what the signer in the same folder signs."""
    with run(home, "verify", VERIFY) as spec:
        yield spec


FILTER = Filter(PEER, start)
