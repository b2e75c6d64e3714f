"""Makes a conversation that shows a difference as small as it gets."""

from __future__ import annotations

from collections.abc import Callable

from .conversations import Conversation


def shrink(parts: Conversation, differs: Callable[[Conversation], bool]) -> Conversation:
    """Leaves out frames, callbacks and calls, as long as the difference stays."""
    is_smaller = True
    while is_smaller:
        is_smaller = False
        for smaller in candidates(parts):
            if differs(smaller):
                parts, is_smaller = smaller, True
                break
    return parts


def candidates(parts: Conversation):
    """Smaller conversations, the smallest first."""
    if parts.cuts:
        yield Conversation(parts.setup, parts.frames, parts.sections)
    for frames in without_some(parts.frames):
        yield Conversation(parts.setup, frames, parts.sections, cuts=parts.cuts)
    for sections in without_some(parts.sections):
        yield Conversation(parts.setup, parts.frames, sections, cuts=parts.cuts)
    for index, (callback, lines) in enumerate(parts.sections):
        for fewer in without_some(lines):
            sections = list(parts.sections)
            sections[index] = (callback, fewer)
            yield Conversation(parts.setup, parts.frames, sections, cuts=parts.cuts)


def without_some(items: list):
    size = len(items) // 2
    while size:
        for start in range(0, len(items), size):
            yield items[:start] + items[start + size :]
        size //= 2
    if len(items) == 1:
        yield []
