"""Sendmail, unpacked beside the system because its package conflicts with Postfix; configuration and queue in a folder.

It runs in a UTS namespace of its own: without a dot in the host name it would sleep for a minute at its start.
"""

import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .certificate import self_signed
from .packages import apt, kept, unpack, unpacked_version
from .peer import Peer
from .ports import free_port, listening
from .process import PATIENCE, Process, Unexpected, running, wait_until

PACKAGES = ("sendmail-bin", "sendmail-base", "sendmail-cf")
LIBRARIES = ("libdb5.3", "libldap-2.5-0", "liblockfile1", "libnsl2", "libsasl2-2", "libwrap0")

MACROS = """\
divert(0)dnl
OSTYPE(`linux')dnl
define(`confDOMAIN_NAME', `mta.example')dnl
define(`QUEUE_DIR', `{home}/queue')dnl
define(`STATUS_FILE', `{home}/statistics')dnl
define(`confPID_FILE', `{home}/pid')dnl
define(`confSERVICE_SWITCH_FILE', `{home}/services')dnl
define(`ALIAS_FILE', `')dnl
define(`confDONT_PROBE_INTERFACES', `True')dnl
define(`confTO_IDENT', `0')dnl
define(`confTO_RESOLVER_RETRANS', `1s')dnl
define(`confDELIVERY_MODE', `interactive')dnl
define(`confQUEUE_LA', `10000')dnl
define(`confREFUSE_LA', `10000')dnl
define(`confMAX_HEADERS_LENGTH', `200000')dnl
define(`confPRIVACY_FLAGS', `noetrn')dnl
define(`confSERVER_CERT', `{home}/certificate.pem')dnl
define(`confSERVER_KEY', `{home}/key.pem')dnl
define(`confCACERT', `{home}/certificate.pem')dnl
define(`confCACERT_PATH', `{home}')dnl
define(`SMART_HOST', `relay:[127.0.0.1]')dnl
define(`RELAY_MAILER_ARGS', `TCP $h {sink}')dnl
define(`RELAY_MAILER_LL', `20000')dnl
FEATURE(`no_default_msa')dnl
FEATURE(`nocanonify')dnl
FEATURE(`accept_unresolvable_domains')dnl
FEATURE(`promiscuous_relay')dnl
{settings}{filters}{daemons}MAILER(`smtp')dnl
LOCAL_RULESETS
SLocal_check_rcpt
R$*\t\t\t$: <$&{{addr_type}}> $>CanonAddr $1
R<$*> nobody <@rcpt.example.>\t$#error $@ 5.1.1 $: "550 no such user"
R<$*> nobody <@rcpt.example>\t$#error $@ 5.1.1 $: "550 no such user"
"""


def _root() -> Path:
    return kept("sendmail")


def _install() -> None:
    apt("Sendmail", "m4", "openssl", *LIBRARIES)
    unpack("Sendmail", _root(), *PACKAGES)


SENDMAIL = Peer("Sendmail", "apt", _install, lambda: unpacked_version(_root(), PACKAGES[0]))


