"""One case for each rule: the name says what is tried, and the corpus what came of it."""

from collections.abc import Iterator
from dataclasses import replace

from .case import ALICE, BOB, CAROL, DAVE, Case, Mailbox
from .edit import (
    MAX_CHUNK,
    PROGRESS,
    Edit,
    add_header,
    add_rcpt,
    add_rcpt_with_arguments,
    change_from,
    change_header,
    delete_rcpt,
    insert_header,
    quarantine,
    replace_body,
)
from .messages import CHUNKED, DATE, FROM, ID, SHAPES, TO

DELETED = b""
BIG = b"".join(b"%08d the quick brown fox jumps over the lazy dog\r\n" % number for number in range(3_000))


def directed(mta: str) -> Iterator[Case]:
    """The cases for an MTA, each with a name that no other has."""
    yield from _added()
    yield from _inserted()
    yield from _changed()
    yield from _interacting()
    yield from _received()
    yield from _odd_names()
    yield from _below_odd_names()
    yield from _odd_values()
    yield from _on_odd_messages(mta)
    yield from _of_names_that_mtas_know()
    yield from _sender()
    yield from _recipients_added()
    yield from _recipients_deleted()
    yield from _bodies()
    yield from _held()
    yield from _verdicts()


def _case(name: str, *edits: Edit, **rest: object) -> Case:
    return Case(f"directed/{name}", edits, **rest)  # type: ignore[arg-type]


def _added() -> Iterator[Case]:
    yield _case("no edit")
    yield _case("add unknown name", add_header(b"X-New", b"1"))
    yield _case("add unknown name twice", add_header(b"X-New", b"1"), add_header(b"X-New", b"2"))
    yield _case("add known name", add_header(b"X-Two", b"new"))
    yield _case("add known name twice", add_header(b"X-Two", b"new 1"), add_header(b"X-Two", b"new 2"))
    yield _case("add known name in another case", add_header(b"x-tWO", b"new"))
    yield _case("add first name", add_header(b"From", b"<other@sender.example>"))
    yield _case("add Received", add_header(b"Received", b"by filter"))
    yield _case("add Received where there are", add_header(b"Received", b"by filter"), message=SHAPES["received"])
    yield _case("add Received where there is one below", add_header(b"Received", b"by filter"), message=SHAPES["received below"])
    yield _case("add two names in turn", *(add_header(name, b"1") for name in (b"X-A", b"X-B", b"X-A", b"X-B")))
    yield _case("add empty value", add_header(b"X-New", b""))
    yield _case("add empty name", add_header(b"", b"value"))
    yield _case("add with leading space kept", add_header(b"X-New", b" one"), leading_space=True)
    yield _case("add without leading space", add_header(b"X-New", b"none"), leading_space=True)
    yield _case("add empty value, leading space kept", add_header(b"X-New", b""), leading_space=True)
    yield _case("add two spaces, one to be added", add_header(b"X-New", b"  two"))


def _inserted() -> Iterator[Case]:
    for index in (*range(17), 9_999, 0x7FFF_FFFE, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF):
        yield _case(f"insert at {index}", insert_header(index, b"X-New", b"1"))
    yield _case("insert at 1 of no headers", insert_header(1, b"X-New", b"1"), message=SHAPES["no header"])
    yield _case("insert at 1 of nothing", insert_header(1, b"X-New", b"1"), message=SHAPES["nothing"])
    for index in (0, 1, 2, 3, 8, 9, 10):
        yield _case(f"insert at {index} where Received are", insert_header(index, b"X-New", b"1"), message=SHAPES["received"])
        yield _case(f"insert at {index} of a subject alone", insert_header(index, b"X-New", b"1"), message=SHAPES["subject only"])
    yield _case("insert at 0 twice", insert_header(0, b"X-A", b"1"), insert_header(0, b"X-B", b"2"))
    yield _case("insert at 0, 1, 2", *(insert_header(index, b"X-%d" % index, b"1") for index in (0, 1, 2)))
    yield _case("insert at 1, 1, 1", *(insert_header(1, b"X-%d" % number, b"1") for number in (1, 2, 3)))
    yield _case("insert at 8, 9, 10", *(insert_header(index, b"X-%d" % index, b"1") for index in (8, 9, 10)))
    yield _case("insert at 9, 9", insert_header(9, b"X-A", b"1"), insert_header(9, b"X-B", b"2"))
    yield _case("insert at 2, 1", insert_header(2, b"X-A", b"1"), insert_header(1, b"X-B", b"2"))
    yield _case("insert at 9999 twice", insert_header(9_999, b"X-A", b"1"), insert_header(9_999, b"X-B", b"2"))
    yield _case("insert at 9999, then add", insert_header(9_999, b"X-A", b"1"), add_header(b"X-B", b"2"))
    yield _case("add, then insert at 9999", add_header(b"X-B", b"2"), insert_header(9_999, b"X-A", b"1"))
    yield _case("insert Received at 0", insert_header(0, b"Received", b"by filter"))
    yield _case("insert Received at 1", insert_header(1, b"Received", b"by filter"))
    yield _case("insert empty value", insert_header(0, b"X-New", b""))
    yield _case("insert empty name", insert_header(0, b"", b"1"))
    yield _case("insert known name at 1", insert_header(1, b"X-Two", b"new"))
    yield _case("delete Subject, then insert at 6", change_header(1, b"Subject", DELETED), insert_header(6, b"X-New", b"1"))
    yield _case("delete From, then insert at 2", change_header(1, b"From", DELETED), insert_header(2, b"X-New", b"1"))
    yield _case("delete From, then insert at 9", change_header(1, b"From", DELETED), insert_header(9, b"X-New", b"1"))
    yield _case("delete From and To, then insert at 10", change_header(1, b"From", DELETED), change_header(1, b"To", DELETED), insert_header(10, b"X-New", b"1"))


