"""Directed cases: the sender and the recipients."""

from collections.abc import Iterator

from .case import BOB, CAROL, DAVE, Case, Mailbox
from .directed_case import case
from .edit import add_header, add_rcpt, add_rcpt_with_arguments, change_from, delete_rcpt, quarantine, replace_body
from .messages import SHAPES


def envelope() -> Iterator[Case]:
    yield from _sender()
    yield from _recipients_added()
    yield from _recipients_deleted()


SENDERS: dict[str, tuple[bytes, bytes | None]] = {
    "brackets": (b"<carol@sender.example>", None),
    "no brackets": (b"carol@sender.example", None),
    "null": (b"<>", None),
    "empty": (b"", None),
    "local part only": (b"<carol>", None),
    "capitals": (b"<CAROL@Sender.Example>", None),
    "name": (b"Carol <carol@sender.example>", None),
    "comment": (b"carol@sender.example (Carol)", None),
    "list": (b"<carol@sender.example>, <dan@sender.example>", None),
    "list without brackets": (b"carol@sender.example, dan@sender.example", None),
    "quoted local part": (b'<"car ol"@sender.example>', None),
    "source route": (b"<@relay.example:carol@sender.example>", None),
    "blank in local part": (b"<car ol@sender.example>", None),
    "two at signs": (b"<carol@x@sender.example>", None),
    "8-bit": (b"<car\xf6l@sender.example>", None),
    "utf-8": ("<caröl@sender.example>".encode(), None),
    "no closing bracket": (b"<carol@sender.example", None),
    "brackets twice": (b"<<carol@sender.example>>", None),
    "blanks around": (b" <carol@sender.example> ", None),
    "line end": (b"<carol@sender.example>\r\nRCPT TO:<eve@rcpt.example>", None),
    "address literal": (b"<carol@[127.0.0.1]>", None),
    "percent": (b"<carol%x@sender.example>", None),
    "arguments in the address": (b"<carol@sender.example> RET=HDRS", None),
    "empty arguments": (b"<carol@sender.example>", b""),
    "RET=HDRS": (b"<carol@sender.example>", b"RET=HDRS"),
    "RET=FULL": (b"<carol@sender.example>", b"RET=FULL"),
    "RET in small letters": (b"<carol@sender.example>", b"ret=hdrs"),
    "RET unknown": (b"<carol@sender.example>", b"RET=SOME"),
    "RET empty": (b"<carol@sender.example>", b"RET="),
    "ENVID": (b"<carol@sender.example>", b"ENVID=new"),
    "ENVID in xtext": (b"<carol@sender.example>", b"ENVID=a+2Bb"),
    "ENVID empty": (b"<carol@sender.example>", b"ENVID="),
    "ENVID bad xtext": (b"<carol@sender.example>", b"ENVID=a+zz"),
    "RET and ENVID": (b"<carol@sender.example>", b"RET=HDRS ENVID=new"),
    "RET twice": (b"<carol@sender.example>", b"RET=HDRS RET=FULL"),
    "blanks in arguments": (b"<carol@sender.example>", b"  RET=HDRS   ENVID=new "),
    "SIZE": (b"<carol@sender.example>", b"SIZE=99"),
    "SIZE and RET": (b"<carol@sender.example>", b"SIZE=99 RET=HDRS"),
    "BODY=7BIT": (b"<carol@sender.example>", b"BODY=7BIT"),
    "BODY=8BITMIME": (b"<carol@sender.example>", b"BODY=8BITMIME"),
    "AUTH": (b"<carol@sender.example>", b"AUTH=<>"),
    "SMTPUTF8": (b"<carol@sender.example>", b"SMTPUTF8"),
    "unknown argument": (b"<carol@sender.example>", b"FOO=bar"),
    "unknown argument, then RET": (b"<carol@sender.example>", b"FOO=bar RET=HDRS"),
    "null with RET": (b"<>", b"RET=HDRS"),
    "NOTIFY": (b"<carol@sender.example>", b"NOTIFY=NEVER"),
}


WITH_ARGUMENTS = Mailbox("<alice@sender.example>", ("BODY=8BITMIME", "RET=FULL", "ENVID=old"))


