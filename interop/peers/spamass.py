"""spamass-milter with a spamd that makes only local tests."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from lab.peer import debian

from .filter import Filter, listening, offline

PEER = debian("spamass-milter", "spamass-milter", "spamassassin", "spamd", "spamc")


@contextmanager
def run(home: Path, refused_from: int = 15) -> Iterator[str]:
    """Runs both until the end of the block. Mail with that score is refused, other spam is marked."""
    scanner, socket = home / "spamd.sock", home / "milter.sock"
    # Otherwise its report lists tests of the same score in any order.
    spamd: list[str | Path] = ["env", "PERL_HASH_SEED=0", "spamd", "-L", "-x", "-s", "stderr", f"--socketpath={scanner}",
                               "--min-children=1", "--max-children=2", f"--helper-home-dir={home}"]
    milter: list[str | Path] = ["spamass-milter", "-p", socket, "-r", str(refused_from), "--", "-U", scanner]
    scans = listening(offline(home, *spamd), home, scanner, name="spamd")
    with scans, listening(offline(home, *milter), home, socket, name="milter"):
        yield f"unix:{socket}"


def start(home: Path, rules: Sequence[str] = ()) -> AbstractContextManager[str]:
    return run(home)


FILTER = Filter(PEER, start)
