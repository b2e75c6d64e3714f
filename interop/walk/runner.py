"""Runs the walk: sessions side by side, the judge over what was recorded, and what was found made small."""

import itertools
import json
import queue
import random
import re
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lab.postfix import Postfix
from lab.process import Unexpected, wait_until
from lab.sink import Delivered

from .bench import TIMEOUT, Bench, Station
from .judging import Finding, judge
from .plan import CHAINS, Plan, draw_plan
from .player import Played, Player, submit
from .recorder import Recorder
from .shrink import ATTEMPTS, shrink
from .subject import LIBMILTER, OURS, Subject, draw_subject, mark_of

# Of a hundred sessions, so many have a filter that refuses everything in the place of the recorder.
SUBJECTS = 35
# Sessions that one of these filters serves before the next one is drawn.
BLOCK = 5
# One example of so many kinds of findings is made small.
SHRUNK = 8
# A session that waits for a timeout is tried this often at most while it is made small.
STALLS = 30
# How long an MTA may take to reply, and to end its connections to filters after the client is gone.
PATIENCE = 40.0
# How long Postfix may take to look at what was submitted. What a filter refuses for now stays where it was.
SUBMITTED = 1.0
# What the judge counts.
FIGURES = {
    "recordings": "connections recorded",
    "frames": "frames",
    "out_of_order": "commands out of order, answered by the default policy",
    "strict_closed": "connections that the strict policy closes",
    "libmilter_silent": "replies that the libmilter policy does not give",
    "libmilter_closed": "connections that the libmilter policy closes",
}
# Content that is too long to be shown: the seed gives it again.
LONG = re.compile(r'((?<=")[^"]{200})[^"]+')
# What a program of an MTA logs when it ends in disorder.
DISORDER = re.compile(r"(?:warning|fatal|panic): (.*(?:panic|fatal|killed by signal|throttling).*)")


@dataclass
class Report:
    """What came of a walk."""

    figures: Counter[str] = field(default_factory=Counter)
    # What fails the run, and what is only told: lines for people.
    failures: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def summary(self) -> str:
        """The figures that matter, in a line."""
        figures = [f"{self.figures[name]:,} {name}" for name in ("sessions", *FIGURES.values())]
        return ", ".join((*figures, f"{self.figures['libmilter: delivered']:,} messages delivered past libmilter"))


@dataclass(frozen=True)
class Ran:
    """One session that ran: what the client saw, how long it took, recordings, and marks that a recorder refused."""

    played: Played
    seconds: float
    ended: bool
    recordings: list[Path]
    refused: set[str]