def _sender() -> Iterator[Case]:
    for name, (address, arguments) in SENDERS.items():
        yield case(f"sender: {name}", change_from(address, arguments))
    for name in ("brackets", "null", "empty arguments", "RET=HDRS", "ENVID", "SIZE", "BODY=7BIT", "unknown argument"):
        address, arguments = SENDERS[name]
        yield case(f"sender with arguments: {name}", change_from(address, arguments), sender=WITH_ARGUMENTS)
    yield case("sender twice", change_from(b"<carol@sender.example>"), change_from(b"<dan@sender.example>"))
    yield case(
        "sender twice, arguments first",
        change_from(b"<carol@sender.example>", b"RET=HDRS ENVID=x"),
        change_from(b"<dan@sender.example>"),
    )
    yield case(
        "sender twice, arguments differ",
        change_from(b"<carol@sender.example>", b"RET=HDRS"),
        change_from(b"<dan@sender.example>", b"ENVID=x"),
    )
    yield case("sender twice, the second bad", change_from(b"<carol@sender.example>"), change_from(b"<a b@c>"))
    yield case(
        "sender changed, message without From", change_from(b"<carol@sender.example>"), message=SHAPES["no from"]
    )
    yield case("sender to null, message without From", change_from(b"<>"), message=SHAPES["no from"])
    yield case(
        "null sender changed, message without From",
        change_from(b"<carol@sender.example>"),
        sender=Mailbox("<>"),
        message=SHAPES["no from"],
    )
    yield case("no edit, null sender, message without From", sender=Mailbox("<>"), message=SHAPES["no from"])
    yield case(
        "null sender changed, message without From, in quarantine",
        quarantine(b"held"),
        change_from(b"<carol@sender.example>"),
        sender=Mailbox("<>"),
        message=SHAPES["no from"],
    )
    yield case("null sender changed", change_from(b"<carol@sender.example>"), sender=Mailbox("<>"))
    yield case("no edit, null sender", sender=Mailbox("<>"))
    yield case("no edit, sender with arguments", sender=WITH_ARGUMENTS)
    yield case(
        "sender changed, Return-Path added",
        change_from(b"<carol@sender.example>"),
        add_header(b"Return-Path", b"<x@y.example>"),
    )


RECIPIENTS: dict[str, bytes] = {
    "brackets": b"<carol@rcpt.example>",
    "no brackets": b"carol@rcpt.example",
    "of the envelope": b"<bob@rcpt.example>",
    "of the envelope without brackets": b"bob@rcpt.example",
    "of the envelope in capitals": b"<BOB@rcpt.example>",
    "domain in capitals": b"<bob@RCPT.EXAMPLE>",
    "empty": b"",
    "null": b"<>",
    "local part only": b"<carol>",
    "list": b"<carol@rcpt.example>, <dave@rcpt.example>",
    "list without brackets": b"carol@rcpt.example,dave@rcpt.example",
    "list by blank": b"<carol@rcpt.example> <dave@rcpt.example>",
    "list by blank, no brackets": b"carol@rcpt.example dave@rcpt.example",
    "list by semicolon": b"carol@rcpt.example; dave@rcpt.example",
    "list with duplicates": b"carol@rcpt.example, carol@rcpt.example, bob@rcpt.example",
    "name": b"Carol <carol@rcpt.example>",
    "quoted name": b'"C, D" <carol@rcpt.example>',
    "comment": b"carol@rcpt.example (Carol)",
    "group": b"friends: carol@rcpt.example, dave@rcpt.example;",
    "quoted local part": b'<"car ol"@rcpt.example>',
    "quotes without need": b'<"carol"@rcpt.example>',
    "source route": b"<@relay.example:carol@rcpt.example>",
    "blank in local part": b"<car ol@rcpt.example>",
    "no closing bracket": b"<carol@rcpt.example",
    "brackets twice": b"<<carol@rcpt.example>>",
    "blanks around": b" <carol@rcpt.example> ",
    "8-bit": b"<car\xf6l@rcpt.example>",
    "utf-8": "<caröl@rcpt.example>".encode(),
    "line end": b"<carol@rcpt.example>\r\nDATA",
    "arguments in the address": b"<carol@rcpt.example> NOTIFY=NEVER",
    "refused by the MTA": b"<nobody@rcpt.example>",
    "trailing dot": b"<carol@rcpt.example.>",
    "address literal": b"<carol@[192.0.2.9]>",
}


