"""Our MTAs with real filters: conversations that all must manage, what libraries offer, what applications are for."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from lab.ours import MTAS, our_mta
from lab.peer import peer
from lab.ports import listens
from lab.process import folder as new_folder
from lab.process import wait_until
from peers import amavisd, clamav, dkimpy, opendkim, opendmarc, rspamd, spamass
from peers.applications import CASES, Case
from peers.conversations import CONVERSATIONS, OTHER_MTA, Conversation
from peers.expectations import EXPECTATIONS, OF_LIBMILTER, Expectation
from peers.filter import Filter
from peers.libraries import LIBMILTER, LIBRARIES, libmilter_on
from peers.mail import ENVELOPE, ODD, PLAIN, RECIPIENT, assert_unharmed, body_of, message

BLOCKING, TOKIO = MTAS
APPLICATIONS = [module.FILTER for module in (opendkim, opendmarc, rspamd, clamav, spamass, amavisd, dkimpy)]


class KnownNot(Exception):
    """A filter failed in the way that its row says."""


def case(it: Filter, scenario: object, program: str = BLOCKING) -> object:
    """A row of a table of tests, about what is known of the filter."""
    known = it.known_for(str(scenario))
    marks = [peer(it.peer)]
    if known:
        marks.append(pytest.mark.xfail(reason=known.reason, strict=True, raises=KnownNot))
    return pytest.param(it, scenario, program, id=f"{it.name}, {scenario}, {program}", marks=marks)


@contextmanager
def judged(it: Filter, scenario: object, home: Path) -> Iterator[None]:
    """Tells a failure that is known of the filter from others, which show what the filter wrote."""
    try:
        yield
    except AssertionError as error:
        logs = [*home.glob("*.err"), *home.glob("*.out")]
        story = "\n".join([str(error), *(file.read_text(errors="replace") for file in sorted(logs))])
        known = it.known_for(str(scenario))
        if known and re.search(known.symptom, story, re.DOTALL):
            raise KnownNot(known.reason) from error
        raise AssertionError(story) from error


@pytest.fixture(scope="session")
def running() -> Iterator[Callable[[Filter], tuple[str, Path]]]:
    """Runs filters without rules until the end of all tests, again if one has ended before."""
    filters: dict[str, tuple[str, Path]] = {}
    with ExitStack() as stack:

        def start(it: Filter) -> tuple[str, Path]:
            if it.name not in filters or not is_there(filters[it.name][0]):
                home = stack.enter_context(new_folder())
                filters[it.name] = stack.enter_context(it.start(home, ())), home
            return filters[it.name]

        yield start


def is_there(spec: str) -> bool:
    family, _, place = spec.partition(":")
    if family == "unix":
        return listens(Path(place))
    port, _, host = place.partition("@")
    return listens((host, int(port)))


def written(home: Path, raw: bytes) -> str:
    file = home / "message.eml"
    file.write_bytes(raw)
    return str(file)


@pytest.mark.parametrize(
    ("it", "scenario", "program"),
    [case(it, scenario) for it in APPLICATIONS + LIBRARIES for scenario in CONVERSATIONS]
    + [case(it, scenario, TOKIO) for it in APPLICATIONS + LIBRARIES for scenario in OTHER_MTA],
)
def test_conversation(
    it: Filter, scenario: Conversation, program: str, programs: Path, folder: Path,
    running: Callable[[Filter], tuple[str, Path]],
) -> None:
    spec, home = running(it)
    with judged(it, scenario, home):
        asked = our_mta(programs, program, spec, *scenario.command_line(written(folder, scenario.raw)))
        scenario.check(it, asked)


@pytest.mark.parametrize(
    ("it", "scenario", "program"),
    [case(it, scenario) for it in LIBRARIES for scenario in EXPECTATIONS]
    + [case(LIBRARIES[0], scenario) for scenario in OF_LIBMILTER],
)
def test_library(it: Filter, scenario: Expectation, program: str, programs: Path, folder: Path) -> None:
    with judged(it, scenario, folder), it.start(folder, scenario.rules) as spec:
        asked = our_mta(programs, program, spec, *scenario.command_line(written(folder, PLAIN)))
        assert asked.status == 0, asked.errors
        assert scenario.holds(asked.messages[0]), json.dumps(asked.messages[0])
        assert re.search(scenario.frames, asked.errors), f"no {scenario.frames} in\n{asked.errors}"


@pytest.mark.parametrize(("it", "scenario", "program"), [case(each.it, each) for each in CASES])
def test_application(
    it: Filter, scenario: Case, program: str, programs: Path, folder: Path,
    running: Callable[[Filter], tuple[str, Path]],
) -> None:
    spec, home = running(it)
    with judged(it, scenario, home):
        file = written(folder, scenario.raw)
        asked = our_mta(programs, program, spec, *ENVELOPE, "--message", file, *scenario.options)
        assert asked.status == 0, asked.errors
        scenario.check(asked.messages[0])


@pytest.mark.parametrize("program", MTAS)
@peer(clamav.PEER)
def test_the_test_virus_is_put_into_quarantine(program: str, programs: Path, folder: Path) -> None:
    file = written(folder, message(clamav.EICAR.encode()))
    with clamav.quarantining(folder) as spec:
        asked = our_mta(programs, program, spec, *ENVELOPE, "--message", file)
    assert asked.messages[0]["outcome"] == "accepted", asked
    assert asked.messages[0]["quarantine"] == "quarantined by clamav-milter"


def delivered(result: dict[str, Any]) -> bytes:
    """A message as it is after all edits."""
    head = "".join(f"{name}:{value}\n" for name, value in result["headers"]).replace("\n", "\r\n")
    return f"{head}\r\n{result['body']}".encode("latin-1")


TO_SIGN = {"plain": PLAIN, "odd headers": ODD, "no body": message(b""), "long": message(body_of(300_000))}


@pytest.mark.parametrize("which", TO_SIGN)
@pytest.mark.parametrize("program", MTAS)
@peer(opendkim.PEER)
def test_what_is_signed_verifies_as_it_is_delivered(program: str, which: str, programs: Path, folder: Path) -> None:
    raw = TO_SIGN[which]
    with opendkim.start(folder) as spec:
        signed = our_mta(programs, program, spec, *ENVELOPE, "--message", written(folder, raw)).messages[0]
    with opendkim.verifier(folder) as spec:
        for text, verdict in ((delivered(signed), "dkim=pass"), (delivered(signed) + b"More.\r\n", "dkim=fail")):
            asked = our_mta(programs, program, spec, *ENVELOPE, "--message", written(folder, text))
            assert verdict in results(asked.messages[0]), asked.messages[0]["headers"]


@pytest.mark.parametrize("program", MTAS)
@peer(dkimpy.PEER)
def test_dkimpy_signs_for_this_host_and_verifies_for_others(program: str, programs: Path, folder: Path) -> None:
    with dkimpy.start(folder) as spec:
        signed = our_mta(programs, program, spec, *ENVELOPE, "--message", written(folder, PLAIN)).messages[0]
        stranger = ("--client", "client.example.net,192.0.2.7")
        file = written(folder, delivered(signed))
        asked = our_mta(programs, program, spec, *ENVELOPE, *stranger, "--message", file)
    assert "dkim=pass" in results(asked.messages[0]), asked.messages[0]["headers"]


def results(result: dict[str, Any]) -> str:
    """The headers that say what was found out about a message."""
    return " ".join(value for name, value in result["headers"] if name.lower() == "authentication-results")


@pytest.mark.parametrize(("family", "host"), [("inet", "127.0.0.1"), ("inet6", "::1")])
@pytest.mark.parametrize("program", MTAS)
@peer(LIBMILTER)
def test_socket(program: str, family: str, host: str, programs: Path, folder: Path) -> None:
    with libmilter_on(folder, family, host) as spec:
        asked = our_mta(programs, program, spec, *ENVELOPE, "--message", written(folder, PLAIN))
    assert [result["outcome"] for result in asked.messages] == ["accepted"], asked.errors
    assert_unharmed(asked, PLAIN, [RECIPIENT])


@pytest.mark.parametrize("program", [BLOCKING])
@peer(LIBMILTER)
def test_a_filter_that_stops_itself_ends_with_its_conversations(program: str, programs: Path, folder: Path) -> None:
    with LIBRARIES[0].start(folder, ("data:stop",)) as spec:
        asked = our_mta(programs, program, spec, *ENVELOPE)
        wait_until(lambda: not is_there(spec), "the filter to end")
    assert (asked.status, asked.messages) == (1, [])
    # libmilter looks for the stop when it likes: DATA, or what comes after it, has no reply.
    assert re.search("(DATA|HEADER|EOH|BODY|BODYEOB) unanswered", asked.errors), asked.errors


@pytest.mark.parametrize("program", MTAS)
@peer(LIBMILTER)
def test_a_filter_that_dies_is_reported_with_what_it_owes(program: str, programs: Path, folder: Path) -> None:
    with LIBRARIES[0].start(folder, ("eom:addheader|X-Added|late", "eom:die")) as spec:
        asked = our_mta(programs, program, spec, *ENVELOPE)
    assert (asked.status, asked.messages) == (1, [])
    assert "BODYEOB unanswered" in asked.errors
