"""The order in which filters are asked, their macros, steps that a filter declined, and recipients that are refused."""

from .case import MESSAGE, SECOND, SESSION, Case
from .filter import EVERY_NO_REPLY, REJECTED_RCPT, Script
from .verdicts import WITH_UNKNOWN

# Steps that decline commands: all up to the content, the content, everything.
CONTENT_ONLY, ENVELOPE_ONLY, NOTHING = 0x30F, 0x70, 0x37F
NO_MAIL, NO_HEADERS = 0x4, 0x20
# Macro lists: stages in the order of the protocol.
LISTS = (
    (0, "j"),
    (1, "{tls_version}"),
    (2, "{mail_addr}"),
    (3, "{rcpt_addr}"),
    (4, "i"),
    (5, "i {mail_addr}"),
    (6, "i"),
)
REFUSED = ("EHLO", "MAIL", "RCPT nobody", "RCPT bob", "DATA", "QUIT")
REFUSED_LATE = ("EHLO", "MAIL", "RCPT |prog", "RCPT bob", "DATA", "QUIT")


def _answered(what: str, steps: tuple[str, ...]) -> list[Case]:
    """A recipient that the MTA refuses, to which the first filter gives a verdict."""
    asked = Script(steps=REJECTED_RCPT)
    return [
        Case(
            f"{what}, {verdict} to it by 1, 3 asked for it, too",
            steps,
            {1: Script({"R": (code,)}, steps=REJECTED_RCPT), 3: asked},
            show="R",
        )
        for verdict, code in (("REJECT", b"r"), ("ACCEPT", b"a"))
    ]


