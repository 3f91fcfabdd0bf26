"""Rows as Parquet, CSV or JSON Lines: one file holds what was read in one batch of pictures.

key             where the picture lies in its source
label           0 to 9; null where the picture was rejected, as are the probabilities
probability     of that label
probabilities   of all ten, in the order of labels; in CSV the columns p0 to p9
adjustments     what was done to the picture first; in CSV with spaces between
error_code      why the picture was rejected; null where it was read
"""

import json
from collections.abc import Sequence
from io import BytesIO
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pa_parquet

LABELS = 10
EACH = [f"p{label}" for label in range(LABELS)]

SCHEMA = pa.schema(
    [
        ("key", pa.string()),
        ("label", pa.int8()),
        ("probability", pa.float32()),
        ("probabilities", pa.list_(pa.float32(), LABELS)),
        ("adjustments", pa.list_(pa.string())),
        ("error_code", pa.string()),
    ]
)
ESSENTIAL = ["key", "label", "probability", "error_code"]
"""Columns that a shard is counted by."""


def encode(rows: pa.Table, kind: str) -> bytes:
    """Return a shard's bytes, equal for equal rows.

    Args:
        rows: Of `SCHEMA`.
        kind: One of `names.FORMATS`.
    """
    file = BytesIO()
    if kind == "parquet":
        pa_parquet.write_table(rows, file, compression="zstd")
    elif kind == "csv":
        pa_csv.write_csv(_flat(rows), file)
    else:
        file.writelines(json.dumps(row).encode() + b"\n" for row in rows.to_pylist())
    return file.getvalue()


def _flat(rows: pa.Table) -> pa.Table:
    """Rows without lists."""
    given = np.array(rows["probabilities"].combine_chunks().is_valid())
    values = np.zeros((len(rows), LABELS), np.float32)
    values[given] = rows["probabilities"].combine_chunks().flatten().to_numpy().reshape(-1, LABELS)
    columns: dict[str, Any] = {name: rows[name] for name in ESSENTIAL[:3]}
    columns |= {name: pa.array(values[:, label], mask=~given) for label, name in enumerate(EACH)}
    columns["adjustments"] = [" ".join(adjustments) for adjustments in rows["adjustments"].to_pylist()]
    columns["error_code"] = rows["error_code"]
    return pa.table(columns)


def decode(data: bytes, kind: str) -> pa.Table:
    """Return the essential columns of a shard.

    Raises:
        ValueError: The bytes are no shard, or not all of one.
    """
    essential = pa.schema([SCHEMA.field(name) for name in ESSENTIAL])
    try:
        if kind == "parquet":
            return pa_parquet.read_table(BytesIO(data), columns=ESSENTIAL).cast(essential)
        if kind == "csv":
            return _read_csv(data, essential)
        rows = [json.loads(line) for line in data.decode().splitlines()]
        return pa.Table.from_pylist([{name: row[name] for name in ESSENTIAL} for row in rows], schema=essential)
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as exc:
        raise ValueError(f"not a shard: {exc}") from exc


def _read_csv(data: bytes, essential: pa.Schema) -> pa.Table:
    return pa_csv.read_csv(
        BytesIO(data),
        parse_options=pa_csv.ParseOptions(newlines_in_values=True),
        convert_options=pa_csv.ConvertOptions(
            column_types=essential,
            include_columns=ESSENTIAL,
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )


def table(
    keys: Sequence[str],
    probabilities: Sequence[Sequence[float] | None],
    adjustments: Sequence[Sequence[str]],
    error_codes: Sequence[str | None],
) -> pa.Table:
    """Return rows, each with probabilities or an error code."""
    highest = [None if row is None else max(row) for row in probabilities]
    labels = [None if row is None else row.index(max(row)) for row in probabilities]
    return pa.table([keys, labels, highest, probabilities, adjustments, error_codes], schema=SCHEMA)
