"""Directed cases: headers are added, inserted, changed and deleted, and several of these in turn."""

from collections.abc import Iterator

from .case import Case
from .directed_case import DELETED, case
from .edit import add_header, change_header, insert_header
from .messages import SHAPES


def headers() -> Iterator[Case]:
    yield from _added()
    yield from _inserted()
    yield from _changed()
    yield from _interacting()
    yield from _received()


def _added() -> Iterator[Case]:
    yield case("no edit")
    yield case("add unknown name", add_header(b"X-New", b"1"))
    yield case("add unknown name twice", add_header(b"X-New", b"1"), add_header(b"X-New", b"2"))
    yield case("add known name", add_header(b"X-Two", b"new"))
    yield case("add known name twice", add_header(b"X-Two", b"new 1"), add_header(b"X-Two", b"new 2"))
    yield case("add known name in another case", add_header(b"x-tWO", b"new"))
    yield case("add first name", add_header(b"From", b"<other@sender.example>"))
    yield case("add Received", add_header(b"Received", b"by filter"))
    yield case("add Received where there are", add_header(b"Received", b"by filter"), message=SHAPES["received"])
    yield case(
        "add Received where there is one below", add_header(b"Received", b"by filter"), message=SHAPES["received below"]
    )
    yield case("add two names in turn", *(add_header(name, b"1") for name in (b"X-A", b"X-B", b"X-A", b"X-B")))
    yield case("add empty value", add_header(b"X-New", b""))
    yield case("add empty name", add_header(b"", b"value"))
    yield case("add with leading space kept", add_header(b"X-New", b" one"), leading_space=True)
    yield case("add without leading space", add_header(b"X-New", b"none"), leading_space=True)
    yield case("add empty value, leading space kept", add_header(b"X-New", b""), leading_space=True)
    yield case("add two spaces, one to be added", add_header(b"X-New", b"  two"))


def _inserted() -> Iterator[Case]:
    for index in (*range(17), 9_999, 0x7FFF_FFFE, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF):
        yield case(f"insert at {index}", insert_header(index, b"X-New", b"1"))
    yield case("insert at 1 of no headers", insert_header(1, b"X-New", b"1"), message=SHAPES["no header"])
    yield case("insert at 1 of nothing", insert_header(1, b"X-New", b"1"), message=SHAPES["nothing"])
    for index in (0, 1, 2, 3, 8, 9, 10):
        yield case(
            f"insert at {index} where Received are", insert_header(index, b"X-New", b"1"), message=SHAPES["received"]
        )
        yield case(
            f"insert at {index} of a subject alone",
            insert_header(index, b"X-New", b"1"),
            message=SHAPES["subject only"],
        )
    yield case("insert at 0 twice", insert_header(0, b"X-A", b"1"), insert_header(0, b"X-B", b"2"))
    yield case("insert at 0, 1, 2", *(insert_header(index, b"X-%d" % index, b"1") for index in (0, 1, 2)))
    yield case("insert at 1, 1, 1", *(insert_header(1, b"X-%d" % number, b"1") for number in (1, 2, 3)))
    yield case("insert at 8, 9, 10", *(insert_header(index, b"X-%d" % index, b"1") for index in (8, 9, 10)))
    yield case("insert at 9, 9", insert_header(9, b"X-A", b"1"), insert_header(9, b"X-B", b"2"))
    yield case("insert at 2, 1", insert_header(2, b"X-A", b"1"), insert_header(1, b"X-B", b"2"))
    yield case("insert at 9999 twice", insert_header(9_999, b"X-A", b"1"), insert_header(9_999, b"X-B", b"2"))
    yield case("insert at 9999, then add", insert_header(9_999, b"X-A", b"1"), add_header(b"X-B", b"2"))
    yield case("add, then insert at 9999", add_header(b"X-B", b"2"), insert_header(9_999, b"X-A", b"1"))
    yield case("insert Received at 0", insert_header(0, b"Received", b"by filter"))
    yield case("insert Received at 1", insert_header(1, b"Received", b"by filter"))
    yield case("insert empty value", insert_header(0, b"X-New", b""))
    yield case("insert empty name", insert_header(0, b"", b"1"))
    yield case("insert known name at 1", insert_header(1, b"X-Two", b"new"))
    yield case(
        "delete Subject, then insert at 6", change_header(1, b"Subject", DELETED), insert_header(6, b"X-New", b"1")
    )
    yield case("delete From, then insert at 2", change_header(1, b"From", DELETED), insert_header(2, b"X-New", b"1"))
    yield case("delete From, then insert at 9", change_header(1, b"From", DELETED), insert_header(9, b"X-New", b"1"))
    yield case(
        "delete From and To, then insert at 10",
        change_header(1, b"From", DELETED),
        change_header(1, b"To", DELETED),
        insert_header(10, b"X-New", b"1"),
    )


