"""How a test says which real program it is about.

    OPENDKIM = debian("opendkim", "opendkim")

    @peer(OPENDKIM)
    def test_a_message_without_signature_is_left_alone(program: str, folder: Path) -> None: ...

Every test of the matrix carries one such mark, or each of its parameters does: `pytest.param(X, marks=peer(X.peer))`.
The peer is installed before its first test. A test's name, with its parameters, is the scenario in the report; where a
parameter called `case` has a `name`, that is. A parameter called `program` names our program.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from .packages import apt, installed_version


@dataclass(frozen=True)
class Peer:
    """A real program. `group` says what it needs: `apt` is Debian packages only."""

    name: str
    group: str
    install: Callable[[], None]
    version: Callable[[], str]

    @property
    def handle(self) -> str:
        """The name as it is given on a command line."""
        return self.name.lower().replace(" ", "-")


def debian(name: str, *packages: str, answers: str = "") -> Peer:
    """A peer from Debian packages; the first one gives the version."""
    return Peer(
        name, "apt", lambda: apt(name, *packages, answers=answers), lambda: installed_version(packages[0]) or ""
    )


def peer(it: Peer) -> pytest.MarkDecorator:
    """Marks a test as one about this peer."""
    return pytest.mark.peer(it)


def known_not(reason: str) -> pytest.MarkDecorator:
    """Marks something that the peer is known not to do. It is tried all the same, and the run fails if it works."""
    return pytest.mark.xfail(reason=reason, strict=True)
