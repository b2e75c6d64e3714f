"""Draws cases at random. A case is the same for the same seed and number, whatever was drawn before."""

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from .case import Case, Mailbox
from .directed_ends import bodies
from .directed_envelope import ARGUMENTS, RECIPIENTS, SENDERS
from .directed_texts import odd_values
from .edit import (
    PROGRESS,
    Edit,
    add_header,
    add_rcpt,
    add_rcpt_with_arguments,
    change_from,
    change_header,
    delete_rcpt,
    insert_header,
    quarantine,
    replace_body,
)
from .messages import CHUNKED, SHAPES

# Few names, so that the edits of a sequence interact.
NAMES = (b"X-Two", b"X-Two", b"x-two", b"X-New", b"X-New", b"X-NEW", b"Subject", b"SUBJECT", b"Received")
KNOWN = (
    b"From",
    b"To",
    b"Cc",
    b"Date",
    b"Message-Id",
    b"Reply-To",
    b"Sender",
    b"Bcc",
    b"Return-Path",
    b"Resent-From",
    b"Resent-Date",
    b"Content-Length",
    b"Content-Type",
    b"Full-Name",
    b"X-Empty",
    b"X-Wide",
)
ODD_NAMES = (b"X-A:", b"X A", b"X-A ", b"X-\x01", b"X-Gr\xfc", b"X-A\nX-B", b"12")
# Sendmail reformats addresses in headers. These stay as they are.
ADDRESSES = (b"<eve@sender.example>", b"eve@rcpt.example, dan@rcpt.example")
IN_ADDRESS_HEADERS = (b"From", b"To", b"Cc", b"Reply-To", b"Sender", b"Resent-From")
VALUES = (b"a", b"b", b"one two", b"1", b"x y  z", b"<eve@sender.example>", b"eve@rcpt.example, dan@rcpt.example")
INDICES = (0, 1, 1, 1, 2, 2, 3, 4, 9)
PLACES = (0, 0, 1, 1, 2, 3, 5, 7, 8, 9, 10, 12, 9_999)
SENDER = (Mailbox("<alice@sender.example>"), Mailbox("<alice@sender.example>"), Mailbox("<>"))
SENDER_ARGUMENTS = ("BODY=8BITMIME", "RET=HDRS", "RET=FULL", "ENVID=old", "SIZE=400")
PEOPLE = ("bob", "carol", "dave")
RCPT_ARGUMENTS = ("NOTIFY=NEVER", "NOTIFY=SUCCESS,DELAY", "ORCPT=rfc822;old@old.example")
REASONS = (b"held", b"a reason, with words", b"")
# Most messages are of a shape that MTAs do not change themselves.
SETUPS = 50
LIKELY = ("plain", "plain", "usual", "many of one name", "received", "folded", "blanks")


def draw(seed: str, number: int, mta: str) -> Case:
    chance = random.Random(f"{seed}/{number}")
    # Each setup is also run without edits and takes up space in the corpus, so there are few of them.
    setup = _setup(random.Random(f"{seed}/setup/{chance.randrange(SETUPS)}"), mta)
    edits = _edits(chance, setup.recipients)
    verdict = chance.choices(("continue", "accept", "discard", "reject", "tempfail"), (80, 15, 1, 2, 1))[0]
    return replace(setup, name=f"{seed}/{number}", edits=edits, verdict=verdict)


def _setup(chance: random.Random, mta: str) -> Case:
    """A message, its envelope, and whether leading space is negotiated."""
    recipients = tuple(_recipient(chance) for _ in range(chance.choice((1, 1, 1, 2, 3))))
    chunked = mta == "postfix" and chance.random() < 0.08
    if chunked:
        message = CHUNKED[chance.choice(sorted(CHUNKED))]
    else:
        shape = chance.choice(LIKELY) if chance.random() < 0.65 else chance.choice(sorted(SHAPES))
        # Sendmail refuses a bare CR.
        message = SHAPES["plain" if shape == "bare cr" and mta == "sendmail" else shape]
    return Case("", (), "continue", message, _sender(chance), recipients, chance.random() < 0.3, chunked)


def _sender(chance: random.Random) -> Mailbox:
    sender = chance.choice(SENDER)
    if chance.random() < 0.15:
        arguments = chance.sample(SENDER_ARGUMENTS, chance.choice((1, 2)))
        if len({argument.partition("=")[0] for argument in arguments}) == len(arguments):
            return Mailbox(sender.address, tuple(arguments))
    return sender


