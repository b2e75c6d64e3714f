"""Makes a session smaller while what was found in it stays."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from .plan import CHAINS, Plan
from .script import SIMPLE

# Sessions that may be tried: each takes some hundredths of a second, unless it waits for a timeout.
ATTEMPTS = 300
# What a recorder may do without.
SIMPLER: tuple[dict[str, Any], ...] = (
    {"verdicts": 0}, {"edits": 0}, {"lists": ()}, {"fixed": {}}, {"actions": 0}, {"steps": 0}, {"version": 6},
)


def shrink(plan: Plan, still: Callable[[Plan], object], attempts: int = ATTEMPTS) -> Plan:
    """Takes away whatever `still` does not need: steps of the script, verdicts, bits, the other filter."""
    left = attempts
    progress = True
    while progress:
        progress = False
        for smaller in _smaller(plan):
            if left == 0:
                return plan
            left -= 1
            if still(smaller):
                plan, progress = smaller, True
                break
    return plan


def _smaller(plan: Plan) -> Iterator[Plan]:
    """Smaller plans: those that take away much first."""
    script = plan.script
    size = len(script) // 2
    while size >= 1:
        for begin in range(0, len(script), size):
            rest = script[:begin] + script[begin + size :]
            if rest:
                yield plan.with_script(rest)
        size //= 2
    for place, step in enumerate(script):
        if step[0] in ("data", "bdat"):
            for content in SIMPLE:
                if len(content) < len(step[1]):
                    yield plan.with_script([*script[:place], [step[0], content, step[2]], *script[place + 1 :]])
    if plan.service in CHAINS:
        yield replace(plan, service="single")
    for role in ("filter", "other") if plan.service in CHAINS else ("filter",):
        it = getattr(plan, role)
        for change in SIMPLER:
            if any(getattr(it, name) != value for name, value in change.items()):
                yield replace(plan, **{role: replace(it, **change)})
        for bit in range(21):
            if it.steps >> bit & 1:
                yield replace(plan, **{role: replace(it, steps=it.steps & ~(1 << bit))})
