"""The MTAs, with services that ask two or three filters in a row, and the run of one case.

A station is a group of services that look for their filters on the same sockets. One case at a time runs there.
"""

import queue
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from lab.postfix import Postfix, postfix
from lab.process import folder, wait_until
from lab.sendmail import Sendmail, sendmail
from lab.sink import Delivered, Sink, sink

from .case import Case
from .filter import Entry, Filter, Script, Tape
from .talk import Talk

T = TypeVar("T")

STATIONS = 4
# An MTA waits this long for a filter that is silent, and we wait this long for an MTA.
TIMEOUT = 4
PATIENCE = 60
# How each MTA goes on without the second filter. Two filters are asked by the service `two`.
POSTFIX_POLICIES = ("accept", "reject", "tempfail", "quarantine")
SENDMAIL_POLICIES = {"accept": "", "reject": "F=R, ", "tempfail": "F=T, ", "shutdown": "F=4, "}
DEFAULT = "tempfail"
TWO = "two"

POSTFIX_OPTIONS = (
    *(f"milter_{what}_timeout={TIMEOUT}s" for what in ("connect", "command", "content")),
    "smtpd_client_connection_count_limit=0", "smtpd_client_event_limit_exceptions=static:all",
)
POSTFIX_SETTINGS = "service_throttle_time = 1s\n"
SENDMAIL_SETTINGS = """\
define(`confCONNECTION_RATE_THROTTLE', `0')dnl
define(`confMAX_DAEMON_CHILDREN', `0')dnl
define(`confBAD_RCPT_THROTTLE', `0')dnl
"""


@dataclass(frozen=True)
class Seen:
    """What came of a case. Messages that were delivered, and the files of those in quarantine, have their numbers."""

    entries: Sequence[Entry]
    replies: Sequence[tuple[str, str]]
    delivered: Mapping[int, Delivered]
    held: Mapping[int, str]


@dataclass(frozen=True)
class Bench:
    """An MTA that runs, and where its mail ends. `sockets` are those of a station."""

    name: str
    mta: Postfix | Sendmail
    sink: Sink
    home: Path

    def run(self, cases: Sequence[Case]) -> dict[str, Seen]:
        """Runs cases, as many at a time as there are stations."""
        free: queue.Queue[int] = queue.Queue()
        for station in range(STATIONS):
            free.put(station)

        def run_one(case: Case) -> tuple[Tape, Talk]:
            station = free.get()
            try:
                return self._play(case, station)
            finally:
                free.put(station)

        with ThreadPoolExecutor(STATIONS) as pool:
            played = list(pool.map(run_one, cases))
        self.mta.settle()
        kept = self.sink.take()
        held = _quarantined(self.home)
        seen = {}
        for case, (tape, talk) in zip(cases, played, strict=True):
            mine = [it for it in kept if case.slug.encode() in it.content]
            messages = _numbered(case, [(it.content.decode("latin-1"), it) for it in mine])
            files = _numbered(case, [(text, text) for text in held if case.slug in text])
            seen[case.name] = Seen(tape.entries, talk.replies, messages, files)
        return seen

    def _play(self, case: Case, station: int) -> tuple[Tape, Talk]:
        tape = Tape()
        paths = [_socket(self.home, station, place) for place in (1, 2, 3)]
        with ExitStack() as stack:
            filters = []
            for place, path in enumerate(paths[: case.filters], 1):
                it = Filter(place, path, case.scripts.get(place, Script()), tape, case.macros)
                stack.callback(it.close)
                filters.append(it)

            def begin_session(number: int) -> int:
                if not tape.wait_closed(PATIENCE):
                    raise AssertionError("the MTA does not leave the filters")
                for it in filters:
                    it.begin_session(number)
                return self.mta.ports[f"{case.service}-{station}"]

            talk = Talk(case, begin_session)
            try:
                talk.play()
                if not tape.wait_closed(PATIENCE):
                    raise AssertionError("the MTA does not leave the filters")
            except Exception as error:
                frames = " ".join(f"{it.filter}{it.code}" for it in tape.entries)
                error.add_note(f"{case.name}: {talk.replies}; {frames}")
                raise
        return tape, talk


def _socket(home: Path, station: int, place: int) -> Path:
    return home / f"filter-{station}-{place}"


def _numbered(case: Case, found: Sequence[tuple[str, T]]) -> dict[int, T]:
    """What was found of each message. None may be there twice."""
    numbered = {case.number_in(text): it for text, it in found}
    if len(numbered) < len(found):
        raise AssertionError(f"{case.name}: a message is there twice")
    return numbered


def _quarantined(home: Path) -> list[str]:
    """The files of the messages in quarantine: Postfix has them in a folder, Sendmail tells them by their names."""
    queue_files = [*(home / "queue" / "hold").rglob("*"), *(home / "queue").glob("hf*")]
    return [file.read_text(errors="replace") for file in queue_files if file.is_file()]


@contextmanager
def bench(name: str) -> Iterator[Bench]:
    """Runs an MTA by its name until the end of the block."""
    # Sendmail takes no socket from below a folder that everybody may write to, as /tmp is.
    with folder(Path("/run")) as home, sink() as box:
        if name == "postfix":
            with postfix(home, box.port, _postfix_services(home), settings=POSTFIX_SETTINGS) as it:
                yield Bench(name, it, box, home)
        else:
            filters, chains = _sendmail_services(home)
            with sendmail(home, box.port, {}, chains, SENDMAIL_SETTINGS, filters) as that:
                # It says that it has started when the first of its sockets is there.
                wait_until(lambda: set(that.ports.values()) <= _listening(), "Sendmail to listen on every port")
                yield Bench(name, that, box, home)


def _postfix_services(home: Path) -> dict[str, str]:
    services = {}
    for station in range(STATIONS):
        places = [f"unix:{_socket(home, station, place)}" for place in (1, 2, 3)]
        for policy in POSTFIX_POLICIES:
            services[f"{policy}-{station}"] = _postfix_service(places, policy)
        services[f"{TWO}-{station}"] = _postfix_service(places[:2], DEFAULT)
    return services


def _postfix_service(filters: Sequence[str], policy: str) -> str:
    options = (f"smtpd_milters={','.join(filters)}", f"milter_default_action={policy}", *POSTFIX_OPTIONS)
    return " ".join(f"-o {option}" for option in options)


def _sendmail_services(home: Path) -> tuple[dict[str, str], dict[str, Sequence[str]]]:
    filters: dict[str, str] = {}
    chains: dict[str, Sequence[str]] = {}
    waits = f"T=C:{TIMEOUT}s;S:{TIMEOUT}s;R:{TIMEOUT}s;E:{TIMEOUT}s"
    for station in range(STATIONS):
        one, two, three = (f"S=unix:{_socket(home, station, place)}, " for place in (1, 2, 3))
        first, last = f"first-{station}", f"last-{station}"
        filters[first] = one + SENDMAIL_POLICIES[DEFAULT] + waits
        filters[last] = three + SENDMAIL_POLICIES[DEFAULT] + waits
        for policy, flag in SENDMAIL_POLICIES.items():
            filters[f"{policy}-second-{station}"] = two + flag + waits
            chains[f"{policy}-{station}"] = (first, f"{policy}-second-{station}", last)
        chains[f"{TWO}-{station}"] = (first, f"{DEFAULT}-second-{station}")
    return filters, chains


def _listening() -> set[int]:
    """The ports of IPv4 on which somebody listens. To connect there would be a session that filters are told of."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {int(row[1].partition(":")[2], 16) for row in rows if row[3] == "0A"}
