"""Answers for amavisd (the AM.PDP protocol): does what the header X-Stub of the message says, else lets it pass.

A request is lines NAME=VALUE, percent-encoded, and an empty line; mail_file names the message. So is an answer.
"""

import socketserver
import sys
from pathlib import Path
from urllib.parse import unquote

ANSWERS = {
    "pass": ["insheader=0 X-Inserted at%20the%20top", "addheader=X-Stub-Says pass", "return_value=continue",
             "exit_code=0"],
    "reject": ["setreply=550 5.7.1 the%20stub%20says%20no", "return_value=reject", "exit_code=69"],
    "tempfail": ["setreply=450 4.7.1 the%20stub%20is%20busy", "return_value=tempfail", "exit_code=75"],
    "discard": ["return_value=discard", "exit_code=99"],
    "edit": ["chgheader=1 Subject by%20the%20stub", "delheader=1 X-Stub", "addrcpt=<added@example.org>",
             "delrcpt=<recipient@example.org>", "return_value=continue", "exit_code=0"],
}


class Request(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        attributes: dict[str, str] = {}
        for line in self.rfile:
            name, _, value = line.decode().rstrip("\n").partition("=")
            if not name:
                break
            attributes[name] = unquote(value)
        if not attributes:
            return
        lines = ["version_server=2", *ANSWERS[wish(Path(attributes["mail_file"]))]]
        self.wfile.write(("\n".join(lines) + "\n\n").encode())


def wish(message: Path) -> str:
    for line in message.read_bytes().split(b"\n"):
        if line.lower().startswith(b"x-stub:"):
            return line.split(b":")[1].strip().decode()
    return "pass"


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


Server(sys.argv[1], Request).serve_forever()
