"""What the files of results are called."""

import re

FORMATS = ("parquet", "csv", "jsonl")

SHARD = re.compile(r"part-[0-9a-f]{32}\.(parquet|csv|jsonl)")
"""A shard; no other file is ever removed."""


def shard_name(name: str, kind: str) -> str:
    """Return the file of a batch's result.

    Args:
        name: Of the batch.
        kind: One of `FORMATS`.
    """
    return f"part-{name}.{kind}"
