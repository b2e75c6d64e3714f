"""Cases that abuse the functions of a main program: setting up, listening, stopping."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from . import calls
from .calls import INT_MAX, INT_MIN
from .player import Case, conversation
from .scripts import (
    ALL_CALLBACKS,
    CURRENT,
    ENDS,
    MESSAGE,
    OPENING,
    QUIT,
    UNKNOWN,
    WHOLE,
    WITHOUT_NEGOTIATE,
    script,
    section,
)  # fmt: skip
from .wire import connect, frame, offer

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
    yield Case(
        "setup/registered-first", "\n".join(["@main", describe, "register", *everything, "main"]), conversation(*WHOLE)
    )
    for number, lines in enumerate(
        (
            [parts["c"], "register", "opensocket 1", "opensocket 1", "opensocket 0", *ready, "main"],
            [
                parts["c"],
                'setconn "inet:0@127.0.0.1',
                parts["c"],
                "register",
                "register",
                "opensocket 1",
                *ready,
                "main",
            ],
            [parts["c"], "register", "opensocket 1", 'setconn "inet:0@127.0.0.1', "opensocket 1", *ready, "main"],
            [
                parts["c"],
                "register",
                "opensocket 1",
                f'describe 4 0 {WITHOUT_NEGOTIATE} "other',
                "register",
                *ready,
                "main",
            ],
            [
                parts["c"],
                "register",
                "opensocket 1",
                f'describe 99 0 {WITHOUT_NEGOTIATE} "other',
                "register",
                *ready,
                "main",
            ],
            [
                parts["c"],
                f'describe 99 0 {ALL_CALLBACKS} "bad',
                "register",
                describe,
                "register",
                "opensocket 1",
                *ready,
                "main",
            ],
        )
    ):
        yield Case(f"setup/twice-{number}", "\n".join(["@main", describe, *lines]), conversation(*WHOLE))
    # Daemons go on in a child, at whatever time they like.
    usual = ["register", parts["c"], "setbacklog 5", "opensocket 1", *ready, "main", "listeners"]
    for place in range(len(usual) - 2):
        lines = [*usual[:place], "fork", *usual[place:]]
        for callback, call in (("connect", "stop"), ("eom", "kill 15"), ("close", "getpriv")):
            yield Case(
                f"stops/daemon-{place}/{callback}",
                "\n".join(["@main", describe, *lines, section(callback, call)]),
                [*conversation(*WHOLE), *(ENDS if callback != "close" else [])],
            )
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
    "inet6:0@[IPv6:::1]", "inet6:0@[ipv6:::1]", "inet6:0@IPv6:::1", "inet6:0@[::1", "inet6:", "INET6:0@[::1]",
    "inet6:0@[fe80::1%lo]",
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
    for kind, remove in itertools.product(
        ("file", "folder", "socket", "link-to-file", "link-to-socket", "dangling"), (0, 1)
    ):
        lines = ['setconn "unix:{socket}', "register", f"opensocket {remove}", "listeners", f"opensocket {remove}"]
        yield Case(f"sockets/{kind}/{remove}", "\n".join(["@main", describe, *lines]), [("prepare", kind), *ENDS])
    for kind in ("file", "socket"):
        yield Case(
            f"sockets/main-alone/{kind}",
            "\n".join(["@main", describe, 'setconn "unix:{socket}', "register", "main", "main"]),
            [("prepare", kind), *ENDS],
        )


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
        for version, callbacks, flags in (
            (2, WITHOUT_NEGOTIATE, 0),
            (CURRENT, 0x3C0, 0x1FF),
            (99, ALL_CALLBACKS, 0x1FF),
        ):
            yield Case(
                f"changes/register/{callback}/{version:#x}",
                script(
                    section(callback, f'describe {version} {flags} {callbacks} "other', "register", 'addheader "X "y')
                ),
                conversation(
                    offer(), OPENING, UNKNOWN, MESSAGE, MESSAGE, frame("K"), OPENING, MESSAGE, offer(), MESSAGE, QUIT
                ),
            )
        yield Case(
            f"changes/settings/{callback}",
            script(
                section(callback, "settimeout 1", "setbacklog 1", 'setconn "unix:/nowhere', "setdbg 0", "opensocket 0")
            ),
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


GROUPS = (crashes, setups, sockets, versions, stops, changes_during_a_connection)
