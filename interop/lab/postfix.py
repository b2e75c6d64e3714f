"""Postfix, with its configuration and queue in a temporary folder, and one SMTP port for each way to ask a filter."""

import grp
import os
import pwd
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .certificate import self_signed
from .packages import apt, installed_version
from .peer import Peer
from .ports import free_port
from .process import PATIENCE, Process, Unexpected, running, wait_until

POSTFIX = Peer(
    "Postfix",
    "apt",
    lambda: apt("Postfix", "postfix", "openssl", answers="postfix postfix/main_mailer_type select No configuration\n"),
    lambda: installed_version("postfix") or "",
)

DAEMONS = Path("/usr/lib/postfix/sbin")

MAIN = """\
compatibility_level = 3.6
queue_directory = {home}/queue
data_directory = {home}/data
daemon_directory = {daemons}
maillog_file = {home}/maillog
maillog_file_prefixes = {home}
myhostname = mta.example
mydestination =
mynetworks = 127.0.0.0/8 [::1]/128 192.0.2.0/24
inet_interfaces = loopback-only
default_transport = smtp:[127.0.0.1]:{sink}
disable_dns_lookups = yes
smtp_dns_support_level = disabled
smtp_host_lookup = native
smtp_line_length_limit = 0
smtpd_peername_lookup = no
smtpd_recipient_restrictions = check_recipient_access inline:{{ {{ nobody@rcpt.example = REJECT no such user }} }},
    permit_mynetworks, reject
smtpd_error_sleep_time = 0
smtpd_soft_error_limit = 100
smtpd_hard_error_limit = 100
smtpd_tls_security_level = may
smtpd_tls_cert_file = {home}/certificate.pem
smtpd_tls_key_file = {home}/key.pem
message_size_limit = 20000000
notify_classes =
milter_connect_timeout = 30s
milter_command_timeout = 30s
milter_content_timeout = 300s
"""

MASTER = """\
cleanup   unix  n - n - 0 cleanup
pickup    unix  n - n 60 1 pickup -o cleanup_service_name=cleanup-local
cleanup-local unix n - n - 0 cleanup -o non_smtpd_milters={local}
qmgr      unix  n - n 300 1 qmgr
tlsmgr    unix  - - n 1000? 1 tlsmgr
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
proxymap  unix  - - n - - proxymap
smtp      unix  - - n - - smtp
error     unix  - - n - - error
retry     unix  - - n - - error
discard   unix  - - n - - discard
anvil     unix  - - n - 1 anvil
postlog   unix-dgram n - n - 1 postlogd
"""


@dataclass(frozen=True)
class Postfix:
    """A Postfix that runs. `ports` has the SMTP port of every service."""

    home: Path
    ports: Mapping[str, int]
    process: Process

    def submit(self, message: bytes, sender: str, recipient: str) -> None:
        """Takes a message as the command sendmail does. Addresses are without angle brackets."""
        command = ["/usr/sbin/sendmail", "-C", str(self.home), "-i", "-f", sender, recipient]
        subprocess.run(command, input=message.replace(b"\r\n", b"\n"), check=True)

    def settle(self, seconds: float = PATIENCE) -> None:
        """Waits until every message has left the queue or is on hold. One that does not is told of and removed."""
        folders = [self.home / "queue" / name for name in ("maildrop", "incoming", "active", "deferred")]
        try:
            wait_until(lambda: not any(map(_files, folders)), "Postfix to deliver what it took", seconds)
        except Unexpected as error:
            left = {file.name for folder in folders for file in _files(folder)}
            told = [line for line in self.log().splitlines() if any(f" {name}: " in line for name in left)]
            subprocess.run(["postsuper", "-c", self.home, "-d", "ALL"], check=True, capture_output=True)
            raise Unexpected("\n".join((str(error), *told))) from None

    def held(self) -> list[str]:
        """The reasons of the messages on hold, which Postfix 3.7 does not keep. The messages are removed."""
        files = _files(self.home / "queue" / "hold")
        for file in files:
            file.unlink()
        return ["" for _ in files]

    def release(self) -> list[str]:
        """Lets messages on hold go. Returns a line for each."""
        files = _files(self.home / "queue" / "hold")
        if files:
            for command in (["postsuper", "-c", self.home, "-H", "ALL"], ["postqueue", "-c", self.home, "-f"]):
                subprocess.run(command, check=True, capture_output=True)
        return ["" for _ in files]

    def holds(self, since: int = 0) -> list[str]:
        """The reasons for which filters had messages put on hold, in what it logged after so many characters."""
        return re.findall(r" milter-hold: END-OF-MESSAGE from \S+: (.*?); from=<", self.log()[since:])

    def log(self) -> str:
        """What it logged."""
        file = self.home / "maillog"
        return file.read_text(errors="backslashreplace") if file.exists() else ""


def _files(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file()]


@contextmanager
def postfix(
    home: Path, sink_port: int, services: Mapping[str, str], local: str = "", settings: str = ""
) -> Iterator[Postfix]:
    """Runs Postfix until the end of the block.

    `services` gives options of master.cf for each SMTP service, such as `-o smtpd_milters=inet:127.0.0.1:8891`. One
    whose name starts with `ipv6` listens on ::1. `local` are the filters for mail that is not taken over SMTP.
    `settings` are more lines of main.cf.
    """
    ports = {name: free_port("::1" if name.startswith("ipv6") else "127.0.0.1") for name in services}
    lines = []
    for name, options in services.items():
        host = "[::1]" if name.startswith("ipv6") else "127.0.0.1"
        lines.append(f"{host}:{ports[name]} inet n - n - - smtpd {options}\n")
    (home / "main.cf").write_text(MAIN.format(home=home, daemons=DAEMONS, sink=sink_port) + settings)
    (home / "master.cf").write_text(MASTER.format(local=local) + "".join(lines))
    self_signed(home)
    _folders(home)
    subprocess.run(["postfix", "-c", home, "check"], check=True, capture_output=True)
    with running([DAEMONS / "master", "-c", home, "-d"], home) as process:
        it = Postfix(home, ports, process)
        # A connection to find out whether it listens would be one that filters are told of.
        wait_until(lambda: "daemon started" in it.log() or process.status is not None, "Postfix to start")
        if process.status is not None:
            raise Unexpected(f"master ended with status {process.status}\n{it.log()}\n{process.log()}")
        yield it


def _folders(home: Path) -> None:
    """The folders that Postfix wants to find, owned as it wants them."""
    owner = pwd.getpwnam("postfix").pw_uid
    (home / "queue").mkdir()
    (home / "data").mkdir()
    os.chown(home / "data", owner, grp.getgrnam("postfix").gr_gid)
