"""What the directed cases have in common."""

from .case import Case
from .edit import Edit

# An empty value deletes a header.
DELETED = b""


def case(name: str, *edits: Edit, **rest: object) -> Case:
    """A directed case of that name. `rest` are fields of `Case`."""
    return Case(f"directed/{name}", edits, **rest)  # type: ignore[arg-type]
