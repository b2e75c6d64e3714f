"""Directed cases: messages of odd shapes, and headers that the MTAs treat in a special way."""

from collections.abc import Iterator

from .case import Case
from .directed_case import DELETED, case
from .edit import add_header, change_header, insert_header, replace_body
from .messages import CHUNKED, SHAPES


def messages(mta: str) -> Iterator[Case]:
    yield from _on_odd_messages(mta)
    yield from _of_names_that_mtas_know()


def _on_odd_messages(mta: str) -> Iterator[Case]:
    for shape, message in SHAPES.items():
        # Sendmail refuses a bare CR.
        if shape in ("plain", "long line") or (shape == "bare cr" and mta == "sendmail"):
            continue
        yield case(
            f"add, insert and change, message {shape}",
            add_header(b"X-New", b"a"),
            insert_header(1, b"X-In", b"b"),
            change_header(1, b"Subject", b"c"),
            message=message,
        )
    for shape in (
        "no body",
        "no blank line",
        "no header",
        "nothing",
        "only a blank line",
        "no blank line, body",
        "no colon",
    ):
        yield case(f"new body, message {shape}", replace_body(b"new\r\n"), message=SHAPES[shape])
        yield case(f"empty body, message {shape}", replace_body(b""), message=SHAPES[shape])
        yield case(f"no edit, message {shape}", message=SHAPES[shape])
        yield case(f"insert at 9999, message {shape}", insert_header(9_999, b"X-New", b"a"), message=SHAPES[shape])
    if mta == "postfix":
        for shape, message in CHUNKED.items():
            yield case(f"no edit, chunks {shape}", message=message, chunked=True)
            yield case(
                f"add, insert, change, chunks {shape}",
                add_header(b"X-New", b"a"),
                insert_header(1, b"X-In", b"b"),
                change_header(1, b"X-Two", b"c"),
                message=message,
                chunked=True,
            )
            yield case(f"new body, chunks {shape}", replace_body(b"new"), message=message, chunked=True)


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
        yield case(f"add {text} to a bare message", add_header(name, value), message=bare)
        yield case(f"add {text}", add_header(name, value), message=SHAPES["usual"])
        yield case(f"insert {text} at 1", insert_header(1, name, value), message=SHAPES["usual"])
        yield case(f"change {text}", change_header(1, name, value), message=SHAPES["usual"])
    for name in (b"From", b"Date", b"Message-Id", b"Return-Path", b"Full-Name", b"Resent-Date"):
        text = name.decode()
        yield case(f"insert {text} at 9999 of a bare message", insert_header(9_999, name, values[name]), message=bare)
        yield case(f"insert {text} at 0 of a bare message", insert_header(0, name, values[name]), message=bare)
        yield case(f"change {text} of a bare message", change_header(1, name, values[name]), message=bare)
        yield case(f"change {text} 2 of a bare message", change_header(2, name, values[name]), message=bare)
        yield case(f"delete {text} of a bare message", change_header(1, name, DELETED), message=bare)
        yield case(f"delete {text}", change_header(1, name, DELETED), message=SHAPES["usual"])
        yield case(
            f"add {text}, then delete, bare message",
            add_header(name, values[name]),
            change_header(1, name, DELETED),
            message=bare,
        )
        yield case(
            f"add {text} twice to a bare message",
            add_header(name, values[name]),
            add_header(name, values[name]),
            message=bare,
        )
    for name in (b"Return-Path", b"Bcc", b"Content-Length"):
        text = name.decode()
        yield case(
            f"change {text}, message dropped names",
            change_header(1, name, values[name]),
            message=SHAPES["dropped names"],
        )
        yield case(
            f"delete {text}, message dropped names", change_header(1, name, DELETED), message=SHAPES["dropped names"]
        )
    yield case(
        "change Resent-From, message resent",
        change_header(1, b"Resent-From", b"<new@sender.example>"),
        message=SHAPES["resent"],
    )
    yield case(
        "add Resent-Date, message resent", add_header(b"Resent-Date", values[b"Resent-Date"]), message=SHAPES["resent"]
    )
    yield from _rewritten()


def _rewritten() -> Iterator[Case]:
    """Addresses in headers, which Sendmail reformats on delivery."""
    yield case("rewritten: no domain", add_header(b"Reply-To", b"eve"))
    yield case("rewritten: no blank after comma", add_header(b"Cc", b"eve@rcpt.example,dan@rcpt.example"))
    yield case("rewritten: blanks", add_header(b"Cc", b"  eve@rcpt.example,   dan@rcpt.example "))
    yield case("rewritten: words", add_header(b"From", b"one two"))
    yield case("rewritten: fold", add_header(b"Cc", b"eve@rcpt.example,\n dan@rcpt.example"))
    yield case("rewritten: empty", change_header(1, b"Cc", b" "), message=SHAPES["addresses"])
    yield case(
        "rewritten: change Cc to an address and a comment",
        change_header(1, b"Cc", b"(a) eve@rcpt.example (b)"),
        message=SHAPES["addresses"],
    )
    yield case(
        "rewritten: change To to many addresses",
        change_header(1, b"To", b", ".join(b"person-%d@rcpt.example" % n for n in range(6))),
        message=SHAPES["addresses"],
    )
    yield case(
        "rewritten: change To, folded by tab",
        change_header(1, b"To", b"a@rcpt.example,\n\tb@rcpt.example"),
        message=SHAPES["addresses"],
    )
