"""A filter on purepythonmilter (asyncio) that does what its rules say: see rules.py.

The library listens on TCP only: the socket is a port number.
"""

import purepythonmilter as pure
import rules
from purepythonmilter.protocol import commands, definitions, responses

PORT, RULES = rules.from_command_line()

MACROS: dict[str, str] = {}  # those of the last MAIL: a command shows only its own

Verdict = responses.AbstractVerdict | responses.Continue | responses.SkipToNextStage
VERDICTS = {
    "continue": responses.Continue, "accept": responses.Accept, "reject": responses.Reject,
    "discard": responses.DiscardMessage, "skip": responses.SkipToNextStage,
}


def manipulation(call: str, arguments: list[str]) -> responses.AbstractManipulation:
    match call, arguments:
        case "addheader", [name, value]:
            return responses.AppendHeader(headername=name, headertext=value)
        case "insheader", [index, name, value]:
            return responses.InsertHeader(index=int(index), headername=name, headertext=value)
        case "chgheader", [name, index, value]:
            return responses.ChangeHeader(nth_occurrence=int(index), headername=name, headertext=value)
        case "chgfrom", [address]:
            return responses.ChangeMailFrom(mail_from=address)
        case "chgfrom", [address, word]:
            name, _, value = word.partition("=")
            return responses.ChangeMailFrom(mail_from=address, esmtp_args={name: value})
        case "addrcpt", [address]:
            return responses.AddRecipient(recipient=address)
        case "addrcpt_par", [address, word]:
            name, _, value = word.partition("=")
            return responses.AddRecipientWithEsmtpArgs(recipient=address, esmtp_args={name: value})
        case "delrcpt", [address]:
            return responses.RemoveRecipient(recipient=address)
        case "replacebody", [body]:
            return responses.ReplaceBodyChunk(chunk=body.encode())
        case "symval", [header, name]:
            return responses.AppendHeader(headername=header, headertext=MACROS.get(name, "(none)"))
    raise ValueError(f"no call {call} with {arguments}")


def judge(stage: str, text: str = "") -> Verdict:
    edits, verdict = rules.of(RULES, stage, text)
    manipulations = [manipulation(call.name, call.arguments) for call in edits]
    if verdict is None:
        return responses.Continue(manipulations=manipulations)
    if verdict.name == "setreply":
        code, enhanced, words = verdict.arguments
        kind = responses.TempFailWithCode if code.startswith("4") else responses.RejectWithCode
        return kind(primary_code=tuple(map(int, code)), enhanced_code=tuple(map(int, enhanced.split("."))), text=words)
    if verdict.name == "tempfail":
        # It has no TEMPFAIL without a text.
        return responses.TempFailWithCode(primary_code=(4, 5, 1), enhanced_code=(4, 7, 1), text="later")
    return VERDICTS[verdict.name](manipulations=manipulations)


async def connect(command: commands.Connect) -> Verdict:
    return judge("connect", getattr(command.connection_info_args, "hostname", ""))


async def helo(command: commands.Helo) -> Verdict:
    return judge("helo", command.hostname)


async def mail(command: commands.MailFrom) -> Verdict:
    MACROS.update(command.macros)
    return judge("mail", command.address)


async def rcpt(command: commands.RcptTo) -> Verdict:
    return judge("rcpt", command.address)


async def data(command: commands.Data) -> Verdict:
    return judge("data")


async def header(command: commands.Header) -> Verdict:
    return judge("header", command.name)


async def eoh(command: commands.EndOfHeaders) -> Verdict:
    return judge("eoh")


async def body(command: commands.BodyChunk) -> Verdict:
    return judge("body")


async def eom(command: commands.EndOfMessage) -> Verdict:
    return judge("eom")


async def unknown(command: commands.Unknown) -> Verdict:
    return judge("unknown")


def symbols() -> dict[definitions.MacroStage, set[str]] | None:
    """The macros that the rules ask for; without any, the library's own: an empty list for each stage."""
    asked = rules.asked_macros(RULES)
    return {definitions.MacroStage(stage): set(names.split()) for stage, names in asked.items()} or None


# The library declines a command that has no hook.
HOOKS = {
    "hook_on_connect": (connect, 0x1), "hook_on_helo": (helo, 0x2), "hook_on_mail_from": (mail, 0x4),
    "hook_on_rcpt_to": (rcpt, 0x8), "hook_on_body_chunk": (body, 0x10), "hook_on_header": (header, 0x20),
    "hook_on_end_of_headers": (eoh, 0x40), "hook_on_unknown": (unknown, 0x100), "hook_on_data": (data, 0x200),
    "hook_on_end_of_message": (eom, 0),
}

pure.PurePythonMilter(
    name="milter-proto-interop",
    **{name: hook for name, (hook, step) in HOOKS.items() if not step & rules.asked_steps(RULES)},
    can_add_headers=True, can_change_headers=True, can_change_body=True, can_add_recipients=True,
    can_add_recipients_with_esmtp_args=True, can_remove_recipients=True, can_change_mail_from=True,
    can_quarantine=True,
    **({"restrict_symbols": symbols()} if symbols() else {}),
).run_server(host="127.0.0.1", port=int(PORT))
