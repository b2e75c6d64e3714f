"""The frames that a filter sends at the end of a message, and the options that make filter_blocking send them."""

import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

MAX_CHUNK = 65_535
# The header names that options of filter_blocking can express: a `=` would end the name.
NAME = re.compile(rb"[!-9;<>-~]+")
VERDICTS = {"continue": b"c", "accept": b"a", "discard": b"d", "reject": b"r", "tempfail": b"t"}


@dataclass(frozen=True)
class Edit:
    """One frame: its code and its payload."""

    frame: bytes

    @property
    def code(self) -> bytes:
        return self.frame[:1]


def add_header(name: bytes, value: bytes) -> Edit:
    return Edit(b"h" + name + b"\0" + value + b"\0")


def insert_header(index: int, name: bytes, value: bytes) -> Edit:
    return Edit(b"i" + struct.pack(">I", index) + name + b"\0" + value + b"\0")


def change_header(index: int, name: bytes, value: bytes) -> Edit:
    """An empty value deletes the header."""
    return Edit(b"m" + struct.pack(">I", index) + name + b"\0" + value + b"\0")


def change_from(address: bytes, arguments: bytes | None = None) -> Edit:
    return Edit(b"e" + address + b"\0" + _optional(arguments))


def add_rcpt(address: bytes) -> Edit:
    return Edit(b"+" + address + b"\0")


def add_rcpt_with_arguments(address: bytes, arguments: bytes | None = None) -> Edit:
    return Edit(b"2" + address + b"\0" + _optional(arguments))


def delete_rcpt(address: bytes) -> Edit:
    return Edit(b"-" + address + b"\0")


def replace_body(chunk: bytes) -> Edit:
    return Edit(b"b" + chunk)


def quarantine(reason: bytes) -> Edit:
    return Edit(b"q" + reason + b"\0")


PROGRESS = Edit(b"p")


def _optional(arguments: bytes | None) -> bytes:
    return b"" if arguments is None else arguments + b"\0"


class Inexpressible(Exception):
    """The options of filter_blocking cannot send this frame."""


def options(edits: Sequence[Edit], verdict: str, leading_space: bool, folder: Path) -> list[str]:
    """The options with which filter_blocking sends these frames. Bodies become files of `folder`.

    Raises `Inexpressible` if there are none.
    """
    arguments = ["--leading-space"] if leading_space else []
    if verdict != "continue":
        arguments += ["--at", f"eom={verdict}"]
    codes = b"".join(edit.code for edit in edits)
    # The other policies do not send anything between the chunks of a new body.
    if re.search(rb"b[^b]+b", codes):
        arguments += ["--policy", "libmilter"]
    for number, edit in enumerate(edits):
        arguments += _option(edit, leading_space, folder / f"body-{number}")
    return arguments


def _option(edit: Edit, leading_space: bool, body: Path) -> list[str]:
    payload = edit.frame[1:]
    match edit.code:
        case b"h":
            return [f"--add-header={_header(payload, leading_space)}"]
        case b"i" | b"m":
            index, header = struct.unpack(">I", payload[:4])[0], payload[4:]
            if edit.code == b"m" and header.endswith(b"\0\0"):
                return ["--delete-header", f"{index}:{_text(_name(header[:-2]))}"]
            kind = "--insert-header" if edit.code == b"i" else "--change-header"
            return [kind, f"{index}:{_header(header, leading_space)}"]
        case b"e":
            return [f"--change-sender={_address(payload)}"]
        case b"+":
            return [f"--add-rcpt={_address(payload)}"]
        case b"2":
            return [f"--add-rcpt-args={_address(payload)}"]
        case b"-":
            return [f"--delete-rcpt={_address(payload, blanks=True)}"]
        case b"q":
            return [f"--quarantine={_text(payload[:-1])}"]
        case b"p":
            return ["--progress", "1"]
        case b"b":
            # The program makes CRLF of a lone LF, and cuts at the size of a chunk.
            if re.search(rb"(?<!\r)\n", payload) or len(payload) > MAX_CHUNK:
                raise Inexpressible(edit)
            body.write_bytes(payload)
            return ["--replace-body", str(body)]
    raise Inexpressible(edit)


def _header(payload: bytes, leading_space: bool) -> str:
    name, value, _ = payload.split(b"\0")
    sign = "="
    if leading_space:
        sign, value = ("=", value[1:]) if value[:1] == b" " else (":=", value)
    return _text(_name(name)) + sign + _text(value.replace(b"\\", b"\\\\").replace(b"\n", b"\\n"))


def _name(name: bytes) -> bytes:
    if not NAME.fullmatch(name):
        raise Inexpressible(name)
    return name


def _address(payload: bytes, blanks: bool = False) -> str:
    """Where arguments follow the address, a blank is before them."""
    address, *rest = payload[:-1].split(b"\0")
    # The program sends no edit with an empty address.
    if not address or (b" " in address and not blanks):
        raise Inexpressible(payload)
    return " ".join(_text(part) for part in (address, *rest))


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise Inexpressible(raw) from None
