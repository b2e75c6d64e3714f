"""Directed cases, each about one rule. The name says what is tried; the corpus has the outcome."""

from collections.abc import Iterator

from .case import Case
from .directed_ends import ends
from .directed_envelope import envelope
from .directed_headers import headers
from .directed_messages import messages
from .directed_texts import texts


def directed(mta: str) -> Iterator[Case]:
    """The cases for an MTA, each with a name that no other has."""
    yield from headers()
    yield from texts()
    yield from messages(mta)
    yield from envelope()
    yield from ends()