def _changed() -> Iterator[Case]:
    for index in (0, 1, 2, 3, 4, 9_999, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF):
        yield _case(f"change X-Two {index}", change_header(index, b"X-Two", b"new"))
        yield _case(f"delete X-Two {index}", change_header(index, b"X-Two", DELETED))
    for index in (0, 1, 2, 3):
        for message in ("plain", "received", "received below"):
            for word, value in (("change", b"by filter"), ("delete", DELETED)):
                yield _case(
                    f"{word} Received {index}, message {message}",
                    change_header(index, b"Received", value),
                    message=SHAPES[message],
                )
    yield _case("change in another case", change_header(1, b"SUBJECT", b"new"))
    yield _case("delete in another case", change_header(1, b"SUBJECT", DELETED))
    yield _case("change unknown name", change_header(1, b"X-No", b"new"))
    yield _case("delete unknown name", change_header(1, b"X-No", DELETED))
    yield _case("change empty name", change_header(1, b"", b"new"))
    yield _case("delete empty name", change_header(1, b"", DELETED))
    yield _case("change third of four in cases", change_header(3, b"X-Two", b"new"), message=SHAPES["many of one name"])
    yield _case("change folded", change_header(1, b"Subject", b"new"), message=SHAPES["folded"])
    yield _case("delete folded", change_header(1, b"Subject", DELETED), message=SHAPES["folded"])
    yield _case("change name before blanks", change_header(1, b"X-Wide", b"new"), message=SHAPES["blanks"])
    yield _case("change to one space, kept", change_header(1, b"Subject", b" "), leading_space=True)
    yield _case("change to blanks", change_header(1, b"Subject", b"  "))
    yield _case("change without leading space", change_header(1, b"Subject", b"new"), leading_space=True)
    yield _case("delete all X-Two from the end", *(change_header(index, b"X-Two", DELETED) for index in (2, 1)))
    yield _case("delete all X-Two from the front", *(change_header(index, b"X-Two", DELETED) for index in (1, 2)))
    names = (b"From", b"To", b"Date", b"Message-Id", b"Subject", b"X-Two", b"X-Two")
    yield _case("delete every header", *(change_header(1, name, DELETED) for name in names))
    yield _case("delete every header, X-Two 2", *(change_header(1, name, DELETED) for name in names[:-1]), change_header(2, b"X-Two", DELETED))


def _interacting() -> Iterator[Case]:
    two = b"X-Two"
    rows = {
        "delete 1, change 1": (change_header(1, two, DELETED), change_header(1, two, b"new")),
        "delete 1, change 2": (change_header(1, two, DELETED), change_header(2, two, b"new")),
        "delete 1, change 3": (change_header(1, two, DELETED), change_header(3, two, b"new")),
        "delete 1, delete 1": (change_header(1, two, DELETED), change_header(1, two, DELETED)),
        "delete 1, delete 2, change 1": (change_header(1, two, DELETED), change_header(2, two, DELETED), change_header(1, two, b"new")),
        "delete 1, change 1, delete 1": (change_header(1, two, DELETED), change_header(1, two, b"new"), change_header(1, two, DELETED)),
        "delete 1, add": (change_header(1, two, DELETED), add_header(two, b"new")),
        "delete both, add": (change_header(2, two, DELETED), change_header(1, two, DELETED), add_header(two, b"new")),
        "delete both slots, add": (change_header(1, two, DELETED), change_header(2, two, DELETED), add_header(two, b"new")),
        "delete 2, add, change 2": (change_header(2, two, DELETED), add_header(two, b"new"), change_header(2, two, b"newer")),
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
        "change 9, change 3, change 4": (change_header(9, two, b"a"), change_header(3, two, b"b"), change_header(4, two, b"c")),
        "change in another case, then change": (change_header(1, b"x-two", b"a"), change_header(1, two, b"b")),
        "delete, revive in another case": (change_header(1, two, DELETED), change_header(1, b"X-TWO", b"b")),
    }
    for name, edits in rows.items():
        yield _case(f"X-Two: {name}", *edits)
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
        yield _case(f"X-New: {name}", *edits)
    yield _case("Received: add, change 1", add_header(b"Received", b"a"), change_header(1, b"Received", b"b"))
    yield _case("Received: insert at 0, change 1", insert_header(0, b"Received", b"a"), change_header(1, b"Received", b"b"))
    yield _case("Received: insert at 1, change 1", insert_header(1, b"Received", b"a"), change_header(1, b"Received", b"b"))
    yield _case("Received: insert at 0, delete 1, delete 1", insert_header(0, b"Received", b"a"), change_header(1, b"Received", DELETED), change_header(1, b"Received", DELETED))


def _received() -> Iterator[Case]:
    """The header that the MTA itself added, and copies of it."""
    name = b"Received"
    yield _case("Received: add, change 2", add_header(name, b"a"), change_header(2, name, b"b"))
    yield _case("Received: insert at 0, change 2", insert_header(0, name, b"a"), change_header(2, name, b"b"))
    yield _case("Received: insert at 0, delete 2", insert_header(0, name, b"a"), change_header(2, name, DELETED))
    yield _case("Received: insert empty at 0, change 1", insert_header(0, name, b""), change_header(1, name, b"b"))
    yield _case("Received: insert empty at 0, delete 1", insert_header(0, name, b""), change_header(1, name, DELETED))
    yield _case("Received: insert empty at 1, change 1", insert_header(1, name, b""), change_header(1, name, b"b"))
    yield _case("Received: X-New inserted at 0, change 1", insert_header(0, b"X-New", b"a"), change_header(1, name, b"b"))
    yield _case("Received: insert at 0, add", insert_header(0, name, b"a"), add_header(name, b"b"))


