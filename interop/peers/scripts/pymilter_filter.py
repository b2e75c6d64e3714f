"""A filter on pymilter (a binding of libmilter) that does what its rules say: see rules.py."""

import Milter
import rules

SOCKET, RULES = rules.from_command_line()

VERDICTS = {
    "continue": Milter.CONTINUE, "accept": Milter.ACCEPT, "reject": Milter.REJECT, "tempfail": Milter.TEMPFAIL,
    "discard": Milter.DISCARD, "skip": Milter.SKIP,
}


class Filter(Milter.Base):
    def judge(self, stage: str, text: str = "") -> int:
        edits, verdict = rules.of(RULES, stage, text)
        for call in edits:
            self.edit(call.name, call.arguments)
        if verdict is None:
            return Milter.CONTINUE
        if verdict.name.startswith("set"):
            self.setreply(*verdict.arguments)
            return Milter.TEMPFAIL if verdict.arguments[0].startswith("4") else Milter.REJECT
        return VERDICTS[verdict.name]

    def edit(self, call: str, arguments: list[str]) -> None:
        match call, arguments:
            case "addheader", [name, value]:
                self.addheader(name, value)
            case "insheader", [index, name, value]:
                self.addheader(name, value, int(index))
            case "chgheader", [name, index, value]:
                self.chgheader(name, int(index), value)
            case "chgfrom", [address, *words]:
                self.chgfrom(address, *words)
            case "addrcpt", [address]:
                self.addrcpt(address)
            case "addrcpt_par", [address, words]:
                self.addrcpt(address, words)
            case "delrcpt", [address]:
                self.delrcpt(address)
            case "replacebody", [body]:
                self.replacebody(body.encode())
            case "quarantine", [reason]:
                self.quarantine(reason)
            case "progress", []:
                self.progress()
            case "symval", [header, name]:
                self.addheader(header, self.getsymval(name) or "(none)")
            case _:
                raise ValueError(f"no call {call} with {arguments}")

    def negotiate(self, opts: list[int]) -> int:
        offered = opts[1]
        result = super().negotiate(opts)
        # libmilter gives no reply where it was agreed, whatever a callback returns.
        opts[1] |= offered & rules.asked_steps(RULES)
        for stage, names in rules.asked_macros(RULES).items():
            self.setsymlist(stage, names)
        return result

    def connect(self, host: str, family: int, address: object) -> int:
        return self.judge("connect", host)

    def hello(self, name: str) -> int:
        return self.judge("helo", name)

    def envfrom(self, address: str, *words: str) -> int:
        return self.judge("mail", address)

    def envrcpt(self, address: str, *words: str) -> int:
        return self.judge("rcpt", address)

    def data(self) -> int:
        return self.judge("data")

    @Milter.decode("bytes")
    def header(self, name: str, value: bytes) -> int:
        return self.judge("header", name)

    def eoh(self) -> int:
        return self.judge("eoh")

    def body(self, chunk: bytes) -> int:
        return self.judge("body")

    def eom(self) -> int:
        return self.judge("eom")

    def unknown(self, line: str) -> int:
        return self.judge("unknown", line)


Milter.factory = Filter
Milter.set_flags(0x1FF)
Milter.runmilter("milter-proto-interop", f"local:{SOCKET}", 60)
