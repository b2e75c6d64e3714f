"""Every function of the library with every odd argument: lines of a script."""

from __future__ import annotations

from collections.abc import Iterator

INT_MAX, INT_MIN = 2**31 - 1, -(2**31)


def text(value: bytes | None) -> str:
    """A text as a word of a script."""
    if value is None:
        return "-"
    return '"' + "".join(chr(b) if 0x21 <= b <= 0x7E and b != 0x5C else f"\\x{b:02x}" for b in value)


def repeated(count: int, byte: bytes = b"x") -> str:
    return f"*{count}:{byte[0]:02x}"


SHORT_TEXTS = [text(value) for value in (
    None, b"", b"a", b"a b", b" a ", b"a\rb", b"a\nb", b"a\r\n b", b"\r", b"\n", b"\r\n", b"%", b"100%s%n%d", b"\x80\xff",
    "grüße".encode(), b"<a@example.org>", b"a:b", b"\t", b"\x01\x7f", b".", b"-",
)]  # fmt: skip
LONG_TEXTS = [repeated(count) for count in (979, 980, 981, 1000, 65_530, 65_533, 65_534, 65_535, 65_536, 1 << 20)]
TEXTS = SHORT_TEXTS + LONG_TEXTS

INDEXES = (-1, 0, 1, 2, 255, 256, 65_535, 65_536, INT_MAX, INT_MIN)

CODES = [text(value) for value in (
    None, b"", b"5", b"55", b"550", b"450", b"421", b"499", b"599", b"400", b"500", b"5500", b"350", b"250", b"650",
    b"050", b"5a0", b"55a", b"5\xb50", b"55\xb9", b"4 0", b"55 ", b" 55", b"550 ", b" 550", b"-50", b"5.0", b"5\n0",
)]  # fmt: skip
ENHANCED = [text(value) for value in (
    None, b"", b"5.7.1", b"4.7.1", b"2.7.1", b"3.7.1", b"5", b"5.", b"5.7", b"5.7.", b"5..1", b".7.1", b"5.7.1 ",
    b" 5.7.1", b"5.7.1.2", b"5.7.a", b"5.a.1", b"5.7.1\r", b"5.123.1", b"5.1234.1", b"5.7.123", b"5.7.1234",
    b"5.000.000", b"50.7.1", b"5.\xb2.1", b"%s", b"5-7-1",
)] + [repeated(2000, b"5")]  # fmt: skip
MESSAGES = SHORT_TEXTS + LONG_TEXTS[:4] + [repeated(1 << 20), repeated(980, b"%")]


def setreply() -> Iterator[str]:
    for code in CODES:
        yield f'setreply {code} "5.7.1 "no'
        yield f"setreply {code} - -"
    for code in ('"550', '"450'):
        for enhanced in ENHANCED:
            yield f'setreply {code} {enhanced} "no'
        for message in MESSAGES:
            yield f'setreply {code} "5.7.1 {message}'
            yield f"setreply {code} - {message}"


def setmlreply() -> Iterator[str]:
    for code in CODES:
        yield f'setmlreply {code} "5.7.1 "one "two'
    for code in ('"550', '"450'):
        for enhanced in ENHANCED:
            yield f'setmlreply {code} {enhanced} "one "two'
            yield f'setmlreply {code} {enhanced} "one'
        for count in range(41):
            lines = " ".join(f'"line{n}' for n in range(count))
            yield f'setmlreply {code} "5.7.1 {lines}'.rstrip()
            yield f"setmlreply {code} - {lines}".rstrip()
        for message in MESSAGES[1:]:
            yield f'setmlreply {code} "5.7.1 {message}'
            yield f'setmlreply {code} "5.7.1 {message} "two'
            yield f'setmlreply {code} "5.7.1 "one {message}'
            yield f'setmlreply {code} - "one "two {message} "four'
        longest = " ".join([repeated(980)] * 32)
        yield f'setmlreply {code} "5.7.1 {longest}'
        yield f'setmlreply {code} "5.7.1 {longest} "more'


def replies() -> Iterator[str]:
    """Every way to set a reply."""
    yield from setreply()
    yield from setmlreply()


