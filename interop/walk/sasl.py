"""A server for Postfix that lets one user in, in Dovecot's protocol: AUTH is otherwise no command of this Postfix."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

HELLO = "VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\nCOOKIE\t0\nDONE\n"
# NUL, alice, NUL, secret.
RIGHT = "resp=AGFsaWNlAHNlY3JldA=="


@contextmanager
def sasl(path: Path) -> Iterator[None]:
    """Listens on a unix socket until the end of the block."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        path.chmod(0o666)
        listener.listen(64)
        threading.Thread(target=_accept, args=(listener,), daemon=True).start()
        yield
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket) -> None:
    with suppress(OSError):
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_serve, args=(connection,), daemon=True).start()


def _serve(connection: socket.socket) -> None:
    with suppress(OSError), connection, connection.makefile("rw", encoding="latin-1", newline="\n") as stream:
        stream.write(HELLO)
        stream.flush()
        for line in stream:
            words = line.rstrip("\n").split("\t")
            if words[0] == "AUTH":
                stream.write(f"OK\t{words[1]}\tuser=alice\n" if RIGHT in words else f"FAIL\t{words[1]}\n")
                stream.flush()
