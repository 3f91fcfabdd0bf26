"""What the files of results are called."""

import hashlib
import re

from batch.batches import Batch, encoded
from config import API_VERSION

FORMATS = ("parquet", "csv", "jsonl")

DIGITS = 32
"""Of a batch's name."""

SHARD = re.compile(rf"part-[0-9a-f]{{{DIGITS}}}\.({'|'.join(FORMATS)})")
"""A shard; no other file is ever removed."""


def name_of(batch: Batch, *circumstances: str) -> str:
    """Return what a batch's result is called: a digest of its keys, their tags, and what else the result depends on.

    That is the version, too: another one may read pictures in another way.
    """
    parts = (API_VERSION, *circumstances, *(part for entry in batch for part in (entry.name, entry.tag)))
    content = b"".join(b"%d:%b" % (len(data), data) for data in map(encoded, parts))
    return hashlib.sha256(content).hexdigest()[:DIGITS]


def shard_name(name: str, kind: str) -> str:
    """Return the file of a batch's result.

    Args:
        name: Of the batch.
        kind: One of `FORMATS`.
    """
    return f"part-{name}.{kind}"
