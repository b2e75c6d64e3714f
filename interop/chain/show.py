"""A case and what came of it, as lines of text that are the same in every run.

given    the failure action of the second filter, and what the filters negotiate, where that is not version 6 without
         steps; macro lists are left out
order    the commands that have a reply, in the order in which the filters got them: `M123` is MAIL to the first,
         the second and the third filter, `1:LLNE` the content to the first
1, 2, 3  what each filter got: `M` is MAIL, answered with CONTINUE, `M<a` is answered with something else, `M-` has
         no reply by agreement, `M!closes` is a fault. `EOF` is the end of the connection without QUIT. A bar
         separates connections
client   each step of the SMTP client, with the reply if it is not a good one
mail     for each message the recipients it was delivered to
"""

import re
from collections.abc import Sequence
from itertools import groupby, pairwise, takewhile

from .bench import Seen
from .case import Case
from .filter import NO_REPLY, Entry, Fault

CHANGING = re.compile(r"(?<=\]):\d+(?=[,}])|\w{3}, \d+ \w{3} \d{4} \S+ \+0000 \(UTC\)")
# Macros with a value that is another in every run.
CHANGING_MACROS = ("i", "{i}", "_", "{daemon_name}", "{daemon_port}", "v")


def show(case: Case, seen: Seen) -> list[str]:
    """The lines, without what differs between runs."""
    lines = [f"given   {_given(case)}", f"order   {_order(case, seen.entries)}"]
    lines += [f"{place}       {_story(case, seen.entries, place)}" for place in range(1, case.filters + 1)]
    lines.append("client  " + "; ".join(f"{step} {reply}".strip() for step, reply in seen.replies))
    lines.append(f"mail    {_mail(case, seen)}")
    if case.edits:
        for _, message in sorted(seen.delivered.items()):
            headers = message.untraced("mta.example")
            lines += [f"  {name}:{_escaped(value.encode('latin-1'))}" for name, value in headers]
            lines.append(f"  body {_escaped(message.body)}")
    return [_without_changing(case, line).rstrip() for line in lines]


def _given(case: Case) -> str:
    words = [case.policy]
    for place, script in sorted(case.scripts.items()):
        if (script.version, script.steps) != (6, 0):
            words.append(f"{place}: version {script.version}, steps {script.steps:#x}")
    return "; ".join(words)


def _order(case: Case, entries: Sequence[Entry]) -> str:
    if case.macros:
        return " ".join(_ordered_macros(entries))
    asked = [it for it in entries if it.answer]
    words: list[str] = []
    while asked:
        walk = _walk(asked)
        asked = asked[len(walk) :]
        mark = f"{walk[0].filter}:"
        if len(walk) > 1:
            words.append(walk[0].code + "".join(str(it.filter) for it in walk))
        elif words and words[-1].startswith(mark):
            words[-1] += walk[0].code
        else:
            words.append(mark + walk[0].code)
    return " ".join(words)


def _walk(entries: Sequence[Entry]) -> Sequence[Entry]:
    """The first commands, as long as they are the same one to a later filter each."""
    pairs = pairwise(entries)
    return [entries[0], *(two for _, two in takewhile(lambda it: _is_walk(*it), pairs))]


def _is_walk(one: Entry, two: Entry) -> bool:
    return one.code == two.code and one.filter < two.filter


def _ordered_macros(entries: Sequence[Entry]) -> list[str]:
    """Commands and macros of all filters. What came between two replies is sorted, since its order is not certain."""
    words: list[str] = []
    waiting: list[str] = []
    for it in entries:
        if it.code in "AQ" or it.code == "EOF":
            continue
        if it.code == "D":
            waiting.append(f"{it.filter}D{chr(it.payload[0])}")
            continue
        words += [*sorted(waiting), f"{it.filter}{it.code}"]
        waiting = []
    return words


def _story(case: Case, entries: Sequence[Entry], place: int) -> str:
    ordered = sorted((it for it in entries if it.filter == place), key=lambda it: it.connection)
    connections = [list(group) for _, group in groupby(ordered, key=lambda it: it.connection)]
    return " | ".join(" ".join(filter(None, (_token(case, it) for it in group))) for group in connections) or "nothing"


def _token(case: Case, entry: Entry) -> str:
    if entry.code == "D":
        return _macros(entry.payload) if "D" in case.show else ""
    if entry.code == "O":
        return "O" + "".join(f"!{part.value}" for part in entry.answer if isinstance(part, Fault))
    token = entry.code
    if entry.code in case.show and entry.payload:
        token += f"{{{_texts(entry.payload)}}}"
    if entry.code in NO_REPLY and not entry.answer:
        return token + "-"
    replies = [part for part in entry.answer if isinstance(part, bytes)]
    if replies != [b"c"] and replies:
        token += "<" + ",".join(_reply(part) for part in replies)
    return token + "".join(f"!{part.value}" for part in entry.answer if isinstance(part, Fault))


def _reply(part: bytes) -> str:
    """A verdict, or an edit with its arguments."""
    if part[:1] == b"y":
        return "y" + _escaped(part[1:].partition(b" ")[0])
    if len(part) == 1:
        return part.decode()
    number = ""
    rest = part[1:]
    if part[:1] in b"im":
        number, rest = f"{int.from_bytes(rest[:4], 'big')}|", rest[4:]
    return f"{part[:1].decode()}{{{number}{_texts(rest)}}}"


def _texts(payload: bytes) -> str:
    return "|".join(_escaped(text) for text in payload.removesuffix(b"\0").split(b"\0"))


def _macros(payload: bytes) -> str:
    texts = [_escaped(text) for text in payload[1:].split(b"\0")]
    pairs = zip(texts[0::2], texts[1::2], strict=False)
    shown = ", ".join(f"{name}={'*' if name in CHANGING_MACROS else value}" for name, value in pairs)
    return f"D{chr(payload[0])}{{{shown}}}"


def _escaped(text: bytes) -> str:
    return text.decode("latin-1").encode("unicode_escape").decode()


def _mail(case: Case, seen: Seen) -> str:
    numbers = range(1, 1 + sum(step == "MAIL" for step in case.steps))
    return "; ".join(f"{number}: {_outcome(case, seen, number)}" for number in numbers)


def _outcome(case: Case, seen: Seen, number: int) -> str:
    if number in seen.held:
        return _held(seen.held[number])
    if number not in seen.delivered:
        return "nothing"
    message = seen.delivered[number]
    sender = message.sender.split()[0]
    told = "" if sender == case.sender(number) else f"from {sender} "
    return f"{told}to " + " ".join(sorted(one.split("@")[0].strip("<>") for one in message.recipients))


def _held(file: str) -> str:
    """The reason, which Postfix 3.7 does not keep, and the names of headers that a filter may have added."""
    reasons = [line.removeprefix("q") for line in file.splitlines() if line.startswith("q")]
    added = sorted(set(re.findall(r"X-(?!Two)\w+", file)))
    return " ".join(("held", *reasons, *added))


def _without_changing(case: Case, line: str) -> str:
    """A line without the mark of the case, the port of the sink, which Postfix has in macros, and its dates."""
    return CHANGING.sub("*", line.replace(case.slug, ""))
