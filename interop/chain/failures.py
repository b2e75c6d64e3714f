"""The second of three filters fails, under every policy; a second message and a second SMTP session follow."""

from collections.abc import Iterator, Sequence

from .bench import POSTFIX_POLICIES, SENDMAIL_POLICIES
from .case import BOTH, SESSION, Case
from .filter import Answer, Fault, Script

# A second SMTP session in the end.
AGAIN = ("again", "EHLO", "MAIL", "RCPT erin", "DATA", "QUIT")

# No part of a new body: Postfix 3.7 writes it into its queue file, and what comes of that depends on every byte.
EDITS = (
    b"hX-Half\0 yes\0",
    b"i\0\0\0\0X-Top\0 yes\0",
    b"m\0\0\0\1Subject\0 other\0",
    b"e<frank@sender.example>\0",
    b"+<frank@rcpt.example>\0",
    b"-<bob@rcpt.example>\0",
)
# Name, command, answer. With these two policies everything is tried, with the others only the failures in `SOME`.
EVERYTHING = ("accept", "tempfail")
FAILURES: Sequence[tuple[str, str, Sequence[Answer]]] = [
    ("closes at negotiation", "O", (Fault.CLOSE,)),
    ("closes at CONNECT", "C", (Fault.CLOSE,)),
    ("closes at HELO", "H", (Fault.CLOSE,)),
    ("closes at MAIL", "M", (Fault.CLOSE,)),
    ("closes at RCPT", "R", (Fault.CLOSE,)),
    ("closes at DATA", "T", (Fault.CLOSE,)),
    ("closes at HEADER", "L", (Fault.CLOSE,)),
    ("closes at BODY", "B", (Fault.CLOSE,)),
    ("closes at BODYEOB", "E", (Fault.CLOSE,)),
    ("closes after an edit", "E", (b"hX-Half\0 yes\0", Fault.CLOSE)),
    ("closes in a new body", "E", (b"bhalf of it", Fault.CLOSE)),
    ("closes after a new body and an edit", "E", (b"bNew body.\r\n", b"hX-Half\0 yes\0", Fault.CLOSE)),
    ("closes after many edits", "E", (*EDITS, Fault.CLOSE)),
    ("closes after QUARANTINE and an edit", "E", (b"qreason\0", b"hX-Half\0 yes\0", Fault.CLOSE)),
    ("closes between the messages", "E", (b"c", Fault.CLOSE)),
    ("sends garbage at MAIL", "M", (Fault.GARBAGE,)),
    ("sends garbage at BODYEOB", "E", (Fault.GARBAGE,)),
    ("sends an unknown response at MAIL", "M", (b"?",)),
    ("sends an unknown response at HEADER", "L", (b"?",)),
    ("sends an unknown response at BODYEOB", "E", (b"?",)),
    ("sends a malformed reply at RCPT", "R", (b"yno\0",)),
    ("sends a malformed reply at BODYEOB", "E", (b"yno\0",)),
    ("is silent at CONNECT", "C", (Fault.SILENT,)),
    ("is silent at MAIL", "M", (Fault.SILENT,)),
    ("is silent at BODYEOB", "E", (Fault.SILENT,)),
]


SOME = (
    "closes at CONNECT",
    "closes at MAIL",
    "closes at HEADER",
    "closes at BODYEOB",
    "closes after an edit",
    "closes in a new body",
    "closes between the messages",
    "sends a malformed reply at RCPT",
)


def _cases() -> Iterator[Case]:
    steps = (*SESSION, *AGAIN)
    for policy in (*POSTFIX_POLICIES, *(it for it in SENDMAIL_POLICIES if it not in POSTFIX_POLICIES)):
        mtas = [mta for mta, known in zip(BOTH, (POSTFIX_POLICIES, SENDMAIL_POLICIES), strict=True) if policy in known]
        yield Case(f"2 refuses the connection, {policy}", steps, {2: Script(listens_from=2)}, policy, mtas)
        for name, command, answer in FAILURES:
            if policy in EVERYTHING or name in SOME:
                script = Script({command: answer})
                yield Case(
                    f"2 {name}, {policy}", steps, {2: script}, policy, mtas, edits="edit" in name or "body" in name
                )


CASES = [
    *_cases(),
    Case(
        "2 closes at MAIL, accept, then REJECT at BODYEOB by 3",
        (*SESSION, *AGAIN),
        {2: Script({"M": (Fault.CLOSE,)}), 3: Script({"E": (b"r",)})},
        "accept",
    ),
    Case(
        "2 closes at BODYEOB, accept, edits of 1 and 3",
        (*SESSION, *AGAIN),
        {
            1: Script({"E": (b"hX-First\0 yes\0", b"c")}),
            2: Script({"E": (b"hX-Half\0 yes\0", Fault.CLOSE)}),
            3: Script({"E": (b"hX-Third\0 yes\0", b"c")}),
        },
        "accept",
        show="L",
        edits=True,
    ),
    Case(
        "2 closes at MAIL, quarantine, then REJECT at BODYEOB by 3",
        (*SESSION, *AGAIN),
        {2: Script({"M": (Fault.CLOSE,)}), 3: Script({"E": (b"r",)})},
        "quarantine",
        ("postfix",),
    ),
    Case(
        "2 closes at MAIL, tempfail, then REJECT at MAIL by 1",
        (*SESSION, *AGAIN),
        {1: Script({"M2": (b"r",)}), 2: Script({"M": (Fault.CLOSE,)})},
    ),
    Case("1 closes at MAIL", (*SESSION, *AGAIN), {1: Script({"M": (Fault.CLOSE,)})}),
    Case("3 closes at MAIL", (*SESSION, *AGAIN), {3: Script({"M": (Fault.CLOSE,)})}),
    Case("1 closes at BODYEOB", (*SESSION, *AGAIN), {1: Script({"E": (Fault.CLOSE,)})}),
    Case("3 closes at BODYEOB", (*SESSION, *AGAIN), {3: Script({"E": (Fault.CLOSE,)})}),
    Case(
        "REJECT at MAIL by 1, and 2 has gone",
        (*SESSION, *AGAIN),
        {1: Script({"M": (b"r",)}), 2: Script({"H": (b"c", Fault.CLOSE)})},
    ),
    Case(
        "REJECT at RCPT by 1, 2 closes at the next",
        (*SESSION, *AGAIN),
        {1: Script({"R": (b"r",)}), 2: Script({"R": (Fault.CLOSE,)})},
    ),
]
