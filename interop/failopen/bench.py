"""Runs all scripts of an MTA at the same time with one filter program, and tells whether mail got through."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.ours import Filter
from lab.ports import free_port
from lab.postfix import POSTFIX as POSTFIX_PEER
from lab.postfix import Postfix, postfix
from lab.process import folder
from lab.sendmail import SENDMAIL as SENDMAIL_PEER
from lab.sendmail import Sendmail, sendmail
from lab.sink import Delivered, Sink, sink

from .cases import CASES, POSTFIX, Case, Setting
from .client import Heard, speak
from .programs import Place, Program, ours

# How long the MTAs wait for a filter, in seconds. An SMTP reply that takes that long waited for a silent filter.
TIMEOUT = 5
POSTFIX_OPTIONS = "-o milter_default_action=accept " + " ".join(
    f"-o milter_{what}_timeout={TIMEOUT}s" for what in ("connect", "command", "content")
)
POSTFIX_SETTINGS = """\
# How soon a server that crashed is started again.
service_throttle_time = 1s
# At the end of the data, a message to several recipients matches no entry of this list.
not_for_bob_alone = check_recipient_access inline:{ { bob@rcpt.example = REJECT not for Bob alone } }
# Postfix does not start without a restriction that refuses.
any_client = check_client_access static:ok, reject
"""
# Without F=, Sendmail continues without a filter that fails.
SENDMAIL_FILTER = f"T=C:{TIMEOUT}s;S:{TIMEOUT}s;R:{TIMEOUT}s;E:{TIMEOUT}s"
SENDMAIL_SETTINGS = "define(`confMAX_MESSAGE_SIZE', `1000000')dnl\n"

# The second filter of a chain. After ACCEPT to a recipient it is asked nothing more about the message.
OTHER = Setting("other", refuses=(("data", ""),))
OTHER_OPTIONS = ("--at", "data=reject", "--at", "rcpt/*second*=accept", "--at", "rcpt/*refused*=accept")

MTAS = (POSTFIX_PEER, SENDMAIL_PEER)
REFUSED = "refused at once"
IMPOSSIBLE = "–"


@dataclass(frozen=True)
class Result:
    """The outcome of one script with one program. `conversations` and `recipients` are known for our filters only."""

    heard: Heard
    delivered: int
    conversations: list[str]
    recipients: tuple[str, ...]

    @property
    def cell(self) -> str:
        """The text in the table; the worst word comes last."""
        words = ["stalled"] if self.heard.longest >= TIMEOUT - 0.5 else []
        words += ["closed"] if self.heard.is_closed else []
        words += ["delivered"] if self.delivered else []
        return ", ".join(words) or REFUSED

    @property
    def worst(self) -> str:
        """The last word of the cell: a library that fails may or may not cause a stall, which differs between runs."""
        return self.cell.rpartition(", ")[2]

    def __str__(self) -> str:
        return "\n".join(
            [f"{self.cell}, {self.delivered} delivered, slowest reply {self.heard.longest:.1f} s", str(self.heard)]
            + [f"the filter: {line}" for line in self.conversations]
        )


@dataclass(frozen=True)
class Bench:
    """A running MTA with a service for each case, the sinks of its mail, and the places where it expects filters."""

    name: str
    mta: Postfix | Sendmail
    sink: Sink
    proxy: Sink
    places: Mapping[str, Place]

    def run(self, program: Program) -> dict[str, Result | None]:
        """Runs all cases. If the program cannot ask for the steps of a case, its result is None."""
        cases = [case for case in cases_of(self.name) if program.can(case.setting)]
        settings = {case.setting.name: case.setting for case in cases}
        with ExitStack() as stack:
            running = _start(stack, program, [(self.places[name], it) for name, it in settings.items()])
            filters = dict(zip(settings, running, strict=True))
            with ThreadPoolExecutor(len(cases)) as pool:
                heard = list(pool.map(lambda case: self._speak(case, program), cases))
            self.mta.settle()
            kept = [*self.sink.take(), *self.proxy.take()]
        results: dict[str, Result | None] = dict.fromkeys(case.name for case in cases_of(self.name))
        for case, one in zip(cases, heard, strict=True):
            results[case.name] = _result(case, one, kept, filters[case.setting.name])
        return results

    def _speak(self, case: Case, program: Program) -> Heard:
        return speak(self.mta.ports[_service(case, program.on_tcp)], case.steps(), _sender(case))


def cases_of(mta: str) -> list[Case]:
    return [case for case in CASES if mta in case.mtas]


def _start(stack: ExitStack, program: Program, wanted: list[tuple[Place, Setting]]) -> list[Filter | None]:
    """Starts all filters of a program at once."""
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(lambda one: stack.enter_context(program.start(*one)), wanted))


def _result(case: Case, heard: Heard, kept: list[Delivered], it: Filter | None) -> Result:
    mine = [message for message in kept if message.sender.split()[0] == _sender(case)]
    # Where one recipient is to be refused, only mail to that recipient counts.
    if "RCPT refused" in case.steps():
        mine = [message for message in mine if any("refused" in to for to in message.recipients)]
    if it is None:
        return Result(heard, len(mine), [], ())
    return Result(heard, len(mine), it.conversations(), _recipients(it))


def _recipients(it: Filter) -> tuple[str, ...]:
    """The recipients of the last message that reached its end, by the events of the filter."""
    current: list[str] = []
    last: tuple[str, ...] = ()
    for event in it.events("mail", "rcpt", "eom", "abort"):
        _, name, *words = event.split()
        if name == "rcpt":
            current.append(words[0])
            continue
        if name == "eom":
            last = tuple(current)
        current = []
    return last


def _sender(case: Case) -> str:
    return f"<{case.slug}@sender.example>"


def _service(case: Case, on_tcp: bool) -> str:
    return f"{case.slug}-tcp" if on_tcp else case.slug


@contextmanager
def bench(name: str, programs: Path) -> Iterator[Bench]:
    """Runs an MTA by its name, and the filter that refuses DATA, until the end of the block."""
    (POSTFIX_PEER if name == POSTFIX else SENDMAIL_PEER).install()
    settings = {case.setting.name for case in cases_of(name)} | {OTHER.name}
    # Sendmail takes no socket from below a folder that everybody may write to, as /tmp is.
    with ExitStack() as stack:
        home = stack.enter_context(folder(Path("/run")))
        box = stack.enter_context(sink())
        proxy = stack.enter_context(sink(takes=lambda _, recipients: len(recipients) > 1))
        places = {setting: Place(home / "filters" / setting, free_port()) for setting in settings}
        for place in places.values():
            place.home.mkdir(parents=True)
        start = _postfix if name == POSTFIX else _sendmail
        mta = stack.enter_context(start(home, box, proxy, places))
        stack.enter_context(_other(programs, places[OTHER.name]))
        yield Bench(name, mta, box, proxy, places)


def _other(programs: Path, place: Place) -> AbstractContextManager[Filter | None]:
    return ours(programs, "filter_blocking", options=OTHER_OPTIONS).start(place, OTHER)


def _postfix(home: Path, box: Sink, proxy: Sink, places: Mapping[str, Place]) -> AbstractContextManager[Postfix]:
    services = {}
    for case in cases_of(POSTFIX):
        place = places[case.setting.name]
        for on_tcp in (False, True):
            asked = [f"inet:127.0.0.1:{place.port}" if on_tcp else f"unix:{place.socket}"]
            asked += [f"unix:{places[OTHER.name].socket}"] if case.chained else []
            options = case.options.format(proxy=proxy.port)
            services[_service(case, on_tcp)] = f"-o smtpd_milters={','.join(asked)} {POSTFIX_OPTIONS} {options}"
    return postfix(home, box.port, services, settings=POSTFIX_SETTINGS)


def _sendmail(home: Path, box: Sink, _: Sink, places: Mapping[str, Place]) -> AbstractContextManager[Sendmail]:
    filters, chains = {}, {}
    for name, place in places.items():
        filters[name] = f"S=unix:{place.socket}, {SENDMAIL_FILTER}"
        filters[f"{name}-tcp"] = f"S=inet:{place.port}@127.0.0.1, {SENDMAIL_FILTER}"
    for case in cases_of("sendmail"):
        for on_tcp in (False, True):
            asked = f"{case.setting.name}-tcp" if on_tcp else case.setting.name
            chains[_service(case, on_tcp)] = [asked, *([OTHER.name] if case.chained else [])]
    del filters[f"{OTHER.name}-tcp"]
    return sendmail(home, box.port, {}, filters=filters, chains=chains, settings=SENDMAIL_SETTINGS)


class Benches:
    """The MTAs, each started for its first test, and the results of each program, which runs only once."""

    def __init__(self, programs: Path, stack: ExitStack) -> None:
        self.programs = programs
        self._stack = stack
        self._started: dict[str, Bench] = {}
        self._seen: dict[tuple[str, str], dict[str, Result | None] | Exception] = {}

    def results(self, mta: str, program: Program, name: str = "") -> dict[str, Result | None]:
        """The results of all cases with a program. If it cannot be run, every case fails with that error."""
        key = (mta, name or program.name)
        if key not in self._seen:
            try:
                self._seen[key] = self._bench(mta).run(program)
            except Exception as error:
                self._seen[key] = error
        seen = self._seen[key]
        if isinstance(seen, Exception):
            raise seen
        return seen

    def of_library(self, program: Program) -> dict[tuple[str, str], Result | None]:
        """The results of a library by MTA and case, both MTAs at the same time: most of it is waiting for timeouts."""
        started = [self._bench(it.handle) for it in MTAS]
        with ThreadPoolExecutor(len(started)) as pool:
            seen = pool.map(lambda one: (one.name, one.run(program)), started)
            return {(mta, case): result for mta, results in seen for case, result in results.items()}

    def _bench(self, mta: str) -> Bench:
        if mta not in self._started:
            self._started[mta] = self._stack.enter_context(bench(mta, self.programs))
        return self._started[mta]


def surprises(results: Mapping[tuple[str, str], Result | None], rows: Mapping[tuple[str, str], str]) -> str:
    """Tells of the cases with another outcome than these rows have, or than a refusal where there is no row."""
    changed = {key: it for key, it in results.items() if _failure(it) != rows.get(key)}
    story = "\n\n".join(f"{key}: {it}\nknown: {rows.get(key, REFUSED)}" for key, it in changed.items())
    return f"another outcome than what is known for {list(changed)}\n{story}" if changed else ""


def _failure(result: Result | None) -> str | None:
    return None if result is None or result.cell == REFUSED else result.worst
