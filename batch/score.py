"""What one activation does: read the digits in a batch of pictures, and write a shard."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from batch import shards
from batch.batches import Batch, printable
from batch.failures import Unread
from batch.sources import Source
from batch.tally import Tally, tally
from batch.weights import Weights, receive
from core.errors import BodyTooLarge, ObjectChanged, ObjectMissing, RequestError, ServiceError, StorageError
from core.heap import keep_little
from core.image import CanonicalDigit, read_digit
from core.imaging.decode import LIBJPEG_BOUND
from core.model import ModelWrapper, softmax
from core.storage import Entry, Folder

GROUP, GROUP_BYTES = 256, 16 * 2**20
"""Pictures, and bytes of them, that are held at once; the next group is fetched meanwhile."""

Found = CanonicalDigit | ServiceError
"""What became of a picture."""


@dataclass(frozen=True)
class ScoreTask:
    """A batch to score.

    Attributes:
        batch: The pictures.
        source: Where they are read.
        target: The folder of the shard.
        file: The shard's name there.
        kind: Its format.
        weights: The model.
        max_bytes: Largest file that is read.
    """

    batch: Batch
    source: Source
    target: Folder
    file: str
    kind: str
    weights: Weights
    max_bytes: int


def score_batch(task: ScoreTask, storage: Any) -> Tally:
    """Score a batch, write its shard and return what it amounts to; `storage` is Lithops'.

    Raises:
        StorageError: The shard cannot be written.
        Unread: Pictures cannot be read, for a reason that may pass.
    """
    keep_little()
    os.environ.update(LIBJPEG_BOUND)
    rows = read_batch(receive(storage, task.weights), task)
    task.target.write(task.file, shards.encode(rows, task.kind))
    return tally(rows, task.batch)


def read_batch(wrapper: ModelWrapper, task: ScoreTask) -> pa.Table:
    """Return a row for each picture of a batch, in their order; a picture that cannot be read has its error code."""
    rows = [_rows(wrapper, task.weights.max_image_pixels, *group) for group in _groups(task)]
    return pa.concat_tables(rows)


class Group(NamedTuple):
    """Some pictures and their bytes, or why there are none."""

    entries: Sequence[Entry]
    files: list[bytes | ServiceError]


def _groups(task: ScoreTask) -> Iterator[Group]:
    """Yield the batch's pictures group by group, the next of which is fetched while one is worked on."""
    entries = list(_grouped(task.batch))
    with ThreadPoolExecutor(1) as fetcher:
        coming = fetcher.submit(_fetch, task, entries[0])
        for following in (*entries[1:], None):
            group = coming.result()
            if following is not None:
                coming = fetcher.submit(_fetch, task, following)
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


def _fetch(task: ScoreTask, entries: Sequence[Entry]) -> Group:
    """Read a group's files, but none that is too large."""
    wanted = [entry for entry in entries if entry.size <= task.max_bytes]
    files = iter(task.source.read_listed(wanted) if wanted else ())
    too_large = BodyTooLarge(f"larger than {task.max_bytes:,} bytes")
    found = [next(files) if entry.size <= task.max_bytes else too_large for entry in entries]
    refuse_unread(task.batch, entries, found)
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


def _rows(
    wrapper: ModelWrapper, max_pixels: int, entries: Sequence[Entry], files: Sequence[bytes | ServiceError]
) -> pa.Table:
    """Read a group: each picture on its own, the network over all that hold a digit."""
    found = [_digit(file, max_pixels) for file in files]
    digits = [digit for digit in found if isinstance(digit, CanonicalDigit)]
    probabilities = iter(_probabilities(wrapper, digits))
    return shards.table(
        [printable(entry.name) for entry in entries],
        [next(probabilities) if isinstance(digit, CanonicalDigit) else None for digit in found],
        [digit.adjustments if isinstance(digit, CanonicalDigit) else () for digit in found],
        [digit.code if isinstance(digit, ServiceError) else None for digit in found],
    )


def _digit(file: bytes | ServiceError, max_pixels: int) -> Found:
    if isinstance(file, ServiceError):
        return file
    try:
        return read_digit(file, max_pixels)
    except RequestError as exc:
        return type(exc)(str(exc))  # without its traceback, which holds the picture


def _probabilities(wrapper: ModelWrapper, digits: Sequence[CanonicalDigit]) -> list[list[float]]:
    """The ten probabilities of each digit."""
    if not digits:
        return []
    logits = wrapper.predict(np.array([digit.pixels for digit in digits]))
    rows: list[list[float]] = softmax(logits, wrapper.temperature).tolist()
    return rows
