"""Draws random SMTP sessions. A session is a list of small steps that JSON can hold: it can be shrunk and replayed.

    ["say", LINE]                  a command, and its reply
    ["pipe", [LINE, ...]]          commands in one write, and as many replies
    ["data", CONTENT, HOW]         DATA, then the content if it is wanted: `whole`, or `cut` to leave in the middle
    ["bdat", CONTENT, LAST]        one piece of a message, the last one or not
    ["flood", BYTES]               a new mark and bytes, then everything that comes until the server is quiet
    ["starttls"]                   STARTTLS, and the handshake if it is wanted
    ["submit", CONTENT]            the message goes through the command sendmail, outside of this connection
    ["leave"], ["reset"]           the client goes away, in order or not

Bytes are Latin-1. `%MAIL` in a line is a mark that is new with each MAIL, and `%MARK` the mark of the last MAIL that
was accepted: it stands in sender, recipients and headers, so that every part tells which message it belongs to.
"""

import random
from typing import Any

Step = list[Any]
Script = list[Step]

GREETINGS = (*["EHLO client.example"] * 5, "HELO client.example", "EHLO", "HELO [192.0.2.1]")
SENDERS = ("MAIL FROM:<%MAIL@sender.example>", "MAIL FROM:<>", "MAIL FROM:", "MAIL FROM:<a b>")
MAIL_ARGUMENTS = (
    "SIZE=100", "BODY=8BITMIME", "RET=HDRS ENVID=xyz", "AUTH=<>", "SIZE=100 BODY=7BIT", "SIZE=99999999", "BODY=ODD",
    "SMTPUTF8", "FOO=bar", "SIZE=100 SIZE=100", "RET=FULL RET=FULL",
)
RCPT_ARGUMENTS = (
    "NOTIFY=NEVER", "NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;rob@rcpt.example", "ORCPT=rfc822;rob@rcpt.example",
    "NOTIFY=NEVER NOTIFY=NEVER", "FOO=bar", "NOTIFY=DELAY", "NOTIFY=",
)
RECIPIENTS = ("bob", "carol", "dave")
ODD_RECIPIENTS = (
    "RCPT TO:<nobody@rcpt.example>", "RCPT TO:<>", "RCPT TO:", "RCPT TO:<a b>", "RCPT",
    "RCPT TO:bob.%MARK@rcpt.example",
    "rcpt to:<@relay.example:bob.%MARK@rcpt.example>", 'RCPT TO:<"bob %MARK"@rcpt.example>', "RCPT TO:<|prog>",
    "RCPT TO:</file>", "RCPT TO:<postmaster>", "RCPT TO:<b\xf6b@rcpt.example>",
)
UNKNOWN = ("FOO", "FOO bar  baz", "TURN", "BURL imap://x LAST", "X", "", " ", "\x00", "F\xd6\xd6", "A" * 600, "ETRN x")
XCLIENT = (
    "XCLIENT ADDR=192.0.2.7 NAME=other.example", "XCLIENT ADDR=[UNAVAILABLE]", "XCLIENT ADDR=IPV6:2001:db8::1 PORT=7",
    "XCLIENT FOO=1", "XCLIENT LOGIN=alice NAME=[TEMPUNAVAIL]", "XCLIENT",
)
AUTH = ("AUTH PLAIN AGFsaWNlAHNlY3JldA==", "AUTH PLAIN AGFsaWNlAHdyb25n", "AUTH", "AUTH FOO", "AUTH PLAIN =")
HEADERS = "Subject: walk\r\nX-Mark: %MARK\r\n"
# What fits under no limit: the MTAs of the walk take 100,000 bytes, and Sendmail 16,384 of them in headers.
TOO_LARGE = HEADERS + "\r\n" + ("x" * 76 + "\r\n") * 1_500
LARGE_HEADERS = HEADERS + "".join(f"X-Filler-{number}: {'y' * 60}\r\n" for number in range(250)) + "\r\nbody\r\n"
CONTENTS = (
    *[HEADERS + "\r\nbody\r\n"] * 6,
    HEADERS, HEADERS + "\r\n", "", "\r\n", "\r\nno headers\r\n", "no headers and no blank line\r\n", "x",
    HEADERS + "\r\n.\r\n..dots\r\n.x\r\n", HEADERS + "\r\na\0b\r\n\0\r\n", HEADERS + "\r\na\rb\r\n\rc\r\r\n",
    HEADERS + "\r\na\nb\n\n.\n", HEADERS + "\r\n\xe4\xf6\xfc\xff\xfe\r\n",
    HEADERS + "X-Folded: a\r\n b\r\n\tc\r\n\r\nb\r\n",
    HEADERS + "X-Empty:\r\nX-None: \r\nX Blank: y\r\n: z\r\n\r\nb\r\n", HEADERS + "X-8: \xfc\xe9\r\n\r\nb\r\n",
    HEADERS + "X-Nul: a\0b\r\n\r\nb\r\n", "From someone\r\n" + HEADERS + "\r\nb\r\n",
    HEADERS + "\r\n" + "z" * 3_000 + "\r\n",
    HEADERS + "\r\n" + ("0123456789" * 7 + "\r\n") * 1_000, *[TOO_LARGE, LARGE_HEADERS] * 2,
    HEADERS + "".join("Received: from x\r\n" for _ in range(60)) + "\r\nloops\r\n",
)
# What content is made of when a session is made small.
SIMPLE = (HEADERS + "\r\nbody\r\n", HEADERS, "x", "")


