"""How a worker takes new connections: its share of them, as the processes of a server have one queue."""

import errno
import math
import socket
import struct
import time
from abc import ABC, abstractmethod

from gunicorn.workers.gthread import ThreadWorker

ACCEPT_PAUSE_S = 0.001
"""For which a worker leaves new connections to the others when it has taken its share, unless it answers before."""

TCP_INFO_UNACKED = 24
"""Where Linux's `struct tcp_info` has, of a listening socket, the number of connections that wait to be accepted."""


class AcceptingWorker(ThreadWorker, ABC):
    """`gthread` that shares new connections out among the processes, and makes room for them."""

    _pausing, _accept_again = False, 0.0

    def accept(self, listener: socket.socket) -> None:
        """Take this worker's share of the connections that wait, and leave the rest to the others for a moment."""
        pause = self.cfg.workers > 1
        for _ in range(math.ceil(count_waiting(listener) / self.cfg.workers)):
            try:
                self.welcome(*listener.accept(), listener.getsockname())
            except OSError as exc:
                if exc.errno in (errno.EMFILE, errno.ENFILE):
                    self.make_room()
                pause = True  # there are no more of them, or this process is out of files
                break
        if pause:
            self._pausing, self._accept_again = True, time.perf_counter() + ACCEPT_PAUSE_S
            self.set_accept_enabled(False)

    def set_accept_enabled(self, enabled: bool | None) -> None:
        """Turn accepting on or off; it is not turned on again before others had their chance."""
        if not (enabled and self._pausing):
            super().set_accept_enabled(enabled)

    @abstractmethod
    def welcome(self, sock: socket.socket, client: tuple[str, int], server: tuple[str, int]) -> None:
        """Take an accepted connection."""

    @abstractmethod
    def make_room(self) -> None:
        """Close connections that can be done without."""


def count_waiting(listener: socket.socket) -> int:
    """Return how many connections wait to be accepted, 1 where the system does not tell."""
    try:
        info = listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_UNACKED + 4)
        (waiting,) = struct.unpack_from("=I", info, TCP_INFO_UNACKED)
    except (OSError, AttributeError, struct.error):
        return 1
    return max(1, int(waiting))
