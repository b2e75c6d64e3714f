"""The chains: three filters each, one of them ours."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.ours import our_filter
from lab.peer import Peer
from peers import opendkim, rspamd
from peers.libraries import LIBRARIES

from .cases import DELETED, LAST, LATER, NOT_THIS
from .cases import REFUSED, REFUSED_BODY, REFUSED_BY_PYMILTER, REFUSED_HEADER

PYMILTER = next(it for it in LIBRARIES if it.name == "pymilter")
# What our filter refuses in every chain.
REFUSES = (
    "--reject-rcpt", REFUSED,
    "--at", f"header/{REFUSED_HEADER.decode()}: *={NOT_THIS}",
    "--at", f"body/*{REFUSED_BODY.decode().strip()}*={LATER}",
)
NEW_BODY = b"A new body.\r\n.\r\n" + b"It has many lines.\r\n" * 5_000

NOON = "2026-03-04 12:00:00"

# Starts a filter in a folder of its own, next to the key, and gives the place where it listens. The other
# folder has our programs.
Start = Callable[[Path, Path], AbstractContextManager[str]]


@dataclass(frozen=True)
class Chain:
    """Three filters in their order. `peer` is the one that the chain is about, `others` are more that it needs.

    `marks` are texts that every delivered message holds, at least one by each filter.
    """

    name: str
    peer: Peer
    others: tuple[Peer, ...]
    filters: tuple[Start, Start, Start]
    marks: tuple[bytes, ...]

    def __str__(self) -> str:
        return self.name


def ours(*options: str) -> Start:
    @contextmanager
    def start(home: Path, programs: Path) -> Iterator[str]:
        (home / "body").write_bytes(NEW_BODY)
        words = [word.replace("{home}", str(home)) for word in options]
        with our_filter(programs, "filter_blocking", home, f"unix:{home / 'ours.sock'}", *REFUSES, *words) as it:
            yield it.spec

    return start


def pymilter(*edits: str) -> Start:
    rules = (f"rcpt/{REFUSED_BY_PYMILTER}:reject", *(f"eom:{edit}" for edit in edits))
    return lambda home, programs: PYMILTER.start(home, rules)


def signer(home: Path, programs: Path) -> AbstractContextManager[str]:
    """Its signatures depend on nothing but the message."""
    return opendkim.run(home, "sign", opendkim.SIGN, keys=home.parent, time=NOON)


def verifier(home: Path, programs: Path) -> AbstractContextManager[str]:
    return opendkim.run(home, "verify", opendkim.VERIFY, keys=home.parent)


SIGNED = Chain(
    "signed, edited, edited again",
    opendkim.PEER,
    (PYMILTER.peer,),
    (
        signer,
        ours(
            "--insert-header", "1:X-Ours=above the signature",
            "--insert-header", "0:X-Top=above all",
            "--insert-header", "5:X-Ours=further down",
            "--change-header", r"2:X-Twice=changed,\n\tand folded",
            "--delete-header", "1:X-Twice",
            "--change-header", "1:subject=[ours] in small letters",
            "--change-header", "1:Received=by ours.example",
            "--add-header", "X-Ours=at the end",
            "--change-sender", "<bounces@example.net>",
            "--add-rcpt", "<ours@example.org>",
            "--add-rcpt", LAST,
            "--add-rcpt", "<ours-again@example.org>",
            "--delete-rcpt", DELETED,
        ),
        pymilter(
            "insheader|1|X-Third|below the first",
            "insheader|3|X-Third|between others",
            "chgheader|X-Ours|2|changed by the third",
            "chgheader|X-Twice|1|",
            "chgheader|Received|1|by third.example",
            "chgheader|X-New|1|not there before",
            "addheader|X-Third|at the end,\n\tfolded",
            "addrcpt|<third@example.org>",
            "delrcpt|<ours@example.org>",
        ),
    ),
    (b"DKIM-Signature: v=1", b"X-Top: above all", b"X-Third: below the first", b"X-Ours: changed by the third"),
)
VERIFIED = Chain(
    "edited, edited again, verified",
    PYMILTER.peer,
    (opendkim.PEER,),
    (
        pymilter(
            "insheader|0|X-First|at the top",
            "insheader|1|X-First|below that",
            "addheader|X-First|at the end",
            "chgheader|X-Twice|2|changed by the first",
            "chgfrom|<first@example.net>",
            "addrcpt|<first@example.org>",
            f"delrcpt|{DELETED}",
        ),
        ours(
            "--change-header", "1:Subject=what the filter sees",
            "--change-header", "2:X-First=changed by ours",
            "--delete-header", "1:X-Twice",
            "--insert-header", "2:X-Ours=in the middle",
            "--add-header", "X-Ours=at the end",
            "--delete-rcpt", "<first@example.org>",
            "--add-rcpt", DELETED,
        ),
        verifier,
    ),
    (b"Authentication-Results: lab.example;", b"X-First: at the top", b"X-First: changed by ours", b"X-Ours: "),
)
REPLACED = Chain(
    "signed, with a new body, scored",
    rspamd.PEER,
    (opendkim.PEER,),
    (
        signer,
        ours("--replace-body", "{home}/body", "--add-header", "X-Ours=at the end", "--change-sender", "<>"),
        lambda home, programs: rspamd.start(home),
    ),
    (b"DKIM-Signature: v=1", b"\r\n\r\nA new body.\r\n", b"X-Spam-Status: No, score="),
)
CHAINS = (SIGNED, VERIFIED, REPLACED)
