"""A peer that is a bare socket."""

import select
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.process import Unexpected

# No answer takes that long, whatever else the machine does.
PATIENCE = 20.0


class Peer:
    """A connection to a filter, or one that an MTA has made."""

    def __init__(
        self, spec: str = "", receives: int = 0, sends: int = 0, accepted: socket.socket | None = None
    ) -> None:
        """Connects; `receives` and `sends` are the sizes of the kernel's buffers, if they are to be small."""
        if accepted is not None:
            self.socket = accepted
            self.socket.settimeout(PATIENCE)
            return
        family, where = address(spec)
        self.socket = socket.socket(family)
        self.socket.settimeout(PATIENCE)
        if receives:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receives)
        if sends:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, sends)
        self.socket.connect(where)
        if family != socket.AF_UNIX:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def say(self, raw: bytes) -> None:
        self.socket.sendall(raw)

    def frame(self) -> bytes:
        """Reads one frame."""
        head = self.exactly(4)
        return head + self.exactly(struct.unpack(">I", head)[0])

    def frames(self, count: int) -> list[bytes]:
        return [self.frame() for _ in range(count)]

    def ask(self, raw: bytes) -> bytes:
        """Says a command, and reads one frame."""
        self.say(raw)
        return self.frame()

    def exactly(self, count: int) -> bytes:
        got = bytearray()
        while len(got) < count:
            some = self.socket.recv(count - len(got))
            if not some:
                raise Unexpected(f"the stream ended after {len(got)} of {count} bytes")
            got += some
        return bytes(got)

    def rest(self) -> bytes:
        """Reads to the end of the stream, whatever kind of end it is."""
        got = bytearray()
        try:
            while some := self.socket.recv(1 << 16):
                got += some
        except ConnectionResetError:
            pass
        except TimeoutError:
            raise Unexpected(f"still open after {PATIENCE:g} s") from None
        return bytes(got)

    def is_ended_within(self, seconds: float) -> bool:
        """Whether the other side ends the connection in that time. What it says is read over."""
        deadline = time.monotonic() + seconds
        try:
            while (left := deadline - time.monotonic()) > 0:
                self.socket.settimeout(left)
                if not self.socket.recv(1 << 16):
                    return True
        except TimeoutError:
            return False
        except ConnectionResetError:
            return True
        finally:
            self.socket.settimeout(PATIENCE)
        return False

    def has_something(self, seconds: float = PATIENCE) -> bool:
        """Whether there is something to read within that time."""
        return bool(select.select([self.socket], [], [], seconds)[0])

    def half_close(self) -> None:
        self.socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self.socket.close()

    def reset(self) -> None:
        """Leaves with RST, as the kernel of a peer that has crashed."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


@contextmanager
def peer_of(spec: str, receives: int = 0, sends: int = 0) -> Iterator[Peer]:
    it = Peer(spec, receives, sends)
    try:
        yield it
    finally:
        it.close()


def address(spec: str) -> tuple[socket.AddressFamily, tuple[str, int] | str]:
    """What a SPEC says, for Python's sockets."""
    family, _, rest = spec.partition(":")
    if family == "unix":
        return socket.AF_UNIX, str(Path(rest))
    port, _, host = rest.partition("@")
    return socket.AF_INET6 if family == "inet6" else socket.AF_INET, (host, int(port))