def _odd_names() -> Iterator[Case]:
    names = {
        "colon at the end": b"X-A:",
        "colon inside": b"X-A:b",
        "blank at the end": b"X-A ",
        "blank inside": b"X A",
        "blank in front": b" X-A",
        "tab inside": b"X\tA",
        "control": b"X-\x01A",
        "line end": b"X-A\r\nX-B",
        "line feed": b"X-A\nX-B",
        "delete": b"X-\x7fA",
        "latin-1": b"X-Gr\xfc\xdfe",
        "utf-8": "X-Grüße".encode(),
        "long": b"X-" + b"a" * 120,
        "punctuation": b"X_!#$%&'*+.^`|~/()=@",
        "number": b"12",
        "hyphen": b"-",
    }
    for name, text in names.items():
        yield _case(f"add name with {name}", add_header(text, b"1"))
    for name in ("colon at the end", "blank at the end", "blank inside", "latin-1", "line end"):
        yield _case(f"insert name with {name}", insert_header(1, names[name], b"1"))
        yield _case(f"change name with {name}", change_header(1, names[name], b"1"))
    yield _case("change name with colon of a header", change_header(1, b"Subject:", b"1"))
    yield _case("change name with blank of a header", change_header(1, b"Subject ", b"1"))
    yield _case("delete name with colon of a header", change_header(1, b"Subject:", DELETED))


def _below_odd_names() -> Iterator[Case]:
    """A header whose name is none stands above those that are edited."""
    names = {
        "blank inside": b"X A",
        "blank in front": b" X-A",
        "blank at the end": b"X-A ",
        "colon at the end": b"X-A:",
        "tab inside": b"X\tA",
        "control": b"X-\x01A",
        "delete": b"X-\x7fA",
        "8-bit": b"X-\xfc",
        "line feed": b"X-A\nX-B",
        "nothing": b"",
    }
    for name, text in names.items():
        odd = insert_header(1, text, b"1")
        yield _case(f"below a name with {name}: change", odd, change_header(1, b"Subject", b"new"))
        yield _case(f"below a name with {name}: delete", odd, change_header(1, b"Subject", DELETED))
        yield _case(f"below a name with {name}: insert at 4", odd, insert_header(4, b"X-In", b"2"))
        yield _case(f"below a name with {name}: add", odd, add_header(b"X-Two", b"2"))
        yield _case(f"above a name with {name}: insert at 1", odd, insert_header(1, b"X-In", b"2"))
    yield _case("above a name with blank in front: delete", insert_header(2, b" X-A", b"1"), change_header(1, b"From", DELETED))
    yield _case("a name with colon at the end is changed by the name before it", add_header(b"X-A:", b"1"), change_header(1, b"X-A", b"2"))
    yield _case("a name with blank at the end is changed by the name before it", add_header(b"X-A ", b"1"), change_header(1, b"X-A", b"2"))
    yield _case("a name with blank at the end is changed by itself", add_header(b"X-A ", b"1"), change_header(1, b"X-A ", b"2"))


def odd_values() -> dict[str, bytes]:
    return {
        "fold by tab": b"a\n\tb",
        "fold by space": b"a\n b",
        "two folds": b"a\n b\n\tc",
        "fold by blanks": b"a\n   b",
        "line feed without blank": b"a\nb",
        "line feed like a header": b"a\nX-Injected: b",
        "line feed at the end": b"a\n",
        "line feed and blank at the end": b"a\n ",
        "line feed in front": b"\na",
        "line feed and blank in front": b"\n a",
        "only a line feed": b"\n",
        "two line feeds": b"a\n\nb",
        "two line feeds, blank": b"a\n\n b",
        "carriage return": b"a\rb",
        "carriage return at the end": b"a\r",
        "carriage return, blank": b"a\r b",
        "line end, blank": b"a\r\n b",
        "line end, tab": b"a\r\n\tb",
        "line end without blank": b"a\r\nb",
        "line end at the end": b"a\r\n",
        "line end and body": b"a\r\n\r\nbody",
        "two line feeds and body": b"a\n\nbody",
        "one space": b" ",
        "one tab": b"\t",
        "tab in front": b"\ta",
        "spaces at the end": b"a  ",
        "8-bit": b"Gr\xfc\xdfe",
        "utf-8": "Grüße".encode(),
        "control": b"a\x01b",
        "delete": b"a\x7fb",
        "colon": b"a: b",
        "backslash": b"a\\b \\n",
        "macro": b"$j ${i} %s %d %%",
        "only a carriage return": b"\r",
    }


