"""Free ports on loopback, and waiting until somebody listens there."""

import random
import socket
from contextlib import suppress
from pathlib import Path

# Ports that were handed out: the program that will listen on one may not have started yet.
_GIVEN: set[tuple[str, int]] = set()


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nobody has, below those that the kernel gives to clients, so that none of them takes it either."""
    for port in random.sample(range(20_000, 32_000), 1_000):
        if (host, port) in _GIVEN:
            continue
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            try:
                probe.bind((host, port))
            except OSError:
                continue
            _GIVEN.add((host, port))
            return port
    raise RuntimeError(f"no free port on {host}")


def stop_listening(listener: socket.socket) -> None:
    """Closes a socket that listens, and wakes up a thread that waits in accept, which closing alone does not."""
    with suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def listens(where: tuple[str, int] | Path) -> bool:
    """Whether a connection to that host and port, or unix socket, is taken."""
    if isinstance(where, Path):
        family: socket.AddressFamily = socket.AF_UNIX
        address: tuple[str, int] | str = str(where)
    else:
        family = socket.AF_INET6 if ":" in where[0] else socket.AF_INET
        address = where
    with socket.socket(family) as probe:
        probe.settimeout(5)
        return probe.connect_ex(address) == 0


def listening() -> set[int]:
    """The ports on which somebody listens. To find out by a connection would be one that filters are told of."""
    tables = [Path("/proc/net/tcp"), Path("/proc/net/tcp6")]
    rows = [line.split() for table in tables if table.exists() for line in table.read_text().splitlines()[1:]]
    return {int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == "0A"}
