"""The MTAs of the walk: each runs for a while, with several stations, so that sessions can go on side by side.

A station is a group of SMTP services that ask filters on the same two unix sockets. One session at a time runs there,
so every connection to these sockets belongs to it.
"""

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.postfix import Postfix, postfix
from lab.process import folder
from lab.sendmail import Sendmail, sendmail
from lab.sink import Sink, sink

from .sasl import sasl

# The MTA goes on without a filter that fails, which is how it is seen that a filter can be made to fail.
POSTFIX_OPTIONS = (
    "milter_default_action=accept", "milter_connect_timeout=6s", "milter_command_timeout=6s",
    "milter_content_timeout=6s",
    "smtpd_authorized_xclient_hosts=127.0.0.1", "message_size_limit=100000", "smtpd_client_connection_count_limit=0",
    "smtpd_client_event_limit_exceptions=static:all", "smtpd_junk_command_limit=100000",
)
LOCAL_OPTIONS = POSTFIX_OPTIONS[:4]
# Postfix 3.7 crashes on DATA after a BDAT that failed, and would serve nobody for a minute.
POSTFIX_SETTINGS = "service_throttle_time = 1s\n"
SENDMAIL_EQUATES = "S=unix:{path}, T=C:6s;S:6s;R:6s;E:6s"
SENDMAIL_SETTINGS = """\
define(`confMAX_MESSAGE_SIZE', `100000')dnl
define(`confMAX_HEADERS_LENGTH', `16384')dnl
define(`confCONNECTION_RATE_THROTTLE', `0')dnl
define(`confMAX_DAEMON_CHILDREN', `0')dnl
define(`confBAD_RCPT_THROTTLE', `0')dnl
"""
# Postfix refuses DATA itself, or lets a proxy decide, for this domain of the sender.
REFUSED = "refused.example"
# A filter that has not answered makes the MTA wait this long.
TIMEOUT = 6.0


@dataclass(frozen=True)
class Station:
    """Some SMTP services, and the two sockets where they look for filters."""

    number: int
    filter: Path
    other: Path
    services: dict[str, int]


@dataclass(frozen=True)
class Bench:
    """An MTA that runs, and where its mail ends."""

    name: str
    version: str
    mta: Postfix | Sendmail
    sink: Sink
    stations: list[Station]
    folder: Path

    @contextmanager
    def connected(self, station: Station, service: str, seconds: float) -> Iterator[socket.socket]:
        """A client's connection. The service `local` of Sendmail is the command that speaks SMTP."""
        if service == "local" and isinstance(self.mta, Sendmail):
            connection, child = self.mta.submission(f"single-{station.number}")
            connection.settimeout(seconds)
            try:
                with connection:
                    yield connection
                child.wait(seconds)
            finally:
                child.kill()
        else:
            with socket.create_connection(("127.0.0.1", station.services[service]), seconds) as connection:
                yield connection


@contextmanager
def bench(name: str, version: str, stations: int, more: str = "") -> Iterator[Bench]:
    """Runs an MTA by its name until the end of the block. `more` are settings of Sendmail."""
    # Sendmail takes no key from below a folder that everybody may write to, as /tmp is.
    with folder(Path("/run")) as home, sink() as box, sink(takes=lambda sender, _: REFUSED not in sender) as proxy:
        places = [(home / f"filter-{number}", home / f"other-{number}") for number in range(stations)]
        recordings = home / "recordings"
        recordings.mkdir()
        if name == "postfix":
            services = {
                f"{service}-{number}": options
                for number, (one, other) in enumerate(places)
                for service, options in _postfix_services(one, other, proxy.port, home / "sasl").items()
            }
            local = " -o ".join((f"unix:{places[0][0]}", *LOCAL_OPTIONS))
            with sasl(home / "sasl"), postfix(home, box.port, services, local, POSTFIX_SETTINGS) as it:
                yield Bench(name, version, it, box, _stations(places, it.ports), recordings)
        else:
            filters = {
                f"{role}-{number}": SENDMAIL_EQUATES.format(path=path)
                for number, pair in enumerate(places)
                for role, path in zip(("single", "other"), pair, strict=True)
            }
            chains = {}
            for number in range(stations):
                chains[f"chain-{number}"] = (f"single-{number}", f"other-{number}")
                chains[f"behind-{number}"] = (f"other-{number}", f"single-{number}")
            with sendmail(home, box.port, filters, chains, SENDMAIL_SETTINGS + more) as that:
                yield Bench(name, version, that, box, _stations(places, that.ports), recordings)


def _postfix_services(one: Path, other: Path, proxy: int, users: Path) -> dict[str, str]:
    first, second = f"unix:{one}", f"unix:{other}"
    checks = f"check_sender_access,inline:{{{REFUSED}=REJECT}}"
    milters = {
        "single": (first, ()),
        "chain": (f"{first},{second}", ()),
        "behind": (f"{second},{first}", ()),
        "checks": (first, (f"smtpd_end_of_data_restrictions={checks}", "smtpd_helo_required=yes")),
        "proxy": (first, (f"smtpd_proxy_filter=127.0.0.1:{proxy}",)),
        "version-2": (first, ("milter_protocol=2",)),
        "version-3": (first, ("milter_protocol=3",)),
        "version-4": (first, ("milter_protocol=4",)),
    }
    auth = ("smtpd_sasl_auth_enable=yes", "smtpd_sasl_type=dovecot", f"smtpd_sasl_path={users}")
    return {
        name: " ".join(f"-o {option}" for option in (f"smtpd_milters={filters}", *POSTFIX_OPTIONS, *auth, *more))
        for name, (filters, more) in milters.items()
    }


def _stations(places: list[tuple[Path, Path]], ports: Mapping[str, int]) -> list[Station]:
    stations = []
    for number, (one, other) in enumerate(places):
        suffix = f"-{number}"
        services = {name.removesuffix(suffix): port for name, port in ports.items() if name.endswith(suffix)}
        if number == 0:
            # Mail that Postfix takes from the command sendmail is shown to the filter of the first station.
            services["local"] = 0
        stations.append(Station(number, one, other, services))
    return stations
