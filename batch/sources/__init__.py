"""Where pictures come from. Each source lists its pictures lazily and reads those that it is given back.

files      pictures chosen by a pattern, on a disk or in object storage
archives   a zip or tar file, read member by member
idx        a file of digits in MNIST's own format
"""

import re
from pathlib import Path, PurePosixPath

from batch.sources.archives import TarSource, ZipSource
from batch.sources.files import FileSource
from batch.sources.idx import MAGIC, IdxSource
from batch.sources.source import Source
from core.errors import ObjectMissing
from core.storage import Folder, is_url, open_folder

__all__ = ["Source", "open_source"]

WILD = re.compile(r"[*?\[]")
TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
IDX_NAME = re.compile(r"idx\d|\.idx")


def open_source(place: str) -> Source:
    """Return the pictures at a place.

    Args:
        place: A folder, a pattern such as `scans/**/*.png`, a picture, a zip or tar file, an IDX file, each on a disk
            or as `s3://bucket/...`. A tar or IDX file may be compressed with gzip.

    Raises:
        StorageError: It is not there or cannot be read.
    """
    if WILD.search(place):
        return _matching(place)
    folder, name = _split(place)
    if name is None:
        return FileSource(folder)
    head = folder.open(name).read(4)
    if head[:2] == b"PK":
        return ZipSource(folder, name)
    if name.lower().endswith(TAR_SUFFIXES):
        return TarSource(folder, name)
    if head == MAGIC or (head[:2] == b"\x1f\x8b" and IDX_NAME.search(name)):
        return IdxSource(folder, name)
    return FileSource(folder, re.escape(name))


def _split(place: str) -> tuple[Folder, str | None]:
    """A folder, and the name of the file in it that is meant; None where it is the folder itself."""
    if not is_url(place):
        path = Path(place)
        if not path.exists():
            raise ObjectMissing(f"{place}: is not there: check the name")
        return (open_folder(path), None) if path.is_dir() else (open_folder(path.parent), path.name)
    parent, _, name = place.rstrip("/").rpartition("/")
    if parent.count("/") < 2 or place.endswith("/") or not open_folder(parent).exists(name):
        return open_folder(place), None
    return open_folder(parent), name


def _matching(place: str) -> FileSource:
    from fsspec.utils import glob_translate

    parts = place.split("/")
    wild = next(number for number, part in enumerate(parts) if WILD.search(part))
    root = "/".join(parts[:wild]) or ("/" if place.startswith("/") else ".")
    pattern = str(PurePosixPath(*parts[wild:]))
    return FileSource(open_folder(root if is_url(root) else Path(root)), glob_translate(pattern))
