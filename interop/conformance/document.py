"""CONFORMANCE.md, from the reports of milter-check and what is known about each failure."""

import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from typing import Any

from .reports import HERE, Judged

RESULTS = ("pass", "non-strict", "fail", "skipped")

HEAD = """\
# Programs in use, judged by milter-check

What [milter-check](examples/milter-check/README.md) says about filters, filter libraries and mail servers, run on {day}
on Debian 12 with their usual configuration. `interop/run -- -k conformance` runs it again and writes a report of each
program, as HTML and JSON, into `target/interop/conformance`; `interop/run --conformance` also writes this page. What each
program is known to fail is in [interop/conformance/known](interop/conformance/known): anything else fails the run.

A scenario of level *must* stands for a rule without which real peers fail, hang or mistreat mail. *should* is advice;
scenarios of level *info* record facts and never fail. A program that fails a *must* can still be the right choice: most
failures need a peer that misbehaves, or one of another version than usual.

A library has no behaviour of its own, so each filter library is judged with a small filter on it, from
[interop/peers](interop/peers), which refuses one recipient and edits every message. MTAs that are libraries know no SMTP:
they get each message from an SMTP server in front of them, and are judged by the scenarios for which that is enough. So is
miltertest, with a script that sends any message and is always the same. What it makes of a frame that comes in pieces is a
matter of time, and is left out; so is the text of a reply, which no script is told.
"""


class Unexplained(Exception):
    """A failure of level must that findings.toml does not explain."""


@dataclass(frozen=True)
class Finding:
    """One sentence about failures that have one cause. Scenarios are patterns of ids."""

    peers: tuple[str, ...]
    scenarios: tuple[str, ...]
    text: str
    known: str = ""

    def explains(self, peer: str, scenario: str) -> bool:
        is_of = "*" in self.peers or peer in self.peers
        return is_of and any(fnmatchcase(scenario, pattern) for pattern in self.scenarios)


def findings() -> list[Finding]:
    rows = tomllib.loads((HERE / "findings.toml").read_text())["finding"]
    return [Finding(tuple(row.pop("peers")), tuple(row.pop("scenarios")), **row) for row in rows]


def document(judged: Sequence[Judged], day: date) -> str:
    known = findings()
    parts = [HEAD.format(day=day.isoformat())]
    for role, title in (("filter", "Filters"), ("mta", "Mail servers")):
        these = [it for it in judged if it.report["role"] == role]
        if these:
            parts.append(f"## {title}\n\n{matrix(these)}")
    parts.append("## What fails, and why\n\n" + "\n".join(explained(judged, known)))
    parts.append("## Known bugs, and the scenarios that find them\n\n" + "\n".join(found(judged, known)))
    return "\n".join(parts) + "\n"


def matrix(judged: Sequence[Judged]) -> str:
    """A row for each program, a column for each chapter: how many scenarios of level must and should fail."""
    chapters = list(dict.fromkeys(chapter["name"] for it in judged for chapter in it.report["chapters"]))
    lines = [["program", "version", *chapters, *RESULTS], ["---"] * (2 + len(chapters) + len(RESULTS))]
    for it in judged:
        cells = {chapter["name"]: cell(chapter) for chapter in it.report["chapters"]}
        summary = it.report["summary"]
        counts = [str(summary[result.replace("-", "_")]) for result in RESULTS]
        lines.append([it.name, it.version, *(cells.get(name, "") for name in chapters), *counts])
    note = (
        "Each cell of a chapter counts the failed scenarios of level must, and after + those of level should. A dot: none.\n"
    )
    return note + "\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def cell(chapter: Any) -> str:
    must, should = chapter["must"]["fail"], chapter["should"]["fail"]
    if must:
        return f"**{must}** + {should}" if should else f"**{must}**"
    return f"0 + {should}" if should else "·"


def owner(known: Sequence[Finding], peer: str, scenario: str) -> Finding | None:
    """The first finding that explains a failure."""
    return next((finding for finding in known if finding.explains(peer, scenario)), None)


def explained(judged: Iterable[Judged], known: Sequence[Finding]) -> Iterator[str]:
    """For each program the causes of its failures of level must, with the bytes of the first of them."""
    for it in judged:
        causes: dict[Finding, list[Any]] = {}
        for row in it.failed("must"):
            finding = owner(known, it.name, row["id"])
            if finding is None:
                raise Unexplained(f"{it.name}: {row['id']}: expected {row['expected']}, got {row['got']}")
            causes.setdefault(finding, []).append(row)
        if causes:
            yield f"### {it.name}\n"
            for finding, rows in causes.items():
                yield f"* {finding.text}{sent(rows[0])} {names([row['id'] for row in rows])}"
            yield ""


def sent(row: Any) -> str:
    """The bytes that the scenario is about, and what came of them."""
    octets = to_mta(row) if row["id"].startswith("mta/") else to_filter(row)
    if not octets:
        return ""
    return f" After `{octets if len(octets) <= 60 else octets[:60] + ' …'}`: {row['got']}."


def to_filter(row: Any) -> str:
    """What was sent in the last step that sends anything, or the last thing that was sent."""
    is_of_step, of_steps, last = False, [], []
    for entry in row["transcript"]:
        if entry["kind"] == "step":
            is_of_step = entry["text"].startswith(">")
        elif entry["kind"] == "to-filter":
            last.append(entry)
            if is_of_step:
                of_steps.append(entry)
    return str(((of_steps or last or [{}])[-1]).get("bytes") or "")


def to_mta(row: Any) -> str:
    """The first reply that is not CONTINUE, or the answer to the offer if there is none."""
    replies = [entry for entry in row["transcript"] if entry["kind"] == "to-mta" and entry["text"] != "< CONTINUE"]
    answers = [entry for entry in replies if entry["text"].startswith("< OPTNEG")]
    others = [entry for entry in replies if entry not in answers]
    return str((others or answers or [{}])[0].get("bytes") or "")


def names(ids: Sequence[str], most: int = 6) -> str:
    shown = ", ".join(f"`{id}`" for id in ids[:most])
    return f"({shown}{f' and {len(ids) - most} more' if len(ids) > most else ''})"


def found(judged: Sequence[Judged], known: Sequence[Finding]) -> Iterator[str]:
    """Which scenarios find which bug."""
    yield "| bug | found in | by |\n| --- | --- | --- |"
    hits: dict[str, list[tuple[str, str]]] = {finding.known: [] for finding in known if finding.known}
    for it in judged:
        for row in (*it.failed("must"), *it.failed("should")):
            finding = owner(known, it.name, row["id"])
            if finding is not None and finding.known:
                hits[finding.known].append((it.name, row["id"]))
    for bug, rows in hits.items():
        if not rows:
            raise Unexplained(f"no scenario finds: {bug}")
        peers, ids = dict.fromkeys(name for name, _ in rows), dict.fromkeys(id for _, id in rows)
        yield f"| {bug} | {', '.join(peers)} | {names(list(ids), 4)[1:-1]} |"
