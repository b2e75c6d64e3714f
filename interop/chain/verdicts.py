"""Every verdict at every command by one of three filters, in the first of two messages."""

from collections.abc import Iterator

from under_mtas.message import lines

from .case import PLAIN, SECOND, SESSION, Case
from .filter import SKIP, Script

COMMANDS = {
    "CONNECT": "C",
    "HELO": "H",
    "MAIL": "M",
    "RCPT": "R",
    "DATA": "T",
    "HEADER": "L",
    "EOH": "N",
    "BODY": "B",
    "BODYEOB": "E",
    "UNKNOWN": "U",
}
VERDICTS = {"ACCEPT": b"a", "DISCARD": b"d", "REJECT": b"r", "421": b"y421 4.3.2 closing\0"}
# These mean the same to the other filters as REJECT or 421, which is tried with the second filter only.
OTHERS = {
    "TEMPFAIL": b"t",
    "451": b"y451 4.7.1 not now\0",
    "550": b"y550 5.7.1 not this\0",
    "521": b"y521 5.3.2 closing\0",
}
WITH_UNKNOWN = ("EHLO", "MAIL", "RCPT bob", "FOO", "RCPT carol", "DATA", *SECOND, "QUIT")
# A body of more than one frame.
LONG = PLAIN.with_body(lines(70_000))


def _verdicts() -> Iterator[Case]:
    for place in (1, 2, 3):
        for command, code in COMMANDS.items():
            for verdict, frame in {**VERDICTS, **(OTHERS if place == 2 else {})}.items():
                script = Script({code: (frame,)})
                steps = WITH_UNKNOWN if command == "UNKNOWN" else SESSION
                yield Case(f"{verdict} at {command} by {place}", steps, {place: script})


def _skips() -> Iterator[Case]:
    for place in (1, 2):
        for command in ("HEADER", "EOH", "BODY"):
            script = Script({COMMANDS[command]: (b"s",)}, steps=SKIP)
            yield Case(f"SKIP at {command} by {place}", scripts={place: script}, message=LONG)


CASES = [
    *_verdicts(),
    *_skips(),
    Case("ACCEPT at the second RCPT by 2", scripts={2: Script({"R2": (b"a",)})}),
    Case("DISCARD at the second RCPT by 2", scripts={2: Script({"R2": (b"d",)})}),
    Case(
        "REJECT at HELO by 2, then UNKNOWN and HELO",
        ("EHLO", "FOO", "EHLO", "MAIL", "QUIT"),
        {2: Script({"H": (b"r",)})},
    ),
    Case(
        "REJECT at DATA by 2, then DATA again",
        ("EHLO", "MAIL", "RCPT bob", "DATA", "DATA", *SECOND, "QUIT"),
        {2: Script({"T": (b"r",)})},
    ),
    Case(
        "REJECT at DATA by 2, then RCPT and DATA",
        ("EHLO", "MAIL", "RCPT bob", "DATA", "RCPT carol", "DATA", *SECOND, "QUIT"),
        {2: Script({"T": (b"r",)})},
    ),
    Case("ACCEPT at MAIL by 1, REJECT at RCPT by 2", scripts={1: Script({"M": (b"a",)}), 2: Script({"R": (b"r",)})}),
    Case("ACCEPT at MAIL by 1, REJECT at BODYEOB by 2", scripts={1: Script({"M": (b"a",)}), 2: Script({"E": (b"r",)})}),
    Case(
        "ACCEPT at BODYEOB by 1, REJECT at BODYEOB by 2", scripts={1: Script({"E": (b"a",)}), 2: Script({"E": (b"r",)})}
    ),
    Case("DISCARD at MAIL by 1, REJECT at RCPT by 2", scripts={1: Script({"M": (b"d",)}), 2: Script({"R": (b"r",)})}),
    Case("DISCARD at EOH by 1, REJECT at BODYEOB by 2", scripts={1: Script({"N": (b"d",)}), 2: Script({"E": (b"r",)})}),
    Case("ACCEPT at MAIL by all", scripts={place: Script({"M": (b"a",)}) for place in (1, 2, 3)}),
    Case("ACCEPT at CONNECT by all", scripts={place: Script({"C": (b"a",)}) for place in (1, 2, 3)}),
    Case(
        "REJECT at RCPT by 1 and by 3",
        ("EHLO", "MAIL", "RCPT bob", "RCPT carol", "RCPT dave", "DATA", "QUIT"),
        {1: Script({"R": (b"r",)}), 3: Script({"R": (b"r",)})},
    ),
    Case("REJECT at every RCPT by 2", scripts={2: Script({"R": (b"r",), "R2": (b"r",)})}),
    *(
        Case(f"QUARANTINE at {command} by 2", scripts={2: Script({COMMANDS[command]: (b"qreason\0", b"c")})})
        for command in ("MAIL", "RCPT", "HEADER", "BODY")
    ),
]
