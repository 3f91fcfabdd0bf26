"""A bound on the pictures that one process reads at a time, so that overload is refused instead of suffered."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from core.errors import Overloaded

SLOTS = 2
"""Requests read at once by one process: one computes while the other decodes. More would only share the one CPU that a
process is meant to have, and multiply the memory of large pictures."""

MAX_WAITING = 128


class Gate:
    """Lets a few requests through at a time and makes the others wait, but not for long."""

    def __init__(self, max_wait_s: float, max_waiting: int = MAX_WAITING, slots: int = SLOTS) -> None:
        """Open the gate.

        Args:
            max_wait_s: Seconds that a request may wait for its turn.
            max_waiting: Requests that may wait; whoever sends them here holds to that.
            slots: Requests let through at a time.
        """
        self.max_wait_s = max_wait_s
        self.max_waiting = max_waiting
        self._slots = threading.BoundedSemaphore(slots)

    @contextmanager
    def turn(self, since: float | None = None) -> Iterator[None]:
        """Hold one slot while the block runs.

        Args:
            since: When the waiting began, in seconds of `time.perf_counter`; now unless given.

        Raises:
            Overloaded: None became free in time.
        """
        waited_s = 0.0 if since is None else perf_counter() - since
        if not self._slots.acquire(timeout=max(self.max_wait_s - waited_s, 0)):
            raise Overloaded(f"too many requests: none of them ended within {self.max_wait_s:g} s; try again shortly")
        try:
            yield
        finally:
            self._slots.release()
