"""A filter that answers as it should, up to a point."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .socket_peer import Peer
from .wire import CONTINUE, WITHOUT_REPLY, frame

# Version 6, everything allowed to the filter; every command, and a reply to each.
ANSWER = frame(b"O", struct.pack(">III", 6, 0x1FF, 0))
# The same, with no reply to body chunks.
ANSWER_SILENT_BODY = frame(b"O", struct.pack(">III", 6, 0x1FF, 0x80000))
# What our MTAs say of their message, without options: the commands that have a reply.
COMMANDS = b"OCHMRTLLLLLNBE"

Behaviour = Callable[[Peer], None]


@contextmanager
def faulty_filter(behaviour: Behaviour, receives: int = 0) -> Iterator[str]:
    """Listens, does that with every connection, each in a thread, and gives the SPEC."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if receives:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receives)
        listener.bind(("127.0.0.1", 0))
        listener.listen(200)

        def attend() -> None:
            while True:
                try:
                    accepted, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=quietly, args=(behaviour, Peer(accepted=accepted)), daemon=True).start()

        thread = threading.Thread(target=attend, daemon=True)
        thread.start()
        yield f"inet:{listener.getsockname()[1]}@127.0.0.1"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def quietly(behaviour: Behaviour, peer: Peer) -> None:
    """An MTA may leave at any time: that is what is tried."""
    try:
        behaviour(peer)
    except (OSError, AssertionError):
        pass
    finally:
        peer.close()


def answer(peer: Peer, replies: int, greeting: bytes = ANSWER) -> bytes:
    """Gives so many replies, and takes the next command that wants one. Returns the code of that."""
    given = 0
    while True:
        code = peer.frame()[4:5]
        if code in WITHOUT_REPLY:
            continue
        if given == replies:
            return code
        peer.say(greeting if code == b"O" else CONTINUE)
        given += 1
