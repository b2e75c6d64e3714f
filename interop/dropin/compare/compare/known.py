"""Known differences: what the drop-in does otherwise than libmilter, and means to do.

A row never hides more than what it is about. Some rows put right in a copy of our outcome what they forgive, and the
rest has to be the same. Others are for cases of their own, by name: they say what ours has to do, or where the two part,
and up to there both have to do the same. A row that a full run does not need is stale and fails it.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from dataclasses import dataclass

from .player import Case, Outcome, conversation
from .wire import CALLBACK_OF, NO_REPLY, frame, split

# Plays another case on both libraries.
Play = Callable[[Case], tuple[Outcome, Outcome]]
# Puts right in ours what the row forgives. Whether there was anything.
Forgive = Callable[[Case, Outcome, Outcome], bool]
# Whether both did what the row says.
Check = Callable[[Case, Outcome, Outcome, Play], bool]


@dataclass
class Row:
    name: str
    reason: str
    forgive: Forgive | None = None
    # For cases whose name matches.
    cases: str = ""
    check: Check | None = None
    # Whether it is needed depends on who is faster.
    is_chance: bool = False


# --- what is put right ---

LOOKED_UP = re.compile(r"  ([^ ]+)=(.*)")
CALLED = re.compile(r"  getsymval = (?!NULL)\"(.*)")


OF_A_MESSAGE = ("envfrom", "envrcpt", "data", "header", "eoh", "body", "eom")


def sent_values(case: Case) -> set[str]:
    """The values of all macros that the driver sends, as the filter shows them."""
    streams: dict[int, bytes] = {}
    for step in case.steps:
        if step[0] == "send":
            streams[step[1]] = streams.get(step[1], b"") + step[2]
    values = set()
    for stream in streams.values():
        for code, payload in split(stream)[0]:
            if code == "D":
                values.update(payload[1:].split(b"\0")[1::2])
    return {"".join(chr(b) if 0x21 <= b <= 0x7E and b != 0x5C else f"\\x{b:02x}" for b in value) for value in values}


def old_macros(case: Case, reference: Outcome, ours: Outcome) -> bool:
    """libmilter may show a macro that we have forgotten, or an older value."""
    sent = sent_values(case)
    log, theirs = [], iter(ours.log)
    line = next(theirs, None)
    is_needed, callback = False, ""
    for right in reference.log:
        looked_up, called = LOOKED_UP.fullmatch(right), CALLED.fullmatch(right)
        callback = callback if right.startswith("  ") else right.split(" ")[0]
        if getattr(case.parts, "has_every_list", False) and callback in OF_A_MESSAGE:
            looked_up = called = None
        if right == line:
            line = next(theirs, None)
        elif looked_up and looked_up[2] in sent:
            is_needed = True
            # Another value of the same macro, or none.
            mine = line and LOOKED_UP.fullmatch(line)
            if mine and mine[1] == looked_up[1]:
                line = next(theirs, None)
        elif called and called[1] in sent and line and line.startswith("  getsymval = "):
            is_needed = True
            line = next(theirs, None)
        elif line and EDITED.fullmatch(right) and REFUSED.fullmatch(line) and right[:-1] == line[:-2]:
            # Another row is about these.
            log.append(line)
            line = next(theirs, None)
            continue
        else:
            break
        log.append(right)
    if is_needed:
        ours.log = log + ([] if line is None else [line, *theirs])
    return is_needed


EDITED = re.compile(r"  (\w+) = 0")
REFUSED = re.compile(r"  (\w+) = -1")
EDITS = {
    "progress": "p", "addheader": "h", "insheader": "i", "chgheader": "m", "chgfrom": "e", "addrcpt": "+",
    "addrcpt_par": "2", "delrcpt": "-", "replacebody": "b", "quarantine": "q",
}  # fmt: skip


def is_unanswered(case: Case, callback: str) -> bool:
    """Whether no reply is outstanding in a callback."""
    if callback in ("negotiate", "abort", "close"):
        return True
    promised = re.search(r"^put \S+ (\d+)", case.script, re.MULTILINE)
    bits = [NO_REPLY[code] for code, name in CALLBACK_OF.items() if name == callback and code in NO_REPLY]
    return bool(promised and bits and int(promised[1]) & bits[0])


def out_of_turn(case: Case, reference: Outcome, ours: Outcome) -> bool:
    """libmilter writes PROGRESS at any time, and edits after the end of a message until the next command."""
    allowed, callback, codes = ("progress",), "", []
    for place, (theirs, mine) in enumerate(zip(reference.log, ours.log)):
        callback = callback if theirs.startswith("  ") else theirs.split(" ")[0]
        allowed = tuple(EDITS) if callback == "close" else ("progress",)
        call, refused = EDITED.fullmatch(theirs), REFUSED.fullmatch(mine)
        if call and refused and call[1] == refused[1] and call[1] in allowed and is_unanswered(case, callback):
            ours.log[place] = theirs
            codes.append(EDITS[call[1]])
    # Their frames are put where libmilter has them: one for each call, but as many as there are for a body.
    for index, (theirs, mine) in enumerate(zip(reference.replies, ours.replies) if codes else ()):
        missing, frames, (left, rest) = list(codes), [], split(mine)
        left.reverse()
        for code, payload in split(theirs)[0]:
            if left and left[-1] == (code, payload):
                frames.append(left.pop())
            elif code in missing:
                if code != "b":
                    missing.remove(code)
                frames.append((code, payload))
            else:
                break
        frames += reversed(left)
        ours.replies[index] = b"".join(frame(*it) for it in frames) + rest
    return bool(codes)


def empty_reply(case: Case, reference: Outcome, ours: Outcome) -> bool:
    """smfi_setmlreply without a text makes libmilter send a reply that has no last line."""
    is_needed = False
    for index, (theirs, mine) in enumerate(zip(reference.replies, ours.replies)):
        frames, rest = split(mine)
        for place, (code, payload) in enumerate(split(theirs)[0][: len(frames)]):
            verdict = "r" if payload.startswith(b"5") else "t"
            is_empty = code == "y" and re.fullmatch(rb"[45]\d\d-[^ \r\n]+\0", payload)
            if is_empty and frames[place] == (verdict, b""):
                frames[place] = (code, payload)
                is_needed = True
        ours.replies[index] = b"".join(frame(*it) for it in frames) + rest
    return is_needed


# --- cases of their own ---


def both_end_before(is_there: Callable[[str, bytes], bool]) -> Check:
    """Up to the first such frame both do the same."""

    def check(case: Case, reference: Outcome, ours: Outcome, play: Play) -> bool:
        frames = split(b"".join(step[2] for step in case.steps if step[0] == "send"))[0]
        place = next((place for place, it in enumerate(frames) if is_there(*it)), None)
        if place is None:
            return False
        shorter = Case(case.name, case.script, conversation(*(frame(*it) for it in frames[:place])))
        theirs, mine = play(shorter)
        for row in ROWS:
            if row.forgive:
                row.forgive(shorter, theirs, mine)
        return theirs == mine and mine.status == "ended with status 0"

    return check


STAGE_CODES = {
    "connect": "C", "helo": "H", "envfrom": "M", "envrcpt": "R", "data": "T", "header": "L", "eoh": "N", "body": "B",
    "unknown": "U",
}  # fmt: skip


def decided_last_chunk(case: Case, reference: Outcome, ours: Outcome, play: Play) -> bool:
    is_decided = re.search(r"^@body\n([^@].*\n)*return [1-9]", case.script, re.MULTILINE)
    before = both_end_before(lambda code, payload: code == "E" and payload != b"")
    return bool(is_decided) and before(case, reference, ours, play)


def unwritten_verdict(case: Case, reference: Outcome, ours: Outcome, play: Play) -> bool:
    code = STAGE_CODES[case.name.split("/")[1]]
    return both_end_before(lambda it, _: it == code)(case, reference, ours, play)


def fails_where_libmilter_crashes(case: Case, reference: Outcome, ours: Outcome, play: Play) -> bool:
    has_failed = any(line.endswith((" main = -1", " setsymlist = -1")) for line in ours.log)
    return reference.status.startswith("ended by signal") and ours.status == "ended with status 0" and has_failed


def registered_for_new_connections(case: Case, reference: Outcome, ours: Outcome, play: Play) -> bool:
    """An open connection keeps its filter: as if only the result of the call had come."""
    lines = [line for line in case.script.split("\n") if not line.endswith('"other') and line != "register"]
    lines.insert(lines.index('say "ready') - 1, "register")
    theirs, _ = play(Case(case.name, "\n".join(lines), case.steps))
    log = [line for line in ours.log if not line.startswith("  register = ")]
    mine = copy.deepcopy(ours)
    mine.log = log
    old_macros(case, theirs, mine)
    return theirs == mine


def unknown_type_stays_unknown(case: Case, reference: Outcome, ours: Outcome, play: Play) -> bool:
    """libmilter cuts its own copy of the text, and takes the rest for the path of a socket the next time."""
    mine = [
        line.replace("main: opensocket = -1", "main: opensocket = 0") if n == 3 else line
        for n, line in enumerate(ours.log)
    ]
    return mine == reference.log and ours.status == reference.status


def interrupts(case: Case, reference: Outcome, ours: Outcome, play: Play) -> bool:
    """What becomes of an open connection depends on who is faster. The rest does not."""
    theirs, mine = ([line for line in it.log if line != "close"] for it in (reference, ours))
    return theirs == mine and reference.replies == ours.replies and reference.status == ours.status


def closes_after_part_of_a_frame(case: Case, reference: Outcome, ours: Outcome, play: Play) -> bool:
    """Every call fails from then on, and what was written begins like libmilter's and ends within a frame."""
    calls = re.compile(r"  \w+ = -?\d+")
    theirs, mine = ([calls.sub("", line) for line in it.lines()] for it in (reference, ours))
    results = [line for line in ours.log if calls.fullmatch(line) and "getpriv" not in line]
    frames, rest = split(ours.replies[0])
    same = len([code for code, _ in split(reference.replies[0])[0] if code in "Ocb"])
    is_cut = rest != b"" and all(code == "b" for code, _ in frames[same:])
    return theirs == mine and is_cut and all(line.endswith("= -1") for line in results)


