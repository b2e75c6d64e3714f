"""Real programs, judged by milter-check. What each is known to fail is in conformance/known; anything else is news."""

import subprocess
from pathlib import Path

import pytest
from conformance.profiles import written
from conformance.reports import known_file, report_folder
from conformance.subjects import MAIL_SERVERS, SUBJECTS, MailServer, Subject
from lab.peer import Peer, peer
from lab.ports import free_port

SECONDS = 1800


@pytest.mark.parametrize("it", [pytest.param(it, marks=peer(it.peer), id=it.name) for it in SUBJECTS])
def test_filter(it: Subject, programs: Path, folder: Path) -> None:
    with it.start(folder, programs) as spec:
        judge(it.peer, programs, "filter", spec, "--profile", str(written(folder, it.profile)), *it.options)


@pytest.mark.parametrize("it", [pytest.param(it, marks=peer(it.peer), id=it.peer.name) for it in MAIL_SERVERS])
def test_mail_server(it: MailServer, programs: Path, folder: Path) -> None:
    listen, sink = free_port(), free_port()
    with it.start(folder, listen, sink) as smtp:
        judge(
            it.peer, programs, "mta", "--listen", f"inet:{listen}@127.0.0.1", "--smtp", f"127.0.0.1:{smtp}",
            "--sink", f"127.0.0.1:{sink}", "--profile", str(written(folder, it.profile)),
        )


def judge(it: Peer, programs: Path, *arguments: str) -> None:
    """Runs milter-check. It fails at what is not known of the program, and at what is known and has gone."""
    known, reports = known_file(it.handle), report_folder()
    formats = [f"--format={name}={reports / it.handle}.{name}" for name in ("json", "html")]
    command = [programs / "milter-check", *arguments, "--name", it.name, "--format=human", *formats]
    if known.exists():
        command += ["--baseline", known]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr
