"""A client's connection as the worker's loop sees it: never waited for, whatever it does or does not do."""

import socket
import time
from collections.abc import Sequence
from enum import Enum, auto

from api.inbox import Inbox

REQUEST_S = 10.0
"""Within which a request must have arrived, or an answer been taken, apart from the time that its bytes need."""

LEAST_RATE = 16 * 1024
"""Bytes a second at which a request arrives or an answer is taken, at least, after the first `REQUEST_S`."""

LINGER_S = 3.0
"""For which a connection whose request was refused is listened to, so that the client gets to read why."""

SHARED_BYTES = 64 * 1024
"""Of a piece of an answer that is kept as it is."""

Answer = Sequence[bytes | bytearray | memoryview]
"""The pieces of an answer."""


class Phase(Enum):
    """What a connection is doing."""

    IDLE = auto()  # nothing of a next request has arrived
    RECEIVING = auto()  # a part of one has
    ANSWERING = auto()  # a thread makes the answer
    SENDING = auto()  # the client has not taken all of the answer
    LINGERING = auto()  # the answer was the last one, and the client may still be sending


class Connection:
    """One client; `deadline` is the time, by `time.monotonic`, at which the loop's patience ends."""

    def __init__(
        self,
        sock: socket.socket,
        client: tuple[str, int],
        server: tuple[str, int],
        *,
        most_bytes: int,
        idle_s: float,
    ) -> None:
        """Take an accepted socket.

        Args:
            sock: Of the connection.
            client: Its far end.
            server: Its near end.
            most_bytes: Of a request's body; more is not received.
            idle_s: For which it is kept between two requests.
        """
        sock.setblocking(False)
        self.sock, self.client, self.server = sock, client, server
        self.inbox = Inbox(most_bytes)
        self.unsent: list[memoryview] = []
        self._since, self._moved = 0.0, 0
        self.keep = self.refused = False
        self.held = self.drained = 0
        self._idle_s = idle_s
        self.rest()

    def rest(self) -> None:
        """Wait for the next request."""
        self.phase, self.deadline = Phase.IDLE, time.monotonic() + self._idle_s

    def expect_more(self) -> None:
        """Wait for the rest of a request, as long as its bytes keep coming."""
        now = time.monotonic()
        if self.phase is not Phase.RECEIVING:
            self.phase, self._since = Phase.RECEIVING, now
        self.deadline = self._since + REQUEST_S + len(self.inbox) / LEAST_RATE

    @property
    def rate(self) -> float:
        """Bytes a second at which the request arrives, or the answer is taken."""
        moved = self._moved if self.phase is Phase.SENDING else len(self.inbox)
        return moved / (time.monotonic() - self._since + 1)

    @property
    def unsent_own(self) -> int:
        """Bytes of the answer that are held for this client alone."""
        return sum(len(piece) for piece in self.unsent if isinstance(piece.obj, bytearray))

    def send(self, answer: Answer) -> bool:
        """Send what the client takes at once and keep the rest; True if nothing is left, or the client is gone."""
        try:
            sent = self.sock.sendmsg(answer) if answer else 0
        except BlockingIOError:
            sent = 0
        except OSError:
            self.keep, answer, sent = False, [], 0
        self.unsent = _after(answer, sent)
        if not self.unsent:
            return True
        if self.phase is not Phase.SENDING:
            left = sum(map(len, self.unsent))
            self.phase, self._since, self._moved = Phase.SENDING, time.monotonic(), 0
            self.deadline = self._since + REQUEST_S + left / LEAST_RATE
        self._moved += sent
        return False

    def hint(self, line: bytes) -> None:
        """Send an interim answer if the client takes it at once; it can do without."""
        try:
            self.sock.send(line)
        except OSError:
            return

    def linger(self) -> None:
        """Tell the client that nothing more will come, and listen on for a while (RFC 9112, section 9.6)."""
        self.phase, self.deadline = Phase.LINGERING, time.monotonic() + LINGER_S
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self.deadline = 0.0


class Outbox:
    """Stands in for the socket while gunicorn writes an answer, and for the connection that it handles a request of."""

    def __init__(self, conn: Connection) -> None:
        """Collect an answer for a client."""
        self.answer: list[bytes | bytearray] = []
        self.sock = self
        self.client, self.server = conn.client, conn.server

    def sendall(self, data: bytes) -> None:
        """Keep the next piece of the answer: a copy that grows, or a large piece as it is, which others may share."""
        if len(data) >= SHARED_BYTES:
            self.answer.append(data)
        elif self.answer and isinstance(self.answer[-1], bytearray):
            self.answer[-1] += data
        else:
            self.answer.append(bytearray(data))

    def send(self, data: bytes) -> int:
        """Drop an interim answer: the loop has sent it when it was of use."""
        return len(data)

    def shutdown(self, _how: int) -> None:
        """Do nothing: the loop closes the connection."""

    def close(self) -> None:
        """Do nothing, likewise."""


def _after(answer: Answer, sent: int) -> list[memoryview]:
    """What is left of an answer."""
    left = []
    for piece in answer:
        if sent < len(piece):
            left.append(memoryview(piece)[sent:])
        sent = max(sent - len(piece), 0)
    return left
