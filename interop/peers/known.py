"""What each filter is known not to manage: the scenario (or a pattern for several), the reason, and how it shows.

A row is not a test that is left out: the scenario runs, must fail, and must fail in this way.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Known:
    """Something that a filter does not manage. `symptom` is a pattern for the failure, which must still be found."""

    reason: str
    symptom: str


REFUSES_OFFER = r"mta_\w+: .*(without|unanswered)"
REFUSED_ANSWER = r"mta_\w+: .*(OPTNEG|negotiat|offered|version)"
NOT_SENT = r'"outcome": "accepted", "at": "eom"|no > UNKNOWN'
SILENT = r"sent nothing|unanswered"


def no_call(*calls: str, scenarios: tuple[str, ...]) -> dict[str, Known]:
    """The library has no such call: our filter on it says so and gives up."""
    symptom = "|".join(rf"no call (\[?\")?{call}" for call in calls)
    return {scenario: Known("the library has no such call", symptom) for scenario in scenarios}


NO_MACRO_LISTS = Known("the library cannot ask for macros", r"no call|X-Macro|no > MACRO|\(none\)")
VERSION_2 = Known("it speaks version 2, which has no such command", NOT_SENT)

KNOWN: Mapping[str, Mapping[str, Known]] = {
    "OpenDMARC": {
        "a client on a unix socket": Known("it defers messages of clients that have no IP address", "451 4.7.1"),
    },
    "rspamd": {
        "version [234] offered*": Known("it speaks version 6 only, and closes the connection at others", REFUSES_OFFER),
    },
    "pymilter": {
        "macros that it asked for": Known(
            "its setsymlist passes bytes to a C function that wants str", "must be str, not bytes"
        ),
    },
    "Sendmail::PMilter": {
        "data *": VERSION_2,
        "unknown *": VERSION_2,
        "adds an empty header": Known("it takes an empty value for a missing one", "no header value"),
        "macros that it asked for": NO_MACRO_LISTS,
        **no_call("skip", scenarios=("body skip",)),
        **no_call("insheader", scenarios=("inserts a header *",)),
        **no_call("chgfrom", scenarios=("changes the sender*",)),
        **no_call("addrcpt_par", scenarios=("adds a recipient with arguments",)),
    },
    "go-milter": {
        "data *": VERSION_2,
        "unknown *": VERSION_2,
        "version 2 offered with its own actions": Known(
            "it does not look at the offer, and asks for more", "< OPTNEG 2 0x7f.*" + REFUSED_ANSWER
        ),
        "changes the sender with arguments": Known(
            "its ChangeFrom takes no arguments", r'"change-from", "address": "<new@example.com>"\}'
        ),
        "macros that it asked for": NO_MACRO_LISTS,
        **no_call("skip", scenarios=("body skip",)),
        **no_call("addrcpt_par", scenarios=("adds a recipient with arguments",)),
        **no_call("progress", scenarios=("makes progress",)),
    },
    "python-libmilter": {
        "another client on the same connection": Known("it takes QUIT_NC for QUIT, and says nothing more", SILENT),
        "*unknown*": Known("its handler of UNKNOWN fails when no macros came before, and the thread ends", SILENT),
        "adds a recipient with arguments": Known("the name of a variable is misspelt in its addRcpt", "_mtaopts"),
        "macros that it asked for": Known("the library cannot ask for macros", "no call symval"),
        **no_call("insheader", scenarios=("inserts a header *",)),
        **no_call("progress", scenarios=("makes progress",)),
    },
    "purepythonmilter": {
        "another client on the same connection": Known("it does not know QUIT_NC", "QuitNoClose not implemented"),
        "version [234] offered*": Known("it takes no version but 6", REFUSES_OFFER),
        "quarantines": Known("its Quarantine is a verdict, which nothing can follow", "no call quarantine"),
        "makes progress": Known("its Progress is a reply, which nothing can follow", "no call progress"),
    },
    "kilter.protocol": {
        "another client on the same connection": Known("it does not know QUIT_NC", "UnknownMessage"),
        "connect reply *": Known("it allows no reply text at CONNECT", "InvalidMessage"),
        "mail tempfail": Known("it allows no TEMPFAIL at MAIL", "InvalidMessage"),
    },
    "miltr-server": {
        "version [234] offered*": Known("it answers version 6 whatever is offered", "< OPTNEG 6 .*" + REFUSED_ANSWER),
        "* accept": Known("the library has no ACCEPT", "no verdict accept"),
        "macros that it asked for": Known("the library cannot ask for macros", "no call"),
        **no_call("chgfrom", scenarios=("changes the sender*",)),
        **no_call("addrcpt_par", scenarios=("adds a recipient with arguments",)),
        **no_call("progress", scenarios=("makes progress",)),
    },
}
