"""The pictures of a batch: fetched group by group, and what became of each."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from batch.batches import Batch
from batch.failures import Unread
from batch.sources import Source
from core.errors import BodyTooLarge, ObjectChanged, ObjectMissing, RequestError, ServiceError, StorageError
from core.image import CanonicalDigit, read_digit
from core.storage import Entry, is_url

GROUP, GROUP_BYTES = 256, 16 * 2**20
"""Pictures, and bytes of them, that are held at once."""

Found = CanonicalDigit | ServiceError
"""What became of a picture."""


class Group(NamedTuple):
    """Some pictures and their bytes, or why there are none."""

    entries: Sequence[Entry]
    files: list[bytes | ServiceError]


def groups(batch: Batch, source: Source, max_bytes: int) -> Iterator[Group]:
    """Yield a batch's pictures group by group; of object storage, the next is fetched while one is worked on.

    Args:
        batch: The pictures.
        source: Where they are read.
        max_bytes: Largest file that is read.

    Raises:
        Unread: Pictures cannot be read, for a reason that may pass.
    """
    cut = list(_grouped(batch))
    if not is_url(source.place):  # a disk keeps nobody waiting, while a second thread costs the first one time
        yield from (_fetch(batch, source, max_bytes, group) for group in cut)
        return
    with ThreadPoolExecutor(1) as fetcher:
        coming = fetcher.submit(_fetch, batch, source, max_bytes, cut[0])
        for following in (*cut[1:], None):
            group = coming.result()
            if following is not None:
                coming = fetcher.submit(_fetch, batch, source, max_bytes, following)
            yield group


def _grouped(batch: Batch) -> Iterator[tuple[Entry, ...]]:
    group: list[Entry] = []
    size = 0
    for entry in batch:
        if group and (len(group) == GROUP or size + entry.size > GROUP_BYTES):
            yield tuple(group)
            group, size = [], 0
        group.append(entry)
        size += entry.size
    yield tuple(group)


def _fetch(batch: Batch, source: Source, max_bytes: int, entries: Sequence[Entry]) -> Group:
    """Read a group's files, but none that is too large."""
    wanted = [entry for entry in entries if entry.size <= max_bytes]
    files = iter(source.read_listed(wanted) if wanted else ())
    too_large = BodyTooLarge(f"larger than {max_bytes:,} bytes")
    found = [next(files) if entry.size <= max_bytes else too_large for entry in entries]
    refuse_unread(batch, entries, found)
    return Group(entries, found)


def refuse_unread(batch: Batch, entries: Sequence[Entry], found: Sequence[bytes | ServiceError]) -> None:
    """Raise `Unread` where storage failed; an object that is gone or has changed is a fact, and becomes a row."""
    failed = {
        entry: error
        for entry, error in zip(entries, found, strict=True)
        if isinstance(error, StorageError) and not isinstance(error, ObjectMissing | ObjectChanged)
    }
    if failed:
        places = tuple(place for place, entry in enumerate(batch) if entry in failed)
        raise Unread(str(next(iter(failed.values()))), places)


def find_digit(file: bytes | ServiceError, max_pixels: int) -> Found:
    """Return the digit in a picture, or why there is none.

    Args:
        file: The picture's bytes, or why there are none.
        max_pixels: Largest picture that is decoded, width times height.
    """
    if isinstance(file, ServiceError):
        return file
    try:
        return read_digit(file, max_pixels)
    except RequestError as exc:
        return type(exc)(str(exc))  # without its traceback, which holds the picture
