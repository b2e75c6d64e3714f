"""The programs that are judged, and how each is started."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Protocol

from lab.ours import our_filter
from lab.peer import Peer
from lab.ports import free_port
from lab.postfix import POSTFIX, postfix
from lab.process import running
from lab.sendmail import SENDMAIL, sendmail
from peers import amavisd, clamav, dkimpy, opendkim, opendmarc, pyspf, rspamd, spamass
from peers.clients import GO_CLIENT, INDYMILTER_TEST, MILTERTEST, MILTERTEST_SCRIPT, MILTR_CLIENT
from peers.filter import BUILT, Filter, restarting
from peers.libraries import LIBRARIES

from .front import Letter, front
from .profiles import (
    APPLICATION, LIBRARY, OF_APPLICATION, POSTFIX_PROFILE, SENDMAIL_PROFILE, SHOWS_MACRO, Profile
)
from .reports import HERE

# What a filter of this folder on a library does: it refuses one recipient, and edits every message.
RULES = (
    "rcpt/refused:setreply|550|5.1.1|no such user",
    "eom:addheader|X-Checked|yes",
    "eom:replacebody|a new body\r\n",
)
# And it shows a macro, unless the library cannot read macros.
WITH_MACRO = (*RULES, "eom:symval|X-Queue-Id|i")
WITHOUT_MACROS = ("python-libmilter", "miltr-server")
OUR_RULES = ("--at", "rcpt/*refused*=550 5.1.1 no such user", "--add-header", "X-Checked=yes", "--replace-body", "body.txt")


# A filter of this folder answers at once or not at all.
QUICK = ("--timeout", "1")


class Start(Protocol):
    """Starts the program in a folder until the end of the block, and gives the place where it listens."""

    def __call__(self, home: Path, programs: Path) -> AbstractContextManager[str]: ...


@dataclass(frozen=True)
class Subject:
    """A filter that is judged."""

    peer: Peer
    start: Start
    profile: Profile
    is_ours: bool = False
    options: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.peer.name


def _of_peer(it: Filter, rules: Sequence[str] = ()) -> Start:
    @contextmanager
    def start(home: Path, programs: Path) -> Iterator[str]:
        with restarting(), it.start(home, rules) as spec:
            yield spec

    return start


def _of_library(it: Filter) -> Subject:
    if it.name in WITHOUT_MACROS:
        return Subject(it.peer, _of_peer(it, RULES), LIBRARY, options=QUICK)
    return Subject(it.peer, _of_peer(it, WITH_MACRO), LIBRARY + SHOWS_MACRO, options=QUICK)


def _of_ours(program: str, *options: str) -> Start:
    @contextmanager
    def start(home: Path, programs: Path) -> Iterator[str]:
        (home / "body.txt").write_bytes(b"a new body\r\n")
        with our_filter(programs, program, home, f"unix:{home}/filter.sock", *options) as it:
            yield it.spec

    return start


@contextmanager
def _minimal(home: Path, programs: Path) -> Iterator[str]:
    port = free_port()
    with running([programs / "minimal_filter", f"127.0.0.1:{port}"], home, line="listening on "):
        yield f"inet:{port}@127.0.0.1"


def _ours(name: str, start: Start, profile: Profile) -> Subject:
    return Subject(Peer(name, "ours", lambda: None, lambda: ""), start, profile, is_ours=True)


APPLICATIONS = [module.FILTER for module in (opendkim, opendmarc, rspamd, clamav, spamass, amavisd, dkimpy, pyspf)]
SUBJECTS = [
    *map(_of_library, LIBRARIES),
    *(Subject(it.peer, _of_peer(it), OF_APPLICATION.get(it.name, APPLICATION)) for it in APPLICATIONS),
    *(_ours(name, _of_ours(name, *OUR_RULES), LIBRARY) for name in ("filter_blocking", "filter_tokio", "filter_smol")),
    _ours("minimal_filter", _minimal, APPLICATION),
]


@dataclass(frozen=True)
class MailServer:
    """An MTA that is judged. `start` runs it with a filter and a sink, and gives the port of its SMTP server."""

    peer: Peer
    start: Callable[[Path, int, int], AbstractContextManager[int]]
    profile: Profile


@contextmanager
def _postfix(home: Path, filter_port: int, sink_port: int) -> Iterator[int]:
    options = f"-o smtpd_milters=inet:127.0.0.1:{filter_port} -o milter_default_action=tempfail"
    with postfix(home, sink_port, {"check": options}, settings=POSTFIX_WAITS) as it:
        yield it.ports["check"]


@contextmanager
def _sendmail(home: Path, filter_port: int, sink_port: int) -> Iterator[int]:
    equates = f"S=inet:{filter_port}@127.0.0.1, F=T, T=C:10s;S:10s;R:3s;E:30s"
    with sendmail(home, sink_port, {"check": equates}) as it:
        yield it.ports["check"]


def _front(command: Callable[[Path, str, Letter], Sequence[str | Path]]) -> Callable[[Path, Path, str], AbstractContextManager[int]]:
    """Starts an SMTP server that runs this command for each message: it gets the folder of our programs and the filter."""

    def start(home: Path, programs: Path, spec: str) -> AbstractContextManager[int]:
        return front(home, lambda letter: command(programs, spec, letter))

    return start


@dataclass(frozen=True)
class MailClient:
    """The MTA's side of a library, which sends a message that `front` has taken. `left_out`: patterns of scenarios."""

    peer: Peer
    start: Callable[[Path, Path, str], AbstractContextManager[int]]
    left_out: tuple[str, ...] = ()

    @property
    def scenarios(self) -> list[str]:
        return [id for id in PLAIN if not any(fnmatchcase(id, pattern) for pattern in self.left_out)]


