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
"""


class Unexplained(Exception):
    """A failure of level must that findings.toml does not explain."""


@dataclass(frozen=True)
class Finding:
    """One sentence about failures that have one cause. Scenarios are patterns of ids."""

    peers: Sequence[str]
    scenarios: Sequence[str]
    text: str
    known: str = ""

    def explains(self, peer: str, scenario: str) -> bool:
        is_of = "*" in self.peers or peer in self.peers
        return is_of and any(fnmatchcase(scenario, pattern) for pattern in self.scenarios)


def findings() -> list[Finding]:
    return [Finding(**row) for row in tomllib.loads((HERE / "findings.toml").read_text())["finding"]]


def document(judged: Sequence[Judged], day: date) -> str:
    known = findings()
    parts = [HEAD.format(day=day.isoformat())]
    for role, title in (("filter", "Filters"), ("mta", "Mail servers")):
        these = [it for it in judged if it.report["role"] == role]
        if these:
            parts.append(f"## {title}\n\n{matrix(these)}")
    parts.append("## What fails, and why\n\n" + "\n".join(explained(judged, known)))
    parts.append("## Known bugs, and the scenarios that find them\n\n" + "\n".join(found(judged, known)))
    return "\n".join(parts)


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


def explained(judged: Iterable[Judged], known: Sequence[Finding]) -> Iterator[str]:
    """For each program the causes of its failures of level must, with the bytes of the first of them."""
    for it in judged:
        rows = it.failed("must")
        if not rows:
            continue
        yield f"### {it.name}\n"
        left = {row["id"]: row for row in rows}
        for finding in known:
            these = {id: row for id, row in left.items() if finding.explains(it.name, id)}
            if these:
                left = {id: row for id, row in left.items() if id not in these}
                first = next(iter(these.values()))
                yield f"* {finding.text}{sent(first)} {names(list(these))}"
        if left:
            raise Unexplained(f"{it.name}: " + ", ".join(f"{row['id']}: {row['got']}" for row in left.values()))
        yield ""


def sent(row: Any) -> str:
    """The last bytes before the failure, if they are short enough to be read."""
    frames = [entry for entry in row["transcript"] if entry["kind"] == "to-" + other(row)]
    if not frames or not frames[-1].get("bytes"):
        return ""
    octets = frames[-1]["bytes"]
    return f" After `{octets if len(octets) <= 60 else octets[:60] + ' …'}`: {row['got']}."


def other(row: Any) -> str:
    """Whom the program under test hears from: the bytes to it are what matters."""
    return "filter" if row["id"].startswith("filter/") else "mta"


def names(ids: Sequence[str]) -> str:
    shown = ", ".join(f"`{id}`" for id in ids[:6])
    return f"({shown}{f' and {len(ids) - 6} more' if len(ids) > 6 else ''})"


def found(judged: Sequence[Judged], known: Sequence[Finding]) -> Iterator[str]:
    """Which scenarios find which bug."""
    yield "| bug | found in | by |\n| --- | --- | --- |"
    for finding in known:
        if not finding.known:
            continue
        rows = [(it.name, row["id"]) for it in judged for row in it.report["scenarios"] if row["result"] == "fail"]
        hits = [(name, id) for name, id in rows if finding.explains(name, id)]
        peers, ids = dict.fromkeys(name for name, _ in hits), dict.fromkeys(id for _, id in hits)
        if not hits:
            raise Unexplained(f"no scenario finds: {finding.known}")
        yield f"| {finding.known} | {', '.join(peers)} | {', '.join(f'`{id}`' for id in list(ids)[:4])} |"
