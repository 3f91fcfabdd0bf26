"""What rows amount to: counts that add up, and the pictures that were read least surely."""

import heapq
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from batch.batches import printable
from core.storage import Entry

LEAST_SURE = 36
"""Pictures on the contact sheet."""


@dataclass(frozen=True, order=True)
class Unsure:
    """A picture that was read with so high a probability."""

    probability: float
    key: str
    label: int = field(compare=False)
    entry: Entry = field(compare=False)


@dataclass
class Tally:
    """Counts of rows.

    Attributes:
        labels: Pictures read, by label.
        rejected: Pictures rejected, by error code.
        probability: Sum of the probabilities of those read.
        unsure: Those read least surely, the least sure first.
    """

    labels: Counter[int] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    probability: float = 0.0
    unsure: list[Unsure] = field(default_factory=list)

    @property
    def scored(self) -> int:
        """Pictures in which a digit was read."""
        return self.labels.total()

    def __len__(self) -> int:
        """Return the number of rows."""
        return self.scored + self.rejected.total()

    def add(self, other: "Tally") -> None:
        """Count in what another has counted."""
        self.labels += other.labels
        self.rejected += other.rejected
        self.probability += other.probability
        self.unsure = heapq.nsmallest(LEAST_SURE, [*self.unsure, *other.unsure])


def tally(rows: pa.Table, batch: Sequence[Entry]) -> Tally:
    """Count a shard's rows.

    Args:
        rows: At least the essential columns of `batch.shards`.
        batch: The pictures that they are of, in their order.

    Raises:
        ValueError: The rows are not of these pictures.
    """
    if rows["key"].to_pylist() != [printable(entry.name) for entry in batch]:
        raise ValueError("not the rows of these pictures")
    codes = rows["error_code"].to_pylist()
    read = np.array([code is None for code in codes], bool)
    labels = rows["label"].to_numpy(zero_copy_only=False)[read].astype(int)
    probabilities = rows["probability"].to_numpy(zero_copy_only=False)[read].astype(float)
    entries = [entry for entry, was_read in zip(batch, read, strict=True) if was_read]
    order = np.argsort(probabilities, kind="stable")[:LEAST_SURE]
    return Tally(
        Counter(labels.tolist()),
        Counter(code for code in codes if code is not None),
        float(probabilities.sum()),
        [Unsure(float(probabilities[at]), entries[at].name, int(labels[at]), entries[at]) for at in order],
    )
