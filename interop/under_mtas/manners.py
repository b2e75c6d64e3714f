"""Ways to ask and to answer: what is negotiated, over which sockets, and what happens if the filter is not there."""

from dataclasses import replace

from .case import Case, Expect, both
from .message import BOB, CAROL, PLAIN, SENDER, lines
from .talk import (
    after_starttls,
    filter_dies_at_the_end,
    filter_is_told_to_stop,
    for_another_client,
    in_chunks,
    message_to,
    unknown_commands,
    without_smtp,
)
from .verdicts import STAGES

EVERY = ",".join(stage for stage in (*STAGES, "unknown") if stage != "eom")
BODY = PLAIN.with_body(lines(300_000))
ALL_TOLD = tuple(f"{name}*" for name in (*STAGES, "close"))


def _new(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [*headers, ("X-New", " yes")]


ADD = ("--add-header", "X-New=yes")
EDITED = Expect(headers=_new, told=ALL_TOLD)

NEGOTIATED = [
    both(
        "no reply to anything but the end of the message",
        ("--no-reply", EVERY, *ADD),
        replace(EDITED, said={"OPTNEG 6 0x1 0xff080": 1, "CONTINUE": 1}),
        message=BODY,
    ),
    Case(
        "no reply, not even to unknown commands",
        ("--no-reply", EVERY),
        Expect({f"frob {n}": "500 5.5.2 *" for n in range(1, 6)}, said={"CONTINUE": 1}),
        Expect({f"frob {n}": "500 5.5.1 *" for n in range(1, 6)}, said={"CONTINUE": 1}),
        talk=unknown_commands,
    ),
    *(
        both(
            f"only {stage} is asked for",
            ("--only", stage, *ADD),
            Expect(
                headers=_new,
                told=(f"{stage}*", "eom"),
                untold=tuple(f"{other}*" for other in STAGES if other not in (stage, "eom")),
            ),
        )
        for stage in STAGES
        if stage != "eom"
    ),
    both(
        "SKIP at the first part of the body",
        ("--skip", "--at", "body=skip", *ADD),
        Expect(headers=_new, times={"body": 1, "eom": 1}, said={"OPTNEG 6 0x1 0x400": 1, "SKIP": 1}),
        message=BODY,
    ),
    both(
        "a header is added where the leading space is shown",
        ("--leading-space", *ADD),
        replace(EDITED, said={"OPTNEG 6 0x1 0x100000": 1}),
    ),
    both(
        "a larger data size, which neither offers",
        ("--data-size", "1m", *ADD),
        replace(EDITED, said={"OPTNEG 6 0x1 0x0": 1}),
        message=BODY,
    ),
    both("the strict policy", ("--policy", "strict", *ADD), EDITED),
    # The queue of Postfix has a name for the message from the first recipient on.
    Case(
        "the macro with the name in the queue",
        ("--show-macros", "i"),
        Expect(
            recipients=(BOB, CAROL), told=("mail <alice@sender.example>", f"rcpt {BOB}", f"rcpt {CAROL} i=*", "eom i=*")
        ),
        Expect(recipients=(BOB, CAROL), told=("mail <alice@sender.example> i=*", "eom i=*")),
        talk=message_to(BOB, CAROL),
    ),
    both(
        "macros by name",
        (
            "--macros",
            "mail={mail_addr} {mail_host}",
            "--macros",
            "rcpt={rcpt_addr}",
            "--show-macros",
            "{mail_addr} {rcpt_addr}",
        ),
        Expect(
            told=(
                "mail <alice@sender.example> {mail_addr}=alice@sender.example",
                "rcpt <bob@rcpt.example>*{rcpt_addr}=bob@rcpt.example",
            )
        ),
    ),
]

REPLIES = [
    both(
        "a reply with % signs",
        ("--at", "data=550 5.7.1 100% sure, %% and %s"),
        Expect({"data": "550 5.7.1 100% sure, %% and %s"}, delivered=0),
    ),
    both(
        "a reply of three lines",
        ("--at", r"rcpt=554 5.7.1 one\ntwo\nthree"),
        Expect({"rcpt": "554-5.7.1 one / 554-5.7.1 two / 554 5.7.1 three"}, delivered=0),
    ),
    both(
        "a reply of three lines at the end",
        ("--at", r"eom=451 4.7.1 one\n100% two\nthree"),
        Expect({"end": "451-4.7.1 one / 451-4.7.1 100% two / 451 4.7.1 three"}, delivered=0),
    ),
    Case(
        "a reply without an enhanced code",
        ("--at", "mail=554 no"),
        Expect({"mail": "554 no"}, delivered=0),
        Expect({"mail": "554 5.0.0 no"}, delivered=0),
    ),
]

SOCKETS = [
    both("a filter on a unix socket", ADD, EDITED, service="unix"),
    both("a filter on an IPv6 socket", ADD, EDITED, service="over-ipv6"),
    Case(
        "a client over IPv6",
        (),
        Expect(told=("connect [::1] 6:*:::1", "helo*")),
        Expect(told=("connect [IPv6:0:0:0:0:0:0:0:1] 6:*:IPv6:0:0:0:0:0:0:0:1", "helo*")),
        service="ipv6",
        host="::1",
    ),
    both(
        "STARTTLS and a second EHLO",
        ("--show-macros", "{tls_version}"),
        Expect(
            told=("helo client.example", "helo encrypted.example {tls_version}=TLSv1.*", "eom*"),
            times={"helo": 2, "connect": 1, "abort": 0},
        ),
        talk=after_starttls,
    ),
]

# Ways into Postfix that Sendmail has not, or for which it asks no filter of its own accord.
ENTRIES = [
    Case(
        "the client becomes another one by XCLIENT",
        ADD,
        Expect(
            headers=_new,
            told=(
                "connect [127.0.0.1] 4:*:127.0.0.1",
                "helo client.example",
                "connect [192.0.2.7] 4:4321:192.0.2.7",
                "eom",
            ),
            times={"negotiate": 2, "mail": 1, "close": 2},
        ),
        None,
        service="xclient",
        talk=for_another_client,
    ),
    Case("a message in chunks", ADD, replace(EDITED, times={"data": 1}), None, talk=in_chunks),
    Case(
        "a message in chunks is refused at DATA",
        ("--at", "data=554 5.7.1 no"),
        Expect({"bdat": "554 5.7.1 no"}, delivered=0),
        None,
        talk=in_chunks,
    ),
    # Addresses have no angle brackets then.
    Case(
        "a message that does not come over SMTP",
        ADD,
        replace(
            EDITED,
            told=(
                "connect localhost 4:0:127.0.0.1",
                "helo *",
                "mail alice@sender.example",
                "rcpt bob@rcpt.example",
                "data",
                "eom",
            ),
        ),
        None,
        talk=without_smtp,
    ),
    # Postfix gives its cleanup no filters then, and that asks the ones for mail that is not taken over SMTP.
    Case(
        "DISCARD at MAIL, where local mail is filtered, too",
        ("--at", "mail=discard"),
        Expect(
            delivered=0,
            told=(f"mail {SENDER}", "connect localhost 4:0:127.0.0.1", "helo localhost", "mail alice@sender.example"),
            times={"negotiate": 2, "rcpt": 0},
            said={"DISCARD": 2},
        ),
        None,
        service="local",
    ),
]

VERSIONS = [
    Case(
        "Postfix speaks version 2",
        ADD,
        Expect(headers=_new, told=("negotiate 0x2 0x1ff 0x7f", "eom"), untold=("data", "unknown*")),
        None,
        service="version-2",
    ),
    Case(
        "Postfix speaks version 3",
        ADD,
        Expect(headers=_new, told=("negotiate 0x3 0x1ff 0x17f", "eom"), untold=("data",)),
        None,
        service="version-3",
    ),
    Case(
        "Postfix speaks version 4",
        ADD,
        Expect(headers=_new, told=("negotiate 0x4 0x1ff 0x37f", "data", "eom")),
        None,
        service="version-4",
    ),
    both("both speak version 6", ADD, Expect(headers=_new, told=("negotiate 0x6 0x1ff 0x1fffff", "data", "eom"))),
    # UNKNOWN, then HEADER with no DATA between: libmilter does not answer that, and Postfix gives up after a while.
    Case(
        "Postfix speaks version 3, and the client says unknown commands",
        ("--policy", "strict", *ADD),
        Expect({f"frob {n}": "500 5.5.2 *" for n in range(1, 6)}, headers=_new, times={"unknown": 5}),
        None,
        service="version-3",
        talk=unknown_commands,
    ),
    Case(
        "Postfix speaks version 3, and the client says unknown commands, as with libmilter",
        ("--policy", "libmilter", *ADD),
        Expect(
            {f"frob {n}": "500 5.5.2 *" for n in range(1, 5)} | {"end": "451 4.7.1 *", "frob 5": "451 4.7.1 *"},
            delivered=0,
            times={"rcpt": 1, "header": 0},
        ),
        None,
        service="version-3-hasty",
        talk=unknown_commands,
    ),
    *(
        Case(
            f"Postfix speaks version {version}, and the filter asks for all that is newer",
            ("--no-reply", EVERY, "--skip", "--leading-space", "--rejected-rcpt", "--macros", "mail=i", *ADD),
            Expect(
                headers=_new,
                told=("mail*", "rcpt*", "header*", "body*", "eom"),
                said={f"OPTNEG {version} 0x1 {steps}": 1},
            ),
            None,
            service=f"version-{version}",
        )
        for version, steps in ((2, "0x0"), (3, "0x0"), (4, "0x0"))
    ),
]

ABSENT = [
    both("the filter is told to stop, and ends its message first", ADD, EDITED, talk=filter_is_told_to_stop),
    Case(
        "the filter dies at the end of the message",
        (),
        Expect({"end": "451 4.7.1 Service unavailable - try again later"}, delivered=0),
        Expect({"end": "451 4.3.2 Please try again later"}, delivered=0),
        talk=filter_dies_at_the_end,
    ),
    both("the filter dies, and the message is accepted", (), service="else-accept", talk=filter_dies_at_the_end),
    Case(
        "the filter dies, and the message is refused",
        (),
        Expect({"end": "550 5.5.0 Service unavailable"}, delivered=0),
        Expect({"end": "554 5.7.1 Command rejected"}, delivered=0),
        service="else-reject",
        talk=filter_dies_at_the_end,
    ),
    Case(
        "the filter dies, and the message is quarantined",
        (),
        Expect(delivered=0, held=("",)),
        None,
        service="else-quarantine",
        talk=filter_dies_at_the_end,
    ),
    Case(
        "nobody listens",
        (),
        Expect({"mail": "451 4.7.1 Service unavailable - try again later"}, delivered=0),
        Expect({"mail": "451 4.3.2 Please try again later"}, delivered=0),
        filter_runs=False,
    ),
    both("nobody listens, and the message is accepted", (), service="else-accept", filter_runs=False),
]

CASES = [*NEGOTIATED, *REPLIES, *SOCKETS, *ENTRIES, *VERSIONS, *ABSENT]
