"""An SMTP server in front of a program that knows no SMTP: for each message it runs a command, which asks the filter.

So milter-check can drive MTAs that are libraries. The command runs when the content has come, so every reply before that is
250, and the reply to the content is what the command says.
"""

import json
import socketserver
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.ports import free_port

SECONDS = 60


@dataclass(frozen=True)
class Letter:
    """One message: addresses with angle brackets, and the content in a file."""

    helo: str
    sender: str
    recipients: Sequence[str]
    file: Path


Command = Callable[[Letter], Sequence[str | Path]]


def reply(command: Sequence[str | Path]) -> str:
    """Runs the command. Its exit status decides, or the reply that it shows as JSON."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=SECONDS)
    if done.returncode != 0:
        return "451 4.3.0 the filter has failed"
    lines = [line for line in done.stdout.split("\n") if line.startswith('{"')]
    outcome = json.loads(lines[0]) if lines else {}
    refused = outcome.get("outcome") == "refused"
    return str(outcome.get("reply") or "550 refused") if refused else "250 2.0.0 accepted"


@contextmanager
def front(home: Path, command: Command) -> Iterator[int]:
    """Runs the server until the end of the block, and gives its port."""

    class Handler(socketserver.StreamRequestHandler):
        def say(self, line: str) -> None:
            self.wfile.write(line.encode() + b"\r\n")

        def handle(self) -> None:
            helo, sender, recipients = "client.example", "<>", list[str]()
            self.say("220 front.example")
            for raw in self.rfile:
                line = raw.decode("latin-1").rstrip("\r\n")
                verb, _, rest = line.partition(" ")
                match verb.upper():
                    case "HELO" | "EHLO":
                        helo = rest
                        self.say("250 front.example")
                    case "MAIL":
                        sender, recipients = address(rest), []
                        self.say("250 2.1.0 ok")
                    case "RCPT":
                        recipients.append(address(rest))
                        self.say("250 2.1.5 ok")
                    case "DATA":
                        self.say("354 go ahead")
                        file = home / "message.eml"
                        file.write_bytes(self.content())
                        self.say(reply(command(Letter(helo, sender, recipients, file))))
                    case "NOOP":
                        self.say("250 2.0.0 ok")
                    case "QUIT":
                        self.say("221 bye")
                        return
                    case _:
                        self.say("500 5.5.1 not known")

        def content(self) -> bytes:
            """The message, without the dots that were doubled."""
            lines = list[bytes]()
            for line in self.rfile:
                if line == b".\r\n":
                    break
                lines.append(line.removeprefix(b"."))
            return b"".join(lines)

    port = free_port()
    with socketserver.ThreadingTCPServer(("127.0.0.1", port), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield port
        finally:
            server.shutdown()
            thread.join()


def address(rest: str) -> str:
    """The address of MAIL FROM:<a@b> SIZE=1."""
    return rest.partition(":")[2].split(" ")[0] or "<>"
