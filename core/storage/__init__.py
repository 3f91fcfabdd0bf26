"""Folders of files, on a disk or in object storage: listed lazily, read whole, written in one step.

A place is a path, or a URL such as `s3://bucket/prefix` of any store that speaks S3. Its keys and address come from the
standard variables of AWS: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_ENDPOINT_URL`, `AWS_DEFAULT_REGION`.

    folder     what a folder is, wherever it lies
    local      one on a disk
    objects    one in object storage, by s3fs
    explain    what went wrong, in one line
    apart      reads in a process of its own
"""

import re
from pathlib import Path

from core.errors import StorageError
from core.storage.folder import Entry, Folder
from core.storage.local import LocalFolder

__all__ = ["Entry", "Folder", "is_bucket", "is_url", "open_folder"]


def open_folder(place: str | Path) -> Folder:
    """Return the folder at a path or URL; nothing is asked of it yet.

    Raises:
        StorageError: A URL of another scheme than `s3`, or without a bucket.
    """
    if not is_url(place):
        return LocalFolder(Path(place))
    if not is_bucket(place):
        raise StorageError(f"{place}: no place for files: take a path or s3://BUCKET/PREFIX")
    from core.storage.objects import ObjectFolder  # botocore and aiohttp, which take a second to import

    return ObjectFolder(str(place))


def is_url(place: str | Path) -> bool:
    """Tell a URL from a path."""
    return isinstance(place, str) and "://" in place


def is_bucket(place: str | Path) -> bool:
    """Tell the URLs that can be opened from others."""
    return isinstance(place, str) and re.match("s3://[^/]", place) is not None
