from collections import Counter
from io import BytesIO

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from batch.prepare.shard import Row, read_shard, write_shard
from core.errors import StorageError

DIGITS = np.random.default_rng(1).integers(0, 256, (2, 28, 28), np.uint8)
ROWS = [
    Row("3/a.png", 3, DIGITS[0], ("inverted", "scaled")),
    Row("b.png", None, error="no_label"),
    Row("0/c.png", 0, DIGITS[1]),
    Row("0/d.png", 0, error="invalid_image"),
]


def test_any_tool_reads_a_shard() -> None:
    table = parquet.read_table(BytesIO(write_shard(ROWS))).to_pylist()
    pixels = [DIGITS[0].reshape(-1).tolist(), None, DIGITS[1].reshape(-1).tolist(), None]
    assert table == [
        {
            "key": row.key,
            "label": row.label,
            "pixels": expected,
            "adjustments": list(row.adjustments),
            "error": row.error,
        }
        for row, expected in zip(ROWS, pixels, strict=True)
    ]


def test_what_was_prepared_is_read_back() -> None:
    shard = read_shard(write_shard(ROWS), "x")
    assert np.array_equal(shard.images, DIGITS)
    assert (shard.labels.tolist(), shard.labels.dtype) == ([3, 0], np.uint8)
    assert shard.errors == Counter(no_label=1, invalid_image=1)


@pytest.mark.parametrize("rows", [[], ROWS[1:2]])
def test_a_shard_without_digits(rows: list[Row]) -> None:
    shard = read_shard(write_shard(rows), "x")
    assert (shard.images.shape, shard.labels.shape, shard.errors.total()) == ((0, 28, 28), (0,), len(rows))


def test_the_same_rows_give_the_same_bytes() -> None:
    assert write_shard(ROWS) == write_shard(list(ROWS))


def parquet_of(**columns: object) -> bytes:
    stream = BytesIO()
    parquet.write_table(pa.table(columns), stream)
    return stream.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PAR1" * 10,
        write_shard(ROWS)[:-20],
        parquet_of(x=[1]),
        write_shard([Row("a", None, DIGITS[0])]),
        write_shard([Row("a", 1, None)]),
    ],
)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(StorageError, match=r"^s3://x: no shard of prepared pictures"):
        read_shard(data, "s3://x")