def _odd_values() -> Iterator[Case]:
    values = odd_values()
    for name, value in values.items():
        yield _case(f"add value with {name}", add_header(b"X-New", value))
    for name in ("fold by tab", "line feed without blank", "line feed at the end", "line feed in front", "only a line feed", "carriage return", "line end, blank", "one space", "8-bit"):
        yield _case(f"insert value with {name}", insert_header(1, b"X-New", values[name]))
        yield _case(f"change value with {name}", change_header(1, b"Subject", values[name]))
        yield _case(f"add value with {name}, leading space kept", add_header(b"X-New", b" " + values[name]), leading_space=True)
        yield _case(f"add value with {name}, no leading space", add_header(b"X-New", values[name]), leading_space=True)
    words = b" ".join(b"w%03d" % number for number in range(300))
    yield _case("add value of 1,500 bytes", add_header(b"X-New", words))
    yield _case("add value of 2,400 bytes", add_header(b"X-New", b"x" * 2_398 + b"yz"))
    yield _case("add value with a line of 2,400 bytes, then a fold", add_header(b"X-New", b"x" * 2_398 + b"yz\n end"))
    yield _case("add value with a fold, then a line of 2,400 bytes", add_header(b"X-New", b"a\n" + b"x" * 2_398 + b"yz"))
    yield _case("add name of 210 bytes", add_header(b"X" * 209 + b"Y", b"1"))
    yield _case("change value to 1,100 bytes, folded", change_header(1, b"Subject", b"\n ".join([b"y" * 100] * 11)))
    yield _case("add value of 3,000 bytes", add_header(b"X-New", b"x" * 3_000), is_large=True)


def _on_odd_messages(mta: str) -> Iterator[Case]:
    for shape, message in SHAPES.items():
        # Sendmail refuses a bare CR.
        if shape in ("plain", "long line") or (shape == "bare cr" and mta == "sendmail"):
            continue
        yield _case(
            f"add, insert and change, message {shape}",
            add_header(b"X-New", b"a"),
            insert_header(1, b"X-In", b"b"),
            change_header(1, b"Subject", b"c"),
            message=message,
        )
    for shape in ("no body", "no blank line", "no header", "nothing", "only a blank line", "no blank line, body", "no colon"):
        yield _case(f"new body, message {shape}", replace_body(b"new\r\n"), message=SHAPES[shape])
        yield _case(f"empty body, message {shape}", replace_body(b""), message=SHAPES[shape])
        yield _case(f"no edit, message {shape}", message=SHAPES[shape])
        yield _case(f"insert at 9999, message {shape}", insert_header(9_999, b"X-New", b"a"), message=SHAPES[shape])
    if mta == "postfix":
        for shape, message in CHUNKED.items():
            yield _case(f"no edit, chunks {shape}", message=message, chunked=True)
            yield _case(f"add, insert, change, chunks {shape}", add_header(b"X-New", b"a"), insert_header(1, b"X-In", b"b"), change_header(1, b"X-Two", b"c"), message=message, chunked=True)
            yield _case(f"new body, chunks {shape}", replace_body(b"new"), message=message, chunked=True)


def _of_names_that_mtas_know() -> Iterator[Case]:
    values = {
        b"Return-Path": b"<x@y.example>",
        b"Bcc": b"eve@rcpt.example",
        b"Resent-Bcc": b"eve@rcpt.example",
        b"Date": b"Thu, 26 Nov 2026 12:00:00 +0000",
        b"From": b"<eve@sender.example>",
        b"To": b"eve@rcpt.example, dan@rcpt.example",
        b"Cc": b"eve@rcpt.example, dan@rcpt.example",
        b"Sender": b"Eve <eve@sender.example>",
        b"Reply-To": b"eve@rcpt.example",
        b"Message-Id": b"<2@sender.example>",
        b"Resent-From": b"<eve@sender.example>",
        b"Resent-Date": b"Thu, 26 Nov 2026 12:00:00 +0000",
        b"Resent-Message-Id": b"<2@sender.example>",
        b"Resent-To": b"eve@rcpt.example",
        b"Content-Length": b"4",
        b"Full-Name": b"Alice",
        b"Errors-To": b"eve@sender.example",
        b"Apparently-To": b"eve@rcpt.example",
        b"Content-Type": b"text/plain; charset=utf-8",
        b"MIME-Version": b"1.0",
        b"Content-Transfer-Encoding": b"8bit",
        b"Disposition-Notification-To": b"eve@sender.example",
        b"Via": b"x",
    }
    bare = b"Subject: alone\r\n\r\nHi\r\n"
    for name, value in values.items():
        text = name.decode()
        yield _case(f"add {text} to a bare message", add_header(name, value), message=bare)
        yield _case(f"add {text}", add_header(name, value), message=SHAPES["usual"])
        yield _case(f"insert {text} at 1", insert_header(1, name, value), message=SHAPES["usual"])
        yield _case(f"change {text}", change_header(1, name, value), message=SHAPES["usual"])
    for name in (b"From", b"Date", b"Message-Id", b"Return-Path", b"Full-Name", b"Resent-Date"):
        text = name.decode()
        yield _case(f"insert {text} at 9999 of a bare message", insert_header(9_999, name, values[name]), message=bare)
        yield _case(f"insert {text} at 0 of a bare message", insert_header(0, name, values[name]), message=bare)
        yield _case(f"change {text} of a bare message", change_header(1, name, values[name]), message=bare)
        yield _case(f"change {text} 2 of a bare message", change_header(2, name, values[name]), message=bare)
        yield _case(f"delete {text} of a bare message", change_header(1, name, DELETED), message=bare)
        yield _case(f"delete {text}", change_header(1, name, DELETED), message=SHAPES["usual"])
        yield _case(f"add {text}, then delete, bare message", add_header(name, values[name]), change_header(1, name, DELETED), message=bare)
        yield _case(f"add {text} twice to a bare message", add_header(name, values[name]), add_header(name, values[name]), message=bare)
    for name in (b"Return-Path", b"Bcc", b"Content-Length"):
        text = name.decode()
        yield _case(f"change {text}, message dropped names", change_header(1, name, values[name]), message=SHAPES["dropped names"])
        yield _case(f"delete {text}, message dropped names", change_header(1, name, DELETED), message=SHAPES["dropped names"])
    yield _case("change Resent-From, message resent", change_header(1, b"Resent-From", b"<new@sender.example>"), message=SHAPES["resent"])
    yield _case("add Resent-Date, message resent", add_header(b"Resent-Date", values[b"Resent-Date"]), message=SHAPES["resent"])
    yield from _rewritten()


