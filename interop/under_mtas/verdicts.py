"""Every verdict at every stage.

A verdict does nearly the same everywhere, so there is one table of what it does, and one of the places where an MTA
does something else.
"""

from dataclasses import replace

from .case import Case, Expect, both
from .talk import unknown_commands

REFUSED, LATER = "554 5.7.1 not here", "452 4.7.1 not now"
VERDICTS = ("accept", "discard", "reject", "tempfail", REFUSED, LATER)
SAID = {"continue": "CONTINUE", "accept": "ACCEPT", "discard": "DISCARD", "reject": "REJECT", "tempfail": "TEMPFAIL"}
STAGES = ("connect", "helo", "mail", "rcpt", "data", "header", "eoh", "body", "eom")

# What the client is told; "taken" is delivered, "lost" is taken and not delivered.
USUAL = {
    "postfix": {
        "accept": "taken",
        "discard": "lost",
        "reject": "550 5.7.1 Command rejected",
        "tempfail": "451 4.7.1 Service unavailable - try again later",
        REFUSED: REFUSED,
        LATER: LATER,
    },
    "sendmail": {
        "accept": "taken",
        "discard": "lost",
        "reject": "550 5.7.1 Command rejected",
        "tempfail": "451 4.3.2 Please try again later",
        REFUSED: REFUSED,
        LATER: LATER,
    },
}
ELSEWHERE = {
    # There is no message yet that could be lost: both go on.
    ("postfix", "connect", "discard"): "taken",
    ("postfix", "helo", "discard"): "taken",
    ("sendmail", "connect", "discard"): "taken",
    ("sendmail", "helo", "discard"): "taken",
    # Sendmail keeps that a connection is refused, not the words.
    ("sendmail", "connect", "reject"): "550 5.0.0 Command rejected",
    ("sendmail", "connect", REFUSED): "550 5.0.0 Command rejected",
    ("sendmail", "helo", "reject"): "550 5.0.0 Command rejected",
    ("sendmail", "connect", LATER): "451 4.3.2 Please try again later",
    ("sendmail", "mail", "reject"): "550 5.7.1 <alice@sender.example>... Command rejected",
    ("sendmail", "rcpt", "reject"): "550 5.7.1 <bob@rcpt.example>... Command rejected",
    ("sendmail", "header", "reject"): "554 5.7.1 Command rejected",
    ("sendmail", "eoh", "reject"): "554 5.7.1 Command rejected",
    ("sendmail", "body", "reject"): "554 5.7.1 Command rejected",
    ("sendmail", "eom", "reject"): "554 5.7.1 Command rejected",
}
# Postfix (but not Sendmail at connect) goes on to ask a filter whose DISCARD it has not taken.
STILL_ASKED = {("postfix", "connect", "discard"), ("postfix", "helo", "discard"), ("sendmail", "helo", "discard")}
# Verdicts that mean something else to each MTA, or crash it. Our default policy does not send them, libmilter does.
NOT_BY_DEFAULT = {("connect", "discard"), ("helo", "discard"), ("unknown", "accept"), ("unknown", "discard")}
# The command whose reply shows the verdict, where it is not the stage's own.
SHOWN_AT = {"connect": "mail", "helo": "mail", "header": "end", "eoh": "end", "body": "end", "eom": "end"}
GREETING = {
    "postfix": "554 mta.example ESMTP not accepting connections",
    "sendmail": "554 mta.example ESMTP not accepting messages",
}


def _expect(mta: str, stage: str, verdict: str) -> Expect:
    outcome = ELSEWHERE.get((mta, stage, verdict), USUAL[mta][verdict])
    place = STAGES.index(stage)
    told, after = tuple(f"{name}*" for name in STAGES[: place + 1]), tuple(f"{name}*" for name in STAGES[place + 1 :])
    goes_on = (mta, stage, verdict) in STILL_ASKED
    replies = {} if outcome in ("taken", "lost") else {SHOWN_AT.get(stage, stage): outcome}
    if stage == "connect" and verdict in ("reject", REFUSED):
        replies["connect"] = GREETING[mta]
    return Expect(
        replies,
        delivered=int(outcome == "taken"),
        told=told + after if goes_on else told,
        untold=() if goes_on else after,
        said={SAID.get(verdict, "REPLYCODE"): 1},
    )


