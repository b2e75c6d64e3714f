"""The programs, each with its configuration, and messages that it does something with."""

import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lab.peer import Peer
from peers import amavisd, clamav, dkimpy, mimedefang, opendkim, opendmarc, pyspf, sendmail_milter, spamass, vrfydmn
from peers.applications import GTUBE, for_stub, of_domain, with_text
from peers.libraries import LIBMILTER, LIBRARIES
from peers.mail import HEADERS, PLAIN, RECIPIENT, message

from . import library
from .sessions import CAROL, SESSIONS, Session, message_to, messages_of

# Starts a program in a folder, with keys in another one, and gives the place where it listens.
Start = Callable[[Path, Path], AbstractContextManager[str]]
# Messages by what they are for. They may need a key in that folder.
Messages = Callable[[Path], dict[str, bytes]]


@dataclass(frozen=True)
class Program:
    """A program in one configuration. It must be seen to send frames with these words.

    Of `messages` more sessions are made than every program gets. One that does not get everything gets these sessions
    and a message: it is there in another configuration too.
    """

    name: str
    of: Peer
    start: Start
    sends: tuple[str, ...]
    messages: Messages = lambda keys: {}
    gets_everything: bool = True

    @property
    def peer(self) -> Peer:
        """The peer that tests name: it needs the drop-in too."""
        return dropin_peer(self.of)

    def sessions(self, keys: Path) -> list[Session]:
        """What is said to this program."""
        named = self.messages(keys)
        one_by_one = [Session(name, message_to(raw, CAROL, RECIPIENT)) for name, raw in named.items()]
        together = [Session("all of these and others", messages_of(PLAIN, *named.values(), PLAIN))] if named else []
        return [*(SESSIONS if self.gets_everything else SESSIONS[:1]), *one_by_one, *together]

    def __str__(self) -> str:
        return self.name


@cache
def dropin_peer(of: Peer) -> Peer:
    """A peer that is run with the drop-in."""

    def install() -> None:
        of.install()
        library.install()

    return Peer(of.name, "dropin", install, of.version)


def signed(keys: Path, raw: bytes = PLAIN) -> bytes:
    """A message with a signature that none of these programs made."""
    command = ["dkimsign", "lab", "example.com", str(keys / "key.pem")]
    return subprocess.run(command, input=raw, check=True, capture_output=True).stdout


def to_verify(keys: Path) -> dict[str, bytes]:
    good = signed(keys)
    return {
        "a good signature": good,
        "a broken signature": good.replace(b"The end.", b"The END."),
        "two signatures, one of them broken": signed(keys, good.replace(b"The end.", b"The END.")),
    }


def to_sign(keys: Path) -> dict[str, bytes]:
    return {"mail of another domain": of_domain(b"example.net"), "a signature before": signed(keys)}


def configured(name: str, configuration: str) -> Start:
    return lambda home, keys: opendkim.run(home, name, configuration, keys=keys)


OF_STUB = {wish: for_stub(wish) for wish in ("pass", "reject", "tempfail", "discard", "edit")}
REJECT = opendkim.VERIFY + "On-BadSignature reject\nOn-NoSignature accept\nRequiredHeaders yes\n"
TWO_AUTHORS = message(headers=((b"From", b" Another <another@example.net>"), *HEADERS))
STRICT_DMARC = opendmarc.CONFIGURATION + "RequiredHeaders yes\n"
# It tells in a header which mail it need not check. Without DNS it fails at mail that it has to check.
SPF = """\
debugLevel = 1
TestOnly = {test}
HELO_reject = Fail
Mail_From_reject = Fail
skip_addresses = {skipped}
Socket = inet:{{port}}@localhost
PidFile = {{home}}/pyspf.pid
UserID = root
InternalHosts = 192.0.2.0/24
Header_Type = AR
Authserv_Id = lab.example
"""

# For the two scripted filters: a refusal in every place, and every edit.
RULES = (
    "connect:continue",
    "rcpt/refused:setreply|550|5.7.1|no mail for refused",
    "header/X-Refused:reject",
    "header/X-Deferred:setreply|450|4.7.1|not now",
    "header/X-Discarded:discard",
    "header/X-Accepted:accept",
    "eom:addheader|X-Added|at the end,\n\tfolded",
    "eom:insheader|0|X-Inserted|at the top",
    "eom:insheader|3|X-Inserted|further down",
    "eom:chgheader|X-Twice|1|changed",
    "eom:chgheader|X-Twice|2|",
    "eom:chgheader|X-New|1|not there before",
    "eom:chgfrom|<bounces@example.net>",
    "eom:addrcpt|<added@rcpt.example>",
    "eom:addrcpt_par|<arguments@rcpt.example>|NOTIFY=NEVER",
    "eom:delrcpt|<carol@rcpt.example>",
    "eom:progress",
    "eom:symval|X-Queue-Id|i",
)
OF_RULES = {
    name: message(headers=(*HEADERS, (b"X-" + header, b" yes")))
    for name, header in (
        ("a refusal", b"Refused"), ("a deferral", b"Deferred"), ("a message thrown away", b"Discarded"),
        ("a message accepted early", b"Accepted"),
    )
}
NEW_BODY = ("eom:quarantine|held for a look", "eom:replacebody|a new body\r\nof two lines\r\n", "body:skip")
SCRIPTED = {it.name: it for it in LIBRARIES}


def scripted(name: str, *rules: str) -> Start:
    return lambda home, keys: SCRIPTED[name].start(home, rules)


