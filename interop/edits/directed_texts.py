"""Directed cases: names that are no header names, and values with every kind of byte."""

from collections.abc import Iterator

from .case import Case
from .directed_case import DELETED, case
from .edit import add_header, change_header, insert_header


def texts() -> Iterator[Case]:
    yield from _odd_names()
    yield from _below_odd_names()
    yield from _odd_values()


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
        yield case(f"add name with {name}", add_header(text, b"1"))
    for name in ("colon at the end", "blank at the end", "blank inside", "latin-1", "line end"):
        yield case(f"insert name with {name}", insert_header(1, names[name], b"1"))
        yield case(f"change name with {name}", change_header(1, names[name], b"1"))
    yield case("change name with colon of a header", change_header(1, b"Subject:", b"1"))
    yield case("change name with blank of a header", change_header(1, b"Subject ", b"1"))
    yield case("delete name with colon of a header", change_header(1, b"Subject:", DELETED))


def _below_odd_names() -> Iterator[Case]:
    """Headers are edited below one whose name is not valid."""
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
        yield case(f"below a name with {name}: change", odd, change_header(1, b"Subject", b"new"))
        yield case(f"below a name with {name}: delete", odd, change_header(1, b"Subject", DELETED))
        yield case(f"below a name with {name}: insert at 4", odd, insert_header(4, b"X-In", b"2"))
        yield case(f"below a name with {name}: add", odd, add_header(b"X-Two", b"2"))
        yield case(f"above a name with {name}: insert at 1", odd, insert_header(1, b"X-In", b"2"))
    yield case(
        "above a name with blank in front: delete", insert_header(2, b" X-A", b"1"), change_header(1, b"From", DELETED)
    )
    yield case(
        "a name with colon at the end is changed by the name before it",
        add_header(b"X-A:", b"1"),
        change_header(1, b"X-A", b"2"),
    )
    yield case(
        "a name with blank at the end is changed by the name before it",
        add_header(b"X-A ", b"1"),
        change_header(1, b"X-A", b"2"),
    )
    yield case(
        "a name with blank at the end is changed by itself", add_header(b"X-A ", b"1"), change_header(1, b"X-A ", b"2")
    )


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
        yield case(f"add value with {name}", add_header(b"X-New", value))
    for name in (
        "fold by tab",
        "line feed without blank",
        "line feed at the end",
        "line feed in front",
        "only a line feed",
        "carriage return",
        "line end, blank",
        "one space",
        "8-bit",
    ):
        yield case(f"insert value with {name}", insert_header(1, b"X-New", values[name]))
        yield case(f"change value with {name}", change_header(1, b"Subject", values[name]))
        yield case(
            f"add value with {name}, leading space kept", add_header(b"X-New", b" " + values[name]), leading_space=True
        )
        yield case(f"add value with {name}, no leading space", add_header(b"X-New", values[name]), leading_space=True)
    words = b" ".join(b"w%03d" % number for number in range(300))
    yield case("add value of 1,500 bytes", add_header(b"X-New", words))
    yield case("add value of 2,400 bytes", add_header(b"X-New", b"x" * 2_398 + b"yz"))
    yield case("add value with a line of 2,400 bytes, then a fold", add_header(b"X-New", b"x" * 2_398 + b"yz\n end"))
    yield case("add value with a fold, then a line of 2,400 bytes", add_header(b"X-New", b"a\n" + b"x" * 2_398 + b"yz"))
    yield case("add name of 210 bytes", add_header(b"X" * 209 + b"Y", b"1"))
    yield case("change value to 1,100 bytes, folded", change_header(1, b"Subject", b"\n ".join([b"y" * 100] * 11)))
    yield case("add value of 3,000 bytes", add_header(b"X-New", b"x" * 3_000), is_large=True)
