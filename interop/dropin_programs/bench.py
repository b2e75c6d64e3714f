"""Runs a program with one of the libraries, and records what it and the MTAs said in each session."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.client import Client, Reply
from lab.peer import Peer
from lab.postfix import POSTFIX, Postfix, postfix
from lab.process import Process, Unexpected, folder, wait_until
from lab.sendmail import SENDMAIL, Sendmail, sendmail
from lab.sink import Delivered, Sink, sink
from peers import opendkim
from peers.filter import Conditions, under
from peers.mail import PLAIN

from .daemon import NEW, daemon, signs_as
from .library import Library, check_library
from .miltertest import MILTERTEST, Simulator
from .programs import Program
from .record import Record, record
from .recorder import Conversation, Recorder, recorder
from .sessions import Session, Talk, mark_of, message_to, one_of_a_crowd

MTAS = (POSTFIX, SENDMAIL)
FRONTS = (*MTAS, MILTERTEST)
# How many seconds a filter may take to end: libmilter looks every 5 seconds whether it should.
PATIENCE = 15.0
# How many clients come at the same time after the other sessions.
CROWD = 8


@dataclass(frozen=True)
class Run:
    """What came of all sessions with each MTA, by name. `end` waits until the program has ended, and says how."""

    records: Mapping[str, Mapping[str, Record]]
    end: Callable[[], Sequence[str]]

    def sent_by_filter(self, front: str) -> list[str]:
        """The frames of the filter in all sessions."""
        return [line for it in self.records[front].values() for line in it.frames if line.split()[1] == "<"]

    def differences(self, other: "Run", front: str) -> dict[str, list[str]]:
        """The diffs of the sessions that are not the same, by name. Both runs have the same sessions."""
        theirs = other.records[front]
        diffs = {name: it.differences(theirs[name]) for name, it in self.records[front].items()}
        return {name: lines for name, lines in diffs.items() if lines}


@dataclass(frozen=True)
class Front:
    """An MTA, the recorder that it asks, and where it delivers."""

    peer: Peer
    mta: Postfix | Sendmail
    recorder: Recorder
    sink: Sink

    def play(self, sessions: Sequence[Session], crowd: int = 0) -> dict[str, Record]:
        """Plays sessions one after the other, then those of many clients at the same time.

        Only then it waits for the deliveries of all of them.
        """
        seen = [self._talk(session, bob(number)) for number, session in enumerate(sessions)]
        seen += self._crowd(range(len(sessions), len(sessions) + crowd)) if crowd else []
        self.mta.settle()
        delivered = self.sink.take()
        for one in delivered:
            if not any(it.is_of(one) for it in seen):
                raise Unexpected(f"nobody sent {one}")
        return {it.name: it.record([one for one in delivered if it.is_of(one)]) for it in seen}

    def _talk(self, session: Session, to: str) -> "Seen":
        with Client(self.mta.ports["usual"]) as client:
            session.talk(Talk(client, to))
        return Seen(session.name, to, self.recorder.take(), client.replies, self.mta.held())

    def _crowd(self, numbers: Sequence[int]) -> "list[Seen]":
        """Plays a session with each of many clients at the same time. Nobody asks for what reason a message is held."""

        def talk(number: int) -> tuple[int, Client]:
            with Client(self.mta.ports["usual"]) as client:
                message_to(one_of_a_crowd(number))(Talk(client, bob(number)))
            return number, client

        with ThreadPoolExecutor(len(numbers)) as pool:
            clients = list(pool.map(talk, numbers))
        conversations = self.recorder.take()
        self.mta.held()

        def seen(number: int, client: Client) -> Seen:
            about = [it for it in conversations if it.is_about(mark_of(number))]
            return Seen(f"client {number} of a crowd", bob(number), about, client.replies, [])

        return [seen(*one) for one in clients]


def bob(number: int) -> str:
    """The recipient whom no other session has."""
    return f"<bob-{number}@rcpt.example>"


@dataclass(frozen=True)
class Seen:
    """One session, before it is known what was delivered."""

    name: str
    bob: str
    conversations: Sequence[Conversation]
    replies: Sequence[tuple[str, Reply]]
    held: Sequence[str]

    def is_of(self, one: Delivered) -> bool:
        return any(self.bob in to for to in one.recipients)

    def record(self, delivered: Sequence[Delivered]) -> Record:
        # Postfix delivers the messages of a session in any order.
        in_order = sorted(delivered, key=lambda one: (one.sender, one.body))
        return record(self.conversations, self.replies, in_order, self.held)


@dataclass(frozen=True)
class Started:
    """A program that listens at `spec`, in a folder of its own. `program` ends it, and `home` removes its folder."""

    spec: str
    home: ExitStack
    program: ExitStack
    processes: Sequence[Process]
    # Who may connect to its socket.
    mode: str

    def end(self) -> list[str]:
        """Ends it. Returns lines with its exit status and whether its socket remains."""
        with self.home:
            self.program.close()
            left = ["its socket is left"] if is_left(self.spec) else []
            return [self.mode, *(f"{it.name} ended with status {it.status}" for it in self.processes), *left]


@dataclass(frozen=True)
class Bench:
    """Both MTAs, and a simulator of one. `pool` is for what takes its time beside them."""

    fronts: Sequence[Front]
    simulator: Simulator
    pool: ThreadPoolExecutor

    def run(self, program: Program, libraries: Sequence[Library]) -> list[Run]:
        """Runs a program on each library, and plays its sessions with both MTAs."""
        with folder() as keys:
            opendkim.make_key(keys)
            sessions, crowd = program.sessions(keys), CROWD if program.gets_everything else 0
            starts = [self.pool.submit(start, program, it, keys) for it in libraries]
            return [self._play(starting.result(), sessions, crowd) for starting in starts]

    def _play(self, started: Started, sessions: Sequence[Session], crowd: int) -> Run:
        self.point_at(started.spec)
        played = self.pool.map(lambda front: front.play(sessions, crowd), self.fronts)
        records = {front.peer.name: one for front, one in zip(self.fronts, played, strict=True)}
        records[MILTERTEST.name] = self.simulator.play()
        return Run(records, self.pool.submit(started.end).result)

    def live(self, library: Library) -> Run:
        """The life of a daemon, with a session after each of its events."""
        seen: dict[str, dict[str, Record]] = {front.peer.name: {} for front in self.fronts}

        def record_all(event: str) -> list[Record]:
            for front in self.fronts:
                seen[front.peer.name] |= front.play([Session(event, message_to(PLAIN))])
            return [records[event] for records in seen.values()]

        with folder() as keys, daemon(library) as it:
            opendkim.make_key(keys)
            end = [it.start(keys)]
            self.point_at(it.spec)
            record_all("after the start")
            it.configure(keys, NEW)
            it.reload()
            wait_until(
                lambda: all(signs_as("second", one) for one in record_all("with a new configuration")),
                "opendkim to sign as its new configuration says",
            )
            it.crash()
            record_all("after a crash")
            end += it.end()
        return Run(seen, lambda: end)

    def point_at(self, spec: str) -> None:
        """Names the filter that all of them ask from now on."""
        for it in (*(front.recorder for front in self.fronts), self.simulator.recorder):
            it.target = spec


def start(program: Program, library: Library, keys: Path) -> Started:
    """Runs a program on a library, in a folder of its own."""
    processes: list[Process] = []
    with ExitStack() as stack, ExitStack() as running:
        home = stack.enter_context(folder())
        with under(Conditions(environment=library.environment, patience=PATIENCE, started=processes)):
            spec = running.enter_context(program.start(home, keys))
        users = check_library(home, library)
        served = [it for it in processes if it.pid in users]
        return Started(spec, stack.pop_all(), running.pop_all(), served, mode_of(spec))


def is_left(spec: str) -> bool:
    """Whether the socket of a filter that has ended still exists."""
    family, _, place = spec.partition(":")
    return family == "unix" and Path(place).exists()


def mode_of(spec: str) -> str:
    """The mode of a unix socket."""
    family, _, place = spec.partition(":")
    return f"its socket has mode {Path(place).stat().st_mode:o}" if family == "unix" else "it listens on TCP"


@contextmanager
def bench() -> Iterator[Bench]:
    """Runs both MTAs until the end of the block."""
    with ExitStack() as stack:
        fronts = []
        for it in MTAS:
            it.install()
            # Sendmail takes no certificate from below a folder that everybody may write to, as /tmp is.
            home = stack.enter_context(folder(Path("/run")))
            tape, box = stack.enter_context(recorder()), stack.enter_context(sink())
            if it is POSTFIX:
                services = {"usual": f"-o smtpd_milters=inet:127.0.0.1:{tape.port}"}
                mta: Postfix | Sendmail = stack.enter_context(postfix(home, box.port, services))
            else:
                services = {"usual": f"S=inet:{tape.port}@127.0.0.1, F=T, T=C:30s;S:30s;R:30s;E:5m"}
                mta = stack.enter_context(sendmail(home, box.port, services))
            fronts.append(Front(it, mta, tape, box))
        MILTERTEST.install()
        simulator = Simulator(stack.enter_context(recorder()))
        yield Bench(fronts, simulator, stack.enter_context(ThreadPoolExecutor(8)))
