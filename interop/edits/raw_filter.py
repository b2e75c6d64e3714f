"""A filter that sends any frames at the end of a message, and replies CONTINUE to everything else."""

import json
import socket
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from faults.wire import CONTINUE, WITHOUT_REPLY, frame, split

ACTIONS = 0x1FF
LEADING_SPACE = 0x100000


class RawFilter:
    """Serves the connections to a unix socket, one at a time, and keeps the frames of both sides in order."""

    def __init__(self, path: Path, answers: Sequence[bytes], leading_space: bool) -> None:
        self._answers = [frame(it[:1], it[1:]) for it in answers]
        self._steps = LEADING_SPACE if leading_space else 0
        self.frames: list[tuple[str, bytes]] = []
        self.closed = threading.Event()
        self._path = path
        path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        # Postfix connects as a user of its own.
        path.chmod(0o666)
        self._listener.listen()
        self._thread = threading.Thread(target=self._attend, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        self._path.unlink(missing_ok=True)

    def _attend(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                self._serve(connection)
            self.closed.set()

    def _serve(self, connection: socket.socket) -> None:
        pending = b""
        try:
            while more := connection.recv(1 << 16):
                pending += more
                for whole in split(pending):
                    pending = pending[len(whole) :]
                    self.frames.append(("mta", whole[4:]))
                    for answer in self._answers_to(whole[4:]):
                        self.frames.append(("filter", answer[4:]))
                        connection.sendall(answer)
        except OSError:
            # An MTA that refuses a frame closes the connection.
            return

    def _answers_to(self, command: bytes) -> list[bytes]:
        if command[:1] == b"O":
            version, actions, steps = struct.unpack(">III", command[1:13])
            answer = struct.pack(">III", min(version, 6), actions & ACTIONS, steps & self._steps)
            return [frame(b"O", answer)]
        if command[:1] == b"E":
            return self._answers
        return [] if command[:1] in WITHOUT_REPLY else [CONTINUE]


@contextmanager
def raw_filter(path: Path, answers: Sequence[bytes], leading_space: bool) -> Iterator[RawFilter]:
    """Runs the filter until the end of the block. `answers` are the frames at the end, each with its code first."""
    it = RawFilter(path, answers, leading_space)
    try:
        yield it
    finally:
        it.close()


def recorded(folder: Path) -> list[tuple[str, bytes]]:
    """The frames of a connection that one of our filters recorded."""
    streams = {"mta": b"", "filter": b""}
    frames: list[tuple[str, bytes]] = []
    for file in sorted(folder.glob("*.jsonl")):
        for line in file.read_text().splitlines()[1:]:
            row = json.loads(line)
            if "hex" not in row:
                continue
            side = row["dir"]
            streams[side] += bytes.fromhex(row["hex"])
            for whole in split(streams[side]):
                streams[side] = streams[side][len(whole) :]
                frames.append((side, whole[4:]))
    return frames
