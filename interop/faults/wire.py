"""Milter's frames as bytes, written down without our library."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass


def frame(code: bytes, payload: bytes = b"") -> bytes:
    return struct.pack(">I", 1 + len(payload)) + code + payload


# Version 6, with every action and step, and with frames of 256 KiB and 1 MiB.
OFFER = frame(b"O", struct.pack(">III", 6, 0x1FF, 0x301FFFFF))
# The same without the steps to give no reply.
PLAIN_OFFER = frame(b"O", struct.pack(">III", 6, 0x1FF, 0x7F))
CONNECT = frame(b"C", b"client.example\0" + b"4" + struct.pack(">H", 40000) + b"192.0.2.1\0")
HELO = frame(b"H", b"client.example\0")
MACROS = frame(b"D", b"Mi\0" + b"Q1\0")
MAIL = frame(b"M", b"<a@sender.example>\0")
RCPT = frame(b"R", b"<b@rcpt.example>\0")
DATA = frame(b"T")
HEADER = frame(b"L", b"Subject\0a message\0")
END_OF_HEADERS = frame(b"N")
BODY = frame(b"B", b"one line\r\n")
END = frame(b"E")
ABORT, QUIT = frame(b"A"), frame(b"Q")

CONTINUE, REJECT = frame(b"c"), frame(b"r")

WITHOUT_REPLY = b"DAQK"
VERDICTS = b"cardty"


@dataclass(frozen=True)
class Stage:
    """A place in a conversation: what was said up to there."""

    name: str
    said: bytes
    replies: int
    in_message: bool = False


def stages() -> Iterator[Stage]:
    """Every place of a conversation about one message, between frames and within them."""
    said, replies, in_message = b"", 0, False
    yield Stage("nothing", said, replies)
    for name, command in CONVERSATION:
        for cut in sorted({2, 4, len(command) - 1} & set(range(len(command)))):
            yield Stage(f"{cut} bytes of {name}", said + command[:cut], replies, in_message)
        said += command
        replies += command[4:5] not in WITHOUT_REPLY
        in_message = name in ("MAIL", "RCPT", "DATA", "HEADER", "EOH", "BODY")
        yield Stage(name, said, replies, in_message)


MESSAGE = (
    ("MAIL", MAIL),
    ("RCPT", RCPT),
    ("DATA", DATA),
    ("HEADER", HEADER),
    ("EOH", END_OF_HEADERS),
    ("BODY", BODY),
    ("BODYEOB", END),
)
CONVERSATION = (("OPTNEG", OFFER), ("CONNECT", CONNECT), ("HELO", HELO), ("MACRO", MACROS), *MESSAGE, ("ABORT", ABORT))


def split(stream: bytes) -> Iterator[bytes]:
    """The whole frames of a stream."""
    while len(stream) >= 4:
        end = 4 + struct.unpack(">I", stream[:4])[0]
        if len(stream) < end:
            return
        yield stream[:end]
        stream = stream[end:]