def _rewritten() -> Iterator[Case]:
    """Addresses in headers, which Sendmail writes in its own way when it delivers them."""
    yield _case("rewritten: no domain", add_header(b"Reply-To", b"eve"))
    yield _case("rewritten: no blank after comma", add_header(b"Cc", b"eve@rcpt.example,dan@rcpt.example"))
    yield _case("rewritten: blanks", add_header(b"Cc", b"  eve@rcpt.example,   dan@rcpt.example "))
    yield _case("rewritten: words", add_header(b"From", b"one two"))
    yield _case("rewritten: fold", add_header(b"Cc", b"eve@rcpt.example,\n dan@rcpt.example"))
    yield _case("rewritten: empty", change_header(1, b"Cc", b" "), message=SHAPES["addresses"])
    yield _case("rewritten: change Cc to an address and a comment", change_header(1, b"Cc", b"(a) eve@rcpt.example (b)"), message=SHAPES["addresses"])
    yield _case("rewritten: change To to many addresses", change_header(1, b"To", b", ".join(b"person-%d@rcpt.example" % n for n in range(6))), message=SHAPES["addresses"])
    yield _case("rewritten: change To, folded by tab", change_header(1, b"To", b"a@rcpt.example,\n\tb@rcpt.example"), message=SHAPES["addresses"])


SENDERS: dict[str, tuple[bytes, bytes | None]] = {
    "brackets": (b"<carol@sender.example>", None),
    "no brackets": (b"carol@sender.example", None),
    "null": (b"<>", None),
    "empty": (b"", None),
    "local part only": (b"<carol>", None),
    "capitals": (b"<CAROL@Sender.Example>", None),
    "name": (b"Carol <carol@sender.example>", None),
    "comment": (b"carol@sender.example (Carol)", None),
    "list": (b"<carol@sender.example>, <dan@sender.example>", None),
    "list without brackets": (b"carol@sender.example, dan@sender.example", None),
    "quoted local part": (b'<"car ol"@sender.example>', None),
    "source route": (b"<@relay.example:carol@sender.example>", None),
    "blank in local part": (b"<car ol@sender.example>", None),
    "two at signs": (b"<carol@x@sender.example>", None),
    "8-bit": (b"<car\xf6l@sender.example>", None),
    "utf-8": ("<caröl@sender.example>".encode(), None),
    "no closing bracket": (b"<carol@sender.example", None),
    "brackets twice": (b"<<carol@sender.example>>", None),
    "blanks around": (b" <carol@sender.example> ", None),
    "line end": (b"<carol@sender.example>\r\nRCPT TO:<eve@rcpt.example>", None),
    "address literal": (b"<carol@[127.0.0.1]>", None),
    "percent": (b"<carol%x@sender.example>", None),
    "arguments in the address": (b"<carol@sender.example> RET=HDRS", None),
    "empty arguments": (b"<carol@sender.example>", b""),
    "RET=HDRS": (b"<carol@sender.example>", b"RET=HDRS"),
    "RET=FULL": (b"<carol@sender.example>", b"RET=FULL"),
    "RET in small letters": (b"<carol@sender.example>", b"ret=hdrs"),
    "RET unknown": (b"<carol@sender.example>", b"RET=SOME"),
    "RET empty": (b"<carol@sender.example>", b"RET="),
    "ENVID": (b"<carol@sender.example>", b"ENVID=new"),
    "ENVID in xtext": (b"<carol@sender.example>", b"ENVID=a+2Bb"),
    "ENVID empty": (b"<carol@sender.example>", b"ENVID="),
    "ENVID bad xtext": (b"<carol@sender.example>", b"ENVID=a+zz"),
    "RET and ENVID": (b"<carol@sender.example>", b"RET=HDRS ENVID=new"),
    "RET twice": (b"<carol@sender.example>", b"RET=HDRS RET=FULL"),
    "blanks in arguments": (b"<carol@sender.example>", b"  RET=HDRS   ENVID=new "),
    "SIZE": (b"<carol@sender.example>", b"SIZE=99"),
    "SIZE and RET": (b"<carol@sender.example>", b"SIZE=99 RET=HDRS"),
    "BODY=7BIT": (b"<carol@sender.example>", b"BODY=7BIT"),
    "BODY=8BITMIME": (b"<carol@sender.example>", b"BODY=8BITMIME"),
    "AUTH": (b"<carol@sender.example>", b"AUTH=<>"),
    "SMTPUTF8": (b"<carol@sender.example>", b"SMTPUTF8"),
    "unknown argument": (b"<carol@sender.example>", b"FOO=bar"),
    "unknown argument, then RET": (b"<carol@sender.example>", b"FOO=bar RET=HDRS"),
    "null with RET": (b"<>", b"RET=HDRS"),
    "NOTIFY": (b"<carol@sender.example>", b"NOTIFY=NEVER"),
}
WITH_ARGUMENTS = Mailbox("<alice@sender.example>", ("BODY=8BITMIME", "RET=FULL", "ENVID=old"))


