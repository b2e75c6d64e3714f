"""What a filter can say and want changed, by rules for the filters of this folder, and what must come of it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from .mail import ENVELOPE, RECIPIENT, SENDER

Result = dict[str, Any]


@dataclass(frozen=True)
class Expectation:
    """Rules for a filter, options for our MTA, and a condition for the message. `frames` must be in the transcript."""

    name: str
    rules: tuple[str, ...]
    holds: Callable[[Result], object]
    options: tuple[str, ...] = ()
    frames: str = ""

    def __str__(self) -> str:
        return self.name

    def command_line(self, file: str) -> list[str]:
        return [*ENVELOPE, "--message", file, "--log-content", "--timeout", "3", *self.options]


def refused(stage: str, code: str, text: str) -> Callable[[Result], bool]:
    """A refusal at that stage, whose reply begins with `code` and has `text` in it."""
    def holds(result: Result) -> bool:
        reply = result["refused"][0]["reply"] if stage == "rcpt" else result["reply"]
        where = None if stage == "rcpt" else stage
        return (result["outcome"], result["at"]) == ("refused", where) and reply.startswith(code) and text in reply

    return holds


def ended(stage: str, outcome: str) -> Callable[[Result], bool]:
    return lambda result: (result["outcome"], result["at"]) == (outcome, stage)


def verdicts() -> Iterator[Expectation]:
    """Every verdict at every stage where it means something."""
    for stage in ("connect", "helo", "mail", "rcpt", "data", "header", "eoh", "body", "eom"):
        yield Expectation(f"{stage} reject", (f"{stage}:reject",), refused(stage, "550", ""))
        yield Expectation(f"{stage} tempfail", (f"{stage}:tempfail",), refused(stage, "451", ""))
        yield Expectation(f"{stage} accept", (f"{stage}:accept",), ended(stage, "accepted"))
        # A text with a percent sign, which libraries double or leave to the filter.
        no, later = f"{stage}:setreply|554|5.7.1|100%% no", f"{stage}:setreply|450|4.7.1|later"
        yield Expectation(f"{stage} reply 5xx", (no,), refused(stage, "554 5.7.1", "100% no"))
        yield Expectation(f"{stage} reply 4xx", (later,), refused(stage, "450 4.7.1", "later"))
        if stage not in ("connect", "helo"):
            yield Expectation(f"{stage} discard", (f"{stage}:discard",), ended(stage, "discarded"))
    yield Expectation(
        "body skip", ("negotiate:steps|400", "body:skip"), lambda result: result["outcome"] == "accepted",
        frames=r"> BODY .*\n.*< SKIP\n(.*> MACRO .*\n)?.*> BODYEOB",
    )
    for verdict, frame in (("reject", "REJECT"), ("tempfail", '(TEMPFAIL|REPLYCODE "451 .*")')):
        yield Expectation(
            f"unknown {verdict}", (f"unknown:{verdict}",), lambda result: result["outcome"] == "accepted",
            ("--unknown", "FROB"), rf"> UNKNOWN .*\n.*< {frame}\n",
        )
    yield Expectation(
        "one recipient of two refused", ("rcpt/second:reject",),
        lambda result: (result["recipients"], result["refused"][0]["recipient"])
        == ([RECIPIENT], "<second@example.org>"),
        ("--to", "<second@example.org>"),
    )


def has(*headers: tuple[str, str]) -> Callable[[Result], bool]:
    return lambda result: [list(header) for header in headers if list(header) not in result["headers"]] == []


def lacks(name: str, value: str) -> Callable[[Result], bool]:
    return lambda result: [name, value] not in result["headers"]


def at(place: int, name: str, value: str) -> Callable[[Result], bool]:
    return lambda result: result["headers"][place] == [name, value]


EDITS = [
    Expectation("adds a header", ("eom:addheader|X-Added|by the filter",), has(("X-Added", " by the filter"))),
    Expectation("adds a folded header", ("eom:addheader|X-Added|one\n\ttwo",), has(("X-Added", " one\n\ttwo"))),
    Expectation("adds an empty header", ("eom:addheader|X-Added|",), has(("X-Added", " "))),
    Expectation("inserts a header at the top", ("eom:insheader|0|X-Top|first",), at(0, "X-Top", " first")),
    Expectation("inserts a header further down", ("eom:insheader|2|X-Third|third",), at(2, "X-Third", " third")),
    Expectation("changes a header", ("eom:chgheader|Subject|1|changed",), has(("Subject", " changed"))),
    Expectation(
        "changes the second of two", ("eom:chgheader|X-Twice|2|new",), has(("X-Twice", " one"), ("X-Twice", " new"))
    ),
    Expectation("deletes a header", ("eom:chgheader|X-Twice|1|",), lacks("X-Twice", " one")),
    Expectation(
        "changes the sender", ("eom:chgfrom|<new@example.com>",), lambda result: result["from"] == "<new@example.com>"
    ),
    Expectation(
        "changes the sender with arguments", ("eom:chgfrom|<new@example.com>|SIZE=10",),
        lambda result: result["edits"]
        == [{"kind": "change-from", "address": "<new@example.com>", "arguments": "SIZE=10", "ignored": "UnsupportedArguments"}],
    ),
    Expectation(
        "adds a recipient", ("eom:addrcpt|<added@example.org>",),
        lambda result: result["recipients"] == [RECIPIENT, "<added@example.org>"],
    ),
    Expectation(
        "adds a recipient with arguments", ("eom:addrcpt_par|<added@example.org>|NOTIFY=NEVER",),
        lambda result: result["edits"]
        == [{"kind": "add-rcpt-args", "address": "<added@example.org>", "arguments": "NOTIFY=NEVER"}],
    ),
    Expectation(
        "deletes a recipient", (f"eom:delrcpt|{RECIPIENT}",),
        lambda result: result["recipients"] == ["<second@example.org>"], ("--to", "<second@example.org>"),
    ),
    Expectation("replaces the body", ("eom:replacebody|new\r\n",), lambda result: result["body"] == "new\r\n"),
    Expectation("quarantines", ("eom:quarantine|held",), lambda result: result["quarantine"] == "held"),
    Expectation(
        "makes progress", ("eom:progress", "eom:progress", "eom:addheader|X-Added|late"), has(("X-Added", " late")),
        frames=r"< PROGRESS\n.*< PROGRESS\n.*< ADDHEADER",
    ),
    Expectation(
        "edits, then refuses", ("eom:addheader|X-Added|x", "eom:reject"),
        lambda result: result["outcome"] == "refused" and result["from"] == SENDER,
    ),
    Expectation(
        "edits in order",
        ("eom:addheader|X-Added|x", "eom:chgheader|Subject|1|y", f"eom:delrcpt|{RECIPIENT}", "eom:replacebody|z"),
        lambda result: [edit["kind"] for edit in result["edits"]]
        == ["add-header", "change-header", "delete-rcpt", "replace-body"],
    ),
    Expectation(
        "macros that it asked for", ("negotiate:symlist|2|i {interop}", "eom:symval|X-Macro|{interop}"),
        has(("X-Macro", " asked for")), ("--macro", "{interop}=asked for"), r'> MACRO MAIL .*"{interop}" "asked for"',
    ),
]
EXPECTATIONS = [*verdicts(), *EDITS]

# What only libmilter's own calls can show.
TEXT = 20  # bytes in the body of mail.PLAIN
OF_LIBMILTER = [
    Expectation(
        "a reply of two lines", ("eom:setmlreply|550|5.7.1|first|second",),
        lambda result: result["reply"] == "550-5.7.1 first\r\n550 5.7.1 second",
    ),
    Expectation("smfi_version", ("eom:version|X-Version",), has(("X-Version", " 1.0.1"))),
    Expectation(
        "smfi_setpriv and smfi_getpriv", ("eom:notes|X-Notes",), has(("X-Notes", f" 15 callbacks, {TEXT} bytes")),
    ),
    Expectation("a header inserted behind all", ("eom:insheader|2147483647|X-Last|last",), at(-1, "X-Last", " last")),
    Expectation(
        "a new body in two frames", ("eom:replacebody_size|70000",), lambda result: result["body"] == "x" * 70_000 + "\r\n",
        frames=r"< REPLBODY .*\n.*< REPLBODY .*\n.*< CONTINUE",
    ),
    Expectation(
        "a new body in two calls", ("eom:replacebody|one ", "eom:replacebody|two"),
        lambda result: (result["body"], result["body_len"]) == ("one two\r\n", 9),
    ),
    Expectation(
        "an empty new body", ("eom:replacebody|",), lambda result: result["body_len"] == 0, frames=r"< REPLBODY *\n",
    ),
    Expectation(
        "no replies before the end", ("negotiate:steps|ff080", "eom:addheader|X-Added|x"), has(("X-Added", " x")),
        frames=r"\A((?!< CONTINUE)(.|\n))*> BODYEOB\n",
    ),
    Expectation(
        "nothing but the end", ("negotiate:steps|37f", "eom:addheader|X-Added|x"), has(("X-Added", " x")),
        frames=r"< OPTNEG .*\n(.*> MACRO .*\n)*.*> BODYEOB\n",
    ),
    Expectation(
        "spaces before values", ("negotiate:steps|100000",), lambda result: result["outcome"] == "accepted",
        frames='> HEADER "Subject" " what the filter sees"\n',
    ),
    Expectation(
        "recipients that the MTA has refused", ("negotiate:steps|800",),
        lambda result: result["recipients"] == [RECIPIENT],
        ("--rejected-to", "<nobody@example.org>"), '> RCPT "<nobody@example.org>"',
    ),
]
