"""The assets, verified, wherever they lie: in a folder, or in object storage.

Others may write to a bucket, its list of checksums included. So assets from there need a pin, the SHA-512 of that
list, which the operator holds. What was fetched is kept in a cache under its pin, and verified again at each use.
"""

import logging
import shutil
from functools import lru_cache
from pathlib import Path

from core.checksums import CHECKSUMS_NAME, MAX_LIST_BYTES, check_pin, digest, parse
from core.errors import IntegrityError, StorageError
from core.integrity import read_verified
from core.storage import is_url, open_folder
from core.storage.apart import Read, reading_apart

logger = logging.getLogger(__name__)

MAX_ASSET_BYTES = 2**28
"""More than a hundred times the largest network here: a larger file is not read into memory."""


def read_assets(assets_dir: str | Path, pin: str | None = None, cache: Path | None = None) -> dict[str, bytes]:
    """Read every file of the assets once and compare those very bytes with the list of checksums.

    Args:
        assets_dir: A folder, or a URL such as `s3://bucket/prefix`.
        pin: SHA-512 that the list must have, 128 hexadecimal digits; a folder does without, a URL does not.
        cache: Folder that keeps what was fetched; None keeps nothing.

    Returns:
        The bytes of each file by its name, with `/` between folders, in the order of names.

    Raises:
        IntegrityError: A file or the list is missing, changed or malformed, or a URL comes without a pin.
        StorageError: The storage cannot be used.
    """
    if not is_url(assets_dir):
        return read_verified(Path(assets_dir), pin)
    if pin is None:
        raise IntegrityError(
            f"ASSETS_SHA512 is not set, and nothing else vouches for {assets_dir}: set it as `python -m training "
            f"publish` printed it, or to the SHA-512 of a {CHECKSUMS_NAME} that you trust"
        )
    return dict(_read_url(str(assets_dir).rstrip("/"), pin.lower(), cache))


@lru_cache(maxsize=1)  # a pin stands for the same bytes for ever: SIGHUP asks nobody
def _read_url(url: str, pin: str, cache: Path | None) -> dict[str, bytes]:
    if cache is None:
        return _fetch(url, pin)[1]
    kept = cache / pin
    try:
        assets = read_verified(kept, pin)
    except IntegrityError:  # not there, or damaged
        listed, assets = _fetch(url, pin)
        _keep(kept, listed, assets)
    else:
        logger.info("%s: not asked, as its files are in the cache, %s", url, kept)
    return assets


def _fetch(url: str, pin: str) -> tuple[bytes, dict[str, bytes]]:
    """Return the list and the files that it names."""
    checksums = f"{url}/{CHECKSUMS_NAME}"
    with reading_apart(url) as read:
        listed = read(CHECKSUMS_NAME, MAX_LIST_BYTES)
        check_pin(listed, checksums, pin)
        expected = parse(listed, checksums)
        assets = {name: _read_one(read, url, name, expected[name]) for name in sorted(expected)}
    logger.info("%s: fetched %d files", url, len(assets))
    return listed, assets


def _read_one(read: Read, url: str, name: str, expected: str) -> bytes:
    data = read(name, MAX_ASSET_BYTES)
    if digest(data) != expected:
        raise IntegrityError(f"{url}/{name}: its SHA-512 differs from {CHECKSUMS_NAME}: publish the assets elsewhere")
    return data


def _keep(folder: Path, listed: bytes, assets: dict[str, bytes]) -> None:
    """Put verified files into the cache, the list last: without it, the folder counts for nothing."""
    shutil.rmtree(folder, ignore_errors=True)
    kept = open_folder(folder)
    try:
        for name, data in (*assets.items(), (CHECKSUMS_NAME, listed)):
            kept.write(name, data)
    except StorageError as exc:
        logger.warning("not kept for the next start: %s", exc)
