"""Stands between an MTA and a filter, passes everything on, and keeps every frame of both sides."""

import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from decode import TABLES, fields
from faults.wire import split
from lab.ports import free_port, stop_listening
from lab.process import Unexpected

MTA, FILTER = "mta", "filter"
BY_CODE = {side: {it["code"]: it for it in table} for side, table in TABLES.items()}


@dataclass
class Conversation:
    """One connection of an MTA: who sent which frame, in the order in which they came by."""

    frames: list[tuple[str, bytes]] = field(default_factory=list)
    # How it ended, if not by QUIT.
    end: str = ""

    def is_about(self, text: bytes) -> bool:
        """Whether a frame of the MTA holds this text."""
        return any(side == MTA and text in whole for side, whole in self.frames)

    def lines(self) -> Iterator[str]:
        for side, whole in self.frames:
            yield f"{'>' if side == MTA else '<'} {shown(side, whole)}"
        if self.end:
            yield self.end


def shown(side: str, whole: bytes) -> str:
    """A frame in words, by docs/milter.json."""
    layout = BY_CODE[side].get(whole[4])
    if layout is None:
        return f"code {whole[4]:#x} {whole[5:]!r}"
    rest = bytearray(whole[5:])
    try:
        found = fields(layout["fields"], rest)
    except (AssertionError, ValueError):
        return f"{layout['name']} malformed {whole[5:]!r}"
    words = [f"{name}={text_of(value)}" for name, value in found.items()]
    return " ".join([layout["name"], *words, *([f"and {bytes(rest)!r}"] if rest else [])])


def text_of(value: object) -> str:
    """A value of a frame. Bytes are shown as they would be in a string of C."""
    if isinstance(value, bytes):
        return f'"{repr(value)[2:-1]}"'
    if isinstance(value, list):
        return "[" + ", ".join(" ".join(f"{name}={text_of(it)}" for name, it in item.items()) for item in value) + "]"
    return str(value)


class Recorder:
    """A TCP port for an MTA. `target` is where the filter listens."""

    def __init__(self) -> None:
        self.port = free_port()
        self.target = ""
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        self._changed = threading.Condition()
        self._open = 0
        self._kept: list[Conversation] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def take(self, seconds: float = 30.0) -> list[Conversation]:
        """Waits until every connection has ended, and hands over what was recorded since the last call."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._open == 0, seconds):
                stories = ["\n".join(conversation.lines()) for conversation in self._kept]
                raise Unexpected("a connection of MTA and filter does not end\n" + "\n\n".join(stories))
            taken, self._kept = self._kept, []
        return taken

    def close(self) -> None:
        stop_listening(self._listener)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            conversation = Conversation()
            with self._changed:
                self._open += 1
                self._kept.append(conversation)
            threading.Thread(target=self._serve, args=(connection, conversation), daemon=True).start()

    def _serve(self, mta: socket.socket, conversation: Conversation) -> None:
        try:
            mta.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with mta, connected(self.target) as it:
                _pass_on(mta, it, conversation)
        except OSError as error:
            conversation.end = f"the connection fails: {error.strerror}"
        with self._changed:
            self._open -= 1
            self._changed.notify_all()


def connected(spec: str) -> socket.socket:
    """A connection to a filter."""
    family, _, place = spec.partition(":")
    if family == "unix":
        it = socket.socket(socket.AF_UNIX)
        it.connect(place)
        return it
    port, _, host = place.partition("@")
    return socket.create_connection((host, int(port)))


def _pass_on(mta: socket.socket, it: socket.socket, conversation: Conversation) -> None:
    """Passes bytes on until both have closed."""
    names, others = {mta: MTA, it: FILTER}, {mta: it, it: mta}
    pending = {mta: b"", it: b""}
    said_quit = False
    with selectors.DefaultSelector() as waiting:
        for side in names:
            waiting.register(side, selectors.EVENT_READ)
        while waiting.get_map():
            for key, _ in waiting.select():
                side = mta if key.fileobj is mta else it
                # Sendmail writes a frame in pieces, and each would wait 40 ms until the kernel confirms the one before it.
                mta.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
                try:
                    chunk = side.recv(65_536)
                except ConnectionResetError:
                    chunk = b""
                pending[side] += chunk
                for whole in split(pending[side]):
                    pending[side] = pending[side][len(whole):]
                    conversation.frames.append((names[side], whole))
                    said_quit |= side is mta and whole[4:5] == b"Q"
                if not chunk:
                    if not said_quit and not conversation.end:
                        rest = f" after {pending[side]!r}" if pending[side] else ""
                        conversation.end = f"the {names[side]} closes{rest}"
                    waiting.unregister(side)
                with suppress(OSError):
                    if chunk:
                        others[side].sendall(chunk)
                    else:
                        others[side].shutdown(socket.SHUT_WR)


@contextmanager
def recorder() -> Iterator[Recorder]:
    """A recorder that listens until the end of the block."""
    it = Recorder()
    try:
        yield it
    finally:
        it.close()
