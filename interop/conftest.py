"""Chooses tests by peer, installs peers before their first test, and reports by peer."""

import json
import signal
from collections.abc import Generator, Iterator
from dataclasses import asdict
from datetime import date
from functools import cache
from pathlib import Path

import pytest

from lab import process
from lab.packages import CannotInstall
from lab.peer import Peer
from lab.report import Outcome, by_name, document, dropin, fail_open, figures, table

OUTCOMES = pytest.StashKey[dict[str, Outcome]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("interop")
    group.addoption("--peer", action="append", default=[], metavar="NAME", help="a peer, or a group of them")
    group.addoption("--list-peers", action="store_true", help="name the peers and their groups, and end")
    group.addoption("--programs", type=Path, metavar="FOLDER", help="where our example programs are")
    group.addoption("--outcomes", type=Path, metavar="FILE", help="write every outcome there, as JSON")
    group.addoption("--sessions", type=int, default=5_000, metavar="N", help="sessions of the walk for each MTA")
    group.addoption("--seed", metavar="S", help="what the sessions of the walk are drawn from; otherwise chance")
    group.addoption("--chains", type=Path, metavar="FOLDER", help="write what chains of filters were seen to do there")
    group.addoption("--conformance", type=Path, metavar="FILE", help="write CONFORMANCE.md there")
    group.addoption("--learn", action="store_true", help="write what milter-check finds as what is known")
    group.addoption("--document", type=Path, metavar="FILE", help="write INTEROP.md there")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "peer(it): the real program that a test is about")
    config.stash[OUTCOMES] = {}
    # Programs are ended on the way out, so this has to be one.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    stray = [item.nodeid for item in items if item.get_closest_marker("peer") is None]
    if stray:
        raise pytest.UsageError("no peer is named by " + ", ".join(stray))
    peers = {(peer_of(item).handle, peer_of(item).group) for item in items}
    if config.option.list_peers:
        print(*(f"{handle} ({group})" for handle, group in sorted(peers)), sep="\n")
        items.clear()
        return
    wanted = {name.lower().replace(" ", "-") for name in config.option.peer}
    names = {name for peer in peers for name in peer}
    if wanted - names:
        raise pytest.UsageError(f"no peer {', '.join(sorted(wanted - names))}; there are {', '.join(sorted(names))}")
    if wanted:
        is_wanted = {item: bool({peer_of(item).handle, peer_of(item).group} & wanted) for item in items}
        config.hook.pytest_deselected(items=[item for item in items if not is_wanted[item]])
        items[:] = [item for item in items if is_wanted[item]]


def peer_of(item: pytest.Item) -> Peer:
    """The peer that a test names."""
    marker = item.get_closest_marker("peer")
    assert marker is not None
    return marker.args[0]


@cache
def installed(it: Peer) -> str:
    """Installs a peer, once; returns why it cannot be, or nothing."""
    try:
        it.install()
    except CannotInstall as error:
        return str(error)
    return ""


@cache
def version_of(it: Peer) -> str:
    """The version of a peer, once it is installed."""
    return "" if installed(it) else it.version()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    trouble = installed(peer_of(item))
    if trouble:
        pytest.fail(trouble, pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.when == "call" or report.failed or report.skipped:
        item.config.stash[OUTCOMES][item.nodeid] = outcome_of(item, report)
    return report


def outcome_of(item: pytest.Item, report: pytest.TestReport) -> Outcome:
    """Says what a report means here: a skip that nobody declared is a failure."""
    it = peer_of(item)
    parameters = getattr(item, "callspec", None)
    program = str(parameters.params.get("program", "")) if parameters else ""
    if it.group == "dropin":
        program = "libmilter.so"
    result, reason = ("passed", "") if report.passed else ("failed", first_line(report))
    if hasattr(report, "wasxfail") and report.skipped:
        result, reason = "known not", report.wasxfail
    elif report.skipped:
        report.outcome = "failed"
        result, reason = "failed", "skipped in silence"
    figure = "; ".join(str(value) for key, value in report.user_properties if key == "figure")
    cells = tuple(value for key, value in report.user_properties if key == "cell")
    return Outcome(it.name, version_of(it), program, scenario_of(item), result, reason, figure, cells)


def first_line(report: pytest.TestReport) -> str:
    """What went wrong, in one line."""
    crash = getattr(report.longrepr, "reprcrash", None)
    return (crash.message if crash else report.longreprtext).strip().partition("\n")[0]


def scenario_of(item: pytest.Item) -> str:
    """The name of the case if it has one, else the name of the test as a sentence, with its parameters."""
    parameters = getattr(item, "callspec", None)
    if parameters and hasattr(parameters.params.get("case"), "name"):
        return str(parameters.params["case"].name)
    name, bracket, rest = item.name.partition("[")
    return name.removeprefix("test_").replace("_", " ") + (f" ({rest.removesuffix(']')})" if bracket else "")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    outcomes = list(config.stash[OUTCOMES].values())
    if not outcomes:
        return
    terminalreporter.section("by peer")
    terminalreporter.write_line(table(outcomes))
    for result in ("failed", "known not"):
        for line in by_name(outcomes, result):
            terminalreporter.write_line(f"{result} {line}")
    terminalreporter.write_line(figures(outcomes))
    terminalreporter.write_line(fail_open(outcomes))
    terminalreporter.write_line(dropin(outcomes))
    if config.option.outcomes:
        config.option.outcomes.write_text(json.dumps([asdict(outcome) for outcome in outcomes], indent=1))
    if config.option.document:
        config.option.document.write_text(document(outcomes, date.today()))


@pytest.fixture(scope="session")
def programs(request: pytest.FixtureRequest) -> Path:
    """The folder with our example programs."""
    folder: Path | None = request.config.option.programs
    if folder is None:
        pytest.fail("give --programs FOLDER; interop/run does it", pytrace=False)
    return folder.resolve()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A temporary folder of this test."""
    with process.folder() as home:
        yield home
