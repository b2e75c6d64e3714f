"""Compares what was seen with what was expected, and says every difference."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping

from .bench import Seen
from .case import Expect
from .message import Message


def differences(expect: Expect, message: Message, seen: Seen) -> list[str]:
    """Each difference in a line, none if all is as expected."""
    return [*_replies(expect, seen), *_deliveries(expect, message, seen), *_events(expect, seen)]


def _replies(expect: Expect, seen: Seen) -> Iterator[str]:
    labels = {label for label, _ in seen.replies}
    yield from (f"no reply to {label}" for label in expect.replies if label not in labels)
    for label, reply in seen.replies:
        pattern = expect.replies.get(label)
        if pattern is None and not reply.is_good:
            yield f"{label}: {reply}, expected a good reply"
        elif pattern is not None and not _matches(pattern, str(reply)):
            yield f"{label}: {reply}, expected {pattern}"


def _deliveries(expect: Expect, message: Message, seen: Seen) -> Iterator[str]:
    if len(seen.delivered) != expect.delivered:
        yield f"delivered {len(seen.delivered)} messages, expected {expect.delivered}"
    if tuple(seen.held) != expect.held:
        yield f"held for {seen.held}, expected {expect.held}"
    recipients = [to.split()[0] for one in seen.delivered for to in one.recipients]
    if expect.delivered and Counter(recipients) != Counter(expect.recipients):
        yield f"delivered to {recipients}, expected {expect.recipients}"
    envelope = [address for one in seen.delivered for address in (one.sender, *one.recipients)]
    for pattern in expect.envelope:
        if not any(_matches(pattern, address) for address in envelope):
            yield f"{pattern} is not in the envelope: {envelope}"
    headers = expect.headers([("Received", "*"), *message.headers])
    body = message.body if expect.body is None else expect.body
    for one in seen.delivered:
        if one.sender.split()[0] != expect.sender:
            yield f"delivered from {one.sender}, expected {expect.sender}"
        if one.untraced("mta.example") != headers:
            yield f"delivered headers {one.untraced('mta.example')},\nexpected {headers}"
        if one.body != body:
            yield f"delivered a body of {len(one.body)} bytes, {one.body[:80]!r}, expected {len(body)}, {body[:80]!r}"


def _events(expect: Expect, seen: Seen) -> Iterator[str]:
    told = [event.partition(" ")[2] for event in seen.events]
    rest = iter(told)
    for pattern in expect.told:
        if not any(_matches(pattern, event) for event in rest):
            yield f"the filter was not told {pattern!r} (in this order); told {told}"
            return
    for pattern in expect.untold:
        if any(_matches(pattern, event) for event in told):
            yield f"the filter was told {pattern!r}; told {told}"
    yield from _counted("was told", expect.times, told)
    yield from _counted("said", expect.said, [frame.partition(" ")[2] for frame in seen.said])


def _counted(what: str, expected: Mapping[str, int], lines: list[str]) -> Iterator[str]:
    for words, times in expected.items():
        came = sum(f"{line} ".startswith(f"{words} ") for line in lines)
        if came != times:
            all_of_it = dict(Counter(line.split()[0] for line in lines))
            yield f"the filter {what} {words} {came} times, expected {times}; in all {all_of_it}"


def _matches(pattern: str, text: str) -> bool:
    """Whether a text is as the pattern has it; `*` stands for anything."""
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), text, re.DOTALL) is not None