def _sender() -> Iterator[Case]:
    for name, (address, arguments) in SENDERS.items():
        yield _case(f"sender: {name}", change_from(address, arguments))
    for name in ("brackets", "null", "empty arguments", "RET=HDRS", "ENVID", "SIZE", "BODY=7BIT", "unknown argument"):
        address, arguments = SENDERS[name]
        yield _case(f"sender with arguments: {name}", change_from(address, arguments), sender=WITH_ARGUMENTS)
    yield _case("sender twice", change_from(b"<carol@sender.example>"), change_from(b"<dan@sender.example>"))
    yield _case("sender twice, arguments first", change_from(b"<carol@sender.example>", b"RET=HDRS ENVID=x"), change_from(b"<dan@sender.example>"))
    yield _case("sender twice, arguments differ", change_from(b"<carol@sender.example>", b"RET=HDRS"), change_from(b"<dan@sender.example>", b"ENVID=x"))
    yield _case("sender twice, the second bad", change_from(b"<carol@sender.example>"), change_from(b"<a b@c>"))
    yield _case("sender changed, message without From", change_from(b"<carol@sender.example>"), message=SHAPES["no from"])
    yield _case("sender to null, message without From", change_from(b"<>"), message=SHAPES["no from"])
    yield _case("null sender changed, message without From", change_from(b"<carol@sender.example>"), sender=Mailbox("<>"), message=SHAPES["no from"])
    yield _case("no edit, null sender, message without From", sender=Mailbox("<>"), message=SHAPES["no from"])
    yield _case("null sender changed, message without From, in quarantine", quarantine(b"held"), change_from(b"<carol@sender.example>"), sender=Mailbox("<>"), message=SHAPES["no from"])
    yield _case("null sender changed", change_from(b"<carol@sender.example>"), sender=Mailbox("<>"))
    yield _case("no edit, null sender", sender=Mailbox("<>"))
    yield _case("no edit, sender with arguments", sender=WITH_ARGUMENTS)
    yield _case("sender changed, Return-Path added", change_from(b"<carol@sender.example>"), add_header(b"Return-Path", b"<x@y.example>"))


RECIPIENTS: dict[str, bytes] = {
    "brackets": b"<carol@rcpt.example>",
    "no brackets": b"carol@rcpt.example",
    "of the envelope": b"<bob@rcpt.example>",
    "of the envelope without brackets": b"bob@rcpt.example",
    "of the envelope in capitals": b"<BOB@rcpt.example>",
    "domain in capitals": b"<bob@RCPT.EXAMPLE>",
    "empty": b"",
    "null": b"<>",
    "local part only": b"<carol>",
    "list": b"<carol@rcpt.example>, <dave@rcpt.example>",
    "list without brackets": b"carol@rcpt.example,dave@rcpt.example",
    "list by blank": b"<carol@rcpt.example> <dave@rcpt.example>",
    "list by blank, no brackets": b"carol@rcpt.example dave@rcpt.example",
    "list by semicolon": b"carol@rcpt.example; dave@rcpt.example",
    "list with duplicates": b"carol@rcpt.example, carol@rcpt.example, bob@rcpt.example",
    "name": b"Carol <carol@rcpt.example>",
    "quoted name": b'"C, D" <carol@rcpt.example>',
    "comment": b"carol@rcpt.example (Carol)",
    "group": b"friends: carol@rcpt.example, dave@rcpt.example;",
    "quoted local part": b'<"car ol"@rcpt.example>',
    "quotes without need": b'<"carol"@rcpt.example>',
    "source route": b"<@relay.example:carol@rcpt.example>",
    "blank in local part": b"<car ol@rcpt.example>",
    "no closing bracket": b"<carol@rcpt.example",
    "brackets twice": b"<<carol@rcpt.example>>",
    "blanks around": b" <carol@rcpt.example> ",
    "8-bit": b"<car\xf6l@rcpt.example>",
    "utf-8": "<caröl@rcpt.example>".encode(),
    "line end": b"<carol@rcpt.example>\r\nDATA",
    "arguments in the address": b"<carol@rcpt.example> NOTIFY=NEVER",
    "refused by the MTA": b"<nobody@rcpt.example>",
    "trailing dot": b"<carol@rcpt.example.>",
    "address literal": b"<carol@[192.0.2.9]>",
}
ARGUMENTS: dict[str, bytes | None] = {
    "none": None,
    "empty": b"",
    "NOTIFY=NEVER": b"NOTIFY=NEVER",
    "NOTIFY=SUCCESS,FAILURE": b"NOTIFY=SUCCESS,FAILURE",
    "NOTIFY in small letters": b"notify=never",
    "NOTIFY unknown": b"NOTIFY=SOMETIMES",
    "NOTIFY never and more": b"NOTIFY=NEVER,SUCCESS",
    "ORCPT": b"ORCPT=rfc822;c@old.example",
    "ORCPT without type": b"ORCPT=c@old.example",
    "ORCPT in xtext": b"ORCPT=rfc822;c+2Bd@old.example",
    "ORCPT and NOTIFY": b"ORCPT=rfc822;c@old.example NOTIFY=DELAY",
    "NOTIFY twice": b"NOTIFY=NEVER NOTIFY=FAILURE",
    "unknown": b"FOO=bar",
    "unknown, then NOTIFY": b"FOO=bar NOTIFY=NEVER",
    "SIZE": b"SIZE=5",
    "blanks": b"  NOTIFY=NEVER  ",
}


