"""The known outcomes of other libraries, where they differ from "refused at once".

A run with any other outcome fails, so that a change in a library or an MTA is noticed.
"""

from collections.abc import Mapping

ROWS_13 = ("13 body", "13 empty")
ROWS_12 = ("12", "12 header")
ROWS_11 = ("11 RCPT", "11 DATA")
ROWS_3 = ("3 RCPT", "3 RCPT refused", "3 DATA")
# libmilter does not answer a command that its table of states does not allow. indymilter behaves in the same way.
ENGINE = {
    "postfix": {
        "delivered": ("1", "1 header", "1 body", *ROWS_3, "4", "5", *ROWS_11, *ROWS_12, "12 version 3", "14"),
        "closed": ("6",),
    },
    "sendmail": {"delivered": (*ROWS_3, *ROWS_11, *ROWS_12, *ROWS_13)},
}
# A filter of version 2 sees no DATA, so it cannot prevent the crash of the SMTP server.
VERSION_2 = {"postfix": {"closed": ("6",)}}

KNOWN: Mapping[str, Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "libmilter": ENGINE,
    "pymilter": ENGINE,
    "indymilter": ENGINE,
    "Sendmail::PMilter": VERSION_2,
    "go-milter": VERSION_2,
    # Its handler of UNKNOWN fails when no macros came before, and the thread ends without closing the connection.
    "python-libmilter": {"sendmail": {"delivered": ("3 FOO", "8 FOO", "8 EHLO", *ROWS_12)}},
    # Some accept version 6 only (12 version 3), and some expect an IP address in CONNECT (14).
    "purepythonmilter": {"postfix": {"delivered": ("12 version 3", "14")}},
    "kilter.protocol": {"postfix": {"delivered": ("14",)}},
    "miltr-server": {"postfix": {"delivered": ("12 version 3",)}},
}


def known(library: str) -> dict[tuple[str, str], str]:
    """The worst word of each outcome that differs, by MTA and case."""
    return {
        (mta, case): worst
        for mta, rows in KNOWN.get(library, {}).items()
        for worst, cases in rows.items()
        for case in cases
    }


def reason(library: str) -> str:
    """The same in words, for the report."""
    rows = known(library)
    cases = [f"{mta} {', '.join(case for at, case in rows if at == mta)}" for mta in KNOWN[library]]
    return f"it does not refuse at once in {'; '.join(cases)}"
