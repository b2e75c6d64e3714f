"""The SMTP client of a case."""

from collections.abc import Callable

from lab.client import Client, Reply

from .case import Case


class Talk:
    """Plays the steps of a case. `replies` has every step with its reply, which is empty if it is a good one.

    MAIL and RCPT are completed, DATA sends the message if it is accepted. `DATA half` sends a part of it, `leave`
    closes the connection, and `again` connects once more. After the MTA closes, everything up to `again` is left out.

    The client is polite unless the case says otherwise: it leaves out RCPT and DATA if the MTA refused what they need,
    and sends RSET before MAIL to give up a message.
    """

    def __init__(self, case: Case, begin_session: Callable[[int], int]) -> None:
        self._case, self._begin_session = case, begin_session
        self._sessions = self._message = self._recipients = 0
        self._is_open = False
        self._client: Client | None = None
        self.replies: list[tuple[str, str]] = []

    def play(self) -> None:
        self._connect()
        for step in self._case.steps:
            if step == "again":
                self._close()
                self._connect()
            elif self._client is not None:
                self._take(self._client, step)
            elif step == "MAIL":
                self._message += 1
        self._close()

    def _connect(self) -> None:
        self._sessions += 1
        self._client = Client(self._begin_session(self._sessions), seconds=60)
        self._is_open = False
        self._note("connect", self._client.greeting)

    def _close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _take(self, client: Client, step: str) -> None:
        verb, _, rest = step.partition(" ")
        if verb == "EHLO":
            self._note(step, client.say("EHLO client.example"))
        elif verb == "MAIL":
            self._mail(client)
        elif verb == "RCPT" and (self._is_open or self._case.is_rude):
            address = rest if "|" in rest else f"{rest}@rcpt.example"
            self._recipients += self._note(step, client.say(f"RCPT TO:<{address}>"))
        elif verb == "DATA" and (self._recipients or self._case.is_rude):
            self._data(client, rest)
        elif verb == "leave":
            self._close()
        elif verb not in ("RCPT", "DATA"):
            self._note(step, client.say(step))
            self._is_open = self._is_open and verb != "RSET"

    def _mail(self, client: Client) -> None:
        self._message += 1
        if self._is_open and not self._case.is_rude and not self._note("RSET", client.say("RSET")):
            return
        self._recipients = 0
        self._is_open = self._note("MAIL", client.say(f"MAIL FROM:{self._case.sender(self._message)}"))

    def _data(self, client: Client, rest: str) -> None:
        if not self._note("DATA", client.say("DATA")):
            return
        content = self._case.content(self._message)
        if rest == "half":
            client.content(content[: len(content) // 2])
            return
        client.content(content)
        self._note("end", client.end())
        self._recipients, self._is_open = 0, False

    def _note(self, step: str, reply: Reply) -> bool:
        """Keeps a reply, and returns whether it is a good one."""
        self.replies.append((step, "" if reply.is_good else str(reply)))
        if not reply.lines:
            self._close()
        return reply.is_good
