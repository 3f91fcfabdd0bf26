"""All shards as MNIST's four files, and the manifest that vouches for them."""

import hashlib
import tempfile
from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from batch.prepare.idx import DigitsWriter
from batch.prepare.shard import Shard, read_shard
from core.errors import IntegrityError, ObjectMissing
from core.prepared import DATA_NAMES, HALVES, MANIFEST_NAME, RAW, Manifest, parse_manifest, sha256
from core.storage import Folder


def collect(folder: Folder, names: Iterable[str], source: str, test_share: float) -> Manifest:
    """Write the four files and the manifest of a folder's shards; memory holds one shard at a time.

    The old manifest goes first and the new one comes last: files without one are those of a run that was cut off.

    Args:
        folder: Where the shards lie, and the files go.
        names: Of the shards, in the order in which their digits are written.
        source: The place whose pictures were prepared.
        test_share: Chance of a digit to be in the test half, 0 to 1.

    Returns:
        The manifest that was written.

    Raises:
        StorageError: A shard cannot be read, or a file cannot be written.
        OSError: This machine has no room for the four files.
    """
    with tempfile.TemporaryDirectory() as temporary:
        found = _write_halves(folder, names, Path(temporary), test_share)
        folder.remove(MANIFEST_NAME)
        for name in DATA_NAMES:
            found.digests[str(RAW / name)] = sha256(Path(temporary) / name)
            folder.put(str(RAW / name), Path(temporary) / name)
    manifest = Manifest(
        source=source,
        listed=found.counts.total() + found.errors.total(),
        rejected=dict(sorted(found.errors.items())),
        training=found.counts["training"],
        test=found.counts["test"],
        test_share=test_share,
        files=found.digests,
    )
    folder.write(MANIFEST_NAME, (manifest.model_dump_json(indent=2) + "\n").encode())
    return manifest


def collected(folder: Folder) -> Manifest | None:
    """Return what an earlier run collected in a folder; None where there is nothing, or nothing sound.

    Raises:
        StorageError: The folder cannot be read.
    """
    try:
        return parse_manifest(folder.read(MANIFEST_NAME), folder.place(MANIFEST_NAME))
    except (ObjectMissing, IntegrityError):
        return None


def in_test(images: NDArray[np.uint8], test_share: float) -> NDArray[np.bool_]:
    """Tell which digits (N, 28, 28) belong to the test half, by their pixels alone.

    So the same picture, under whatever names, is never in both, and further pictures move none to the other half.
    """
    draws = [int.from_bytes(hashlib.sha256(image.tobytes()).digest()[:8]) for image in images]
    return np.array([draw < test_share * 2**64 for draw in draws], bool)


@dataclass
class _Found:
    """What the shards hold: SHA-256 of each, digits of each half, errors by their codes."""

    digests: dict[str, str] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)


def _write_halves(folder: Folder, names: Iterable[str], target: Path, test_share: float) -> _Found:
    found = _Found()
    with ExitStack() as opened:
        writers = {half: opened.enter_context(DigitsWriter(target, start)) for half, start in HALVES.items()}
        for name in names:
            data = folder.read(name)
            found.digests[name] = hashlib.sha256(data).hexdigest()
            shard = read_shard(data, folder.place(name))
            found.errors += shard.errors
            for half, mask in _masks(shard, test_share).items():
                writers[half].append(shard.images[mask], shard.labels[mask])
                found.counts[half] += int(mask.sum())
    return found


def _masks(shard: Shard, test_share: float) -> dict[str, NDArray[np.bool_]]:
    test = in_test(shard.images, test_share)
    return {"training": ~test, "test": test}
