"""Our filters under two MTA simulators of others: OpenDKIM's miltertest, and the client of go-milter."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from lab.ours import FILTERS, Filter, our_filter
from lab.peer import peer
from peers.clients import GO_CLIENT, MILTERTEST
from peers.filter import BUILT, HERE

# The stages that a simulator shows, in order; what it prints for each is its name and the code of the reply.
MILTERTEST_STAGES = [
    "connect", "helo", "unknown", "mail", "rcpt", "data", "header", "header", "eoh", "body", "body", "eom"
]
GO_STAGES = ["connect", "helo", "mail", "rcpt", "rcpt", "header", "end"]
# The client of go-milter tells of the end of the headers as "header", and of the body as "end".
GO_NAMES = {"eoh": "header", "body": "end", "eom": "end"}
VERDICTS = {"accept": "a", "reject": "r", "tempfail": "t", "discard": "d", "554 5.7.1 not today": "y"}
REPLY = "554 5.7.1 not today"


def miltertest(it: Filter) -> list[str]:
    return lines(["miltertest", "-D", f"addr={it.spec}", "-s", HERE / "miltertest" / "walk.lua"])


def go_client(it: Filter, size: int = 200_000) -> list[str]:
    recipients = ["first@example.org", "second@example.org"]
    return lines([BUILT / "goclient", it.spec.removeprefix("unix:"), str(size), *recipients])


def lines(command: Sequence[str | Path]) -> list[str]:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout.splitlines()


def walked(stages: list[str], last: str, code: str) -> list[str]:
    """What is printed when the first command of the stage `last` is answered with `code`."""
    before = stages[:stages.index(last)]
    return [f"{stage} c" for stage in before] + [f"{last} {code}"]


def verdicts(stages: str) -> list[object]:
    """Every verdict at each of these stages where it means something."""
    return [
        pytest.param(stage, verdict, id=f"{stage} {verdict}")
        for stage in stages.split() for verdict in VERDICTS
        if (stage, verdict) not in (("connect", "discard"), ("helo", "discard"))
    ]


@pytest.mark.parametrize("program", FILTERS)
@pytest.mark.parametrize(("stage", "verdict"), verdicts("connect helo mail rcpt data header eoh body eom"))
@peer(MILTERTEST)
def test_verdict_under_miltertest(program: str, stage: str, verdict: str, programs: Path, folder: Path) -> None:
    code = VERDICTS[verdict]
    with our_filter(programs, program, folder, f"unix:{folder}/filter", "--at", f"{stage}={verdict}") as it:
        told = miltertest(it)
    expected = walked(MILTERTEST_STAGES, stage, code)
    assert told[:len(expected)] == expected
    assert told[len(expected):] == ([f"replies {REPLY}"] if (stage, code) == ("eom", "y") else [])


@pytest.mark.parametrize("program", FILTERS)
@pytest.mark.parametrize(("stage", "verdict"), verdicts("connect helo mail header eoh body eom"))
@peer(GO_CLIENT)
def test_verdict_under_the_client(program: str, stage: str, verdict: str, programs: Path, folder: Path) -> None:
    code = VERDICTS[verdict]
    with our_filter(programs, program, folder, f"unix:{folder}/filter", "--at", f"{stage}={verdict}") as it:
        told = go_client(it)
    expected = walked(GO_STAGES, GO_NAMES.get(stage, stage), code + (f" {REPLY}" if code == "y" else ""))
    assert told == expected


@pytest.mark.parametrize("program", FILTERS)
@peer(GO_CLIENT)
def test_one_recipient_of_two_refused(program: str, programs: Path, folder: Path) -> None:
    with our_filter(programs, program, folder, f"unix:{folder}/filter", "--reject-rcpt", "*first*") as it:
        told = go_client(it)
    assert [line for line in told if line.startswith("rcpt")] == ["rcpt r", "rcpt c"]
    assert told[-1] == "end c"


@pytest.mark.parametrize("program", FILTERS)
@pytest.mark.parametrize("verdict", ["reject", "tempfail"])
@peer(MILTERTEST)
def test_verdict_on_an_unknown_command(program: str, verdict: str, programs: Path, folder: Path) -> None:
    with our_filter(programs, program, folder, f"unix:{folder}/filter", "--at", f"unknown={verdict}") as it:
        told = miltertest(it)
    assert told == [f"{stage} {VERDICTS[verdict] if stage == 'unknown' else 'c'}" for stage in MILTERTEST_STAGES]


@dataclass(frozen=True)
class Edit:
    """Options of our filter, and what each simulator prints of it; None if it does not know such an edit."""

    options: tuple[str, ...]
    miltertest: str | None
    go_client: str | None


def header_edit(code: str, index: int, name: str, value: str) -> str:
    return f'edit {code} {index} "{name}" "{value}" "" "" ""'


EDITS = {
    "a header added": Edit(("--add-header", "X-New=new"), "adds X-New: new", header_edit("h", 0, "X-New", "new")),
    "a header inserted": Edit(
        ("--insert-header", "0:X-Top=top"), "inserts X-Top: top at 0", header_edit("i", 0, "X-Top", "top")
    ),
    "a header changed": Edit(
        ("--change-header", "1:X-Old=newer"), "changes X-Old to newer", header_edit("m", 1, "X-Old", "newer")
    ),
    "a header deleted": Edit(("--delete-header", "1:X-Old"), "deletes X-Old", header_edit("m", 1, "X-Old", "")),
    "a recipient added": Edit(
        ("--add-rcpt", "<new@example.org>"), "adds <new@example.org>", 'edit + 0 "" "" "<new@example.org>" "" ""'
    ),
    "a recipient removed": Edit(
        ("--delete-rcpt", "<recipient@example.org>"), "removes <recipient@example.org>", None
    ),
    "quarantine": Edit(("--quarantine", "held"), "quarantines: held", None),
    "the sender changed": Edit(
        ("--change-sender", "<new@example.org>"), None, 'edit e 0 "" "" "" "<new@example.org>" ""'
    ),
    "progress": Edit(
        ("--progress", "3", "--add-header", "X-New=new"), "adds X-New: new", header_edit("h", 0, "X-New", "new")
    ),
}


@pytest.mark.parametrize("program", FILTERS)
@pytest.mark.parametrize("edit", [name for name, edit in EDITS.items() if edit.miltertest])
@peer(MILTERTEST)
def test_edit_under_miltertest(program: str, edit: str, programs: Path, folder: Path) -> None:
    with our_filter(programs, program, folder, f"unix:{folder}/filter", *EDITS[edit].options) as it:
        told = miltertest(it)
    assert told == [f"{stage} c" for stage in MILTERTEST_STAGES] + [EDITS[edit].miltertest]


@pytest.mark.parametrize("program", FILTERS)
@pytest.mark.parametrize("edit", [name for name, edit in EDITS.items() if edit.go_client])
@peer(GO_CLIENT)
def test_edit_under_the_client(program: str, edit: str, programs: Path, folder: Path) -> None:
    with our_filter(programs, program, folder, f"unix:{folder}/filter", *EDITS[edit].options) as it:
        told = go_client(it)
    assert told == [*walked(GO_STAGES, "end", "c")[:-1], EDITS[edit].go_client, "end c"]


@pytest.mark.parametrize("program", FILTERS)
@peer(MILTERTEST)
def test_body_under_miltertest(program: str, programs: Path, folder: Path) -> None:
    (folder / "body").write_bytes(b"new body\r\n")
    with our_filter(programs, program, folder, f"unix:{folder}/filter", "--replace-body", str(folder / "body")) as it:
        told = miltertest(it)
        assert "1 mail <sender@example.org> SIZE=100" in it.events("mail")
    assert told[-1] == "replaces the body"


@pytest.mark.parametrize("program", FILTERS)
@peer(GO_CLIENT)
def test_body_under_the_client(program: str, programs: Path, folder: Path) -> None:
    (folder / "body").write_bytes(b"x" * 70_000)
    with our_filter(programs, program, folder, f"unix:{folder}/filter", "--replace-body", str(folder / "body")) as it:
        told = go_client(it)
        assert it.events("negotiate") == ["1 negotiate 0x6 0x57 0x0"]
    assert [len(line.split('"')[-2]) for line in told if line.startswith("edit b")] == [65_535, 4_465]


@pytest.mark.parametrize("program", FILTERS)
@peer(GO_CLIENT)
def test_what_the_client_does_not_offer_is_not_negotiated(program: str, programs: Path, folder: Path) -> None:
    with our_filter(programs, program, folder, f"unix:{folder}/filter", "--quarantine", "held") as it:
        with pytest.raises(AssertionError, match="negotiate: optneg read: EOF"):
            go_client(it)
        it.process.wait_line("QUARANTINE")
