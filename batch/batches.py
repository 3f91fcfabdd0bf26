"""Which pictures one activation reads.

The same pictures give the same batches, so that a second run finds what the first has done. A batch ends at
a picture that its name chooses, not at a fixed count: where a picture is added or removed, its batch changes, and those
behind it soon do not.
"""

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from zlib import crc32

from core.storage import Entry

LEAST, MOST = 256, 8192
"""Pictures in a batch, unless it is said otherwise: a shard of 8,192 rows has 400 kB, and takes 2 s of one core."""

BATCHES = 16
"""That pictures are shared out among, where there are fewer than make full ones: enough to balance a few workers."""

Batch = tuple[Entry, ...]


def count_ahead(entries: Iterable[Entry]) -> tuple[int | None, Iterator[Entry]]:
    """Return how many pictures there are, and the pictures, which are not listed a second time.

    Those that make `BATCHES` full batches are counted, and held in memory; where there are more, the number is None.
    """
    listing = iter(entries)
    counted = list(islice(listing, BATCHES * MOST))
    return len(counted) if len(counted) < BATCHES * MOST else None, chain(counted, listing)


def choose_size(count: int | None) -> int:
    """Return the size of batches for as many pictures as `count_ahead` says."""
    return MOST if count is None else min(max(-(-count // BATCHES), LEAST), MOST)


def cut(entries: Iterable[Entry], size: int) -> Iterator[Batch]:
    """Yield batches of at most `size` pictures and, but for the last, at least seven eighths of it."""
    batch: list[Entry] = []
    for entry in entries:
        batch.append(entry)
        if len(batch) == size or (len(batch) > size - size // 8 and _is_an_end(entry, size)):
            yield tuple(batch)
            batch.clear()
    if batch:
        yield tuple(batch)


def _is_an_end(entry: Entry, size: int) -> bool:
    """Whether a batch of enough pictures ends here: at one of so many that most batches find one in time."""
    return crc32(encoded(entry.name)) % max(1, size // 32) == 0


def halves(batch: Batch) -> tuple[Batch, ...]:
    """Return the two halves of a batch; none of a single picture."""
    middle = len(batch) // 2
    return (batch[:middle], batch[middle:]) if middle else ()


def printable(name: str) -> str:
    """Return a file's name as text that can be stored; a disk may hold names that are no UTF-8."""
    return name.encode("utf-8", "backslashreplace").decode()


def encoded(text: str) -> bytes:
    """Return a name's bytes, whatever the disk has in it."""
    return text.encode("utf-8", "surrogateescape")
