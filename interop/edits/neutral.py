"""Replaces what differs from run to run: queue ids, times, and the sizes that MTAs announce."""

import re
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime

# About as long as real ones: Postfix without long_queue_ids, Sendmail.
POSTFIX_ID, SENDMAIL_ID = "0123456789", "5AS80000000000"
TIME = re.compile(r"\w{3}, {1,2}\d{1,2} \w{3} \d{4} \d\d:\d\d:\d\d(?= (?:[+-]\d{4}|GMT))")
NOW = "Sat, 28 Nov 2026 08:00:00"
DIGITS = "20261128080000"
QUEUE_ID = re.compile(r"\b(?:id|queued as) (\w{8,20})\b|(\b\d[A-Za-z0-9]{13}\b)(?= Message accepted)")
OWN_ID = re.compile(r"<(20\d{10,12})\.(\w{8,20})@mta\.example>")
SIZE = re.compile(r"^SIZE=\d+$")


class Neutral:
    """Replaces the queue ids that these texts name, and times close to the present."""

    def __init__(self, mta: str, texts: list[str]) -> None:
        stand_in = POSTFIX_ID if mta == "postfix" else SENDMAIL_ID
        found = [it for text in texts for it in QUEUE_ID.findall(text)]
        self._names = {name: stand_in for pair in found for name in pair if name and name[0] in "0123456789ABCDEF"}
        self._names |= {it[1]: stand_in for text in texts for it in OWN_ID.findall(text) if it[1] in self._names}
        self._now = datetime.now(timezone.utc)

    def __call__(self, text: str) -> str:
        for name, stand_in in self._names.items():
            text = text.replace(name, stand_in)
        text = OWN_ID.sub(lambda it: f"<{DIGITS[: len(it[1])]}.{it[2]}@mta.example>", text)
        return TIME.sub(self._time, text)

    def _time(self, match: re.Match[str]) -> str:
        try:
            time = parsedate_to_datetime(match[0] + " +0000")
        except ValueError:
            return match[0]
        return NOW if abs(time - self._now) < timedelta(hours=1) else match[0]


def mailbox(text: str) -> list[str]:
    """Splits an address and its arguments. The value of SIZE is dropped: it depends on the length of a queue id."""
    # A quoted local part may hold blanks.
    parts = re.findall(r'<(?:"(?:\\.|[^"\\])*"|[^>"])*>|\S+', text)
    return [SIZE.sub("SIZE=*", part) for part in parts]