PYMILTER = SCRIPTED["pymilter"].peer
EDITS = ("ADDHEADER", "INSHEADER", "CHGHEADER", "CHGFROM", "ADDRCPT ", "ADDRCPT_PAR", "DELRCPT", "PROGRESS")
REFUSALS = ("REJECT", "REPLYCODE reply=\"450", "REPLYCODE reply=\"550", "DISCARD", "ACCEPT")
PROGRAMS = [
    Program(
        "opendkim, signing", opendkim.PEER, configured("sign", opendkim.SIGN), ('name="DKIM-Signature"', "ACCEPT"), to_sign
    ),
    Program(
        "opendkim, verifying", opendkim.PEER, configured("verify", opendkim.VERIFY), ("dkim=pass", "dkim=fail", "dkim=none"),
        to_verify,
    ),
    Program(
        "opendkim, rejecting", opendkim.PEER, configured("reject", REJECT), ("dkim=pass", "REPLYCODE"),
        lambda keys: {**to_verify(keys), "two authors": TWO_AUTHORS},
    ),
    Program("opendmarc", opendmarc.PEER, lambda home, keys: opendmarc.run(home), ("dmarc=none", 'name="DMARC-Filter"')),
    Program(
        "opendmarc, rejecting", opendmarc.PEER, lambda home, keys: opendmarc.run(home, STRICT_DMARC),
        ("dmarc=none", "REJECT"), lambda keys: {"two authors": TWO_AUTHORS},
    ),
    Program(
        "clamav-milter", clamav.PEER, lambda home, keys: clamav.start(home), ("Clean", "infected by Interop.Test"),
        lambda keys: {"the test virus": with_text(clamav.EICAR)},
    ),
    Program(
        "clamav-milter, quarantining", clamav.PEER, lambda home, keys: clamav.quarantining(home), ("Clean", "QUARANTINE"),
        lambda keys: {"the test virus": with_text(clamav.EICAR)}, gets_everything=False,
    ),
    Program(
        "spamass-milter", spamass.PEER, lambda home, keys: spamass.run(home), ("X-Spam-Status", "REPLYCODE"),
        lambda keys: {"test spam": with_text(GTUBE)},
    ),
    Program(
        "spamass-milter, marking", spamass.PEER, lambda home, keys: spamass.run(home, refused_from=5_000),
        ('name="X-Spam-Flag" value="YES"', "REPLBODY"), lambda keys: {"test spam": with_text(GTUBE)}, gets_everything=False,
    ),
    Program(
        "amavisd-milter", amavisd.PEER, lambda home, keys: amavisd.start(home),
        ("INSHEADER", "CHGHEADER", "ADDRCPT", "DELRCPT", *REFUSALS[1:4]), lambda keys: OF_STUB,
    ),
    Program(
        "mimedefang", mimedefang.PEER, lambda home, keys: mimedefang.run(home),
        (*EDITS[:5], "DELRCPT", *REFUSALS[1:4]), lambda keys: OF_STUB,
    ),
    Program(
        "Sendmail::Milter", sendmail_milter.PEER, lambda home, keys: sendmail_milter.run(home),
        ("---> Append me to this message body!",),
    ),
    Program("vrfydmn", vrfydmn.PEER, lambda home, keys: vrfydmn.run(home), ("554 5.7.0 Reject Queue-ID: *",)),
    Program(
        "vrfydmn, quarantining", vrfydmn.PEER, lambda home, keys: vrfydmn.run(home, "--action", "quarantine"),
        ("QUARANTINE",),
    ),
    Program(
        "vrfydmn, fixing", vrfydmn.PEER, lambda home, keys: vrfydmn.run(home, "--fix"), ("CHGHEADER", 'name="Reply-To"'),
        lambda keys: {"mail of another domain": of_domain(b"example.net")},
    ),
    Program("pymilter", PYMILTER, scripted("pymilter", *RULES), (*EDITS, *REFUSALS), lambda keys: OF_RULES),
    Program("pymilter, a new body", PYMILTER, scripted("pymilter", *NEW_BODY), ("REPLBODY", "QUARANTINE", "SKIP")),
    Program("libmilter.c", LIBMILTER, scripted("libmilter", *RULES), (*EDITS, *REFUSALS), lambda keys: OF_RULES),
    Program("libmilter.c, a new body", LIBMILTER, scripted("libmilter", *NEW_BODY), ("REPLBODY", "QUARANTINE")),
    Program(
        "dkimpy-milter, signing", dkimpy.PEER, lambda home, keys: dkimpy.run(home, keys), ('name="DKIM-Signature"',), to_sign
    ),
    Program(
        "dkimpy-milter, verifying", dkimpy.PEER, lambda home, keys: dkimpy.run(home, keys, internal="192.0.2.1"),
        ("dkim=pass", "dkim=fail"), to_verify,
    ),
    Program(
        "pyspf-milter", pyspf.PEER, lambda home, keys: pyspf.run(home, SPF.format(test=1, skipped="127.0.0.0/8")),
        ('name="Authentication-Results"',),
    ),
    Program(
        "pyspf-milter, failing", pyspf.PEER, lambda home, keys: pyspf.run(home, SPF.format(test=0, skipped="192.0.2.0/24")),
        ("untrapped exception",),
    ),
]

# Two that are not the same, which shows that the comparison notices.
UNLIKE = [
    Program(
        f"libmilter.c, {way}", LIBMILTER,
        scripted("libmilter", f"eom:addheader|X-Way|{way}", f"rcpt/refused:setreply|550|5.7.1|{way}"), (way,),
    )
    for way in ("one way", "another way")
]