def edits() -> Iterator[str]:
    """Every edit with every odd argument."""
    yield "progress"
    for value in TEXTS:
        yield f'addheader {value} "v'
        yield f'addheader "X {value}'
        yield f'insheader 0 {value} "v'
        yield f'insheader 1 "X {value}'
        yield f'chgheader {value} 1 "v'
        yield f'chgheader "X 1 {value}'
        yield f"chgfrom {value} -"
        yield f'chgfrom {value} "A=1'
        yield f'chgfrom "<a> {value}'
        yield f"addrcpt {value}"
        yield f"addrcpt_par {value} -"
        yield f'addrcpt_par "<a> {value}'
        yield f"delrcpt {value}"
        yield f"quarantine {value}"
    for index in INDEXES:
        yield f'insheader {index} "X "v'
        yield f'insheader {index} - "v'
        yield f'chgheader "X {index} "v'
        yield f'chgheader "X {index} -'
        yield f"chgheader - {index} -"
    for size in (INT_MIN, -1, 0, 1, 100, 65_535, 65_536, INT_MAX):
        yield f"replacebody - {size}"
    yield 'replacebody "abc 0'
    yield 'replacebody "abc -1'
    yield 'replacebody "a\\x00b\\xff 4'
    for size in (1, 65_534, 65_535, 65_536, 131_070, 131_071, 1 << 20):
        yield f"replacebody {repeated(size)} {size}"


def others() -> Iterator[str]:
    """What belongs to a connection and is no edit."""
    for value in (0, 1, -1, 0x1234):
        yield f"setpriv {value}"
        yield "getpriv"
    yield "setpriv 0"
    for name in ("-", '"', '"i', '"{i}', '"{mail_addr}', '"mail_addr', '"{', '"{}', '"{{}', '"{}}', '"{x', '"\\xff',
                 '"i ', '"I', repeated(3), repeated(1 << 20)):  # fmt: skip
        yield f"getsymval {name}"


def symbol_lists() -> Iterator[str]:
    for where in (INT_MIN, -2, -1, 7, 8, 100, INT_MAX):
        yield f'setsymlist {where} "i'
    yield "setsymlist 0 -"
    yield 'setsymlist 0 "'
    yield 'setsymlist 0 "again'
    yield 'setsymlist 1 "i\\x20j'
    yield 'setsymlist 2 "i\\x0d\\x0aj'
    yield 'setsymlist 3 "%s,\\xff'
    yield f"setsymlist 4 {repeated(200)}"
    yield 'setsymlist 5 "{a},{b}'
    yield 'setsymlist 5 "i'
    yield "setsymlist 6 -"
    yield 'setsymlist 6 "i'


def globals_() -> Iterator[str]:
    """What belongs to the whole filter, and changes nothing for a connection that is open."""
    for words in ("1 1 1", "0 1 1", "1 0 1", "1 1 0", "0 0 0"):
        yield f"version {words}"
    for number in (0, -1, INT_MIN, 1, INT_MAX, 5):
        yield f"setbacklog {number}"
    for value in ("-", '"', '"inet:0@127.0.0.1', '"nonsense'):
        yield f"setconn {value}"
    yield 'setconn "unix:{socket}'
    for number in (-1, 6, INT_MAX, INT_MIN, 0):
        yield f"setdbg {number}"
    for number in (0, -1, 1, INT_MAX, INT_MIN, 7210):
        yield f"settimeout {number}"
    yield "opensocket 0"
    yield "opensocket 1"
    yield "opensocket -1"


def without_context() -> Iterator[str]:
    """Every function that takes a context, with NULL. smfi_setsymlist is not here: it ends the program."""
    yield '!addheader "X "v'
    yield "!addheader - -"
    yield '!insheader 1 "X "v'
    yield "!insheader -1 - -"
    yield '!chgheader "X 1 "v'
    yield "!chgheader - -1 -"
    yield '!chgfrom "<a> "A=1'
    yield "!chgfrom - -"
    yield '!addrcpt "<a>'
    yield "!addrcpt -"
    yield '!addrcpt_par "<a> "A=1'
    yield "!addrcpt_par - -"
    yield '!delrcpt "<a>'
    yield "!delrcpt -"
    yield '!replacebody "abc 3'
    yield "!replacebody - 0"
    yield "!replacebody - 3"
    yield "!progress"
    yield '!quarantine "q'
    yield "!quarantine -"
    yield '!setreply "550 "5.7.1 "no'
    yield "!setreply - - -"
    yield '!setmlreply "550 "5.7.1 "no "no'
    yield "!setmlreply - -"
    yield "!setpriv 1"
    yield "!getpriv"
    yield '!getsymval "i'
    yield "!getsymval -"


def for_a_context() -> Iterator[str]:
    """Everything that a callback may call."""
    yield from without_context()
    yield from edits()
    yield from others()
    yield from symbol_lists()
    yield from replies()
    yield from globals_()