def _changed() -> Iterator[Case]:
    for index in (0, 1, 2, 3, 4, 9_999, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF):
        yield case(f"change X-Two {index}", change_header(index, b"X-Two", b"new"))
        yield case(f"delete X-Two {index}", change_header(index, b"X-Two", DELETED))
    for index in (0, 1, 2, 3):
        for message in ("plain", "received", "received below"):
            for word, value in (("change", b"by filter"), ("delete", DELETED)):
                yield case(
                    f"{word} Received {index}, message {message}",
                    change_header(index, b"Received", value),
                    message=SHAPES[message],
                )
    yield case("change in another case", change_header(1, b"SUBJECT", b"new"))
    yield case("delete in another case", change_header(1, b"SUBJECT", DELETED))
    yield case("change unknown name", change_header(1, b"X-No", b"new"))
    yield case("delete unknown name", change_header(1, b"X-No", DELETED))
    yield case("change empty name", change_header(1, b"", b"new"))
    yield case("delete empty name", change_header(1, b"", DELETED))
    yield case("change third of four in cases", change_header(3, b"X-Two", b"new"), message=SHAPES["many of one name"])
    yield case("change folded", change_header(1, b"Subject", b"new"), message=SHAPES["folded"])
    yield case("delete folded", change_header(1, b"Subject", DELETED), message=SHAPES["folded"])
    yield case("change name before blanks", change_header(1, b"X-Wide", b"new"), message=SHAPES["blanks"])
    yield case("change to one space, kept", change_header(1, b"Subject", b" "), leading_space=True)
    yield case("change to blanks", change_header(1, b"Subject", b"  "))
    yield case("change without leading space", change_header(1, b"Subject", b"new"), leading_space=True)
    yield case("delete all X-Two from the end", *(change_header(index, b"X-Two", DELETED) for index in (2, 1)))
    yield case("delete all X-Two from the front", *(change_header(index, b"X-Two", DELETED) for index in (1, 2)))
    names = (b"From", b"To", b"Date", b"Message-Id", b"Subject", b"X-Two", b"X-Two")
    yield case("delete every header", *(change_header(1, name, DELETED) for name in names))
    yield case(
        "delete every header, X-Two 2",
        *(change_header(1, name, DELETED) for name in names[:-1]),
        change_header(2, b"X-Two", DELETED),
    )


