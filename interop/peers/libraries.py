"""Filter libraries, each with a filter of ours on it that does what its rules say (scripts/rules.py)."""

import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lab.packages import CannotInstall, apt, installed_version, pip
from lab.peer import Peer, debian
from lab.ports import free_port

from .filter import BUILT, HERE, Filter, listening, scripted

PYTHON = BUILT / "filters"
REQUIREMENTS = ("python-libmilter==2.0.0", "purepythonmilter==0.0.1", "kilter.protocol==0.6.0")
GO_ENVIRONMENT = {
    "GOPATH": "/usr/share/gocode", "GO111MODULE": "off", "GOCACHE": str(BUILT / "go"), "CGO_ENABLED": "0"
}


def build(peer: str, *command: str | Path, folder: Path = HERE, env: dict[str, str] | None = None) -> None:
    """Runs a compiler; what it complains about is the reason why the peer cannot be installed."""
    BUILT.mkdir(parents=True, exist_ok=True)
    words = [str(word) for word in command]
    try:
        done = subprocess.run(words, cwd=folder, env=os.environ | (env or {}), capture_output=True, text=True)
    except OSError as error:
        raise CannotInstall(peer, " ".join(words), str(error)) from error
    if done.returncode != 0:
        raise CannotInstall(peer, " ".join(words), done.stderr)


def install_libmilter() -> None:
    apt("libmilter", "libmilter-dev", "gcc", "libc6-dev")
    compiler = ["cc", "-O2", "-Wall", "-Wextra", "-Werror"]
    build("libmilter", *compiler, "-o", BUILT / "libmilter-filter", "libmilter.c", "-lmilter", "-lpthread")


def install_go_milter() -> None:
    apt("go-milter", "golang-go", "golang-github-emersion-go-milter-dev")
    for program in ("gofilter", "goclient"):
        build("go-milter", "go", "build", "-o", BUILT / program, ".", folder=HERE / program, env=GO_ENVIRONMENT)


def crate(name: str, version: str, folder: str) -> Peer:
    """A peer from crates.io, in a crate of our own with its own lock file."""
    def install() -> None:
        build(name, "cargo", "build", "--quiet", "--locked", "--target-dir", BUILT / "cargo", folder=HERE / folder)

    return Peer(name, "cargo", install, lambda: version)


def python_package(name: str) -> Peer:
    requirement = next(word for word in REQUIREMENTS if word.startswith(name + "=="))

    def install() -> None:
        pip(name, PYTHON, *REQUIREMENTS)

    return Peer(name, "pip", install, lambda: requirement.partition("==")[2])


def script(name: str, *interpreter: str | Path) -> Callable[[], Sequence[str | Path]]:
    return lambda: [*interpreter, HERE / "scripts" / name]


def in_venv(name: str) -> Callable[[], Sequence[str | Path]]:
    return script(name, PYTHON / "bin" / "python", "-u")


@contextmanager
def start_purepythonmilter(home: Path, rules: Sequence[str] = ()) -> Iterator[str]:
    """The library listens on TCP only."""
    port = free_port()
    command = [*in_venv("purepythonmilter_filter.py")(), str(port), *rules]
    with listening(command, home, ("127.0.0.1", port), name="filter"):
        yield f"inet:{port}@127.0.0.1"


@contextmanager
def libmilter_on(home: Path, family: str, host: str) -> Iterator[str]:
    """The filter on libmilter on a TCP socket: `inet` or `inet6`."""
    port = free_port(host)
    spec = f"{family}:{port}@{host}"
    with listening([BUILT / "libmilter-filter", spec], home, (host, port), name="filter"):
        yield spec


LIBMILTER = Peer("libmilter", "apt", install_libmilter, lambda: installed_version("libmilter-dev") or "")
GO_MILTER = Peer(
    "go-milter", "apt", install_go_milter, lambda: installed_version("golang-github-emersion-go-milter-dev") or ""
)
STARTS = {
    LIBMILTER: scripted(lambda: [BUILT / "libmilter-filter"]),
    debian("pymilter", "python3-milter"): scripted(script("pymilter_filter.py", "/usr/bin/python3", "-u")),
    debian("Sendmail::PMilter", "libsendmail-pmilter-perl"): scripted(script("pmilter.pl", "perl")),
    GO_MILTER: scripted(lambda: [BUILT / "gofilter"]),
    python_package("python-libmilter"): scripted(in_venv("python_libmilter_filter.py")),
    python_package("purepythonmilter"): start_purepythonmilter,
    python_package("kilter.protocol"): scripted(in_venv("kilter_filter.py")),
    crate("indymilter", "0.3.0", "indymilter"): scripted(lambda: [BUILT / "cargo" / "debug" / "interop-indymilter"]),
    crate("miltr-server", "0.2.0", "miltr"): scripted(lambda: [BUILT / "cargo" / "debug" / "interop-miltr"]),
}
LIBRARIES = [Filter(peer, start) for peer, start in STARTS.items()]
