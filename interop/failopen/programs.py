"""The filters under test: ours, and one for each library in peers/, all with the same settings."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.ours import EVERY_FILTER, Filter, our_filter
from lab.peer import Peer
from peers.filter import Start, listening
from peers.libraries import LIBRARIES, in_venv

from .cases import Setting

# The names of commands in --only and --no-reply, each with its NO_ and its NR_ step.
STEPS = {
    "connect": (0x1, 0x1000), "helo": (0x2, 0x2000), "mail": (0x4, 0x4000), "rcpt": (0x8, 0x8000),
    "body": (0x10, 0x80000), "header": (0x20, 0x80), "eoh": (0x40, 0x40000), "unknown": (0x100, 0x20000),
    "data": (0x200, 0x10000),
}
DECLINE = sum(no for no, _ in STEPS.values())
EVERYTHING = DECLINE | sum(nr for _, nr in STEPS.values())

# The steps that these libraries, or our filters that use them, can ask for; the others can ask for all of them.
# Version 2 has no DATA and no UNKNOWN, which has the same effect as declining them.
STEPS_OF = {
    "Sendmail::PMilter": 0x362,
    "go-milter": DECLINE,
    "purepythonmilter": DECLINE,
    "miltr-server": 0,
}


@dataclass(frozen=True)
class Place:
    """Where the filter of one setting listens: the folder of its unix socket, or a port if the library needs TCP."""

    home: Path
    port: int

    @property
    def socket(self) -> Path:
        return self.home / "filter.sock"


@dataclass(frozen=True)
class Program:
    """A filter program. `start` runs it until the end of the block, and yields the filter if it is one of ours."""

    name: str
    start: Callable[[Place, Setting], AbstractContextManager[Filter | None]]
    steps: int = EVERYTHING
    on_tcp: bool = False

    def can(self, setting: Setting) -> bool:
        """Whether it can ask for these steps."""
        return not setting.steps & ~self.steps


def ours(programs: Path, program: str, options: Sequence[str] | None = None) -> Program:
    """One of our filters with its default policy. `options` replace the refusals of the setting."""

    @contextmanager
    def start(place: Place, setting: Setting) -> Iterator[Filter]:
        refusals = _refusals(setting) if options is None else options
        with our_filter(programs, program, place.home, f"unix:{place.socket}", *_steps(setting), *refusals) as it:
            place.socket.chmod(0o666)
            yield it

    return Program(program, start)


def _steps(setting: Setting) -> list[str]:
    options = []
    if setting.steps & DECLINE:
        options += ["--only", ",".join(name for name, (no, _) in STEPS.items() if not setting.steps & no)]
    if unanswered := [name for name, (_, nr) in STEPS.items() if setting.steps & nr]:
        options += ["--no-reply", ",".join(unanswered)]
    return options


def _refusals(setting: Setting) -> list[str]:
    options = []
    for stage, text in setting.refuses:
        options += ["--at", f"{stage}/*{text}*=reject" if text else f"{stage}=reject"]
    return options


def _rules(setting: Setting) -> list[str]:
    """The setting as rules for the filters in peers/."""
    rules = [f"negotiate:steps|{setting.steps:#x}"] if setting.steps else []
    return rules + [f"{stage}/{text}:reject" if text else f"{stage}:reject" for stage, text in setting.refuses]


def _on_library(start: Start) -> Callable[[Place, Setting], AbstractContextManager[None]]:
    @contextmanager
    def run(place: Place, setting: Setting) -> Iterator[None]:
        # Not every library removes its socket at the end, and some do not start if the path exists.
        place.socket.unlink(missing_ok=True)
        with start(place.home, _rules(setting)):
            place.socket.chmod(0o666)
            yield

    return run


@contextmanager
def _purepythonmilter(place: Place, setting: Setting) -> Iterator[None]:
    command = [*in_venv("purepythonmilter_filter.py")(), str(place.port), *_rules(setting)]
    with listening(command, place.home, ("127.0.0.1", place.port), name="filter"):
        yield


def _library(name: str, start: Start) -> Program:
    on_tcp = name == "purepythonmilter"
    return Program(name, _purepythonmilter if on_tcp else _on_library(start), STEPS_OF.get(name, EVERYTHING), on_tcp)


OURS = EVERY_FILTER
OTHERS: dict[Peer, Program] = {it.peer: _library(it.name, it.start) for it in LIBRARIES}
