"""What one activation does: turn a batch of pictures into digits, and write a shard."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from batch.batches import Batch, printable
from batch.prepare.shard import Row, write_shard
from batch.reading import find_digit, groups
from batch.sources import Source
from batch.tally import Tally
from core.errors import ServiceError
from core.heap import keep_little
from core.imaging.decode import LIBJPEG_BOUND
from core.storage import Folder

NO_LABEL = "no_label"
"""Error code of a picture of which nobody says what it shows."""


@dataclass(frozen=True)
class PrepareTask:
    """A batch to prepare.

    Attributes:
        batch: The pictures.
        labels: The digit that each shows; None where that is not known.
        source: Where they are read.
        target: The folder of the shard.
        file: The shard's name there.
        max_image_pixels: Largest picture that is decoded, width times height.
        max_bytes: Largest file that is read.
    """

    batch: Batch
    labels: tuple[int | None, ...]
    source: Source
    target: Folder
    file: str
    max_image_pixels: int
    max_bytes: int


def prepare_batch(task: PrepareTask, storage: Any) -> Tally:  # noqa: ARG001 - Lithops gives it to every function
    """Prepare a batch, write its shard and return what it amounts to.

    Raises:
        StorageError: The shard cannot be written.
        Unread: Pictures cannot be read, for a reason that may pass.
    """
    keep_little()
    os.environ.update(LIBJPEG_BOUND)
    rows = list(_rows(task))
    task.target.write(task.file, write_shard(rows))
    return tally_rows([row.label for row in rows], [row.error for row in rows])


def tally_rows(labels: Sequence[int | None], errors: Sequence[str | None]) -> Tally:
    """Count rows: those that were prepared by label, the others by the code of the error."""
    prepared = (label for label, error in zip(labels, errors, strict=True) if error is None and label is not None)
    return Tally(Counter(prepared), Counter(error for error in errors if error is not None))


def _rows(task: PrepareTask) -> Iterator[Row]:
    labels = iter(task.labels)
    for group in groups(task.batch, task.source, task.max_bytes):
        for entry, file in zip(group.entries, group.files, strict=True):
            yield _row(printable(entry.name), next(labels), file, task.max_image_pixels)


def _row(key: str, label: int | None, file: bytes | ServiceError, max_pixels: int) -> Row:
    if label is None:
        return Row(key, None, error=NO_LABEL)
    found = find_digit(file, max_pixels)
    if isinstance(found, ServiceError):
        return Row(key, label, error=found.code)
    return Row(key, label, found.pixels, found.adjustments)
