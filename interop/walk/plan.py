"""One session of the walk, drawn from a seed and a number, so that it can be repeated and made smaller."""

import random
from dataclasses import dataclass, replace
from typing import Any

from .recorder import Behaviour, behaviour, refuser
from .script import Script, draw

# How often each service of an MTA is asked. What they are is in bench.py.
SERVICES = {
    "postfix": {
        "single": 8, "chain": 3, "behind": 2, "checks": 2, "proxy": 1, "version-2": 1, "version-3": 1, "version-4": 1,
    },
    "sendmail": {"single": 8, "chain": 3, "behind": 2},
}
CHAINS = ("chain", "behind")


@dataclass(frozen=True)
class Plan:
    """What happens in a session. `other` is the other filter of a chain."""

    name: str
    mta: str
    service: str
    filter: Behaviour
    other: Behaviour
    script: Script

    def with_script(self, script: Script) -> "Plan":
        return replace(self, script=script)

    def as_json(self) -> dict[str, Any]:
        chain = {"other": self.other.as_json()} if self.service in CHAINS else {}
        return {"service": self.service, "filter": self.filter.as_json(), **chain, "script": self.script}


def draw_plan(mta: str, seed: str, number: int, services: tuple[str, ...] = ()) -> Plan:
    """Draws the session of that number. `services` are those to choose from, all of them if there are none."""
    chance = random.Random(f"{seed}/{mta}/{number}")
    weights = {name: weight for name, weight in SERVICES[mta].items() if not services or name in services}
    service = chance.choices(list(weights), list(weights.values()))[0]
    first = behaviour(chance, f"{seed}/{mta}/{number}/a")
    draws = behaviour if chance.random() < 0.4 else refuser
    script = draw(chance, mta)
    # Postfix reads what the command sendmail left for it; Sendmail's speaks SMTP itself.
    if script[0][0] == "submit" or (mta == "sendmail" and chance.random() < 0.04):
        service = "local"
    return Plan(f"s{number}", mta, service, first, draws(chance, f"{seed}/{mta}/{number}/b"), script)
