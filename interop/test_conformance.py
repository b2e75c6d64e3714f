"""Real programs, judged by milter-check. What each is known to fail is in conformance/known; anything else is news."""

import subprocess
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from conformance.document import document
from conformance.profiles import CLIENT_PROFILE, written
from conformance.reports import file_name, known_file, named, read_all, report_folder
from conformance.subjects import MAIL_CLIENTS, MAIL_SERVERS, SUBJECTS, MailClient, MailServer, Subject
from lab.peer import Peer, peer
from lab.ports import free_port

SECONDS = 1800


@pytest.fixture(scope="module", autouse=True)
def page(request: pytest.FixtureRequest) -> Iterator[None]:
    """At the end, CONFORMANCE.md is made of the reports if that is wanted."""
    yield
    place: Path | None = request.config.option.conformance
    if place is not None:
        place.write_text(document(read_all(), date.today()))


@pytest.mark.parametrize("it", [pytest.param(it, marks=peer(it.peer), id=it.name) for it in SUBJECTS])
def test_filter(
    it: Subject, programs: Path, folder: Path, request: pytest.FixtureRequest
) -> None:
    learns = bool(request.config.option.learn)
    with it.start(folder, programs) as spec:
        arguments = ("filter", spec, "--profile", str(written(folder, it.profile)), *it.options)
        judge(it.peer, programs, arguments, learns)


@pytest.mark.parametrize("it", [pytest.param(it, marks=peer(it.peer), id=it.peer.name) for it in MAIL_SERVERS])
def test_mail_server(
    it: MailServer, programs: Path, folder: Path, request: pytest.FixtureRequest
) -> None:
    listen, sink = free_port(), free_port()
    with it.start(folder, listen, sink) as smtp:
        places = ("--listen", f"inet:{listen}@127.0.0.1", "--smtp", f"127.0.0.1:{smtp}", "--sink", f"127.0.0.1:{sink}")
        arguments = ("mta", *places, "--profile", str(written(folder, it.profile)))
        judge(it.peer, programs, arguments, bool(request.config.option.learn))


@pytest.mark.parametrize("it", [pytest.param(it, marks=peer(it.peer), id=it.peer.name) for it in MAIL_CLIENTS])
def test_mail_client(it: MailClient, programs: Path, folder: Path, request: pytest.FixtureRequest) -> None:
    spec = f"unix:{folder}/milter-check.sock"
    with it.start(folder, programs, spec) as smtp:
        chosen = [word for id in it.scenarios for word in ("--only", id)]
        places = ("--listen", spec, "--smtp", f"127.0.0.1:{smtp}", "--timeout", "5")
        arguments = ("mta", *places, *chosen, "--profile", str(written(folder, CLIENT_PROFILE)))
        judge(it.peer, programs, arguments, bool(request.config.option.learn))


def judge(it: Peer, programs: Path, arguments: tuple[str, ...], learns: bool) -> None:
    """Runs milter-check. It fails at what is not known of the program, and at what is known and has gone."""
    known, reports = known_file(it.handle), report_folder()
    formats = [f"--format={name}={reports / file_name(it.handle)}.{name}" for name in ("json", "html")]
    command = [programs / "milter-check", *arguments, "--name", named(it), "--format=human", *formats]
    if learns:
        known.parent.mkdir(exist_ok=True)
        command += ["--write-baseline", known]
    else:
        command += ["--baseline", known]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0 or (learns and done.returncode == 1), done.stdout + done.stderr