def _recipients_added() -> Iterator[Case]:
    for name, address in RECIPIENTS.items():
        yield _case(f"add recipient: {name}", add_rcpt(address))
    for name, arguments in ARGUMENTS.items():
        yield _case(f"add recipient with arguments: {name}", add_rcpt_with_arguments(b"<carol@rcpt.example>", arguments))
    for name in ("list", "name", "comment", "null", "empty", "no brackets", "of the envelope"):
        yield _case(f"add recipient with arguments to: {name}", add_rcpt_with_arguments(RECIPIENTS[name], b"NOTIFY=NEVER"))
    carol, bob = b"<carol@rcpt.example>", b"<bob@rcpt.example>"
    notified = Mailbox(BOB.address, ("NOTIFY=FAILURE", "ORCPT=rfc822;rob@old.example"))
    yield _case("add recipient twice", add_rcpt(carol), add_rcpt(carol))
    yield _case("add recipient twice, arguments second", add_rcpt(carol), add_rcpt_with_arguments(carol, b"NOTIFY=NEVER"))
    yield _case("add recipient twice, arguments first", add_rcpt_with_arguments(carol, b"NOTIFY=NEVER"), add_rcpt(carol))
    yield _case("add recipient twice in cases", add_rcpt(carol), add_rcpt(b"<CAROL@rcpt.example>"))
    yield _case("add recipient of the envelope with other arguments", add_rcpt_with_arguments(bob, b"NOTIFY=NEVER"), recipients=(notified,))
    yield _case("add recipient of the envelope without its arguments", add_rcpt(bob), recipients=(notified,))
    yield _case("no edit, recipient with arguments", recipients=(notified,))
    yield _case("no edit, duplicate recipients", recipients=(BOB, BOB, CAROL))
    yield _case("no edit, recipients in cases", recipients=(BOB, Mailbox("<BOB@rcpt.example>"), Mailbox("<bob@RCPT.example>")))
    yield _case("add recipients, order", add_rcpt(b"<zoe@rcpt.example>"), add_rcpt(b"<amy@rcpt.example>"), add_rcpt(carol), recipients=(DAVE, BOB))
    yield _case("add recipient of another domain", add_rcpt(b"<zoe@other.example>"))


def _recipients_deleted() -> Iterator[Case]:
    three = (BOB, CAROL, DAVE)
    carol = b"<carol@rcpt.example>"
    forms = {
        "exact": carol,
        "without brackets": b"carol@rcpt.example",
        "local part in capitals": b"<CAROL@rcpt.example>",
        "domain in capitals": b"<carol@RCPT.EXAMPLE>",
        "name": b"Carol <carol@rcpt.example>",
        "comment": b"carol@rcpt.example (Carol)",
        "list": b"<bob@rcpt.example>, <carol@rcpt.example>",
        "list without brackets": b"bob@rcpt.example,carol@rcpt.example",
        "list by blank, no brackets": b"bob@rcpt.example carol@rcpt.example",
        "quotes without need": b'<"carol"@rcpt.example>',
        "empty": b"",
        "null": b"<>",
        "blanks around": b" <carol@rcpt.example> ",
        "no closing bracket": b"<carol@rcpt.example",
        "not there": b"<zoe@rcpt.example>",
        "source route": b"<@relay.example:carol@rcpt.example>",
        "trailing dot": b"<carol@rcpt.example.>",
    }
    for name, address in forms.items():
        yield _case(f"delete recipient: {name}", delete_rcpt(address), recipients=three)
    for spelled in ("<Carol@rcpt.example>", "<carol@Rcpt.example>", '<"carol"@rcpt.example>', '<"car ol"@rcpt.example>', "<@relay.example:carol@rcpt.example>"):
        raw = spelled.encode()
        recipients = (BOB, Mailbox(spelled))
        yield _case(f"delete recipient as written: {spelled}", delete_rcpt(raw), recipients=recipients)
        yield _case(f"delete recipient in small letters, unquoted: {spelled}", delete_rcpt(carol), recipients=recipients)
    yield _case("delete every recipient", *(delete_rcpt(it.address.encode()) for it in three), recipients=three)
    yield _case("delete duplicate recipients", delete_rcpt(b"<bob@rcpt.example>"), recipients=(BOB, BOB, CAROL))
    yield _case("delete one of recipients in cases", delete_rcpt(b"<bob@rcpt.example>"), recipients=(BOB, Mailbox("<BOB@rcpt.example>"), CAROL))
    yield _case("delete recipient twice", delete_rcpt(carol), delete_rcpt(carol), recipients=three)
    yield _case("delete, add recipient", delete_rcpt(carol), add_rcpt(carol), recipients=three)
    yield _case("add, delete recipient of the envelope", add_rcpt(carol), delete_rcpt(carol), recipients=three)
    yield _case("add, delete recipient", add_rcpt(b"<zoe@rcpt.example>"), delete_rcpt(b"<zoe@rcpt.example>"))
    yield _case("add without brackets, delete with", add_rcpt(b"zoe@rcpt.example"), delete_rcpt(b"<zoe@rcpt.example>"))
    yield _case("add with a name, delete", add_rcpt(b"Zoe <zoe@rcpt.example>"), delete_rcpt(b"<zoe@rcpt.example>"))
    yield _case("add twice, delete recipient", add_rcpt(carol), add_rcpt(carol), delete_rcpt(carol))
    yield _case("add, delete, add recipient", add_rcpt(carol), delete_rcpt(carol), add_rcpt(carol))
    yield _case("delete, add, delete recipient", delete_rcpt(carol), add_rcpt(carol), delete_rcpt(carol), recipients=three)
    yield _case("delete, add recipient with arguments", delete_rcpt(carol), add_rcpt_with_arguments(carol, b"NOTIFY=NEVER"), recipients=three)
    noted = Mailbox(CAROL.address, ("NOTIFY=FAILURE", "ORCPT=rfc822;c@old.example"))
    yield _case("delete, add recipient that had NOTIFY=NEVER", delete_rcpt(carol), add_rcpt(carol), recipients=(BOB, Mailbox(CAROL.address, ("NOTIFY=NEVER",))))
    yield _case("delete, add recipient that had NOTIFY=SUCCESS with others", delete_rcpt(carol), add_rcpt_with_arguments(carol, b"NOTIFY=FAILURE ORCPT=rfc822;new@old.example"), recipients=(BOB, Mailbox(CAROL.address, ("NOTIFY=SUCCESS",))))
    yield _case("delete, add recipient that had arguments", delete_rcpt(carol), add_rcpt(carol), recipients=(BOB, noted))
    yield _case("delete recipient with ORCPT by the address in it", delete_rcpt(b"<c@old.example>"), recipients=(BOB, noted))
    yield _case("add recipient with ORCPT, delete", add_rcpt_with_arguments(carol, b"ORCPT=rfc822;c@old.example"), delete_rcpt(carol))
    yield _case("every recipient replaced", delete_rcpt(b"<bob@rcpt.example>"), add_rcpt(carol))
    yield _case("delete every recipient, then edit", delete_rcpt(b"<bob@rcpt.example>"), add_header(b"X-New", b"1"), replace_body(b"new\r\n"))


