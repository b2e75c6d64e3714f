"""Cases that use a connection as nobody should: every function and every return value, at every stage."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Iterator

from . import abuse_main, calls
from .calls import INT_MAX, INT_MIN
from .player import Case, conversation
from .scripts import (
    ALL_CALLBACKS,
    HEADER,
    MAIL,
    MESSAGE,
    OPENING,
    QUIT,
    RCPT,
    UNKNOWN,
    WHOLE,
    WITHOUT_NEGOTIATE,
    script,
    section,
)  # fmt: skip
from .wire import CALLBACKS, EVERY_NO_REPLY, EVERY_STEP, NO_REPLY, NO_STEP, connect, frame, macros, offer, texts


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
    yield Case(
        "calls/eom/twice", script(section("eom*", *edits[:60])), conversation(offer(), OPENING, MESSAGE, MESSAGE)
    )
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
    stream = [
        OPENING,
        UNKNOWN,
        MESSAGE,
        MAIL,
        RCPT,
        frame("A"),
        UNKNOWN,
        MESSAGE,
        frame("K"),
        OPENING,
        MESSAGE,
        UNKNOWN,
        QUIT,
    ]
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
        "old": offer(6, 0x3F, 0x7F), "every-bit": offer(6, 0xFFFFFFFF, 0xFFFFFFFF),
        "no-nr": offer(6, 0x1FF, EVERY_STEP & ~EVERY_NO_REPLY),
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
            yield Case(f"negotiate/{what}/{answer[0]}/{value}", script(negotiate), conversation(words, *tail))
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
    yield Case(
        "negotiate/twice", script(section("negotiate*", *calls.symbol_lists())), conversation(offer(), offer(), *tail)
    )
    yield Case("negotiate/late", script(), conversation(OPENING, offer(), OPENING, offer(), *tail))
    yield Case("negotiate/never", script(), conversation(*tail))


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
    # The MTA reads nothing for a while, or for longer than the timeout.
    body = f"replacebody {calls.repeated(4 << 20)} {4 << 20}"
    for name, limit, pause in (("slow-mta", 100, 0.3), ("stuck-mta", 1, 2.5)):
        yield Case(
            f"timing/{name}",
            script(
                section("eom", body, 'addheader "X "y', "progress", "getpriv", result=4), before=f"settimeout {limit}"
            ),
            [("connect",), ("send", 0, message), ("sleep", pause), ("half", 0), ("drain", 0)],
        )
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


def crowds() -> Iterator[Case]:
    """Many connections at a time, whose commands come in turn: none sees anything of another one."""
    sections = [
        section("envfrom*", "getpriv", "setpriv 7", 'setreply "550 "5.7.1 "$', 'getsymval "i'),
        section("envrcpt*", "&getpriv", result=1),
        section("header*", 'setreply "450 "4.7.1 "$'),
        section(
            "eom*", 'getsymval "i', 'addheader "X "$', '&addrcpt "$', "progress", 'quarantine "$', "getpriv", result=4
        ),
        section("close*", "getpriv", "setpriv 0"),
    ]
    for count, pause in ((2, 0.0), (8, 0.003), (60, 0.0)):
        steps: list[tuple] = [("connect",)] * count
        streams = []
        for number in range(count):
            name = b"client%d" % number
            streams.append([
                offer(), macros("C", b"i", name), connect(name), frame("H", texts(name)), macros("M", b"i", name + b"Q"),
                frame("M", texts(b"<%s>" % name)), RCPT, frame("R", texts(name)), frame("T"), HEADER, frame("N"),
                frame("B", name * 100), macros("E", b"i", name + b"E"), frame("E"), macros("M", b"i", name + b"R"),
                MAIL, RCPT, *([QUIT] if number % 2 else []),
            ])  # fmt: skip
        for place in range(max(map(len, streams))):
            steps += [("send", number, stream[place]) for number, stream in enumerate(streams) if place < len(stream)]
            steps += [("pause", pause)] if pause else []
        steps += [(name, number) for name in ("half", "drain") for number in range(count)]
        yield Case(f"crowds/{count}", "tagged\n" + script(*sections, look='"j'), steps)


def orders() -> Iterator[Case]:
    """Commands out of order, where libmilter's bugs show."""
    yield Case(
        "order/declined-last-chunk",
        script(section("negotiate", f"put 0x1ff {NO_STEP['B']} 0 0")),
        conversation(
            offer(), OPENING, MAIL, RCPT, frame("T"), HEADER, frame("N"), frame("E", b"last\r\n"), UNKNOWN, QUIT
        ),
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
            conversation(
                offer(2), OPENING, MAIL, frame("A"), RCPT if follower == "R" else frame(follower), MESSAGE, QUIT
            ),
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
    closed_contexts, orders, sizes, timing, crowds, every_call_in_every_callback, every_reply_is_seen, odd_returns, negotiations,
    *abuse_main.GROUPS,
)  # fmt: skip


def cases() -> Iterator[Case]:
    for group in GROUPS:
        yield from group()
