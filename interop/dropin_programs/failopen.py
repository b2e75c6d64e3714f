"""Filters on the drop-in for the fail-open table: the same programs as there on libmilter."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from failopen.cases import Setting
from failopen.programs import OTHERS, Place, Program
from peers.filter import Conditions, Filter, under

from .library import check_library, dropin


def on_dropin(it: Filter, law: str = "") -> Program:
    """The program of a filter, under a law of the drop-in."""
    program = OTHERS[it.peer]

    @contextmanager
    def start(place: Place, setting: Setting) -> Iterator[None]:
        library = dropin(law)
        with ExitStack() as stack:
            with under(Conditions(environment=library.environment)):
                stack.enter_context(program.start(place, setting))
            check_library(place.home, library)
            yield

    return replace(program, start=start)
