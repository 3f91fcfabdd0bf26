"""Some pictures, prepared: a Parquet file with a row for each."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import parquet

from core.errors import StorageError
from model.description import IMAGE_SIZE

PIXELS = IMAGE_SIZE * IMAGE_SIZE

SCHEMA = pa.schema(
    {
        "key": pa.string(),
        "label": pa.uint8(),
        "pixels": pa.list_(pa.uint8(), PIXELS),
        "adjustments": pa.list_(pa.string()),
        "error": pa.string(),
    }
)
"""A picture either has a label and the pixels of its canonical digit, row by row, or the code of an error."""


@dataclass(frozen=True, slots=True)
class Row:
    """A picture, prepared or not.

    Attributes:
        key: Its name in the source.
        label: The digit that it shows, where that is known.
        pixels: (28, 28) uint8, the canonical digit; None where there is an error.
        adjustments: What was done to get there.
        error: Why it was not prepared, by the code of the error.
    """

    key: str
    label: int | None
    pixels: NDArray[np.uint8] | None = None
    adjustments: tuple[str, ...] = ()
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Shard:
    """What a shard holds.

    Attributes:
        images: (N, 28, 28) uint8, of the pictures that were prepared, in their order.
        labels: (N,) uint8, 0 to 9.
        errors: How many were not, by the code of the error.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    errors: Counter[str]


def write_shard(rows: Sequence[Row]) -> bytes:
    """Return the rows as a Parquet file: the same rows, the same bytes."""
    names = ("key", "label", "adjustments", "error")
    columns = {name: pa.array([getattr(row, name) for row in rows], SCHEMA.field(name).type) for name in names}
    columns["pixels"] = _pixels(rows)
    stream = BytesIO()
    parquet.write_table(pa.table(columns).select(SCHEMA.names).cast(SCHEMA), stream, compression="zstd")
    return stream.getvalue()


def _pixels(rows: Sequence[Row]) -> pa.FixedSizeListArray:
    values = np.zeros((len(rows), PIXELS), np.uint8)
    missing = np.ones(len(rows), bool)
    for place, row in enumerate(rows):
        if row.pixels is not None:
            values[place], missing[place] = row.pixels.reshape(PIXELS), False
    return pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), PIXELS, mask=pa.array(missing))


def read_shard(data: bytes, place: str) -> Shard:
    """Return what a shard holds.

    Args:
        data: The bytes of the file.
        place: Its path or URL, for the error.

    Raises:
        StorageError: It is no shard, or not of this form.
    """
    try:
        table = parquet.read_table(BytesIO(data), schema=SCHEMA)
    except (pa.ArrowException, OSError) as exc:
        raise _no_shard(place) from exc
    done = table.filter(pc.is_null(table["error"]))
    if done["pixels"].null_count or done["label"].null_count:
        raise _no_shard(place)
    images = done["pixels"].combine_chunks().flatten().to_numpy().reshape(-1, IMAGE_SIZE, IMAGE_SIZE)
    return Shard(images, done["label"].to_numpy(), Counter(table["error"].drop_null().to_pylist()))


def _no_shard(place: str) -> StorageError:
    return StorageError(f"{place}: no shard of prepared pictures: remove it, and run again")
