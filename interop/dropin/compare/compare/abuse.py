"""Cases that use the library as nobody should: every function, at every stage, in every order."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Iterator

from . import calls
from .calls import INT_MAX, INT_MIN
from .player import Case, conversation
from .wire import CALLBACKS, EVERY_NO_REPLY, EVERY_STEP, NO_REPLY, NO_STEP, connect, frame, macros, offer, texts

CURRENT = 0x1000001
ALL_CALLBACKS = 0x1FFF
WITHOUT_NEGOTIATE = 0x0FFF

MAIL = frame("M", texts(b"<a@example.org>", b"SIZE=1"))
RCPT = frame("R", texts(b"<b@example.org>"))
HEADER = frame("L", texts(b"Subject", b"one"))
# The filter never listens, or smfi_main comes back by itself.
ENDS = [("await", "main: end")]

UNKNOWN = frame("U", texts(b"PROBE"))
OPENING = connect() + frame("H", texts(b"client"))
MESSAGE = (
    macros("M", b"i", b"Q1", b"{mail_addr}", b"a") + MAIL + RCPT + frame("T") + HEADER + frame("N")
    + frame("B", b"text\r\n") + frame("E")
)  # fmt: skip
QUIT = frame("Q")
# Everything once, and an abort.
WHOLE = [offer(), OPENING, UNKNOWN, MESSAGE, MAIL, RCPT, frame("A"), QUIT]


def script(
    *sections: str,
    version: int = CURRENT,
    flags: int = 0x1FF,
    callbacks: int = ALL_CALLBACKS,
    before: str = "",
    name: str = '"test',
    after: str = "",
    conn: str = '"unix:{socket}',
    look: str = '"i "j "{mail_addr}',
) -> str:
    """A filter that is set up as it should be, and the sections of its callbacks."""
    setup = [
        f"look {look}",
        "@main",
        f"describe {version} {flags} {callbacks} {name}",
        before,
        f"setconn {conn}",
        "register",
        "opensocket 1",
        'say "ready',
        "main",
        after,
    ]
    return "\n".join(line for line in [*setup, *sections] if line)


def section(name: str, *lines: str, result: int | None = None) -> str:
    end = [] if result is None else [f"return {result}"]
    return "\n".join([f"@{name}", *lines, *end])


def every_call_in_every_callback() -> Iterator[Case]:
    for callback in CALLBACKS:
        for thread in ("", "&"):
            lines = [thread + line for line in calls.for_a_context()]
            yield Case(f"calls/{callback}{thread}", script(section(callback, *lines)), conversation(*WHOLE))
        # Nothing was negotiated, so no edit is allowed.
        lines = list(calls.edits())
        yield Case(
            f"calls/{callback}/no-actions",
            script(section(callback, *lines), callbacks=WITHOUT_NEGOTIATE, flags=0),
            conversation(*WHOLE),
        )
    edits = list(calls.edits())
    for bit in range(9):
        yield Case(
            f"calls/eom/action-{1 << bit:#x}",
            script(section("eom", *edits), callbacks=WITHOUT_NEGOTIATE, flags=1 << bit),
            conversation(*WHOLE),
        )
    # Before the body callback of the last chunk, and in a second message.
    yield Case("calls/eom/twice", script(section("eom*", *edits[:60])), conversation(offer(), OPENING, MESSAGE, MESSAGE))
    for callback in ("body", "eom"):
        yield Case(
            f"calls/{callback}/last-chunk",
            script(section(callback, *edits[:60])),
            conversation(offer(), OPENING, MAIL, RCPT, frame("E", b"last\r\n"), QUIT),
        )


def every_reply_is_seen() -> Iterator[Case]:
    """Each reply is set in an UNKNOWN of its own, and used there by a verdict of its class or the other one."""
    for verdict in (1, 4):
        for first in range(0, 10_000, 100):
            lines = list(calls.replies())[first : first + 100]
            if not lines:
                break
            sections = [section("unknown", line, result=verdict) for line in lines]
            yield Case(
                f"replies/{verdict}/{first}",
                script(*sections),
                conversation(offer(), connect(), UNKNOWN * (len(lines) + 2), QUIT),
            )
    # A reply outlives what it was set for.
    set_at = ("negotiate", "connect", "helo", "envfrom", "envrcpt", "data", "header", "eoh", "body", "abort", "close")
    for callback, code, used in itertools.product(set_at, ("550", "450"), ("envrcpt", "eom", "unknown")):
        line = f'setreply "{code} - "kept'
        yield Case(
            f"replies/kept/{callback}/{code}/{used}",
            script(section(callback, line), *(section(used, result=v) for v in (0, 1, 4, 1, 4))),
            conversation(offer(), OPENING, MESSAGE, MAIL, RCPT, frame("A"), UNKNOWN, MAIL, RCPT, RCPT, RCPT,
                         frame("E"), frame("K"), OPENING, UNKNOWN * 3, MESSAGE, QUIT),
        )  # fmt: skip


STAGES = {
    "connect": "C", "helo": "H", "envfrom": "M", "envrcpt": "R", "data": "T", "header": "L", "eoh": "N", "body": "B",
    "eom": "E", "unknown": "U", "abort": "A", "close": "Q",
}  # fmt: skip
RETURNS = (INT_MIN, -100, *range(-2, 26), 99, 100, 127, 255, 256, INT_MAX)


def odd_returns() -> Iterator[Case]:
    stream = [OPENING, UNKNOWN, MESSAGE, MAIL, RCPT, frame("A"), UNKNOWN, MESSAGE, frame("K"), OPENING, MESSAGE, UNKNOWN, QUIT]
    for (stage, code), value in itertools.product(STAGES.items(), RETURNS):
        reply = 'setreply "550 "5.7.1 "no'
        yield Case(
            f"returns/{stage}/{value}",
            script(section(stage, result=value), callbacks=WITHOUT_NEGOTIATE),
            conversation(offer(), *stream),
        )
        # The filter promised not to reply; the MTA knows about it, or does not.
        for name, steps in (("nr", EVERY_STEP), ("nr-faked", EVERY_STEP & ~EVERY_NO_REPLY)):
            negotiate = section("negotiate", f'put ". {NO_REPLY.get(code, 0)} 0 0')
            yield Case(
                f"returns/{stage}/{value}/{name}",
                script(negotiate, section(f"{stage}*", reply, result=value)),
                conversation(offer(steps=steps), *stream),
            )
    for value in RETURNS:
        yield Case(
            f"returns/body-of-last-chunk/{value}",
            script(section("body", result=value), section("eom", result=0)),
            conversation(offer(), OPENING, MAIL, RCPT, frame("E", b"last\r\n"), UNKNOWN, MESSAGE, QUIT),
        )
        yield Case(
            f"returns/repeated/{value}",
            script(*(section(f"{stage}*", result=value) for stage in STAGES)),
            conversation(offer(), *stream),
        )


def negotiations() -> Iterator[Case]:
    tail = [OPENING, MESSAGE, UNKNOWN, QUIT]
    for value in RETURNS:
        yield Case(
            f"negotiate/returns/{value}",
            script(section("negotiate*", "put 1 0 0 0", *calls.symbol_lists(), result=value)),
            conversation(offer(), *tail),
        )
    offers = {
        "all": offer(), "version-1": offer(1), "version-2": offer(2, 0x3F, 0x7F), "version-3": offer(3),
        "version-5": offer(5), "version-7": offer(7), "version-max": offer(0x7FFFFFFF), "version-minus": offer(0xFFFFFFFF),
        "version-0": offer(0), "no-actions": offer(6, 0), "no-steps": offer(6, 0x1FF, 0), "nothing": offer(6, 0, 0),
        "old": offer(6, 0x3F, 0x7F), "every-bit": offer(6, 0xFFFFFFFF, 0xFFFFFFFF), "no-nr": offer(6, 0x1FF, EVERY_STEP & ~EVERY_NO_REPLY),
        "no-skip": offer(6, 0x1FF, EVERY_STEP & ~0x400), "large": offer(6, 0x1FF, EVERY_STEP | 0x70000000),
        "short": frame("O", b"\0\0\0\6\0\0\1\xff\0\0\0"), "long": frame("O", b"\0\0\0\6\0\0\1\xff\0\x1f\xff\xff\0\0\0\0i\0"),
    }  # fmt: skip
    every_no = sum(NO_STEP.values())
    answers = {
        "as-given": '". ". ". ".', "zero": "0 0 0 0", "actions": "0x1ff 0 0 0", "odd-actions": "0x200 0 0 0",
        "every-action": "0xffffffff 0 0 0", "wide-actions": "0x1000001ff 0 0 0", "wide-steps": "0x1ff 0x100000000 0 0",
        "every-step": f"0x1ff {EVERY_STEP} 0 0", "every-bit": "-1 -1 -1 -1", "no-steps": f"0x1ff {every_no} 0 0",
        "no-replies": f"0x1ff {EVERY_NO_REPLY} 0 0", "skip": "0x1ff 0x400 0 0", "rcpt-rej": "0x1ff 0x800 0 0",
        "lead-space": "0x1ff 0x100000 0 0", "unknown-step": "0x1ff 0x200000 0 0", "internal": "0x1ff 0x70000000 0 0",
        "top": "0x1ff 0x80000000 0 0", "no-data": "0x1ff 0x200 0 0", "no-unknown": "0x1ff 0x100 0 0",
        "no-reply-to-nothing": f"0x1ff {every_no | EVERY_NO_REPLY} 0 0", "f2": "0x1ff 0 1 1",
    }  # fmt: skip
    for (what, words), answer in itertools.product(offers.items(), answers.items()):
        for value in (0, 10):
            negotiate = section("negotiate*", f"put {answer[1]}", result=value)
            yield Case(
                f"negotiate/{what}/{answer[0]}/{value}", script(negotiate), conversation(words, *tail)
            )
    for what, words in offers.items():
        for flags in (0, 1, 0x3F, 0x1FF, 0x200, 0xFFFFFFFF, -1):
            yield Case(
                f"negotiate/{what}/flags-{flags:#x}",
                script(callbacks=WITHOUT_NEGOTIATE, flags=flags),
                conversation(words, *tail),
            )
    # Only some of the callbacks.
    some = [1 << bit for bit in range(13)]
    for callbacks in sorted({0, *some, *(ALL_CALLBACKS & ~bit for bit in some), *(bit | 0x380 for bit in some)}):
        yield Case(f"negotiate/callbacks-{callbacks:#x}", script(callbacks=callbacks), conversation(offer(), *tail))
    yield Case("negotiate/twice", script(section("negotiate*", *calls.symbol_lists())), conversation(offer(), offer(), *tail))
    yield Case("negotiate/late", script(), conversation(OPENING, offer(), OPENING, offer(), *tail))
    yield Case("negotiate/never", script(), conversation(*tail))


VERSIONS = (
    0, 1, 2, 3, 4, 5, 6, 99, -1, INT_MAX, INT_MIN, 0x1000000, 0x1000001, 0x1000002, 0x100007F, 0x1000080,
    0x1000101, 0x2000001, 0x1000001 - 2**31, 0x1010001,
)  # fmt: skip


def versions() -> Iterator[Case]:
    for version in VERSIONS:
        for callbacks in (ALL_CALLBACKS, WITHOUT_NEGOTIATE):
            yield Case(
                f"versions/{version:#x}/{callbacks:#x}",
                script(version=version, callbacks=callbacks),
                conversation(*WHOLE),
            )
    for name in ("-", '"', calls.repeated(1 << 16), '"%s%n\\xff'):
        yield Case(f"versions/name-{name[:12]}", script(name=name), conversation(*WHOLE))


def setups() -> Iterator[Case]:
    """The calls of a main program in every order, twice, and too early."""
    ready = ["listeners", 'say "ready']
    describe = f'describe {CURRENT} 0x1ff {ALL_CALLBACKS} "test'
    everything = [*calls.without_context(), *calls.globals_(), "register", "opensocket 1", *ready]
    yield Case("setup/everything-first", "\n".join(["@main", describe, *everything, "main"]), conversation(*WHOLE))
    yield Case("setup/in-a-thread", "\n".join(["@main", describe, *(f"&{line}" for line in everything), "&main"]),
               conversation(*WHOLE))  # fmt: skip
    parts = {"r": "register", "c": 'setconn "unix:{socket}', "o": "opensocket 1"}
    orders = [order for count in range(4) for order in itertools.permutations("rco", count)]
    for order in orders:
        lines = [parts[letter] for letter in order] + ready
        # smfi_main without smfi_register is among the crashes.
        lines += ["main"] * ("r" in order)
        steps = conversation(*WHOLE) if {"r", "c"} <= set(order) else ENDS
        if order in (("r", "c"), ("c", "r"), ("o", "r", "c"), ("o", "c", "r"), ("c", "o", "r"), ("r", "o", "c")):
            steps = [("pause", 0.2), *steps]  # smfi_main opens the socket
        yield Case(f"setup/{''.join(order) or 'nothing'}", "\n".join(["@main", describe, *lines]), steps)
    yield Case("setup/registered-first", "\n".join(["@main", describe, "register", *everything, "main"]), conversation(*WHOLE))
    for number, lines in enumerate((
        [parts["c"], "register", "opensocket 1", "opensocket 1", "opensocket 0", *ready, "main"],
        [parts["c"], 'setconn "inet:0@127.0.0.1', parts["c"], "register", "register", "opensocket 1", *ready, "main"],
        [parts["c"], "register", "opensocket 1", 'setconn "inet:0@127.0.0.1', "opensocket 1", *ready, "main"],
        [parts["c"], "register", "opensocket 1", f'describe 4 0 {WITHOUT_NEGOTIATE} "other', "register", *ready, "main"],
        [parts["c"], "register", "opensocket 1", f'describe 99 0 {WITHOUT_NEGOTIATE} "other', "register", *ready, "main"],
        [parts["c"], f'describe 99 0 {ALL_CALLBACKS} "bad', "register", describe, "register", "opensocket 1", *ready, "main"],
    )):
        yield Case(f"setup/twice-{number}", "\n".join(["@main", describe, *lines]), conversation(*WHOLE))
    for name, values in {"setdbg": (-1, 0, INT_MAX, INT_MIN), "settimeout": (-1, 0, 1, INT_MAX, INT_MIN, 2**31 // 1000),
                         "setbacklog": (-1, 0, 1, INT_MAX)}.items():  # fmt: skip
        for value in values:
            yield Case(f"setup/{name}-{value}", script(before=f"{name} {value}"), conversation(*WHOLE))


SOCKETS = (
    "unix:{socket}", "local:{socket}", "UNIX:{socket}", "Local:{socket}", ":{socket}", "{socket}", "unix:", ":", "unix",
    "unix:/nonexistent/folder/socket", "unix:.", "unix:/", "unix: ", "unix:a:b", "foo:bar", "foo:", "inet", "inet:",
    "inet:0@127.0.0.1", "INET:0@127.0.0.1", "inet:0@[127.0.0.1]", "inet:0@[127.0.0.1]x", "inet:0@[127.0.0.1",
    "inet:0@[]", "inet:0@[", "inet:0@", "inet:0", "inet:@127.0.0.1", "inet:-1@127.0.0.1", "inet:65536@127.0.0.1",
    "inet:131072x@127.0.0.1", "inet:0x@127.0.0.1", "inet: 0@127.0.0.1", "inet:nosuchservice@127.0.0.1",
    "inet:0@localhost", "inet:0@127.1", "inet:0@[127.1]", "inet:0@[::1]", "inet:0@::1", "inet:0@[255.255.255.255]",
    "inet:0@256.0.0.1", "inet:0@192.0.2.77", "inet:0@a@b", "inet:0@ 127.0.0.1", "inet6:0@[::1]", "inet6:0@::1",
    "inet6:0", "inet6:0@localhost", "inet6:0@[127.0.0.1]", "inet6:0@127.0.0.1", "inet6:0@[::ffff:127.0.0.1]",
    "inet6:0@[IPv6:::1]", "inet6:0@[ipv6:::1]", "inet6:0@IPv6:::1", "inet6:0@[::1", "inet6:", "INET6:0@[::1]", "inet6:0@[fe80::1%lo]",
    "inet:0@nosuchhost.invalid", "inet6:0@nosuchhost.invalid",
)  # fmt: skip


def sockets() -> Iterator[Case]:
    describe = f'describe {CURRENT} 0x1ff {ALL_CALLBACKS} "test'
    for conn in SOCKETS:
        for remove in (0, 1):
            lines = [f"setconn {calls.text(conn.encode())}", "register",
                     f"opensocket {remove}", "listeners", "opensocket 1"]  # fmt: skip
            yield Case(f"sockets/{conn}/{remove}", "\n".join(["@main", describe, *lines]), ENDS)
    # The longest path has 107 bytes; the driver starts the filter in an empty folder of its own.
    for length in (100, 106, 107, 108, 109, 1000):
        lines = [f"setconn {calls.repeated(length, b'p')}", "register", "opensocket 1", "listeners"]
        yield Case(f"sockets/path-{length}", "\n".join(["@main", describe, *lines]), ENDS)
    # Something else is where the socket should be.
    for kind, remove in itertools.product(("file", "folder", "socket", "link-to-file", "link-to-socket", "dangling"), (0, 1)):
        lines = ['setconn "unix:{socket}', "register", f"opensocket {remove}", "listeners", f"opensocket {remove}"]
        yield Case(f"sockets/{kind}/{remove}", "\n".join(["@main", describe, *lines]), [("prepare", kind), *ENDS])
    for kind in ("file", "socket"):
        yield Case(
            f"sockets/main-alone/{kind}",
            "\n".join(["@main", describe, 'setconn "unix:{socket}', "register", "main", "main"]),
            [("prepare", kind), *ENDS],
        )


def sizes() -> Iterator[Case]:
    """Limits of what is read and written."""
    big = [frame("B", b"y" * size) for size in (1, 65_534, 65_535)]
    too_big = [frame("B", b"y" * size) for size in (65_536, 262_143, 262_144, (1 << 20) - 1, 1 << 20)]
    edits = [
        f"replacebody {calls.repeated(1 << 20)} {1 << 20}", f'addheader "X {calls.repeated(65_533)}',
        f'addheader "X {calls.repeated(65_534)}', f"quarantine {calls.repeated(1 << 20)}", "progress",
    ]  # fmt: skip
    for limit in (0, 1, 13, 100, 65_534, 65_535, 65_536, 262_143, 1 << 20, INT_MAX, -1):
        for body in [*big, *too_big]:
            yield Case(
                f"sizes/limit-{limit}/body-{len(body) - 5}",
                script(section("eom", *edits, "setmaxdatasize 65535"), before=f"setmaxdatasize {limit}"),
                conversation(offer(), OPENING, MAIL, RCPT, frame("T"), HEADER, frame("N"), body, frame("E"), QUIT),
            )
    yield Case(
        "sizes/limit-in-callbacks",
        script(section("envfrom", "setmaxdatasize 100000"), section("body", "setmaxdatasize 10"),
               section("eom", *edits, "setmaxdatasize 1000000", *edits)),
        conversation(offer(), OPENING, MAIL, RCPT, frame("B", b"y" * 90_000), frame("E"), MAIL, QUIT),
    )  # fmt: skip
    long = b"z" * 65_000
    yield Case("sizes/long-arguments", script(), conversation(
        offer(), connect(long), frame("H", texts(long)), macros("M", b"i", long), frame("M", texts(*[b"a"] * 30_000)),
        frame("R", texts(long, b"x")), frame("L", texts(long, b"v")), frame("L", texts(b"n", long)), frame("N"), frame("E"), QUIT,
    ))  # fmt: skip


def timing() -> Iterator[Case]:
    """Calls while the MTA watches: what has been written by then, and what follows if the MTA has gone."""
    message = b"".join([offer(), OPENING, MAIL, RCPT, frame("E")])
    for call in ("progress", "&progress", 'addheader "X "y', 'setreply "550 "5.7.1 "no'):
        yield Case(
            f"timing/{call.split()[0]}/at-a-gate",
            script(section("eom", call, "gate", "progress", result=1)),
            [("connect",), ("send", 0, message), ("await", "  gate"), ("pause", 0.05), ("mark", 0), ("gate",), ("half", 0),
             ("drain", 0)],
        )  # fmt: skip
    for callback in ("envfrom", "eom"):
        lines = ['addheader "X "y', "progress", "progress", 'quarantine "q', 'replacebody "abc 3', 'delrcpt "a',
                 'setreply "550 "5.7.1 "no', 'getsymval "i', "setpriv 1", "getpriv", "setpriv 0"]  # fmt: skip
        yield Case(
            f"timing/mta-gone/{callback}",
            script(section(callback, "gate", *lines, result=1)),
            [("connect",), ("send", 0, message), ("await", "  gate"), ("pause", 0.05), ("close", 0), ("gate",),
             ("await", "close")],
        )  # fmt: skip
    # Two connections at a time: contexts are told apart.
    yield Case(
        "timing/two-connections",
        script(section("envfrom", "setpriv 11", "gate", "getpriv", 'setreply "550 "5.7.1 "first', result=1),
               section("envfrom", "setpriv 22", "getpriv", 'setreply "450 "4.7.1 "second', result=4),
               section("close*", "getpriv", "setpriv 0")),
        [("connect",), ("send", 0, b"".join([offer(), OPENING, MAIL])), ("await", "  gate"), ("connect",),
         ("send", 1, b"".join([offer(), OPENING, MAIL])), ("half", 1), ("drain", 1), ("gate",), ("half", 0), ("drain", 0)],
    )  # fmt: skip
    yield Case(
        "timing/connections-in-turn",
        script(section("negotiate", "put 0x1ff 0 0 0"), section("close*", "getpriv"), section("connect", "setpriv 5")),
        [step for index in range(3) for step in
         (("connect",), ("send", index, b"".join(WHOLE)), ("half", index), ("drain", index))],
    )  # fmt: skip
    for family, conn, address in ((socket.AF_INET, "inet:{port}@127.0.0.1", "127.0.0.1"),
                                  (socket.AF_INET6, "inet6:{port}@[::1]", "::1")):  # fmt: skip
        yield Case(f"timing/{conn.split(':')[0]}", script(conn=f'"{conn}'),
                   [("connect", (family, address)), *conversation(*WHOLE)[1:]])  # fmt: skip


def stops() -> Iterator[Case]:
    """Ways to end. libmilter looks every five seconds only, so a connection wakes it up."""
    yield Case("stops/before-main", script(before="stop"), ENDS)
    yield Case("stops/before-main-twice", script(before="stop\nstop", after="main\nlisteners"), ENDS)
    yield Case("stops/opensocket-after", script(before="stop", after="opensocket 1\nlisteners\nstop\nlisteners"), ENDS)
    stream = b"".join(WHOLE)
    for callback in ("connect", "envfrom", "eom", "close"):
        for line in ("stop", "&stop", "kill 15", "kill 1"):
            yield Case(
                f"stops/{callback}/{line}",
                script(section(callback, line), after="main\nlisteners"),
                [("connect",), ("send", 0, stream), ("half", 0), ("drain", 0), ("await", "main: end")],
            )
    yield Case("stops/interrupt", script(section("connect", "kill 2")), [("connect",), ("send", 0, offer() + connect()),
               ("await", "main: end")])  # fmt: skip


def changes_during_a_connection() -> Iterator[Case]:
    for callback in ("negotiate", "connect", "envfrom", "eom"):
        for version, callbacks, flags in ((2, WITHOUT_NEGOTIATE, 0), (CURRENT, 0x3C0, 0x1FF), (99, ALL_CALLBACKS, 0x1FF)):
            yield Case(
                f"changes/register/{callback}/{version:#x}",
                script(section(callback, f'describe {version} {flags} {callbacks} "other', "register", 'addheader "X "y')),
                conversation(offer(), OPENING, UNKNOWN, MESSAGE, MESSAGE, frame("K"), OPENING, MESSAGE, offer(), MESSAGE, QUIT),
            )
        yield Case(
            f"changes/settings/{callback}",
            script(section(callback, "settimeout 1", "setbacklog 1", 'setconn "unix:/nowhere', "setdbg 0", "opensocket 0")),
            conversation(*WHOLE),
        )


def crashes() -> Iterator[Case]:
    """Calls that end a program with the real library. See known.py for what ours has to do."""
    describe = f'describe {CURRENT} 0x1ff {ALL_CALLBACKS} "test'
    for name, lines in {
        "main-first": ["main"],
        "main-without-register": ['setconn "unix:{socket}', "main"],
        "setsymlist-without-context": ['!setsymlist 0 "i'],
        "setsymlist-without-context-or-list": ["!setsymlist 0 -"],
    }.items():
        yield Case(f"crashes/{name}", "\n".join(["@main", describe, *lines]), ENDS)
    yield Case("crashes/setsymlist-in-callback", script(section("connect", '!setsymlist 0 "i')), conversation(*WHOLE))


def orders() -> Iterator[Case]:
    """Commands out of order, where libmilter's bugs show."""
    yield Case(
        "order/declined-last-chunk",
        script(section("negotiate", f'put 0x1ff {NO_STEP["B"]} 0 0')),
        conversation(offer(), OPENING, MAIL, RCPT, frame("T"), HEADER, frame("N"), frame("E", b"last\r\n"), UNKNOWN, QUIT),
    )
    for bit, name in ((1, "connect"), (4, "envfrom")):
        yield Case(
            f"order/not-declined/{name}",
            script(section("negotiate", "put 0x1ff 0 0 0"), callbacks=ALL_CALLBACKS & ~bit),
            conversation(offer(), *([] if bit == 1 else [OPENING]), RCPT, frame("E"), UNKNOWN, QUIT),
        )
    yield Case(
        "order/declined-before",
        script(section("negotiate", f'put 0x1ff {NO_STEP["C"] | NO_STEP["H"] | NO_STEP["M"]} 0 0')),
        [("connect",), ("send", 0, b"".join(WHOLE)), ("half", 0), ("drain", 0),
         ("connect",), ("send", 1, offer() + OPENING + RCPT + frame("E")), ("half", 1), ("drain", 1)],
    )  # fmt: skip
    for follower in ("A", "K", "R", "B"):
        yield Case(
            f"order/version-2/{follower}",
            script(callbacks=WITHOUT_NEGOTIATE),
            conversation(offer(2), OPENING, MAIL, frame("A"), RCPT if follower == "R" else frame(follower), MESSAGE, QUIT),
        )


def closed_contexts() -> Iterator[Case]:
    """Contexts of connections that are over. libmilter would read freed memory; for ours they are like NULL."""
    lines = [*(line.replace("!", "~") for line in calls.without_context()), '~setsymlist 0 "i', "~setsymlist 0 -"]
    for thread in ("", "&"):
        yield Case(
            f"closed/{thread}",
            script(section("connect"), section("connect", *(thread + line for line in lines))),
            [("connect",), ("send", 0, b"".join(WHOLE)), ("half", 0), ("drain", 0),
             ("connect",), ("send", 1, b"".join(WHOLE)), ("half", 1), ("drain", 1)],
        )  # fmt: skip


GROUPS = (
    closed_contexts, orders, crashes, setups, sockets, versions, sizes, timing, stops, changes_during_a_connection, every_call_in_every_callback,
    every_reply_is_seen, odd_returns, negotiations,
)  # fmt: skip


def cases() -> Iterator[Case]:
    for group in GROUPS:
        yield from group()