ARGUMENTS: dict[str, bytes | None] = {
    "none": None,
    "empty": b"",
    "NOTIFY=NEVER": b"NOTIFY=NEVER",
    "NOTIFY=SUCCESS,FAILURE": b"NOTIFY=SUCCESS,FAILURE",
    "NOTIFY in small letters": b"notify=never",
    "NOTIFY unknown": b"NOTIFY=SOMETIMES",
    "NOTIFY never and more": b"NOTIFY=NEVER,SUCCESS",
    "ORCPT": b"ORCPT=rfc822;c@old.example",
    "ORCPT without type": b"ORCPT=c@old.example",
    "ORCPT in xtext": b"ORCPT=rfc822;c+2Bd@old.example",
    "ORCPT and NOTIFY": b"ORCPT=rfc822;c@old.example NOTIFY=DELAY",
    "NOTIFY twice": b"NOTIFY=NEVER NOTIFY=FAILURE",
    "unknown": b"FOO=bar",
    "unknown, then NOTIFY": b"FOO=bar NOTIFY=NEVER",
    "SIZE": b"SIZE=5",
    "blanks": b"  NOTIFY=NEVER  ",
}


def _recipients_added() -> Iterator[Case]:
    for name, address in RECIPIENTS.items():
        yield case(f"add recipient: {name}", add_rcpt(address))
    for name, arguments in ARGUMENTS.items():
        yield case(f"add recipient with arguments: {name}", add_rcpt_with_arguments(b"<carol@rcpt.example>", arguments))
    for name in ("list", "name", "comment", "null", "empty", "no brackets", "of the envelope"):
        yield case(
            f"add recipient with arguments to: {name}", add_rcpt_with_arguments(RECIPIENTS[name], b"NOTIFY=NEVER")
        )
    carol, bob = b"<carol@rcpt.example>", b"<bob@rcpt.example>"
    notified = Mailbox(BOB.address, ("NOTIFY=FAILURE", "ORCPT=rfc822;rob@old.example"))
    yield case("add recipient twice", add_rcpt(carol), add_rcpt(carol))
    yield case(
        "add recipient twice, arguments second", add_rcpt(carol), add_rcpt_with_arguments(carol, b"NOTIFY=NEVER")
    )
    yield case("add recipient twice, arguments first", add_rcpt_with_arguments(carol, b"NOTIFY=NEVER"), add_rcpt(carol))
    yield case("add recipient twice in cases", add_rcpt(carol), add_rcpt(b"<CAROL@rcpt.example>"))
    yield case(
        "add recipient of the envelope with other arguments",
        add_rcpt_with_arguments(bob, b"NOTIFY=NEVER"),
        recipients=(notified,),
    )
    yield case("add recipient of the envelope without its arguments", add_rcpt(bob), recipients=(notified,))
    yield case("no edit, recipient with arguments", recipients=(notified,))
    yield case("no edit, duplicate recipients", recipients=(BOB, BOB, CAROL))
    yield case(
        "no edit, recipients in cases", recipients=(BOB, Mailbox("<BOB@rcpt.example>"), Mailbox("<bob@RCPT.example>"))
    )
    yield case(
        "add recipients, order",
        add_rcpt(b"<zoe@rcpt.example>"),
        add_rcpt(b"<amy@rcpt.example>"),
        add_rcpt(carol),
        recipients=(DAVE, BOB),
    )
    yield case("add recipient of another domain", add_rcpt(b"<zoe@other.example>"))


