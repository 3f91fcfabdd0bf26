"""The computing time that the pictures of one request may take together."""

from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from time import thread_time

from core.errors import TooManyImages

PICTURE_S, PIXEL_S = 0.2, 28e-9
"""What any picture takes at most on the machine that it was measured on: to find a digit in it, and to decode each of
its pixels."""


class Allowance:
    """Seconds of computing by one thread, and how fast this machine turns out to be."""

    def __init__(self, limit_s: float = inf) -> None:
        """Start now; without a limit, everything is admitted."""
        self._end = thread_time() + limit_s
        self._pace = 1.0

    @contextmanager
    def picture(self, pixels: int) -> Iterator[None]:
        """Read a picture of so many pixels in the block; on a machine that is slower than thought, fewer are admitted.

        Raises:
            TooManyImages: Reading it may take longer than what is left.
        """
        most_s = PICTURE_S + PIXEL_S * pixels
        began = thread_time()
        if began + self._pace * most_s > self._end:
            raise TooManyImages("reading it too may take more computing time than one request may have")
        try:
            yield
        finally:
            self._pace = max(self._pace, (thread_time() - began) / most_s)
