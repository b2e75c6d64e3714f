"""A filter on kilter.protocol (sans-IO, filter side) that does what its rules say: see rules.py.

The library has no sockets: this is the smallest loop around its state machine, a thread for each connection.
"""

import socketserver

import rules
from kilter.protocol import messages
from kilter.protocol.buffer import SimpleBuffer
from kilter.protocol.core import FilterProtocol

SOCKET, RULES = rules.from_command_line()

BUFFER = 1 << 20
VERDICTS = {
    "continue": messages.Continue, "accept": messages.Accept, "reject": messages.Reject,
    "tempfail": messages.TemporaryFailure, "discard": messages.Discard, "skip": messages.Skip,
}

NO_REPLY = {
    "header": 0x80, "connect": 0x1000, "helo": 0x2000, "mail": 0x4000, "rcpt": 0x8000, "data": 0x10000,
    "unknown": 0x20000, "eoh": 0x40000, "body": 0x80000,
}


def edit(call: str, arguments: list[str]) -> messages.Message:
    match call, arguments:
        case "addheader", [name, value]:
            return messages.AddHeader(name, value.encode())
        case "insheader", [index, name, value]:
            return messages.InsertHeader(int(index), name, value.encode())
        case "chgheader", [name, index, value]:
            return messages.ChangeHeader(int(index), name, value.encode())
        case "chgfrom", [address, *words]:
            return messages.ChangeSender(address, *words)
        case "addrcpt", [address]:
            return messages.AddRecipient(address)
        case "addrcpt_par", [address, words]:
            return messages.AddRecipientPar(address, words)
        case "delrcpt", [address]:
            return messages.RemoveRecipient(address)
        case "replacebody", [body]:
            return messages.ReplaceBody(body.encode())
        case "quarantine", [reason]:
            return messages.Quarantine(reason)
        case "progress", []:
            return messages.Progress()
    raise ValueError(f"no call {call} with {arguments}")


def stage_of(message: messages.Message) -> tuple[str, str]:
    """The stage of a command and the text that rules are matched with."""
    match message:
        case messages.Connect():
            return "connect", message.hostname
        case messages.Helo():
            return "helo", message.hostname
        case messages.EnvelopeFrom():
            return "mail", bytes(message.sender).decode("latin-1")
        case messages.EnvelopeRecipient():
            return "rcpt", bytes(message.recipient).decode("latin-1")
        case messages.Data():
            return "data", ""
        case messages.Header():
            return "header", message.name
        case messages.EndOfHeaders():
            return "eoh", ""
        case messages.Body():
            return "body", ""
        case messages.EndOfMessage():
            return "eom", ""
        case messages.Unknown():
            return "unknown", bytes(message.content).decode("latin-1")
    raise ValueError(f"no stage for {message}")


class Connection(socketserver.BaseRequestHandler):
    def setup(self) -> None:
        self.protocol = FilterProtocol()
        self.macros: dict[str, str] = {}

    def handle(self) -> None:
        buffer = SimpleBuffer(BUFFER)
        while chunk := self.request.recv(min(65_536, buffer.available)):
            buffer[:] = chunk
            for message in self.protocol.read_from(buffer):
                if isinstance(message, messages.Close):
                    return
                self.answer(message)

    def answer(self, message: messages.Message) -> None:
        match message:
            case messages.Negotiate():
                self.send(self.wishes(message))
            case messages.Macro():
                self.macros.update(message.macros)
            case messages.Abort():
                pass
            case _:
                stage, text = stage_of(message)
                edits, verdict = rules.of(RULES, stage, text)
                for call in edits:
                    self.send(self.symval(*call.arguments) if call.name == "symval" else edit(*call))
                if not NO_REPLY.get(stage, 0) & rules.asked_steps(RULES):
                    self.send(self.verdict(verdict))

    def wishes(self, offer: messages.Negotiate) -> messages.Negotiate:
        asked = {messages.Stage(stage): names.split() for stage, names in rules.asked_macros(RULES).items()}
        return messages.Negotiate(
            min(offer.version, 6), messages.ActionFlags(offer.action_flags),
            messages.ProtocolFlags(0x400 | rules.asked_steps(RULES)) & offer.protocol_flags, asked,
        )

    def symval(self, header: str, name: str) -> messages.Message:
        return messages.AddHeader(header, self.macros.get(name, "(none)").encode())

    def verdict(self, verdict: rules.Call | None) -> messages.Message:
        if verdict is None:
            return messages.Continue()
        if verdict.name == "setreply":
            return messages.ReplyCode(" ".join(verdict.arguments).encode() + b"\0")
        return VERDICTS[verdict.name]()

    def send(self, message: messages.Message) -> None:
        out = SimpleBuffer(BUFFER)
        self.protocol.write_to(out, message)
        self.request.sendall(out[:])


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    # More connections at once than 5 are refused by the kernel otherwise.
    request_queue_size = 64


Server(SOCKET, Connection).serve_forever()