def _our_mta(program: str) -> Callable[[Path, str, Letter], Sequence[str | Path]]:
    def command(programs: Path, spec: str, letter: Letter) -> Sequence[str | Path]:
        recipients = [word for recipient in letter.recipients for word in ("--to", recipient)]
        envelope = ("--helo", letter.helo, "--from", letter.sender, *recipients, "--message", letter.file)
        return (programs / program, "--filter", spec, "--json", "--timeout", "3", *envelope)

    return command


def _ours_as_mta(name: str) -> MailClient:
    return MailClient(Peer(name, "ours", lambda: None, lambda: ""), _front(_our_mta(name)))


def _go_client(_: Path, spec: str, letter: Letter) -> Sequence[str | Path]:
    # It puts the angle brackets around addresses itself.
    recipients = [recipient.strip("<>") for recipient in letter.recipients]
    return (BUILT / "goclient", spec.removeprefix("unix:"), "1000", *recipients)


def _crate_client(program: str) -> Callable[[Path, str, Letter], Sequence[str | Path]]:
    def command(_: Path, spec: str, letter: Letter) -> Sequence[str | Path]:
        envelope = (letter.helo, letter.sender, letter.file, *letter.recipients)
        return (BUILT / "cargo" / "debug" / program, spec.removeprefix("unix:"), *envelope)

    return command


def _miltertest(_: Path, spec: str, letter: Letter) -> Sequence[str | Path]:
    # The script is always the same, so what it takes for a verdict is as fixed as in a program.
    variables = {
        "addr": spec, "helo": letter.helo, "sender": letter.sender, "recipients": " ".join(letter.recipients),
        "file": str(letter.file),
    }
    words = [word for name, value in variables.items() for word in ("-D", f"{name}={value}")]
    return ("miltertest", *words, "-s", MILTERTEST_SCRIPT)


MAIL_CLIENTS = [
    *map(_ours_as_mta, ("mta_blocking", "mta_tokio")),
    MailClient(GO_CLIENT, _front(_go_client)),
    MailClient(MILTR_CLIENT, _front(_crate_client("interop-miltr-client"))),
    MailClient(INDYMILTER_TEST, _front(_crate_client("interop-indymilter-test"))),
    # Whether it can read a frame that comes in pieces is a matter of time, and no script is told the text of a reply.
    MailClient(
        MILTERTEST, _front(_miltertest),
        ("mta/framing/pieces-of-*", "mta/replies/[45]xx-*", "mta/texts/two-lines-*"),
    ),
]
# What they are judged by: they know no SMTP client but one that sends a message.
PLAIN = [line for line in (HERE / "plain.txt").read_text().splitlines() if not line.startswith("#")]

# Short, so that scenarios with a silent filter do not take minutes.
POSTFIX_WAITS = """\
milter_command_timeout = 3s
milter_content_timeout = 5s
"""
MAIL_SERVERS = [MailServer(POSTFIX, _postfix, POSTFIX_PROFILE), MailServer(SENDMAIL, _sendmail, SENDMAIL_PROFILE)]