@dataclass(frozen=True)
class Sendmail:
    """A Sendmail that runs. `ports` has the SMTP port of every service."""

    home: Path
    ports: Mapping[str, int]
    process: Process

    def settle(self, seconds: float = PATIENCE) -> None:
        """Waits until every message has left the queue or is quarantined. One that does not is told of and removed."""
        queue = self.home / "queue"
        try:
            wait_until(lambda: not list(queue.glob("[qtx]f*")), "Sendmail to deliver what it took", seconds)
        except Unexpected as error:
            left = [file.read_text(errors="backslashreplace") for file in sorted(queue.glob("qf*"))]
            for file in queue.iterdir():
                file.unlink(missing_ok=True)
            raise Unexpected("\n".join((str(error), *left))) from None

    def held(self) -> list[str]:
        """The reasons of the messages in quarantine. The messages are removed."""
        files = sorted((self.home / "queue").glob("hf*"))
        lines = [line for file in files for line in file.read_text(errors="replace").splitlines()]
        for file in files:
            file.unlink()
            (file.parent / file.name.replace("hf", "df", 1)).unlink(missing_ok=True)
        return [line.removeprefix("q") for line in lines if line.startswith("q")]

    def release(self) -> list[str]:
        """Lets messages in quarantine go, as `sendmail -Q` does. Returns their reasons."""
        reasons = []
        for file in sorted((self.home / "queue").glob("hf*")):
            lines = file.read_bytes().splitlines(keepends=True)
            reasons += [line[1:].decode("latin-1").rstrip("\n") for line in lines if line.startswith(b"q")]
            file.with_name(file.name.replace("hf", "qf", 1)).write_bytes(
                b"".join(line for line in lines if not line.startswith(b"q"))
            )
            file.unlink()
        if reasons:
            subprocess.run(_with_name(f'-q -C "{self.home}/lab.cf"'), check=True, capture_output=True)
        return reasons

    def submission(self, service: str) -> tuple[socket.socket, subprocess.Popen[bytes]]:
        """Starts the command `sendmail -bs`, which speaks SMTP on the socket, with the filters of that service."""
        ours, theirs = socket.socketpair()
        command = _with_name(f'-bs -C "{self.home}/lab.cf" -O InputMailFilters={service}')
        with theirs:
            child = subprocess.Popen(command, stdin=theirs.fileno(), stdout=theirs.fileno(), stderr=subprocess.DEVNULL)
        return ours, child

    def log(self) -> str:
        """What it wrote: its log goes to syslog, which the lab has not."""
        return self.process.log()


@contextmanager
def sendmail(
    home: Path,
    sink_port: int,
    services: Mapping[str, str],
    chains: Mapping[str, Sequence[str]] = {},
    settings: str = "",
    filters: Mapping[str, str] = {},
) -> Iterator[Sendmail]:
    """Runs Sendmail until the end of the block.

    `services` gives the equates of MAIL_FILTER for each SMTP service, such as `S=inet:8891@127.0.0.1, F=T`. One whose
    name starts with `ipv6` listens on ::1. `filters` are the same for filters without a service of their own. `chains`
    are more services, which ask filters of these names in that order. `settings` are more lines of the configuration.
    Sendmail takes 25 filters.
    """
    names = {**{name: (name,) for name in services}, **chains}
    ports = {name: free_port("::1" if name.startswith("ipv6") else "127.0.0.1") for name in names}
    asked = {**services, **filters}
    lines = [f"MAIL_FILTER(`{name}', `{equates}')dnl\n" for name, equates in asked.items()]
    daemons = [_daemon(name, port, names[name]) for name, port in ports.items()]
    text = MACROS.format(
        home=home, sink=sink_port, settings=settings, filters="".join(lines), daemons="".join(daemons)
    )
    (home / "lab.mc").write_text(text)
    (home / "services").write_text("hosts files\naliases files\npasswd files\n")
    (home / "queue").mkdir(mode=0o700)
    self_signed(home)
    _configure(home)
    with running(_with_name(f'-bD -C "{home}/lab.cf"'), home, name="sendmail") as process:
        it = Sendmail(home, ports, process)

        def is_there() -> bool:
            # It says that it has started when the first of its sockets is there.
            return (home / "pid").exists() and set(ports.values()) <= listening()

        wait_until(lambda: is_there() or process.status is not None, "Sendmail to start")
        if process.status is not None:
            raise Unexpected(f"sendmail ended with status {process.status}\n{process.log()}")
        yield it


def _with_name(options: str) -> list[str]:
    """The command sendmail on a host with the name that it needs."""
    program = _root() / "usr/libexec/sendmail/sendmail"
    return ["unshare", "--uts", "sh", "-c", f'hostname mta.example && exec "{program}" {options}']


def _daemon(name: str, port: int, filters: Sequence[str]) -> str:
    family, address = ("inet6", "::1") if name.startswith("ipv6") else ("inet", "127.0.0.1")
    equates = f"Name={name}, Family={family}, Addr={address}, Port={port}, InputMailFilters={';'.join(filters)}"
    return f"DAEMON_OPTIONS(`{equates}')dnl\n"


def _configure(home: Path) -> None:
    """Makes lab.cf from lab.mc."""
    folder = _root() / "usr/share/sendmail/cf"
    command = ["m4", f"-D_CF_DIR_={folder}/", str(folder / "m4/cf.m4"), str(home / "lab.mc")]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise Unexpected(f"m4 cannot make lab.cf\n{done.stderr}")
    (home / "lab.cf").write_text(done.stdout)
