"""The figures of the scenarios: each says what it measured, and the report shows it."""

from collections.abc import Callable

import pytest


@pytest.fixture
def figure(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Takes the figures of a scenario, in words."""
    return lambda text: record_property("figure", text)