def _interacting() -> Iterator[Case]:
    two = b"X-Two"
    rows = {
        "delete 1, change 1": (change_header(1, two, DELETED), change_header(1, two, b"new")),
        "delete 1, change 2": (change_header(1, two, DELETED), change_header(2, two, b"new")),
        "delete 1, change 3": (change_header(1, two, DELETED), change_header(3, two, b"new")),
        "delete 1, delete 1": (change_header(1, two, DELETED), change_header(1, two, DELETED)),
        "delete 1, delete 2, change 1": (
            change_header(1, two, DELETED),
            change_header(2, two, DELETED),
            change_header(1, two, b"new"),
        ),
        "delete 1, change 1, delete 1": (
            change_header(1, two, DELETED),
            change_header(1, two, b"new"),
            change_header(1, two, DELETED),
        ),
        "delete 1, add": (change_header(1, two, DELETED), add_header(two, b"new")),
        "delete both, add": (change_header(2, two, DELETED), change_header(1, two, DELETED), add_header(two, b"new")),
        "delete both slots, add": (
            change_header(1, two, DELETED),
            change_header(2, two, DELETED),
            add_header(two, b"new"),
        ),
        "delete 2, add, change 2": (
            change_header(2, two, DELETED),
            add_header(two, b"new"),
            change_header(2, two, b"newer"),
        ),
        "delete 2, change 3": (change_header(2, two, DELETED), change_header(3, two, b"new")),
        "add, change 1": (add_header(two, b"new"), change_header(1, two, b"newer")),
        "add, change 2": (add_header(two, b"new"), change_header(2, two, b"newer")),
        "add, change 3": (add_header(two, b"new"), change_header(3, two, b"newer")),
        "add, change 4": (add_header(two, b"new"), change_header(4, two, b"newer")),
        "add, delete 1": (add_header(two, b"new"), change_header(1, two, DELETED)),
        "add, delete 3": (add_header(two, b"new"), change_header(3, two, DELETED)),
        "insert at 0, change 1": (insert_header(0, two, b"new"), change_header(1, two, b"newer")),
        "insert at 0, change 2": (insert_header(0, two, b"new"), change_header(2, two, b"newer")),
        "insert at 1, change 1": (insert_header(1, two, b"new"), change_header(1, two, b"newer")),
        "insert at 9999, change 3": (insert_header(9_999, two, b"new"), change_header(3, two, b"newer")),
        "insert at 0, add": (insert_header(0, two, b"new"), add_header(two, b"newer")),
        "change 3, change 3": (change_header(3, two, b"new"), change_header(3, two, b"newer")),
        "change 3, change 1": (change_header(3, two, b"new"), change_header(1, two, b"newer")),
        "change 1, change 1": (change_header(1, two, b"new"), change_header(1, two, b"newer")),
        "change 9, change 3, change 4": (
            change_header(9, two, b"a"),
            change_header(3, two, b"b"),
            change_header(4, two, b"c"),
        ),
        "change in another case, then change": (change_header(1, b"x-two", b"a"), change_header(1, two, b"b")),
        "delete, revive in another case": (change_header(1, two, DELETED), change_header(1, b"X-TWO", b"b")),
    }
    for name, edits in rows.items():
        yield case(f"X-Two: {name}", *edits)
    new = b"X-New"
    rows = {
        "add, delete 1": (add_header(new, b"a"), change_header(1, new, DELETED)),
        "add, change 1": (add_header(new, b"a"), change_header(1, new, b"b")),
        "add, delete 1, add": (add_header(new, b"a"), change_header(1, new, DELETED), add_header(new, b"c")),
        "add, add, change 1": (add_header(new, b"a"), add_header(new, b"b"), change_header(1, new, b"c")),
        "add, add, change 2": (add_header(new, b"a"), add_header(new, b"b"), change_header(2, new, b"c")),
        "insert, delete 1": (insert_header(0, new, b"a"), change_header(1, new, DELETED)),
        "change 1, change 1": (change_header(1, new, b"a"), change_header(1, new, b"b")),
        "change 5, delete 1": (change_header(5, new, b"a"), change_header(1, new, DELETED)),
        "add, insert at 0, change 1": (add_header(new, b"a"), insert_header(0, new, b"b"), change_header(1, new, b"c")),
    }
    for name, edits in rows.items():
        yield case(f"X-New: {name}", *edits)
    yield case("Received: add, change 1", add_header(b"Received", b"a"), change_header(1, b"Received", b"b"))
    yield case(
        "Received: insert at 0, change 1", insert_header(0, b"Received", b"a"), change_header(1, b"Received", b"b")
    )
    yield case(
        "Received: insert at 1, change 1", insert_header(1, b"Received", b"a"), change_header(1, b"Received", b"b")
    )
    yield case(
        "Received: insert at 0, delete 1, delete 1",
        insert_header(0, b"Received", b"a"),
        change_header(1, b"Received", DELETED),
        change_header(1, b"Received", DELETED),
    )


def _received() -> Iterator[Case]:
    """Edits of Received headers in the presence of the MTA's own."""
    name = b"Received"
    yield case("Received: add, change 2", add_header(name, b"a"), change_header(2, name, b"b"))
    yield case("Received: insert at 0, change 2", insert_header(0, name, b"a"), change_header(2, name, b"b"))
    yield case("Received: insert at 0, delete 2", insert_header(0, name, b"a"), change_header(2, name, DELETED))
    yield case("Received: insert empty at 0, change 1", insert_header(0, name, b""), change_header(1, name, b"b"))
    yield case("Received: insert empty at 0, delete 1", insert_header(0, name, b""), change_header(1, name, DELETED))
    yield case("Received: insert empty at 1, change 1", insert_header(1, name, b""), change_header(1, name, b"b"))
    yield case(
        "Received: X-New inserted at 0, change 1", insert_header(0, b"X-New", b"a"), change_header(1, name, b"b")
    )
    yield case("Received: insert at 0, add", insert_header(0, name, b"a"), add_header(name, b"b"))
