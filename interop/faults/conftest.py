"""The figures of the scenarios: each says what it measured, and all of it is shown at the end."""

from collections.abc import Callable, Iterator

import pytest

FIGURES = pytest.StashKey[list[tuple[str, str]]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[FIGURES] = []


@pytest.fixture
def figure(
    request: pytest.FixtureRequest, record_property: Callable[[str, object], None]
) -> Iterator[Callable[[str], None]]:
    """Takes the figures of a scenario, in words."""
    parts: list[str] = []
    yield parts.append
    record_property("figure", "; ".join(parts))
    request.config.stash[FIGURES].append((request.node.name.removeprefix("test_"), "; ".join(parts)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    figures = config.stash[FIGURES]
    if not figures:
        return
    rows = [("scenario", "figure"), *sorted(figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    rows.insert(1, ("-" * widths[0], "-" * widths[1]))
    terminalreporter.section("figures of the faults")
    for scenario, text in rows:
        terminalreporter.write_line(f"| {scenario.ljust(widths[0])} | {text.ljust(widths[1])} |")
