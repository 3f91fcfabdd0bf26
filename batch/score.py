"""What one activation does: read the digits in a batch of pictures, and write a shard."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from batch import shards
from batch.batches import Batch, printable
from batch.reading import find_digit, groups
from batch.sources import Source
from batch.tally import Tally, tally
from batch.weights import Weights, receive
from core.errors import ServiceError
from core.heap import keep_little
from core.image import CanonicalDigit
from core.imaging.decode import LIBJPEG_BOUND
from core.model import ModelWrapper, softmax
from core.storage import Entry, Folder


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
    read = groups(task.batch, task.source, task.max_bytes)
    return pa.concat_tables([_rows(wrapper, task.weights.max_image_pixels, *group) for group in read])


def _rows(
    wrapper: ModelWrapper, max_pixels: int, entries: Sequence[Entry], files: Sequence[bytes | ServiceError]
) -> pa.Table:
    """Read a group: each picture on its own, the network over all that hold a digit."""
    found = [find_digit(file, max_pixels) for file in files]
    digits = [digit for digit in found if isinstance(digit, CanonicalDigit)]
    probabilities = iter(_probabilities(wrapper, digits))
    return shards.table(
        [printable(entry.name) for entry in entries],
        [next(probabilities) if isinstance(digit, CanonicalDigit) else None for digit in found],
        [digit.adjustments if isinstance(digit, CanonicalDigit) else () for digit in found],
        [digit.code if isinstance(digit, ServiceError) else None for digit in found],
    )


def _probabilities(wrapper: ModelWrapper, digits: Sequence[CanonicalDigit]) -> list[list[float]]:
    """The ten probabilities of each digit."""
    if not digits:
        return []
    logits = wrapper.predict(np.array([digit.pixels for digit in digits]))
    rows: list[list[float]] = softmax(logits, wrapper.temperature).tolist()
    return rows
