"""What each application is for: a message, and what must have become of it."""

from collections.abc import Callable
from dataclasses import dataclass

from . import amavisd, clamav, opendkim, opendmarc, rspamd, spamass
from .expectations import Result
from .filter import Filter
from .mail import HEADERS, PLAIN, message

# In two parts each, so that nothing takes this file for spam.
GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*" + "GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"


@dataclass(frozen=True)
class Case:
    """A message for an application. `edits` are kinds of edits that must come, each with a part of its value."""

    it: Filter
    name: str
    raw: bytes
    outcome: str
    reply: str | None = None
    edits: tuple[tuple[str, str, str], ...] = ()
    holds: Callable[[Result], object] = lambda result: True
    options: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.name

    def check(self, result: Result) -> None:
        assert result["outcome"] == self.outcome, result
        assert result["reply"] == self.reply or (self.reply and self.reply in result["reply"]), result["reply"]
        for kind, name, value in self.edits:
            found = [edit for edit in result["edits"] if (edit["kind"], edit.get("name")) == (kind, name)]
            assert found and value in found[0]["value"], f"{kind} {name}: {value} is not in {result['edits']}"
        assert self.holds(result), result


def with_text(text: str) -> bytes:
    return message(f"{text}\r\n".encode())


def for_stub(wish: str) -> bytes:
    return message(headers=(*HEADERS, (b"X-Stub", b" " + wish.encode())))


def of_domain(domain: bytes) -> bytes:
    return message(headers=((b"From", b" <sender@" + domain + b">"), *HEADERS[1:]))


CASES = [
    Case(opendkim.FILTER, "mail of its domain is signed", PLAIN, "accepted",
         edits=(("insert-header", "DKIM-Signature", "d=example.com"),)),
    Case(opendkim.FILTER, "other mail is left alone", of_domain(b"example.net"), "accepted",
         holds=lambda result: (result["at"], result["edits"]) == ("eoh", [])),
    Case(opendmarc.FILTER, "its result is added", PLAIN, "accepted",
         edits=(("insert-header", "Authentication-Results", "dmarc="), ("insert-header", "DMARC-Filter", "OpenDMARC"))),
    Case(clamav.FILTER, "clean mail is marked", PLAIN, "accepted",
         edits=(("insert-header", "X-Virus-Status", "Clean"),)),
    Case(clamav.FILTER, "the test virus is refused", with_text(clamav.EICAR), "refused", "infected by Interop.Test"),
    Case(spamass.FILTER, "its score is added", PLAIN, "accepted",
         edits=(("add-header", "X-Spam-Status", "No, score="),)),
    Case(spamass.FILTER, "test spam is refused", with_text(GTUBE), "refused", "550 5.7.1"),
    Case(rspamd.FILTER, "its score is added", PLAIN, "accepted",
         edits=(("add-header", "X-Spam-Status", "No, score="),)),
    Case(rspamd.FILTER, "test spam is refused", with_text(GTUBE), "refused", "Gtube pattern"),
    Case(amavisd.FILTER, "headers at the top and at the end", for_stub("pass"), "accepted",
         edits=(("insert-header", "X-Inserted", "at the top"), ("insert-header", "X-Stub-Says", "pass")),
         holds=lambda result: (result["headers"][0][0], result["headers"][-1][0]) == ("X-Inserted", "X-Stub-Says")),
    Case(amavisd.FILTER, "a refusal", for_stub("reject"), "refused", "550 5.7.1 the stub says no"),
    Case(amavisd.FILTER, "a deferral", for_stub("tempfail"), "refused", "450 4.7.1 the stub is busy"),
    Case(amavisd.FILTER, "a message thrown away", for_stub("discard"), "discarded"),
    Case(amavisd.FILTER, "headers and recipients changed", for_stub("edit"), "accepted",
         edits=(("change-header", "Subject", "by the stub"), ("change-header", "X-Stub", "")),
         holds=lambda result: result["recipients"] == ["<second@example.org>", "<added@example.org>"],
         options=("--to", "<second@example.org>")),
]
