"""What came of a session, and how two of them differ."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from lab.client import Reply
from lab.sink import Delivered

from .masks import DELIVERED, FRAMES, SMTP, masked, queue_names
from .recorder import Conversation

# Lines around a difference, and how much of a long line is shown.
CONTEXT = 3
WIDTH = 160
# Lines that are shown of one part of a record.
MOST = 60


@dataclass(frozen=True)
class Record:
    """One session, in lines of which everything that differs from run to run is masked."""

    frames: Sequence[str]
    replies: Sequence[str]
    delivered: Sequence[str]

    @property
    def number_of_frames(self) -> int:
        return sum(line.split()[1] in "<>" for line in self.frames)

    def differences(self, other: "Record") -> list[str]:
        """A diff of each part that is not the same, none if all are."""
        parts = (
            (SMTP, self.replies, other.replies),
            (FRAMES, self.frames, other.frames),
            (DELIVERED, self.delivered, other.delivered),
        )
        return [line for kind, ours, theirs in parts for line in diff(kind, ours, theirs)]


def record(
    conversations: Sequence[Conversation], replies: Sequence[tuple[str, Reply]], delivered: Sequence[Delivered],
    held: Sequence[str],
) -> Record:
    """Masks what was seen."""
    frames = [
        f"{number} {line}"
        for number, conversation in enumerate(conversations, 1)
        for line in conversation.lines()
    ]
    letters = [line for one in delivered for line in letter(one)] + [f"held: {reason}" for reason in held]
    told = [f"{label}: {reply}" for label, reply in replies]
    names = queue_names(frames, told)

    def all_masked(kind: str, lines: Sequence[str]) -> list[str]:
        return [masked(kind, line, names) for line in lines]

    return Record(all_masked(FRAMES, frames), all_masked(SMTP, told), all_masked(DELIVERED, letters))


def letter(one: Delivered) -> Iterator[str]:
    """A message that was delivered, to the last byte, but for the Received header that the MTA made."""
    yield f"from {one.sender}"
    yield from (f"to {recipient}" for recipient in one.recipients)
    yield from (f"{name}:{value!r}" for name, value in one.untraced("mta.example"))
    yield ""
    yield from map(repr, one.body.splitlines(keepends=True))


def diff(what: str, ours: Sequence[str], theirs: Sequence[str]) -> list[str]:
    """The lines that differ, with some around them: `-` is Sendmail's library, `+` the other one."""
    if list(ours) == list(theirs):
        return []
    lines = [f"{what}:"]
    for group in SequenceMatcher(None, ours, theirs, autojunk=False).get_grouped_opcodes(CONTEXT):
        for tag, begin, end, other_begin, other_end in group:
            if tag == "equal":
                lines += [f"  {short(line)}" for line in ours[begin:end]]
                continue
            before, after = ours[begin:end], theirs[other_begin:other_end]
            lines += [f"- {short(line, other(after, at))}" for at, line in enumerate(before)]
            lines += [f"+ {short(line, other(before, at))}" for at, line in enumerate(after)]
        lines.append("")
    return lines if len(lines) <= MOST else [*lines[:MOST], f"... and {len(lines) - MOST} more lines"]


def other(lines: Sequence[str], at: int) -> str:
    """The line that stands in the place of another one, if there is one."""
    return lines[at] if at < len(lines) else ""


def short(line: str, instead: str = "") -> str:
    """A long line from a little before the place where it differs from the other one."""
    if len(line) <= WIDTH:
        return line
    same = next((at for at, (one, two) in enumerate(zip(line, instead)) if one != two), 0)
    begin = max(0, same - WIDTH // 3)
    part = line[begin:begin + WIDTH]
    return f"{'...' if begin else ''}{part}... ({len(line)} characters)"