CASES = [
    Case("all continue"),
    Case("all continue, with UNKNOWN", WITH_UNKNOWN),
    Case("all continue, two filters", service="two"),
    Case("macros by default", ("EHLO", "MAIL", "RCPT bob", "FOO", "DATA", "QUIT"), show="D", macros=True),
    Case(
        "macros by the list of 2",
        ("EHLO", "MAIL", "RCPT bob", "FOO", "DATA", "QUIT"),
        {2: Script(lists=LISTS)},
        show="D",
        macros=True,
    ),
    Case(
        "macros by other lists of 1 and 3",
        ("EHLO", "MAIL", "RCPT bob", "FOO", "DATA", "QUIT"),
        {1: Script(lists=LISTS), 3: Script(lists=[(stage, names + " {client_addr}") for stage, names in LISTS])},
        show="D",
        macros=True,
    ),
    Case(
        "macros to a filter that declined every command",
        ("EHLO", "MAIL", "RCPT bob", "FOO", "DATA", "QUIT"),
        {1: Script(steps=NOTHING)},
        show="D",
        macros=True,
    ),
    Case(
        "macros after ACCEPT at MAIL by 1",
        ("EHLO", "MAIL", "RCPT bob", "DATA", "QUIT"),
        {1: Script({"M": (b"a",)})},
        show="D",
        macros=True,
    ),
    Case(
        "macros after REJECT at RCPT by 1",
        ("EHLO", "MAIL", "RCPT bob", "RCPT carol", "DATA", "QUIT"),
        {1: Script({"R": (b"r",)})},
        show="D",
        macros=True,
    ),
    Case("1 declined all but the content", scripts={1: Script(steps=CONTENT_ONLY)}),
    Case("1 declined the content", scripts={1: Script(steps=ENVELOPE_ONLY)}),
    Case("1 declined every command", scripts={1: Script(steps=NOTHING)}),
    Case("1 speaks version 2", WITH_UNKNOWN, {1: Script(version=2)}),
    Case("1 speaks version 2, REJECT at DATA by 2", scripts={1: Script(version=2), 2: Script({"T": (b"r",)})}),
    Case(
        "2 declined every command, REJECT at RCPT by 1", scripts={1: Script({"R": (b"r",)}), 2: Script(steps=NOTHING)}
    ),
    Case("2 declined MAIL, REJECT at MAIL by 1", scripts={1: Script({"M": (b"r",)}), 2: Script(steps=NO_MAIL)}),
    Case("1 declined MAIL, REJECT at MAIL by 2", scripts={2: Script({"M": (b"r",)}), 1: Script(steps=NO_MAIL)}),
    Case("1 declined MAIL, REJECT at EOH by 2", scripts={2: Script({"N": (b"r",)}), 1: Script(steps=NO_MAIL)}),
    Case("2 declined MAIL, REJECT at EOH by 1", scripts={1: Script({"N": (b"r",)}), 2: Script(steps=NO_MAIL)}),
    Case("3 declined MAIL, REJECT at DATA by 2", scripts={2: Script({"T": (b"r",)}), 3: Script(steps=NO_MAIL)}),
    Case(
        "2 declined the content, REJECT at BODYEOB by 1",
        scripts={1: Script({"E": (b"r",)}), 2: Script(steps=ENVELOPE_ONLY)},
    ),
    Case("1 promised no replies", scripts={1: Script(steps=EVERY_NO_REPLY)}),
    Case("2 promised no replies", scripts={2: Script(steps=EVERY_NO_REPLY)}),
    Case(
        "1 promised no replies, REJECT at RCPT by 2",
        scripts={1: Script(steps=EVERY_NO_REPLY), 2: Script({"R": (b"r",)})},
    ),
    Case(
        "2 promised no replies, REJECT at MAIL by 1",
        scripts={2: Script(steps=EVERY_NO_REPLY), 1: Script({"M": (b"r",)})},
    ),
    Case(
        "1 promised no replies, REJECT at MAIL by 2",
        scripts={1: Script(steps=EVERY_NO_REPLY), 2: Script({"M": (b"r",)})},
    ),
    Case(
        "3 promised no replies, REJECT at EOH by 2",
        scripts={3: Script(steps=EVERY_NO_REPLY), 2: Script({"N": (b"r",)})},
    ),
    Case(
        "1 promised no replies, REJECT at EOH by 2",
        scripts={1: Script(steps=EVERY_NO_REPLY), 2: Script({"N": (b"r",)})},
    ),
    Case("a recipient that the MTA refuses", REFUSED, show="R"),
    Case("a recipient that the MTA refuses, 2 asked for it", REFUSED, {2: Script(steps=REJECTED_RCPT)}, show="DR"),
    Case(
        "a recipient that the MTA refuses, 1 and 3 asked for it",
        REFUSED,
        {1: Script(steps=REJECTED_RCPT), 3: Script(steps=REJECTED_RCPT)},
        show="R",
    ),
    *_answered("a recipient that the MTA refuses", REFUSED),
    Case("a recipient that Sendmail refuses late", REFUSED_LATE, show="R"),
    Case(
        "a recipient that Sendmail refuses late, 2 asked for it",
        REFUSED_LATE,
        {2: Script(steps=REJECTED_RCPT)},
        show="DR",
    ),
    *_answered("a recipient that Sendmail refuses late", REFUSED_LATE),
    Case("REJECT at RCPT by 1 is not shown to the others", SESSION, {1: Script({"R": (b"r",)})}, show="R"),
    Case("REJECT at RCPT by 2 was shown to 1", SESSION, {2: Script({"R": (b"r",)})}, show="R"),
    Case(
        "REJECT at RCPT by 1, 2 asked for refused recipients",
        SESSION,
        {1: Script({"R": (b"r",)}), 2: Script(steps=REJECTED_RCPT)},
        show="R",
    ),
    Case("RSET in a message", ("EHLO", "MAIL", "RCPT bob", "RSET", *SECOND, "QUIT")),
    Case("RSET after MAIL", ("EHLO", "MAIL", "RSET", *SECOND, "QUIT")),
    Case("RSET outside a message", ("EHLO", "RSET", *SECOND, "QUIT")),
    Case("MAIL after MAIL", ("EHLO", "MAIL", "RCPT bob", "MAIL", "RCPT dave", "DATA", "QUIT"), is_rude=True),
    Case("HELO in a message", ("EHLO", "MAIL", "RCPT bob", "EHLO", *SECOND, "QUIT")),
    Case("HELO after HELO", ("EHLO", "EHLO", *SECOND, "QUIT")),
    Case("QUIT before a message", ("EHLO", "QUIT")),
    Case("QUIT in a message", ("EHLO", "MAIL", "RCPT bob", "QUIT")),
    Case("QUIT after a message", ("EHLO", *MESSAGE, "QUIT")),
    Case("the client leaves before HELO", ("leave",)),
    Case("the client leaves after HELO", ("EHLO", "leave")),
    Case("the client leaves after RCPT", ("EHLO", "MAIL", "RCPT bob", "leave")),
    Case("the client leaves in the content", ("EHLO", "MAIL", "RCPT bob", "DATA half", "leave")),
    Case("the client leaves after the message", ("EHLO", *MESSAGE, "leave")),
    Case(
        "RSET after ACCEPT at MAIL by 2",
        ("EHLO", "MAIL", "RCPT bob", "RSET", *SECOND, "QUIT"),
        {2: Script({"M": (b"a",)})},
    ),
    Case(
        "RSET after DISCARD at MAIL by 2",
        ("EHLO", "MAIL", "RCPT bob", "RSET", *SECOND, "QUIT"),
        {2: Script({"M": (b"d",)})},
    ),
    Case(
        "RSET, 1 promised no replies",
        ("EHLO", "MAIL", "RCPT bob", "RSET", *SECOND, "QUIT"),
        {1: Script(steps=EVERY_NO_REPLY)},
    ),
    Case("RSET, 1 declined MAIL", ("EHLO", "MAIL", "RCPT bob", "RSET", *SECOND, "QUIT"), {1: Script(steps=NO_MAIL)}),
    Case(
        "HELO after ACCEPT at MAIL by 2",
        ("EHLO", "MAIL", "RCPT bob", "EHLO", *SECOND, "QUIT"),
        {2: Script({"M": (b"a",)})},
    ),
    Case(
        "the client leaves after ACCEPT at MAIL by 2",
        ("EHLO", "MAIL", "RCPT bob", "leave"),
        {2: Script({"M": (b"a",)})},
    ),
    Case(
        "QUIT in a message, after ACCEPT at CONNECT by 2",
        ("EHLO", "MAIL", "RCPT bob", "QUIT"),
        {2: Script({"C": (b"a",)})},
    ),
]
