"""Digits in an IDX file, the format of MNIST (http://yann.lecun.com/exdb/mnist/), plain or compressed with gzip."""

import gzip
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import BinaryIO

from PIL import Image

from batch.sources.source import OneFile
from core.errors import InvalidImage, ServiceError, StorageError
from core.storage import Entry
from core.storage.explain import changed, explained

MAGIC = b"\x00\x00\x08\x03"
"""Unsigned bytes in three dimensions: pictures, rows, columns."""

HEADER_BYTES = 16
QUICK = 1
"""How hard zlib tries: these PNG files are read at once and thrown away."""

Stream = BinaryIO | gzip.GzipFile


class IdxSource(OneFile):
    """The pictures in an IDX file; their keys are their places in it, from 0, in eight digits."""

    def entries(self) -> Iterator[Entry]:
        """Yield the pictures in their order."""
        listed = self.folder.entry(self.name)
        with self._open() as stream:
            count, rows, columns = self._header(stream)
            if not isinstance(stream, gzip.GzipFile) and listed.size < HEADER_BYTES + count * rows * columns:
                raise StorageError(f"{self.place}: ends before the {count:,} pictures that it promises: make it anew")
        for number in range(count):
            yield Entry(f"{number:08}", rows * columns, listed.tag)

    def read_listed(self, entries: Sequence[Entry]) -> list[bytes | ServiceError]:
        """Return the pictures as PNG files; the file must be what it was."""
        now = self.folder.entry(self.name).tag
        with self._open() as stream:
            _, rows, columns = self._header(stream)
            return [self._read(stream, entry, (columns, rows), now) for entry in entries]

    def _read(self, stream: Stream, entry: Entry, size: tuple[int, int], now: str) -> bytes | ServiceError:
        if entry.tag != now:
            return changed(f"{self.place}, picture {entry.name}")
        length = size[0] * size[1]
        stream.seek(HEADER_BYTES + int(entry.name) * length)
        raw = stream.read(length)
        return _png(raw, size) if len(raw) == length else InvalidImage("the IDX file ends before it")

    def _header(self, stream: Stream) -> tuple[int, int, int]:
        head = stream.read(HEADER_BYTES)
        if head[:4] != MAGIC or len(head) < HEADER_BYTES:
            raise StorageError(f"{self.place}: holds no pictures: take an IDX file of bytes in three dimensions")
        count, rows, columns = struct.unpack(">III", head[4:])
        if not rows or not columns:
            raise StorageError(f"{self.place}: its pictures have no pixels: make it anew")
        return count, rows, columns

    @contextmanager
    def _open(self) -> Iterator[Stream]:
        with explained(self.place), self.folder.open(self.name) as stream:
            zipped = stream.read(2) == b"\x1f\x8b"
            stream.seek(0)
            try:
                yield gzip.GzipFile(fileobj=stream) if zipped else stream
            except (EOFError, zlib.error, gzip.BadGzipFile) as exc:
                raise StorageError(f"{self.place}: not a whole gzip file: make it anew") from exc


def _png(raw: bytes, size: tuple[int, int]) -> bytes:
    file = BytesIO()
    Image.frombytes("L", size, raw).save(file, "PNG", compress_level=QUICK)
    return file.getvalue()
