"""The cases: what an SMTP client sends to which MTA, what the filter negotiates, and where it refuses.

A script is a list of steps. `client.py` completes EHLO, MAIL, RCPT, DATA and BDAT; any other step is sent as it is.
Every script ends with the message that must be refused. With a filter that refuses nothing, the same script must
deliver that message.
"""

from collections.abc import Sequence
from dataclasses import dataclass

# Steps of the protocol: NO_ bits decline a command, NR_ bits promise no reply to it.
NO_HELO, NO_MAIL, NO_EOH, NO_DATA = 0x2, 0x4, 0x40, 0x200
CONTENT_ONLY = 0x10F
NR_MAIL, NR_ALL = 0x4000, 0xFF080


@dataclass(frozen=True)
class Setting:
    """The options of a filter: the steps that it asks for, and the stages at which it refuses.

    Each stage comes with a text: the filter refuses only a recipient or a header that contains it.
    """

    name: str
    steps: int = 0
    refuses: Sequence[tuple[str, str]] = (("eom", ""), ("header", "X-Refuse"), ("rcpt", "refused"))


USUAL = Setting("usual")
# A filter of version 2 sees no DATA; it refuses at the end of the message.
DATA_REFUSED = Setting("data-refused", refuses=(("data", ""), ("eom", "")))
BODY_REFUSED = Setting("body-refused", refuses=(("body", ""),))
WITHOUT_MAIL = Setting("no-mail", NO_MAIL)
WITHOUT_DATA = Setting("no-data", NO_DATA)
WITHOUT_EOH = Setting("no-eoh", NO_EOH)
CONTENT = Setting("content-only", CONTENT_ONLY)
MAIL_UNANSWERED = Setting("nr-mail", NR_MAIL)
MAIL_UNANSWERED_WITHOUT_HELO = Setting("nr-mail-no-helo", NR_MAIL | NO_HELO)
NOTHING_ANSWERED = Setting("nr-all", NR_ALL)


@dataclass(frozen=True)
class Case:
    """One script. Cases whose names begin with the same number cause the same kind of sequence.

    `frames` must occur in what our filters log, without MACRO: `T<c` is DATA, answered with CONTINUE. If they do not,
    the MTA has changed, and the case no longer tests anything. `options` are for the service of Postfix. If `chained`,
    the MTA asks a second filter after this one, which refuses DATA until a recipient is called second or refused.
    """

    name: str
    mtas: str
    script: str
    frames: str
    setting: Setting = USUAL
    options: str = ""
    chained: bool = False
    # The outcome with a filter that refuses nothing.
    unrefused: str = "delivered"
    # The recipients of the last message, as the filter must see them.
    recipients: tuple[str, ...] = ()

    @property
    def slug(self) -> str:
        return self.name.lower().replace(" ", "-")

    @property
    def label(self) -> str:
        """The name and the script, with the negotiated steps, for the table."""
        steps = f" (steps {self.setting.steps:#x})" if self.setting.steps else ""
        return f"{self.name}: {self.script}{steps}"

    def steps(self) -> list[str]:
        return self.script.split("; ")


POSTFIX, SENDMAIL = "postfix", "sendmail"
BOTH = POSTFIX + SENDMAIL
BEGIN = "EHLO; MAIL; RCPT bob; "
AGAIN = "MAIL; RCPT bob; DATA"
ANY_CLIENT = "-o smtpd_relay_restrictions=$any_client -o smtpd_recipient_restrictions=$any_client"

