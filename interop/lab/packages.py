"""Installs what a peer needs: Debian packages, Debian packages unpacked beside the system, Python packages.

Every function names the peer that it works for, so that what cannot be installed is reported by that name. Nothing is
started by an installation: a policy-rc.d says no while apt-get runs.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path


class CannotInstall(Exception):
    """A peer, or something that it needs, cannot be installed."""

    def __init__(self, peer: str, what: str, output: str) -> None:
        super().__init__(f"{peer} cannot be installed: {what}\n{output.strip()}")


def kept(name: str) -> Path:
    """A folder that is kept between runs, below the checkout's target/, for what was downloaded or built."""
    return Path(__file__).resolve().parents[2] / "target" / "interop" / name


def apt(peer: str, *names: str, answers: str = "") -> None:
    """Installs those Debian packages that are missing. `answers` are lines for debconf-set-selections."""
    missing = [name for name in names if installed_version(name) is None]
    if not missing:
        return
    _update()
    if answers:
        _run(peer, ["debconf-set-selections"], as_root=True, text=answers)
    with _nothing_starts():
        install = ["apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=300", "install", "--no-install-recommends"]
        _run(peer, install + missing, as_root=True)


def unpack(peer: str, folder: Path, *names: str) -> None:
    """Downloads Debian packages and unpacks them into `folder`, for programs that conflict with installed ones."""
    if all(unpacked_version(folder, name) for name in names):
        return
    _update()
    folder.mkdir(parents=True, exist_ok=True)
    _run(peer, ["apt-get", "-q", "download", *names], cwd=folder)
    for package in sorted(folder.glob("*.deb")):
        _run(peer, ["dpkg", "-x", package.name, "."], cwd=folder)
        package.rename(package.with_suffix(".unpacked"))


def unpacked_version(folder: Path, name: str) -> str:
    """The version of a package that `unpack` put there, nothing if it is not there."""
    found = sorted(folder.glob(f"{name}_*.unpacked"))
    return found[-1].name.split("_")[1] if found else ""


def pip(peer: str, folder: Path, *requirements: str) -> Path:
    """Makes a virtual environment with these requirements (pin them) and returns its Python."""
    python, done = folder / "bin" / "python", folder / "requirements"
    if done.exists() and done.read_text() == " ".join(requirements):
        return python
    apt(peer, "python3-venv")
    _run(peer, [sys.executable, "-m", "venv", "--clear", str(folder)])
    _run(peer, [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements])
    done.write_text(" ".join(requirements))
    return python


def installed_version(name: str) -> str | None:
    """The version of a Debian package, None if it is not installed."""
    query = ["dpkg-query", "-W", "-f", "${db:Status-Abbrev}${Version}", name]
    status, _, version = subprocess.run(query, capture_output=True, text=True).stdout.partition(" ")
    return version if status == "ii" else None


@cache
def _update() -> None:
    """Fetches the lists of packages, once a run."""
    _run("the list of packages", ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=300", "update"], as_root=True)


def _run(
    peer: str, command: Sequence[str], as_root: bool = False, text: str | None = None, cwd: Path | None = None
) -> None:
    words = ["sudo", *command] if as_root and os.getuid() != 0 else list(command)
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(
        words, input=text, cwd=cwd, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    if done.returncode != 0:
        raise CannotInstall(peer, " ".join(command), "\n".join(done.stdout.splitlines()[-10:]))


@contextmanager
def _nothing_starts(policy: Path = Path("/usr/sbin/policy-rc.d")) -> Iterator[None]:
    """Keeps packages from starting their services while they are installed."""
    if policy.exists() or os.getuid() != 0:
        yield
        return
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    try:
        yield
    finally:
        policy.unlink()
