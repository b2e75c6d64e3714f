"""A filter on python-libmilter (the protocol in Python, with threads) that does what its rules say: see rules.py."""

import sys

import libmilter
import rules

SOCKET, RULES = rules.from_command_line()

VERDICTS = {
    "continue": libmilter.CONTINUE, "accept": libmilter.ACCEPT, "reject": libmilter.REJECT,
    "tempfail": libmilter.TEMPFAIL, "discard": libmilter.DISCARD,
}


class Filter(libmilter.ThreadMixin, libmilter.MilterProtocol):
    def __init__(self, opts: int = 0, protos: int = 0) -> None:
        libmilter.MilterProtocol.__init__(self, opts, protos | libmilter.SMFIP_SKIP | rules.asked_steps(RULES))
        libmilter.ThreadMixin.__init__(self)

    def log(self, message: str) -> None:
        print(message, file=sys.stderr)

    def judge(self, stage: str, text: bytes = b"") -> object:
        edits, verdict = rules.of(RULES, stage, text.decode("latin-1"))
        for call in edits:
            self.edit(call.name, [argument.encode() for argument in call.arguments])
        if verdict is None:
            return libmilter.CONTINUE
        if verdict.name == "setreply":
            # setReply sends the reply itself; a return value that is no verdict keeps it from sending another.
            self.setReply(*(argument.encode() for argument in verdict.arguments))
            return libmilter.Deferred()
        if verdict.name == "skip":
            self.skip()
            return libmilter.Deferred()
        return VERDICTS[verdict.name]

    def edit(self, call: str, arguments: list[bytes]) -> None:
        match call, arguments:
            case "addheader", [name, value]:
                self.addHeader(name, value)
            case "chgheader", [name, index, value]:
                self.chgHeader(name, value, int(index))
            case "chgfrom", [address, *words]:
                self.chgFrom(address, *words)
            case "addrcpt" | "addrcpt_par", [address, *words]:
                self.addRcpt(address, *words)
            case "delrcpt", [address]:
                self.delRcpt(address)
            case "replacebody", [body]:
                self.replBody(body)
            case "quarantine", [reason]:
                self.quarantine(reason)
            case _:
                raise ValueError(f"no call {call} with {arguments}")

    def connect(self, hostname: bytes, family: bytes, ip: bytes, port: int, macros: dict) -> object:
        return self.judge("connect", hostname)

    def helo(self, name: bytes) -> object:
        return self.judge("helo", name)

    def mailFrom(self, address: bytes, macros: dict) -> object:
        return self.judge("mail", address)

    def rcpt(self, address: bytes, macros: dict) -> object:
        return self.judge("rcpt", address)

    def data(self, macros: dict) -> object:
        return self.judge("data")

    def header(self, name: bytes, value: bytes, macros: dict) -> object:
        return self.judge("header", name)

    def eoh(self, macros: dict) -> object:
        return self.judge("eoh")

    def body(self, chunk: bytes, macros: dict) -> object:
        return self.judge("body")

    def eob(self, macros: dict) -> object:
        return self.judge("eom")

    def unknown(self, macros: dict, line: bytes) -> object:
        return self.judge("unknown")


factory = libmilter.ThreadFactory(SOCKET, Filter, libmilter.SMFIF_ALLOPTS)
factory.run()