class Runner:
    """Runs sessions on a bench."""

    def __init__(self, bench: Bench, programs: Path, seed: str, report: Report) -> None:
        self._bench, self._programs, self._seed, self._report = bench, programs, seed, report
        self._recorders: dict[Path, Recorder] = {}
        self._shrunk = 0
        self._lock = threading.Lock()

    def run(self, numbers: Sequence[int]) -> None:
        """Runs the sessions of these numbers."""
        chance = random.Random(f"{self._seed}/{self._bench.name}/{numbers[0]}/subjects")
        cut = len(numbers) * (100 - SUBJECTS) // 100
        try:
            self._record(numbers[:cut])
            self._refuse(numbers[cut:], chance)
            for line in DISORDER.findall(self._bench.mta.log()):
                self._report.figures["the MTA logged: " + re.sub(r"\d+", "N", line)] += 1
        finally:
            for recorder in self._recorders.values():
                recorder.close()

    # --- recorders ---

    def _record(self, numbers: Sequence[int]) -> None:
        """Sessions with recorders."""
        plans = [draw_plan(self._bench.name, self._seed, number) for number in numbers]
        refused: dict[str, Plan] = {}

        def one(station: Station, plan: Plan) -> None:
            ran = self.session(station, plan)
            self._count(plan, ran, "recorded")
            with self._lock:
                refused.update((mark, plan) for mark in ran.refused)

        self._side_by_side(plans, one)
        delivered = self._settle()
        self._report.figures["messages delivered, recorded"] += len(delivered)
        by_name = {plan.name: plan for plan in plans}
        for message in delivered:
            if (mark := mark_of(message)) in refused:
                passed = Finding("delivered", "what a recorder refused", text=f"message {mark} was delivered")
                self._tell([(passed, refused[mark])], self._again_delivered)
        findings, figures = judge([self._bench.folder])
        for name, meaning in FIGURES.items():
            self._report.figures[meaning] += figures.get(name, 0)
        for name, times in figures.get("rows", {}).items():
            self._report.figures[f"explained: {name}"] += times
        found = [(it, by_name[Path(it.file).name.split(".")[0]]) for it in findings if not it.explained]
        self._tell(found, self._again_judged)
        shutil.rmtree(self._bench.folder)
        self._bench.folder.mkdir()

    def session(self, station: Station, plan: Plan, subject: bool = False) -> Ran:
        """Runs a session, with a recorder for each filter, but not where the subject is."""
        bench = self._bench
        used = [(station.filter, plan.filter, "a")] if not subject else []
        if plan.service in CHAINS:
            used.append((station.other, plan.other, "b"))
        recorders = []
        for path, behaviour, role in used:
            header = {
                "mta": bench.version, "filter": "a recorder that answers every command",
                "scenario": "random SMTP session", "variant": plan.service, "seed": self._seed,
                "behaviour": behaviour.as_json(), "script": plan.script,
            }
            recorder = self._recorder(path)
            recorder.begin(behaviour, header, bench.folder / f"{plan.name}.{role}")
            recorders.append(recorder)
        begun = time.monotonic()
        if plan.service == "local" and isinstance(bench.mta, Postfix):
            submit(bench.mta, plan.script, plan.name)
            self._take_submitted(station, recorders)
            played = Played()
        else:
            with bench.connected(station, plan.service, PATIENCE) as connection:
                played = Player(connection, plan.name).play(plan.script)
        ends = [recorder.finish(PATIENCE) for recorder in recorders]
        seconds = time.monotonic() - begun
        refused = set().union(*(recorder.refused for recorder in recorders))
        return Ran(played, seconds, all(end for end, _ in ends), [path for _, paths in ends for path in paths], refused)

    def _recorder(self, path: Path) -> Recorder:
        with self._lock:
            if path not in self._recorders:
                self._recorders[path] = Recorder(path)
            return self._recorders[path]

    def _take_submitted(self, station: Station, recorders: list[Recorder]) -> None:
        """Waits until what was submitted is taken. What is not would be tried again, during another session, and what
        is still shown to a filter would be delivered if that filter was stopped."""
        folder = self._bench.mta.home / "queue" / "maildrop"
        for recorder in recorders:
            recorder.wait(SUBMITTED)
            recorder.finish(PATIENCE)
        with suppress(Unexpected):
            wait_until(lambda: not list(folder.glob("*")), "Postfix to take what was submitted", SUBMITTED)
        for path in (station.filter, station.other):
            wait_until(lambda path=path: not _is_connected(path), "Postfix to leave the filter", PATIENCE)
        for file in folder.glob("*"):
            with suppress(OSError):
                file.unlink()

    # --- filters that refuse ---

    def _refuse(self, numbers: Sequence[int], chance: random.Random) -> None:
        """Sessions with filters that refuse every message."""
        blocks = []
        programs = [*OURS, *OURS, LIBMILTER]
        chance.shuffle(programs)
        turns = itertools.cycle(programs)
        for begin in range(0, len(numbers), BLOCK):
            subject = draw_subject(chance, next(turns))
            services = subject.services(tuple(self._bench.stations[0].services))
            plans = [draw_plan(self._bench.name, self._seed, it, services) for it in numbers[begin : begin + BLOCK]]
            # What the other filter edits would be taken for the client's.
            plans = [replace(plan, other=replace(plan.other, edits=0)) for plan in plans]
            # Only the first station has mail that is submitted.
            for is_local in (True, False):
                if some := [plan for plan in plans if (plan.service == "local") == is_local]:
                    blocks.append((subject, some))
        late: list[tuple[Finding, Plan, Subject]] = []

        def one(station: Station, block: tuple[Subject, list[Plan]]) -> None:
            subject, plans = block
            self._close(station.filter)
            with subject.runs(self._programs, station.filter, self._bench.folder / f"subject-{station.number}"):
                for plan in plans:
                    ran = self.session(station, plan, subject=True)
                    self._count(plan, ran, subject.program)
                    if ran.seconds > TIMEOUT * 0.9:
                        with self._lock:
                            late.append((Finding("stalled", "the MTA waited in vain"), plan, subject))

        self._side_by_side(blocks, one)
        subjects = {plan.name: (subject, plan) for subject, plans in blocks for plan in plans}
        for message in self._settle():
            them = subjects.get(mark_of(message).partition("-")[0])
            if them is not None and them[0].must_not_deliver(message):
                late.append((Finding("delivered", f"refused at {them[0].stage}"), them[1], them[0]))
        told = set()
        for found, plan, subject in late:
            # That libmilter lets messages pass is known, and shows that this walk would find it in ours.
            whose = LIBMILTER if subject.program == LIBMILTER else "ours"
            self._report.figures[f"{whose}: {found.kind}"] += 1
            if whose == "ours" and (found.signature, subject) not in told:
                told.add((found.signature, subject))
                self._judge_subject(found, plan, subject)

    def _judge_subject(self, found: Finding, plan: Plan, subject: Subject) -> None:
        """Tries the session of a finding again, makes it small, and reports it."""
        if self._shrunk >= SHRUNK:
            self._report.failures.append(self._line(found, plan, str(subject), 1))
            return
        self._shrunk += 1
        station = self._bench.stations[0]
        self._close(station.filter)
        with subject.runs(self._programs, station.filter, self._bench.folder / "subject-again"):

            def still(candidate: Plan) -> bool:
                ran = self.session(station, candidate, subject=True)
                if found.kind == "stalled":
                    return ran.seconds > TIMEOUT * 0.9
                return any(subject.must_not_deliver(message) for message in self._settle() if mark_of(message))

            if not still(plan) and found.kind == "stalled":
                # A machine that is busy with something else.
                self._report.notes.append(f"late once, and not again: {subject}, session {plan.name}")
                return
            small = shrink(plan, still, STALLS if found.kind == "stalled" else ATTEMPTS)
        # What passes, as a recorder that says the same is told.
        shown = replace(small, filter=subject.recorder(self._seed))
        ran = self.session(station, shown)
        frames = " | ".join(_codes(path) for path in ran.recordings)
        self._report.failures.append(self._line(found, small, f"{subject}; {frames}", 1))

    def _close(self, path: Path) -> None:
        with self._lock:
            recorder = self._recorders.pop(path, None)
        if recorder is not None:
            recorder.close()

    # --- both ---

    def _count(self, plan: Plan, ran: Ran, what: str) -> None:
        with self._lock:
            self._report.figures["sessions"] += 1
            self._report.figures[f"sessions, {what}"] += 1
            if ran.played.hung or not ran.ended:
                found = Finding("hung", "the MTA" if ran.played.hung else "its connection to the filter")
                self._report.failures.append(self._line(found, plan, str(ran.played.replies[-1:]), 1))

    def _side_by_side(self, work: Iterable[Any], one: Callable[[Station, Any], None]) -> None:
        """Does all the work on all stations. What is for the first station alone comes first there."""
        local: list[Any] = []
        waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
        for it in work:
            plan = it if isinstance(it, Plan) else it[1][0]
            if plan.service == "local":
                local.append(it)
            else:
                waiting.put(it)
        errors: list[BaseException] = []

        def serve(station: Station) -> None:
            try:
                for it in local if station.number == 0 else ():
                    one(station, it)
                while not errors:
                    one(station, waiting.get_nowait())
            except queue.Empty:
                pass
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=serve, args=(station,)) for station in self._bench.stations]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]

    def _settle(self) -> list[Delivered]:
        """Waits for what the MTA still delivers, and hands over what came. What cannot be delivered is removed."""
        mta = self._bench.mta
        if isinstance(mta, Postfix):
            with suppress(Unexpected):
                mta.settle()
        else:
            # It delivers before it replies; what is left is for addresses that do not exist.
            for file in (mta.home / "queue").glob("*"):
                with suppress(OSError):
                    file.unlink()
        return self._bench.sink.take()

    def _tell(self, found: list[tuple[Finding, Plan]], again: Callable[[Plan], list[Finding]]) -> None:
        """Makes the first of each kind of findings small, and reports it."""
        kinds: dict[tuple[str, str], list[tuple[Finding, Plan]]] = {}
        for finding, plan in found:
            kinds.setdefault(finding.signature, []).append((finding, plan))
        for signature, them in kinds.items():
            finding, plan = them[0]
            if self._shrunk < SHRUNK:
                self._shrunk += 1

                def still(candidate: Plan, signature: tuple[str, str] = signature) -> Finding | None:
                    return next((it for it in again(candidate) if it.signature == signature), None)

                plan = shrink(plan, still)
                finding = still(plan) or finding
            self._report.failures.append(self._line(finding, plan, f"{finding.text}; {finding.frames}", len(them)))

    def _again_judged(self, plan: Plan) -> list[Finding]:
        ran = self.session(self._bench.stations[0], plan)
        return [it for it in judge(ran.recordings)[0] if not it.explained]

    def _again_delivered(self, plan: Plan) -> list[Finding]:
        ran = self.session(self._bench.stations[0], plan)
        marks = {mark_of(message) for message in self._settle()} & ran.refused
        frames = " | ".join(_codes(path) for path in ran.recordings)
        return [Finding("delivered", "what a recorder refused", text=f"{marks}", frames=frames)] if marks else []

    def _line(self, finding: Finding, plan: Plan, text: str, times: int) -> str:
        found = f"{finding.kind}: {finding.what}" + (f" ({times} times)" if times > 1 else "")
        where = f"{self._bench.version}, seed {self._seed}, session {plan.name}"
        shown = LONG.sub(r"\1…", json.dumps(plan.as_json()))
        return f"{found}; {where}; {text}; {shown}"


def _is_connected(path: Path) -> bool:
    """Whether somebody is connected to that unix socket."""
    rows = [line.split() for line in Path("/proc/net/unix").read_text().splitlines()[1:]]
    # The last fields are the state, of which 3 is that of a connection, an inode, and the path.
    return any(row[5] == "03" and row[7:] == [str(path)] for row in rows)


def _codes(path: Path) -> str:
    """A recording as a line of codes."""
    words: list[str] = []
    for line in path.read_text().splitlines()[1:]:
        it = json.loads(line)
        code = chr(int(it["hex"][8:10], 16)) if "hex" in it else ""
        if it["dir"] == "filter" and words:
            words[-1] += f"<{code}"
        elif code not in ("", "D"):
            words.append(code)
    return " ".join(words)
