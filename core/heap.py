"""Memory that a picture took goes back to the system, so that a large one is not kept for good.

glibc keeps what is freed, in several heaps, and learns from every large block to keep the next one (mallopt(3)): a
worker that has read a few photos would hold several times what each takes. Other C libraries have no such calls.
"""

import ctypes
from typing import Any

LARGE_BYTES = 4 * 2**20
"""A block of this size gets pages of its own, which its end frees."""

KEPT_BYTES = 4 * 2**20
"""Of free memory at the end of a heap, for the next block."""

HEAPS = 2
"""Shared by all threads; as many as read pictures at once."""

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
"""Numbers of the parameters in glibc's malloc.h."""

_libc: Any = ctypes.CDLL(None)


def keep_little() -> None:
    """Let this process, before it starts threads, return memory that it frees."""
    if hasattr(_libc, "mallopt"):
        for parameter, value in ((_MMAP_THRESHOLD, LARGE_BYTES), (_TRIM_THRESHOLD, KEPT_BYTES), (_ARENA_MAX, HEAPS)):
            _libc.mallopt(parameter, value)


def give_back() -> None:
    """Return what is free between blocks in use too; takes one to five milliseconds after a large picture."""
    if hasattr(_libc, "malloc_trim"):
        _libc.malloc_trim(0)
