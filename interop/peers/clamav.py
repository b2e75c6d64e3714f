"""clamav-milter with a clamd that knows one signature, our own: the EICAR test file."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lab.peer import debian

from .filter import Filter, listening

PEER = debian("clamav-milter", "clamav-milter", "clamav-daemon")

# In two parts, so that no scanner takes this file for the test virus.
EICAR = "X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR" + "-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"

CLAMD = """\
Foreground yes
LocalSocket {home}/clamd.sock
DatabaseDirectory {home}/signatures
TemporaryDirectory {home}
User root
"""
MILTER = """\
Foreground yes
MilterSocket unix:{home}/milter.sock
ClamdSocket unix:{home}/clamd.sock
OnInfected {on_infected}
OnClean Accept
OnFail Defer
AddHeader Add
LogVerbose yes
User root
"""


@contextmanager
def run(home: Path, on_infected: str) -> Iterator[str]:
    signatures, scanner, socket = home / "signatures", home / "clamd.sock", home / "milter.sock"
    signatures.mkdir()
    (signatures / "interop.ndb").write_text(f"Interop.Test:0:*:{EICAR.encode().hex()}\n")
    (home / "clamd.conf").write_text(CLAMD.format(home=home))
    (home / "milter.conf").write_text(MILTER.format(home=home, on_infected=on_infected))
    clamd: list[str | Path] = ["clamd", "-c", home / "clamd.conf"]
    milter: list[str | Path] = ["clamav-milter", "-c", home / "milter.conf"]
    with listening(clamd, home, scanner), listening(milter, home, socket) as process:
        # It takes connections before it has found clamd, and defers what comes until then.
        process.wait_line("Probe for slot 1 returned: success")
        yield f"unix:{socket}"


@contextmanager
def start(home: Path, rules: Sequence[str] = ()) -> Iterator[str]:
    """Infected messages are refused."""
    with run(home, "Reject\nRejectMsg infected by %v") as spec:
        yield spec


@contextmanager
def quarantining(home: Path) -> Iterator[str]:
    """Infected messages are put into quarantine."""
    with run(home, "Quarantine") as spec:
        yield spec


FILTER = Filter(PEER, start)
