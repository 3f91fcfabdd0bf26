"""Files of the server's own, such as those of Swagger UI: each is read once, and all who ask for it share its bytes.

A client that takes a megabyte slowly, or not at all, then holds a reference to it and no copy.
"""

import os
from collections.abc import Iterator
from functools import lru_cache
from typing import BinaryIO

from flask import Flask, request

FILE_WRAPPER = "wsgi.file_wrapper"
MOST_FILES = 64


class SharedFile:
    """What a WSGI server may put in place of an open file (PEP 3333, "Optional Platform-Specific File Handling")."""

    def __init__(self, file: BinaryIO, _block_bytes: int = 0) -> None:
        """Take the content of a file, from its start."""
        status = os.fstat(file.fileno())
        self._content = _read(file.name, status.st_mtime_ns, status.st_size)
        file.close()

    def __iter__(self) -> Iterator[bytes]:
        """All of it, at once."""
        yield self._content


@lru_cache(MOST_FILES)
def _read(path: str, _changed_ns: int, size: int) -> bytes:
    with open(path, "rb") as file:  # noqa: PTH123  it is a name that was opened just now
        return file.read(size)


def share_files(app: Flask) -> None:
    """Have an application answer with shared files wherever it answers with a file."""

    def share() -> None:
        request.environ[FILE_WRAPPER] = SharedFile

    app.before_request(share)