def draw(chance: random.Random, mta: str) -> Script:
    """Draws a session for an MTA."""
    if mta == "postfix" and chance.random() < 0.04:
        # A client that says nothing sees to it that the recorder is there; the message goes by another way.
        return [["submit", chance.choice(CONTENTS)]]
    return _Session(chance, mta).draw()


class _Session:
    """One session while it is drawn. Sendmail sleeps after too many commands that do nothing, so these are counted."""

    def __init__(self, chance: random.Random, mta: str) -> None:
        self._chance, self._is_postfix = chance, mta == "postfix"
        self._noise = chance.choice((0.0, 0.1, 0.3, 0.5))
        self._left = {"helo": 2, "noop": 10, "vrfy": 5}
        self._script: Script = []

    def draw(self) -> Script:
        chance = self._chance
        self._disturb()
        if chance.random() < 0.95:
            self._helo()
        self._disturb()
        for _ in range(chance.choice((0, 1, 1, 1, 2, 2, 3, 4))):
            self._message()
            self._disturb()
        self._script.append(["say", "QUIT"] if chance.random() < 0.7 else [chance.choice(("leave", "leave", "reset"))])
        if chance.random() < 0.15:
            # Somewhere in the middle, whatever it had in mind.
            cut = chance.randrange(len(self._script))
            self._script[cut:] = [[chance.choice(("leave", "reset"))]]
        return self._script

    def _say(self, line: str) -> None:
        self._script.append(["say", line])

    def _helo(self) -> None:
        if self._is_postfix or self._left["helo"]:
            self._left["helo"] -= 1
            self._say(self._chance.choice(GREETINGS))

    def _message(self) -> None:
        chance = self._chance
        # Some restrictions of the MTA are about the domain of the sender: see bench.py.
        domain = chance.choice(("sender.example",) * 8 + ("refused.example",))
        lines = [f"MAIL FROM:<%MAIL@{domain}>" + self._arguments(MAIL_ARGUMENTS, 0.2)]
        lines += [self._recipient() for _ in range(chance.choice((1, 1, 1, 2, 3)))]
        if chance.random() < 0.15:
            # With RSET in front: which MAIL the recipients belong to cannot be known before the replies are read.
            self._script.append(["pipe", ["RSET", *lines]])
        else:
            for line in lines:
                self._say(line)
                self._disturb()
        for _ in range(chance.choice((0, 1, 1, 1, 1, 2, 2, 3))):
            self._content()
            self._disturb()
            if chance.random() < 0.2:
                # Where DATA was refused, the message goes on.
                self._say(self._recipient())

    def _recipient(self) -> str:
        if self._chance.random() < 0.15:
            return self._chance.choice(ODD_RECIPIENTS)
        return f"RCPT TO:<{self._chance.choice(RECIPIENTS)}.%MARK@rcpt.example>" + self._arguments(RCPT_ARGUMENTS, 0.15)

    def _arguments(self, choices: tuple[str, ...], share: float) -> str:
        return " " + self._chance.choice(choices) if self._chance.random() < share else ""

    def _content(self) -> None:
        chance = self._chance
        content = chance.choice(CONTENTS)
        draw = chance.random()
        if draw < 0.45:
            self._script.append(["data", content, "whole"])
        elif draw < 0.5:
            self._script.append(["data", content, "cut"])
        elif draw < 0.54:
            dotted = content.replace("\r\n.", "\r\n..")
            lines = "RSET\r\nMAIL FROM:<%MARK@sender.example>\r\nRCPT TO:<bob.%MARK@rcpt.example>\r\nDATA\r\n"
            self._script.append(["flood", lines + dotted + ("" if content.endswith("\r\n") else "\r\n") + ".\r\n"])
        elif self._is_postfix:
            self._pieces(content)
        else:
            self._script.append(["data", content, "whole"])

    def _pieces(self, content: str) -> None:
        """The message by BDAT, with any other command between its pieces."""
        chance = self._chance
        cuts = sorted(chance.randrange(len(content) + 1) for _ in range(chance.choice((0, 1, 1, 2, 3))))
        for begin, end in zip([0, *cuts], [*cuts, len(content)], strict=True):
            self._script.append(["bdat", content[begin:end], False])
            if chance.random() < 0.35:
                self._disturb(always=True)
        if chance.random() < 0.8:
            # The last piece has the rest, or nothing.
            if self._script[-1][0] == "bdat" and chance.random() < 0.6:
                self._script[-1][2] = True
            else:
                self._script.append(["bdat", "", True])

    def _disturb(self, always: bool = False) -> None:
        """Perhaps some commands that a polite client would not send here."""
        while always or self._chance.random() < self._noise:
            always = False
            self._disturb_once()

    def _disturb_once(self) -> None:
        chance = self._chance
        kind = chance.choices(
            ("helo", "rset", "noop", "vrfy", "unknown", "mail", "rcpt", "data", "starttls", "auth", "xclient", "bdat"),
            (3, 4, 1, 1, 5, 3, 3, 3, 1, 1, 1, 3),
        )[0]
        if kind in self._left and kind != "helo":
            if not self._is_postfix and not self._left[kind]:
                return
            self._left[kind] -= 1
        if kind == "helo":
            self._helo()
        elif kind == "rset":
            self._say(chance.choice(("RSET", "RSET", "RSET x")))
        elif kind == "noop":
            self._say("NOOP")
        elif kind == "vrfy":
            self._say("VRFY bob@rcpt.example")
        elif kind == "unknown":
            self._say(chance.choice(UNKNOWN))
        elif kind == "mail":
            self._say(chance.choice(SENDERS))
        elif kind == "rcpt":
            self._say(self._recipient())
        elif kind == "data":
            self._script.append(chance.choice((["say", "DATA x"], ["data", HEADERS + "\r\nbody\r\n", "whole"])))
        elif kind == "starttls":
            self._script.append(["starttls"])
        elif kind == "auth":
            self._say(chance.choice(AUTH))
        elif kind == "xclient" and self._is_postfix:
            self._say(chance.choice(XCLIENT))
        elif kind == "bdat" and self._is_postfix:
            self._script.append(["bdat", chance.choice(("", "x", "\r", "\n", HEADERS)), chance.random() < 0.3])
