"""A certificate for MTAs, good for nothing but TLS on loopback."""

import subprocess
from pathlib import Path


def self_signed(home: Path) -> None:
    """Writes key.pem and a certificate.pem that it signed itself."""
    request = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=mta.example"
    files = ["-keyout", str(home / "key.pem"), "-out", str(home / "certificate.pem")]
    subprocess.run(request.split() + files, check=True, capture_output=True)
    (home / "key.pem").chmod(0o600)