def bodies() -> dict[str, tuple[bytes, ...]]:
    return {
        "a line": (b"new\r\n",),
        "empty": (b"",),
        "two empty": (b"", b""),
        "empty, then a line": (b"", b"new\r\n"),
        "a line, then empty": (b"new\r\n", b""),
        "no line end": (b"new",),
        "no line end, in two": (b"ne", b"w"),
        "line feed": (b"a\nb\n",),
        "line feed at the start": (b"\na\n",),
        "carriage return": (b"a\rb\r\n",),
        "carriage return at the end": (b"a\r",),
        "line end cut in two": (b"a\r", b"\nb\r\n"),
        "carriage return, then text": (b"a\r", b"b\r\n"),
        "carriage return, empty, line feed": (b"a\r", b"", b"\nb\r\n"),
        "carriage return, empty, text": (b"a\r", b"", b"b\r\n"),
        "carriage return, empty": (b"a\r", b""),
        "carriage return, carriage return": (b"a\r", b"\r\nb"),
        "two carriage returns": (b"a\r\r\nb\r\n",),
        "only a line end": (b"\r\n",),
        "only a carriage return": (b"\r",),
        "only a line feed": (b"\n",),
        "blank lines": (b"\r\n\r\n\r\n",),
        "dots": (b".\r\n..\r\n. .\r\n.",),
        "dot after line feed": (b"a\n.\nb\n",),
        "nul": (b"a\0b\r\n",),
        "8-bit": (bytes(range(128, 256)) + b"\r\n",),
        "controls": (bytes(range(1, 10)) + b"\x0b\x0c" + bytes(range(14, 32)) + b"\x7f\r\n",),
        "like headers": (b"X-A: b\r\n\r\nc\r\n",),
        "three chunks": (b"one\r\n", b"two\r\n", b"three\r\n"),
        "From line": (b"From here\r\nFrom there\r\n",),
    }


def _bodies() -> Iterator[Case]:
    for name, chunks in bodies().items():
        yield _case(f"body: {name}", *map(replace_body, chunks))
    new, header = replace_body(b"new\r\n"), add_header(b"X-New", b"1")
    yield _case("body: header before", header, new)
    yield _case("body: header after", new, header)
    yield _case("body: header between", new, header, replace_body(b"more\r\n"))
    yield _case("body: progress between", new, PROGRESS, replace_body(b"more\r\n"))
    yield _case("body: progress before and after", PROGRESS, new, PROGRESS)
    yield _case("body: everything before and after", header, change_from(b"<carol@sender.example>"), new, add_rcpt(b"<zoe@rcpt.example>"), change_header(1, b"Subject", b"x"))
    yield _case("body: quarantine between", new, quarantine(b"held"), replace_body(b"more\r\n"))
    yield _case("body: a full chunk and more", replace_body(BIG[:MAX_CHUNK]), replace_body(BIG[MAX_CHUNK:MAX_CHUNK * 2]), replace_body(BIG[MAX_CHUNK * 2:]), is_large=True)
    yield _case("body: progress alone", PROGRESS, PROGRESS)


def _held() -> Iterator[Case]:
    yield _case("quarantine", quarantine(b"a reason"))
    yield _case("quarantine: empty", quarantine(b""))
    yield _case("quarantine: twice", quarantine(b"one"), quarantine(b"two"))
    yield _case("quarantine: line feed", quarantine(b"one\ntwo"))
    yield _case("quarantine: 8-bit", quarantine("Grüße".encode()))
    yield _case("quarantine: percent", quarantine(b"100% %s"))
    yield _case("quarantine: edits around", add_header(b"X-A", b"1"), quarantine(b"held"), change_header(1, b"Subject", b"x"), replace_body(b"new\r\n"), add_rcpt(b"<zoe@rcpt.example>"))
    yield _case("quarantine: every recipient deleted", quarantine(b"held"), delete_rcpt(b"<bob@rcpt.example>"))


def _verdicts() -> Iterator[Case]:
    edits = (add_header(b"X-New", b"1"), change_header(1, b"Subject", b"x"), replace_body(b"new\r\n"), add_rcpt(b"<zoe@rcpt.example>"))
    for verdict in ("accept", "discard", "reject", "tempfail"):
        yield _case(f"{verdict} after edits", *edits, verdict=verdict)
        yield _case(f"{verdict} after quarantine", quarantine(b"held"), verdict=verdict)
        yield _case(f"{verdict} alone", verdict=verdict)
