import json

import pyarrow as pa
import pytest

from batch.names import FORMATS
from batch.shards import EACH, ESSENTIAL, SCHEMA, decode, encode, table
from batch.tally import tally
from core.storage import Entry

SEVEN = [0.01] * 7 + [0.93, 0.0, 0.0]
ROWS = table(
    ["a.png", 'odd ",\n name.png', "=1+1", "c.png"],
    [SEVEN, None, None, [0.1] * 10],
    [("inverted", "cropped"), (), (), ()],
    [None, "no_ink", "object_changed", None],
)


def test_rows_have_label_and_probability_or_an_error_code() -> None:
    assert ROWS.schema == SCHEMA
    assert ROWS["label"].to_pylist() == [7, None, None, 0]
    assert ROWS["probability"].to_pylist() == pytest.approx([0.93, None, None, 0.1], nan_ok=True)


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_gives_back_what_is_counted(kind: str) -> None:
    data = encode(ROWS, kind)
    assert data == encode(ROWS, kind)
    assert decode(data, kind).equals(ROWS.select(ESSENTIAL))


def test_formats_hold_the_same() -> None:
    lines = [json.loads(line) for line in encode(ROWS, "jsonl").splitlines()]
    assert pa.Table.from_pylist(lines, schema=SCHEMA).equals(ROWS)
    header = encode(ROWS, "csv").decode().splitlines()[0].replace('"', "").split(",")
    assert header == ["key", "label", "probability", *EACH, "adjustments", "error_code"]


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("cut", [0, 10, -20])
def test_half_a_shard_is_none(kind: str, cut: int) -> None:
    batch = [Entry(key, 1, "") for key in ROWS["key"].to_pylist()]
    assert len(tally(decode(encode(ROWS, kind), kind), batch)) == len(ROWS)
    with pytest.raises(ValueError, match=r"not a shard|not the rows"):
        tally(decode(encode(ROWS, kind)[:cut], kind), batch)