CASES = [
    Case("1", POSTFIX, BEGIN + "BDAT n; FOO; BDAT LAST", "T<c U<c L"),
    Case("1 header", POSTFIX, BEGIN + "BDAT n with X-Refuse; FOO; BDAT LAST", "T<c U<c L"),
    Case("1 body", POSTFIX, BEGIN + "BDAT n; FOO; BDAT LAST", "T<c U<c L", BODY_REFUSED),
    Case("2", POSTFIX, BEGIN + "BDAT n; EHLO; " + AGAIN, "T<c H<c A A"),
    Case("3 RCPT", BOTH, BEGIN + "DATA; RCPT second; DATA", "T<c R<c", chained=True),
    Case("3 RCPT refused", BOTH, BEGIN + "DATA; RCPT refused; DATA", "T<c R<r", chained=True),
    Case("3 DATA", BOTH, BEGIN + "DATA; DATA; RCPT second; DATA", "T<c T<c", chained=True),
    Case("3 FOO", BOTH, BEGIN + "DATA; FOO; RCPT second; DATA", "T<c U<c R<c", chained=True),
    # Sendmail sends ABORT in between.
    Case("3 EHLO", POSTFIX, BEGIN + "DATA; EHLO; MAIL; RCPT second; DATA", "T<c H<c", chained=True),
    # The content goes to the proxy and not to the filter, so only the recipient can be refused.
    Case(
        "4", POSTFIX, BEGIN + "DATA; RCPT refused; DATA", "T<c R<r",
        options="-o smtpd_proxy_filter=127.0.0.1:{proxy}",
    ),
    Case(
        "5", POSTFIX, BEGIN + "DATA; RCPT second; DATA", "T<c R<c",
        options="-o smtpd_end_of_data_restrictions=$not_for_bob_alone",
    ),
    # If the filter accepts this DATA, the SMTP server of Postfix 3.7 crashes, and the message is lost.
    Case(
        "6", POSTFIX, BEGIN + "BDAT 0; BDAT LAST; DATA; RSET; " + AGAIN, "A T<r", DATA_REFUSED, unrefused="closed"
    ),
    Case("7 MAIL", SENDMAIL, "EHLO; MAIL; RSET; " + AGAIN, "M M", MAIL_UNANSWERED),
    Case("7 RCPT", SENDMAIL, BEGIN + "RSET; " + AGAIN, "M R<c M R<c", MAIL_UNANSWERED),
    Case("7b", SENDMAIL, "EHLO; MAIL; EHLO; " + AGAIN, "M M", MAIL_UNANSWERED_WITHOUT_HELO),
    Case("8 MAIL", SENDMAIL, BEGIN + "DATA too large; " + AGAIN, "T M", NOTHING_ANSWERED),
    Case("8 headers", SENDMAIL, BEGIN + "DATA with large headers; " + AGAIN, "T M", NOTHING_ANSWERED),
    Case("8 FOO", SENDMAIL, BEGIN + "DATA too large; FOO; " + AGAIN, "T U", NOTHING_ANSWERED),
    Case("8 EHLO", SENDMAIL, BEGIN + "DATA too large; FOO; EHLO; " + AGAIN, "U H", NOTHING_ANSWERED),
    Case("9", SENDMAIL, BEGIN + "DATA too large; " + AGAIN, "T<c T<c", CONTENT),
    Case(
        "10", SENDMAIL, "EHLO; MAIL; RCPT x; RSET; MAIL; RCPT y; DATA", "R<c R<c T", WITHOUT_MAIL,
        recipients=("<y@rcpt.example>",),
    ),
    Case("11 RCPT", BOTH, BEGIN + "DATA; RCPT second; DATA", "T<r R", DATA_REFUSED),
    Case("11 DATA", BOTH, BEGIN + "DATA; DATA", "T<r T", DATA_REFUSED),
    Case("12", BOTH, BEGIN + "FOO; DATA", "R<c U<c L", WITHOUT_DATA),
    Case("12 header", BOTH, BEGIN + "FOO; DATA with X-Refuse", "R<c U<c L", WITHOUT_DATA),
    Case("12 version 3", POSTFIX, BEGIN + "FOO; DATA", "R<c U<c L", options="-o milter_protocol=3"),
    Case("13 body", SENDMAIL, BEGIN + "DATA without headers", "T<c B", WITHOUT_EOH),
    Case("13 empty", SENDMAIL, BEGIN + "DATA of nothing", "T<c E", WITHOUT_EOH),
    Case(
        "14", POSTFIX, "EHLO; XCLIENT ADDR=[UNAVAILABLE]; " + BEGIN + "DATA", "C<c H<c M<c",
        options="-o smtpd_authorized_xclient_hosts=127.0.0.1 " + ANY_CLIENT,
    ),
]
