"""What differs between any two runs, whichever library is loaded: the only things that are not compared."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

# The three kinds of lines of a record.
FRAMES, SMTP, DELIVERED = "frames", "SMTP", "delivered"


@dataclass(frozen=True)
class Mask:
    """What the pattern finds is shown as `*`, in lines of these kinds, and in those only that hold the text `within`."""

    kinds: tuple[str, ...]
    pattern: str
    reason: str
    within: str = ""


# Sat, 28 Nov 2026 18:08:31 +0000 (UTC)
TIME_OF_DAY = r"\w{3}, +\d+ \w{3} \d{4} \d\d:\d\d:\d\d (?:GMT|[-+]\d{4}(?: \(\w+\))?)"
HEADERS = (FRAMES, DELIVERED)

MASKS = [
    Mask((SMTP,), TIME_OF_DAY, "Sendmail tells the time in its greeting", within="220 "),
    Mask((FRAMES,), r'(?<=name="b" value=")[^"]*', "Sendmail tells the time"),
    Mask((FRAMES,), r'(?<=name="{client_port}" value=")\d+', "the client has another port each time"),
    Mask((FRAMES,), r"(?<= port=)\d+", "the client has another port each time", within="CONNECT"),
    Mask(HEADERS, r"(?<=<)\d{12,14}\.(?=[^<>@]+@mta\.example>)", "a Message-Id that the MTA makes holds the time"),
    Mask(HEADERS, TIME_OF_DAY, "the MTA makes a Date where there is none", within="Date"),
    Mask(HEADERS, r"(?<=\\t)" + TIME_OF_DAY, "spamass-milter makes a Received header for spamd, with the time"),
    Mask(HEADERS, r"(?<=-{10}=_)[0-9A-F]{8}\.[0-9A-F]{8}", "SpamAssassin draws the boundary of its report"),
    # What is signed does not differ: bh=, h= and the rest are compared.
    Mask(HEADERS, r"(?<=[ t;]t=)\d{10}\b", "the time of a signature", within="DKIM-Signature"),
    Mask(HEADERS, r"(?<=[ t;]b=)[^;\"']+", "a signature depends on its time", within="DKIM-Signature"),
]


# How the MTAs tell what a message is called in the queue, which is another name each time. It is shown by its number, so
# that the name of another message would be noticed.
QUEUE_NAMES = (r'(?<=name="i" value=")\w+', r"(?<=queued as )\w+", r"\b\w{14,}(?= Message accepted)")


def queue_names(frames: Sequence[str], replies: Sequence[str]) -> list[str]:
    """The names in the queue that a session was told of, in the order in which they came up."""
    found = [name for line in (*frames, *replies) for pattern in QUEUE_NAMES for name in re.findall(pattern, line)]
    return list(dict.fromkeys(found))


def masked(kind: str, line: str, names: Sequence[str]) -> str:
    """A line without what differs between any two runs."""
    for number, name in enumerate(names, 1):
        line = line.replace(name, f"*{number}")
    for mask in MASKS:
        if kind in mask.kinds and mask.within in line:
            line = re.sub(mask.pattern, "*", line)
    return line
