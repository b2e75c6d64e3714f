"""Milter frames: writing what an MTA sends, and showing both directions in reports."""

from __future__ import annotations

import struct

EVERY_ACTION = 0x1FF
EVERY_STEP = 0x1FFFFF
SKIP = 0x400

# The bits that decline a step, and those that promise no reply to it.
NO_STEP = {"C": 1, "H": 2, "M": 4, "R": 8, "B": 0x10, "L": 0x20, "N": 0x40, "U": 0x100, "T": 0x200}
NO_REPLY = {
    "L": 0x80, "C": 0x1000, "H": 0x2000, "M": 0x4000, "R": 0x8000, "T": 0x10000, "U": 0x20000,
    "N": 0x40000, "B": 0x80000,
}  # fmt: skip
EVERY_NO_REPLY = sum(NO_REPLY.values())

CALLBACKS = ("connect", "helo", "envfrom", "envrcpt", "header", "eoh", "body", "eom", "abort", "close", "unknown",
             "data", "negotiate")  # fmt: skip
CALLBACK_OF = {"C": "connect", "H": "helo", "M": "envfrom", "R": "envrcpt", "L": "header", "N": "eoh", "B": "body",
               "E": "eom", "A": "abort", "Q": "close", "K": "close", "U": "unknown", "T": "data",
               "O": "negotiate"}  # fmt: skip

NAMES = {
    "A": "ABORT", "B": "BODY", "C": "CONNECT", "D": "MACRO", "E": "BODYEOB", "H": "HELO", "K": "QUIT_NC",
    "L": "HEADER", "M": "MAIL", "N": "EOH", "O": "OPTNEG", "Q": "QUIT", "R": "RCPT", "T": "DATA", "U": "UNKNOWN",
    "+": "ADDRCPT", "-": "DELRCPT", "2": "ADDRCPT_PAR", "a": "ACCEPT", "b": "REPLBODY", "c": "CONTINUE",
    "d": "DISCARD", "e": "CHGFROM", "h": "ADDHEADER", "i": "INSHEADER", "m": "CHGHEADER", "p": "PROGRESS",
    "q": "QUARANTINE", "r": "REJECT", "s": "SKIP", "t": "TEMPFAIL", "y": "REPLYCODE",
}  # fmt: skip


def frame(code: str, payload: bytes = b"") -> bytes:
    """A frame with its length."""
    return struct.pack(">I", len(payload) + 1) + code.encode() + payload


def texts(*parts: bytes) -> bytes:
    """Strings, each with its NUL."""
    return b"".join(part + b"\0" for part in parts)


def offer(version: int = 6, actions: int = EVERY_ACTION, steps: int = EVERY_STEP) -> bytes:
    return frame("O", struct.pack(">III", version, actions, steps))


def macros(stage: str, *pairs: bytes) -> bytes:
    return frame("D", stage.encode() + texts(*pairs))


def connect(host: bytes = b"mx.example.org", peer: bytes = b"4\0\x19192.0.2.1\0") -> bytes:
    return frame("C", texts(host) + peer)


def split(stream: bytes) -> tuple[list[tuple[str, bytes]], bytes]:
    """The whole frames of a stream, and the bytes that are left."""
    frames = []
    while len(stream) >= 5:
        size = struct.unpack(">I", stream[:4])[0]
        if len(stream) < 4 + size or size == 0:
            break
        frames.append((chr(stream[4]), stream[5 : 4 + size]))
        stream = stream[4 + size :]
    return frames, stream


def show(stream: bytes, most: int = 100) -> list[str]:
    """One line for each frame."""
    frames, rest = split(stream)
    lines = []
    for code, payload in frames:
        if code == "O" and len(payload) >= 12:
            words = struct.unpack(">III", payload[:12])
            text = f"{words[0]} {words[1]:#x} {words[2]:#x} {payload[12:]!r}"
        else:
            text = repr(payload)[2:-1]
        text = text if len(text) <= most else f"{text[: most // 2]}...({len(payload)} bytes)...{text[-most // 4 :]}"
        lines.append(f"{NAMES.get(code, repr(code))} {text}".rstrip())
    if rest:
        lines.append(f"{len(rest)} bytes that are no frame: {rest[:20].hex()}")
    return lines
