"""Runs one case: an MTA that stays up, a filter for this case alone, a client, and what they were seen to do."""

import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.client import Client, Reply
from lab.ours import Filter, our_filter
from lab.ports import free_port
from lab.postfix import Postfix, postfix
from lab.process import folder, wait_until
from lab.sendmail import Sendmail, sendmail
from lab.sink import Delivered, Sink, sink

from .case import Case
from .talk import Talk

# Names of services: how Postfix and Sendmail ask the filter on that port. {inet} and {unix} say where the filter is.
POSTFIX_SERVICES = {
    "usual": "-o smtpd_milters={inet}",
    "ipv6": "-o smtpd_milters={inet}",
    "over-ipv6": "-o smtpd_milters={inet6}",
    "unix": "-o smtpd_milters={unix}",
    "local": "-o smtpd_milters={inet} -o cleanup_service_name=cleanup-local",
    "xclient": "-o smtpd_milters={inet} -o smtpd_authorized_xclient_hosts=127.0.0.1",
    "version-2": "-o smtpd_milters={inet} -o milter_protocol=2",
    "version-3": "-o smtpd_milters={inet} -o milter_protocol=3",
    "version-3-hasty": "-o smtpd_milters={inet} -o milter_protocol=3 -o milter_content_timeout=1s",
    "version-4": "-o smtpd_milters={inet} -o milter_protocol=4",
    "else-accept": "-o smtpd_milters={inet} -o milter_default_action=accept",
    "else-reject": "-o smtpd_milters={inet} -o milter_default_action=reject",
    "else-quarantine": "-o smtpd_milters={inet} -o milter_default_action=quarantine",
}
TIMES = "T=C:30s;S:30s;R:30s;E:5m"
SENDMAIL_SERVICES = {
    "usual": "S={inet}, F=T, " + TIMES,
    "ipv6": "S={inet}, F=T, " + TIMES,
    "over-ipv6": "S={inet6}, F=T, " + TIMES,
    "unix": "S={unix}, F=T, " + TIMES,
    "else-accept": "S={inet}, " + TIMES,
    "else-reject": "S={inet}, F=R, " + TIMES,
}

# The name in the queue: of Postfix, of Sendmail, as a macro. Then the time of a greeting, and the port of a client.
CHANGING = re.compile(
    r"(?<=queued as )\w+|\w{14,}(?= Message accepted)|(?<= i=)\w+|(?<=; )\w{3}, .* GMT$|(?<= [46]:)\d+(?=:)"
)


@dataclass(frozen=True)
class Seen:
    """What came of a case."""

    replies: Sequence[tuple[str, Reply]]
    delivered: Sequence[Delivered]
    held: Sequence[str]
    events: Sequence[str]
    said: Sequence[str]

    def comparable(self) -> list[str]:
        """All of it in lines, without what differs from run to run: names in the queue, times, ports of clients."""
        lines = [f"{label}: {reply}" for label, reply in self.replies]
        for one in self.delivered:
            lines.append(" ".join((one.sender.split()[0], *one.recipients)))
            lines.extend(f"{name}:{value}" for name, value in one.untraced("mta.example"))
            lines.append(repr(one.body))
        lines.extend(f"held: {reason}" for reason in self.held)
        lines.extend(sorted(self.events, key=_connection) + sorted(self.said, key=_connection))
        return [CHANGING.sub("*", line) for line in lines]


@dataclass(frozen=True)
class Bench:
    """An MTA that runs, its sink, and where it looks for a filter."""

    mta: Postfix | Sendmail
    sink: Sink
    programs: Path
    inet: str
    inet6: str
    unix: Path

    def run(self, case: Case, program: str) -> Seen:
        """Runs a case with one of our filters."""
        with folder() as home, ExitStack() as stack:
            ours = stack.enter_context(self._filter(case, program, home)) if case.filter_runs else None
            self.sink.take()

            def connect() -> Client:
                return Client(self.mta.ports[case.service], case.host)

            with connect() as smtp:
                case.talk(Talk(smtp, case.message, ours, connect, self.mta))
            self.mta.settle()
            if ours is not None and ours.process.status is None:
                wait_until(lambda: _all_closed(ours), f"the MTA to leave the filter: {ours.events()}")
            events, said = (ours.events(), ours.said()) if ours is not None else ([], [])
            return Seen(smtp.replies, self.sink.take(), self.mta.held(), events, said)

    @contextmanager
    def _filter(self, case: Case, program: str, home: Path) -> Iterator[Filter]:
        for name, content in case.files.items():
            (home / name).write_bytes(content)
        options = [option.replace("{folder}", str(home)) for option in case.options]
        spec = {"unix": f"unix:{self.unix}", "over-ipv6": self.inet6}.get(case.service, self.inet)
        with our_filter(self.programs, program, home, spec, *options) as ours:
            if case.service == "unix":
                # Who may ask a filter is up to its operator: Postfix asks as a user of its own.
                self.unix.chmod(0o666)
            yield ours


def _connection(line: str) -> int:
    """The number in front of an event or a frame."""
    return int(line.split()[0])


def _all_closed(ours: Filter) -> bool:
    return len(ours.events("close")) == len(ours.events("negotiate"))


@contextmanager
def bench(mta: str, programs: Path) -> Iterator[Bench]:
    """Runs an MTA by its name, until the end of the block."""
    port, port6 = free_port(), free_port("::1")
    # Sendmail takes no socket, certificate or key from below a folder that everybody may write to, as /tmp is.
    with folder(Path("/run")) as home, sink() as box:
        unix = home / "filter"
        runs: AbstractContextManager[Postfix | Sendmail]
        if mta == "postfix":
            where = {"inet": f"inet:127.0.0.1:{port}", "inet6": f"inet:[::1]:{port6}", "unix": f"unix:{unix}"}
            services = {name: text.format(**where) for name, text in POSTFIX_SERVICES.items()}
            runs = postfix(home, box.port, services, local=where["inet"])
        else:
            where = {"inet": f"inet:{port}@127.0.0.1", "inet6": f"inet6:{port6}@::1", "unix": f"unix:{unix}"}
            services = {name: text.format(**where) for name, text in SENDMAIL_SERVICES.items()}
            runs = sendmail(home, box.port, services)
        with runs as running:
            yield Bench(running, box, programs, f"inet:{port}@127.0.0.1", f"inet6:{port6}@::1", unix)