def _says(stage: str, verdict: str) -> tuple[str, ...]:
    """The options of a filter that gives this verdict."""
    policy = ("--policy", "libmilter") if (stage, verdict) in NOT_BY_DEFAULT else ()
    return ("--at", f"{stage}={verdict}", *policy)


def _at_every_stage() -> list[Case]:
    return [
        Case(
            f"{verdict} at {stage}",
            _says(stage, verdict),
            _expect("postfix", stage, verdict),
            _expect("sendmail", stage, verdict),
        )
        for stage in STAGES
        for verdict in VERDICTS
    ]


def _at_unknown(verdict: str, postfix: str | None, sendmail: str, at_sendmail: Expect | None = None) -> Case:
    """A verdict on unknown commands. Postfix sends the first word of them; Sendmail all of it, but after a message
    the verdict comes to nothing."""
    word = "unknown FROB"
    at_postfix = Expect(
        {f"frob {number}": postfix or "" for number in range(1, 6)},
        told=(word, "helo*", word, "mail*", word, "rcpt*", word, "eom", word),
        said={SAID.get(verdict, "REPLYCODE"): 20 if verdict == "continue" else 5},
    )
    at_sendmail = at_sendmail or Expect(told=(*SENDMAIL_TELLS, "rcpt*", r"unknown FROB\x20after\x20rcpt", "eom"))
    replies = {f"frob {number}": sendmail for number in range(1, 5)} | {"frob 5": UNRECOGNIZED}
    return Case(
        f"{verdict} at unknown",
        _says("unknown", verdict),
        at_postfix if postfix else None,
        replace(at_sendmail, replies=replies),
        talk=unknown_commands,
    )


SENDMAIL_TELLS = (
    r"unknown FROB\x20before\x20helo",
    "helo*",
    r"unknown FROB\x20after\x20helo",
    "mail*",
    r"unknown FROB\x20after\x20mail",
)
UNRECOGNIZED = "500 5.5.1 Command unrecognized: *"
UNKNOWN = [
    _at_unknown("continue", "500 5.5.2 Error: command not recognized", UNRECOGNIZED),
    _at_unknown("reject", "550 5.7.1 Command rejected", "550 5.7.1 Command rejected"),
    _at_unknown("tempfail", "451 4.7.1 Service unavailable - try again later", "451 4.3.2 Please try again later"),
    _at_unknown(REFUSED, REFUSED, REFUSED),
    _at_unknown(LATER, LATER, LATER),
    # Either of the two makes Postfix 3.7 panic at the next MAIL ("milter8_mail_event: bad state 7"). Sendmail takes it
    # for the message, even for one that is still to come.
    _at_unknown("accept", None, UNRECOGNIZED, Expect(told=SENDMAIL_TELLS, untold=("rcpt*", "eom"))),
    _at_unknown("discard", None, UNRECOGNIZED, Expect(delivered=0, told=SENDMAIL_TELLS[:1], untold=("mail*",))),
]

CONDITIONS = [
    both(
        "a header is refused for its value",
        ("--at", "header/subject: *question*=554 5.7.1 no questions"),
        Expect(
            {"end": "554 5.7.1 no questions"}, delivered=0, told=("header Subject*",), untold=("header X-Two*", "eoh")
        ),
    ),
    both(
        "a body is refused for its text",
        ("--at", "body/*what is it*=554 5.7.1 no questions"),
        Expect({"end": "554 5.7.1 no questions"}, delivered=0, untold=("eom",)),
    ),
    both(
        "a client is refused for the name in HELO",
        ("--at", "helo/client.example=554 5.7.1 not you"),
        Expect({"mail": "554 5.7.1 not you"}, delivered=0),
    ),
    both(
        "nothing that is looked for is there",
        (
            "--at",
            "header/x-three: *=reject",
            "--at",
            "body/*nothing*=reject",
            "--at",
            "connect/*192.0.2.*=reject",
            "--reject-rcpt",
            "*carol*",
        ),
    ),
]

CASES = [
    Case("continue everywhere", (), _all := Expect(told=tuple(f"{name}*" for name in (*STAGES, "close"))), _all),
    *_at_every_stage(),
    *UNKNOWN,
    *CONDITIONS,
]
