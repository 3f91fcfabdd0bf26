"""Data sets in object storage: fetched into the cache once, verified, then read from there."""

import hashlib
import json
import logging
import tempfile
from collections.abc import Mapping
from pathlib import Path

from core.errors import ObjectMissing
from core.prepared import DATA_NAMES, MANIFEST_NAME, RAW, parse_manifest
from core.storage import Folder, open_folder
from training.files import SHA256, refuse_other, verify

FOLDER = "data"
"""Where they go, below the cache."""

logger = logging.getLogger(__name__)


def fetch(url: str, cache: Path) -> Path:
    """Return a verified copy of a data set: MNIST, or prepared data where there is a manifest.

    Its name derives from the digests that its files must have, so that what is there need not be fetched again.

    Args:
        url: What holds `MNIST/raw`, such as `s3://bucket/prefix`.
        cache: Where copies are kept; one appears there complete or not at all.

    Raises:
        DataError: A file is not what it must be.
        IntegrityError: The manifest is damaged.
        StorageError: The storage cannot be read.
        OSError: The cache cannot be written.
    """
    folder = open_folder(url)
    manifest = _manifest(folder)
    digests = SHA256 if manifest is None else parse_manifest(manifest, folder.place(MANIFEST_NAME)).digests
    identity = json.dumps(digests, sort_keys=True).encode() if manifest is None else manifest
    root = cache / FOLDER / hashlib.sha256(identity).hexdigest()[:16]
    if not root.is_dir():
        logger.info("fetching %s into %s", url, root)
        _copy(folder, digests, manifest, root)
    return verify(root)


def _manifest(folder: Folder) -> bytes | None:
    try:
        return folder.read(MANIFEST_NAME)
    except ObjectMissing:
        return None


def _copy(folder: Folder, digests: Mapping[str, str], manifest: bytes | None, root: Path) -> None:
    root.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root.parent, prefix=".fetch-") as temporary:
        copy = Path(temporary) / root.name
        (copy / RAW).mkdir(parents=True)
        for name in DATA_NAMES:
            remote = str(RAW / name)
            data = folder.read(remote)
            refuse_other(folder.place(remote), hashlib.sha256(data).hexdigest(), digests[name], manifest is None)
            (copy / RAW / name).write_bytes(data)
        if manifest is not None:
            (copy / MANIFEST_NAME).write_bytes(manifest)
        try:
            copy.rename(root)
        except OSError:
            if not root.is_dir():  # otherwise another run was faster
                raise