ROWS = (
    Row(
        "old-macros",
        "libmilter shows macros of a message that is over, and of an earlier command (SPEC_NOTES MAC-10, DEV-45)",
        old_macros,
    ),
    Row(
        "out-of-turn",
        "libmilter writes PROGRESS, and edits in the close callback, where no reply is outstanding; ours refuses",
        out_of_turn,
    ),
    Row(
        "empty-reply",
        "smfi_setmlreply without a text: libmilter sends a reply without a last line, ours a plain verdict",
        empty_reply,
    ),
    Row(
        "crash",
        "libmilter crashes: smfi_main before smfi_register, smfi_setsymlist without a context. Ours returns failure",
        cases=r"crashes/.*",
        check=fails_where_libmilter_crashes,
    ),
    Row(
        "register-late",
        "smfi_register changes libmilter's open connections, too; ours keep the filter that they began with",
        cases=r"changes/register/.*",
        check=registered_for_new_connections,
    ),
    Row(
        "no-reply-verdict",
        "a verdict that is not written moves libmilter's engine; for us it is CONTINUE (SPEC_NOTES DEV-47)",
        cases=rf"returns/({'|'.join(STAGE_CODES)})/[1234]/nr(-faked)?",
        check=unwritten_verdict,
    ),
    Row(
        "bodyeob-twice",
        "a verdict of the body callback on the last chunk is written twice, or ends nothing; ours once (DEV-44)",
        cases=r"(returns/body-of-last-chunk|conversation)/.*",
        check=decided_last_chunk,
    ),
    Row(
        "bodyeob-declined",
        "libmilter gives the last chunk to a body callback that the filter has declined; ours does not",
        cases=r"order/declined-last-chunk",
        check=both_end_before(lambda code, payload: code == "E" and payload != b""),
    ),
    Row(
        "undeclined-steps",
        "what has no callback may be left out in libmilter even if the negotiate callback did not decline it",
        cases=r"order/not-declined/.*",
        check=both_end_before(lambda code, _: code == "R"),
    ),
    Row(
        "leaked-steps",
        "steps that one connection declined may be left out by all later ones in libmilter (one table for all)",
        cases=r"order/declined-before",
        check=lambda case, theirs, mine, play: theirs.replies[0] == mine.replies[0] and theirs.log != mine.log,
    ),
    Row(
        "unknown-by-version",
        "version 2 has no UNKNOWN, but what may follow ABORT depends on the callback alone (SPEC_NOTES DEV-57)",
        cases=r"order/version-2/.*",
        check=both_end_before(lambda code, _: code == "A"),
    ),
    Row(
        "unknown-type-again",
        "a second smfi_opensocket takes an unknown type for the path of a socket in libmilter",
        cases=r"sockets/foo:.*",
        check=unknown_type_stays_unknown,
    ),
    Row(
        "stuck-mta",
        "an MTA that reads nothing until the timeout: libmilter writes whole frames, however long it takes; ours closes",
        cases=r"timing/stuck-mta",
        check=closes_after_part_of_a_frame,
    ),
    Row(
        "interrupt",
        "SIGINT ends open connections, with or without the close callback: who is faster, it or the end of the program",
        cases=r"stops/interrupt",
        check=interrupts,
        is_chance=True,
    ),
)


def explain(case: Case, reference: Outcome, ours: Outcome, play: Play) -> tuple[Outcome, list[str]]:
    """Ours without what the rows forgive, and the rows that were needed."""
    if reference == ours:
        return ours, []
    left, names = copy.deepcopy(ours), []
    for row in ROWS:
        if row.forgive and row.forgive(case, reference, left):
            names.append(row.name)
        if reference == left:
            return left, names
    for row in ROWS:
        if row.check and re.fullmatch(row.cases, case.name) and row.check(case, reference, ours, play):
            return reference, [row.name]
    return left, names