def _recipient(chance: random.Random) -> Mailbox:
    address = f"<{chance.choice(PEOPLE)}@rcpt.example>"
    if chance.random() < 0.1:
        address = address.replace(*chance.choice((("rcpt", "Rcpt"), ("<b", "<B"), ("<c", "<C"))))
    arguments = (chance.choice(RCPT_ARGUMENTS),) if chance.random() < 0.15 else ()
    return Mailbox(address, arguments)


def _edits(chance: random.Random, recipients: Sequence[Mailbox]) -> tuple[Edit, ...]:
    is_held = chance.random() < 0.06
    kinds: list[tuple[Callable[[], list[Edit]], int]] = [
        (lambda: [_header(chance, is_held)], 60),
        (lambda: [_envelope(chance, recipients)], 18),
        (lambda: [_from(chance)], 8),
        (lambda: _body(chance, is_held), 10),
        (lambda: [PROGRESS], 2),
    ]
    makers, weights = zip(*kinds, strict=True)
    edits: list[Edit] = []
    # Some sequences are about one thing alone.
    if chance.random() < 0.5:
        favourite = chance.choice((0, 0, 1, 3))
        weights = tuple(weight * 20 if place == favourite else weight for place, weight in enumerate(weights))
    for _ in range(chance.choice((1, 2, 2, 3, 3, 4, 5, 6, 8))):
        edits += chance.choices(makers, weights)[0]()
    if is_held:
        for _ in range(chance.choice((1, 1, 2))):
            edits.insert(chance.randrange(len(edits) + 1), quarantine(chance.choice(REASONS)))
    return tuple(edits[:8])


def _header(chance: random.Random, is_held: bool) -> Edit:
    name = _name(chance, is_held)
    kind = chance.random()
    if kind < 0.3:
        return add_header(name, _value(chance, name, is_held))
    if kind < 0.55:
        return insert_header(chance.choice(PLACES), name, _value(chance, name, is_held))
    value = b"" if kind < 0.8 else _value(chance, name, is_held)
    return change_header(chance.choice(INDICES), name, value)


def _name(chance: random.Random, is_held: bool) -> bytes:
    kind = chance.random()
    # The queue file does not keep headers with odd names either.
    return chance.choice(NAMES if kind < 0.75 else KNOWN if kind < 0.97 or is_held else ODD_NAMES)


def _value(chance: random.Random, name: bytes, is_held: bool) -> bytes:
    space = chance.choice((b"", b"", b" "))
    if name in IN_ADDRESS_HEADERS:
        return space + chance.choice(ADDRESSES)
    if chance.random() < 0.75:
        return space + chance.choice(VALUES)
    # Sendmail reads a quarantined message from its queue file again, which does not keep line ends in headers.
    odd = [value for value in odd_values().values() if not (is_held and re.search(rb"[\r\n]", value))]
    return space + chance.choice([*odd, b""])


def _envelope(chance: random.Random, recipients: Sequence[Mailbox]) -> Edit:
    kind = chance.random()
    address = f"<{chance.choice((*PEOPLE, 'zoe', 'Zoe'))}@rcpt.example>".encode()
    if chance.random() < 0.3:
        address = chance.choice(recipients).address.encode()
    if chance.random() < 0.1:
        address = address.strip(b"<>")
    if kind < 0.45:
        return delete_rcpt(address)
    if chance.random() < 0.15:
        address = chance.choice([it for it in RECIPIENTS.values() if it.isascii()])
    if kind < 0.75:
        return add_rcpt(address)
    return add_rcpt_with_arguments(address, chance.choice(list(ARGUMENTS.values())))


def _from(chance: random.Random) -> Edit:
    address, arguments = chance.choice([it for it in SENDERS.values() if it[0].isascii()])
    return change_from(address, arguments)


def _body(chance: random.Random, is_held: bool) -> list[Edit]:
    chunks = [
        replace_body(chunk) for chunk in chance.choice([it for it in bodies().values() if sum(map(len, it)) < 60])
    ]
    if chance.random() < 0.1:
        chunks.insert(chance.randrange(len(chunks) + 1), chance.choice((PROGRESS, _header(chance, is_held))))
    return chunks