def _recipients_deleted() -> Iterator[Case]:
    three = (BOB, CAROL, DAVE)
    carol = b"<carol@rcpt.example>"
    forms = {
        "exact": carol,
        "without brackets": b"carol@rcpt.example",
        "local part in capitals": b"<CAROL@rcpt.example>",
        "domain in capitals": b"<carol@RCPT.EXAMPLE>",
        "name": b"Carol <carol@rcpt.example>",
        "comment": b"carol@rcpt.example (Carol)",
        "list": b"<bob@rcpt.example>, <carol@rcpt.example>",
        "list without brackets": b"bob@rcpt.example,carol@rcpt.example",
        "list by blank, no brackets": b"bob@rcpt.example carol@rcpt.example",
        "quotes without need": b'<"carol"@rcpt.example>',
        "empty": b"",
        "null": b"<>",
        "blanks around": b" <carol@rcpt.example> ",
        "no closing bracket": b"<carol@rcpt.example",
        "not there": b"<zoe@rcpt.example>",
        "source route": b"<@relay.example:carol@rcpt.example>",
        "trailing dot": b"<carol@rcpt.example.>",
    }
    for name, address in forms.items():
        yield case(f"delete recipient: {name}", delete_rcpt(address), recipients=three)
    for spelled in (
        "<Carol@rcpt.example>",
        "<carol@Rcpt.example>",
        '<"carol"@rcpt.example>',
        '<"car ol"@rcpt.example>',
        "<@relay.example:carol@rcpt.example>",
    ):
        raw = spelled.encode()
        recipients = (BOB, Mailbox(spelled))
        yield case(f"delete recipient as written: {spelled}", delete_rcpt(raw), recipients=recipients)
        yield case(f"delete recipient in small letters, unquoted: {spelled}", delete_rcpt(carol), recipients=recipients)
    yield case("delete every recipient", *(delete_rcpt(it.address.encode()) for it in three), recipients=three)
    yield case("delete duplicate recipients", delete_rcpt(b"<bob@rcpt.example>"), recipients=(BOB, BOB, CAROL))
    yield case(
        "delete one of recipients in cases",
        delete_rcpt(b"<bob@rcpt.example>"),
        recipients=(BOB, Mailbox("<BOB@rcpt.example>"), CAROL),
    )
    yield case("delete recipient twice", delete_rcpt(carol), delete_rcpt(carol), recipients=three)
    yield case("delete, add recipient", delete_rcpt(carol), add_rcpt(carol), recipients=three)
    yield case("add, delete recipient of the envelope", add_rcpt(carol), delete_rcpt(carol), recipients=three)
    yield case("add, delete recipient", add_rcpt(b"<zoe@rcpt.example>"), delete_rcpt(b"<zoe@rcpt.example>"))
    yield case("add without brackets, delete with", add_rcpt(b"zoe@rcpt.example"), delete_rcpt(b"<zoe@rcpt.example>"))
    yield case("add with a name, delete", add_rcpt(b"Zoe <zoe@rcpt.example>"), delete_rcpt(b"<zoe@rcpt.example>"))
    yield case("add twice, delete recipient", add_rcpt(carol), add_rcpt(carol), delete_rcpt(carol))
    yield case("add, delete, add recipient", add_rcpt(carol), delete_rcpt(carol), add_rcpt(carol))
    yield case(
        "delete, add, delete recipient", delete_rcpt(carol), add_rcpt(carol), delete_rcpt(carol), recipients=three
    )
    yield case(
        "delete, add recipient with arguments",
        delete_rcpt(carol),
        add_rcpt_with_arguments(carol, b"NOTIFY=NEVER"),
        recipients=three,
    )
    noted = Mailbox(CAROL.address, ("NOTIFY=FAILURE", "ORCPT=rfc822;c@old.example"))
    yield case(
        "delete, add recipient that had NOTIFY=NEVER",
        delete_rcpt(carol),
        add_rcpt(carol),
        recipients=(BOB, Mailbox(CAROL.address, ("NOTIFY=NEVER",))),
    )
    yield case(
        "delete, add recipient that had NOTIFY=SUCCESS with others",
        delete_rcpt(carol),
        add_rcpt_with_arguments(carol, b"NOTIFY=FAILURE ORCPT=rfc822;new@old.example"),
        recipients=(BOB, Mailbox(CAROL.address, ("NOTIFY=SUCCESS",))),
    )
    yield case("delete, add recipient that had arguments", delete_rcpt(carol), add_rcpt(carol), recipients=(BOB, noted))
    yield case(
        "delete recipient with ORCPT by the address in it", delete_rcpt(b"<c@old.example>"), recipients=(BOB, noted)
    )
    yield case(
        "add recipient with ORCPT, delete",
        add_rcpt_with_arguments(carol, b"ORCPT=rfc822;c@old.example"),
        delete_rcpt(carol),
    )
    yield case("every recipient replaced", delete_rcpt(b"<bob@rcpt.example>"), add_rcpt(carol))
    yield case(
        "delete every recipient, then edit",
        delete_rcpt(b"<bob@rcpt.example>"),
        add_header(b"X-New", b"1"),
        replace_body(b"new\r\n"),
    )
