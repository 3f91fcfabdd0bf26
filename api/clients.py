"""The connections of one process, and the bounds on them: their number, their time, and the bytes held of them."""

import heapq
import math
import selectors
import time
from collections.abc import Iterator

from api.connection import Connection, Phase

HELD_BYTES = 48 * 2**20
"""Of requests that arrive or wait and answers that are not taken, in one process; beyond it, who is slowest must go."""

ROOM = 0.05
"""Share of the connections that are closed when there are too many."""


class Clients:
    """Connections that are registered with a poller, except while a thread makes an answer."""

    def __init__(self, poller: selectors.BaseSelector) -> None:
        """Begin without any."""
        self._poller = poller
        self._conns: set[Connection] = set()
        self._held = 0

    def __len__(self) -> int:
        """How many there are."""
        return len(self._conns)

    def __contains__(self, conn: Connection) -> bool:
        """Whether a connection is still open."""
        return conn in self._conns

    def __iter__(self) -> Iterator[Connection]:
        """Every connection, while some of them may be closed."""
        return iter(tuple(self._conns))

    def add(self, conn: Connection) -> None:
        """Take a new connection."""
        self._conns.add(conn)

    def close(self, conn: Connection) -> None:
        """Close a connection, unless that was done before."""
        if conn in self._conns:
            self._conns.remove(conn)
            self.hold(conn, 0)
            self._poller.unregister(conn.sock)
            conn.sock.close()

    def hold(self, conn: Connection, count: int) -> None:
        """Account for the bytes that are now held for a connection."""
        self._held += count - conn.held
        conn.held = count

    @property
    def too_much_held(self) -> bool:
        """Whether no more may be held."""
        return self._held > HELD_BYTES

    def slowest(self) -> Connection | None:
        """Return the connection whose request arrives, or whose answer is taken, at the least rate, if any is."""
        moving = (conn for conn in self._conns if conn.phase in (Phase.RECEIVING, Phase.SENDING))
        return min(moving, key=lambda conn: conn.rate, default=None)

    def overdue(self) -> list[Connection]:
        """Return the connections whose time is over."""
        now = time.monotonic()
        return [conn for conn in self._conns if conn.phase is not Phase.ANSWERING and conn.deadline <= now]

    def make_room(self) -> None:
        """Close those that have waited longest: idle ones, else those in the middle of something."""
        waiting = [conn for conn in self._conns if conn.phase is not Phase.ANSWERING]
        idle = [conn for conn in waiting if conn.phase is Phase.IDLE] or waiting
        for conn in heapq.nsmallest(math.ceil(len(idle) * ROOM), idle, key=lambda conn: conn.deadline):
            self.close(conn)

    def end_idle(self, within_s: float) -> None:
        """Close idle connections soon, but not before a request that may be on its way is here."""
        for conn in self._conns:
            if conn.phase is Phase.IDLE:
                conn.deadline = min(conn.deadline, time.monotonic() + within_s)
