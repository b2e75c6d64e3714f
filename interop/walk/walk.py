"""The walk: as many sessions as are wanted against one MTA, in rounds, each with an MTA started anew."""

from pathlib import Path

from lab.peer import Peer
from lab.postfix import POSTFIX
from lab.sendmail import SENDMAIL
from peers.libraries import install_libmilter

from . import judging
from .bench import bench
from .runner import Report, Runner

MTAS = {"postfix": POSTFIX, "sendmail": SENDMAIL}
STATIONS = 4
ROUND = 1_000
# Sendmail may ask for HELO before MAIL, which is a setting of all its services.
NEEDS_HELO = "define(`confPRIVACY_FLAGS', `noetrn,needmailhelo')dnl\n"


def install(it: Peer) -> None:
    """Installs what a walk with this MTA needs."""
    it.install()
    install_libmilter()
    judging.build()


def walk(name: str, programs: Path, sessions: int, seed: str, first: int = 0) -> Report:
    """Walks with an MTA that is installed, from the session of that number on."""
    report = Report()
    version = f"{name} {MTAS[name].version().partition('-')[0]}"
    size = min(ROUND, -(-sessions // 2))
    for count, begin in enumerate(range(first, first + sessions, size)):
        numbers = range(begin, min(begin + size, first + sessions))
        with bench(name, version, STATIONS, NEEDS_HELO if count % 2 else "") as running:
            try:
                Runner(running, programs, seed, report).run(numbers)
            except Exception as error:
                error.add_note(f"{running.mta.process.status=}\n{running.mta.log()[-2000:]}")
                raise
    return report
