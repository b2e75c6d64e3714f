"""Random SMTP sessions against the MTAs: none of our filters stalls, closes the connection or is bypassed. See walk/."""

import secrets
from pathlib import Path

import pytest

from lab.packages import CannotInstall
from lab.peer import peer
from lab.postfix import POSTFIX
from lab.sendmail import SENDMAIL
from walk.walk import install, walk


@pytest.mark.parametrize("mta", [pytest.param(it.handle, marks=peer(it), id=it.handle) for it in (POSTFIX, SENDMAIL)])
def test_random_smtp_sessions(mta: str, programs: Path, request: pytest.FixtureRequest) -> None:
    it = {POSTFIX.handle: POSTFIX, SENDMAIL.handle: SENDMAIL}[mta]
    try:
        install(it)
    except CannotInstall as error:
        pytest.fail(str(error), pytrace=False)
    sessions, seed = request.config.option.sessions, request.config.option.seed or secrets.token_hex(4)
    report = walk(mta, programs, sessions, seed)
    request.node.user_properties.append(("figure", f"{report.summary()}, seed {seed}"))
    for line in report.notes:
        print(line)
    if report.failures:
        pytest.fail("\n".join((f"seed {seed}", *report.failures)), pytrace=False)
