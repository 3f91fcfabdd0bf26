"""Pictures in a zip or tar file, which is never unpacked: each is read from where it lies.

A compressed tar file is decompressed anew, from its start, by everyone who reads in it.
"""

import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import BinaryIO

from batch.sources.source import OneFile, is_hidden
from core.errors import InvalidImage, ServiceError, StorageError
from core.storage import Entry, Folder
from core.storage.explain import changed, explained

DAMAGED = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    ValueError,
    RuntimeError,  # zipfile's way to say that it is encrypted, or compressed in a way that Python does not know
)
"""What reading an archive that is none, or not whole, raises."""


class ZipSource(OneFile):
    """The files in a zip file; its directory is held in memory, half a kilobyte a file."""

    def entries(self) -> Iterator[Entry]:
        """Yield its files, in the order of its directory."""
        with _archive(self.folder, self.name) as stream, zipfile.ZipFile(stream) as archive:
            for info in archive.infolist():
                if not info.is_dir() and not is_hidden(info.filename):
                    yield Entry(info.filename, info.file_size, _zip_tag(info))

    def read_listed(self, entries: Sequence[Entry]) -> list[bytes | ServiceError]:
        """Return its files' bytes; each must be where and what it was."""
        with _archive(self.folder, self.name) as stream, zipfile.ZipFile(stream) as archive:
            found = {_zip_tag(info): info for info in archive.infolist()}
            return [self._read(archive, found.get(entry.tag), entry) for entry in entries]

    def _read(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo | None, entry: Entry) -> bytes | ServiceError:
        if info is None or (info.filename, info.file_size) != (entry.name, entry.size):
            return changed(f"{self.place}/{entry.name}")
        try:
            return archive.read(info)
        except DAMAGED:
            return InvalidImage("damaged in its archive")


def _zip_tag(info: zipfile.ZipInfo) -> str:
    return f"{info.header_offset:x}-{info.CRC:08x}"


class TarSource(OneFile):
    """The files in a tar file, compressed or not."""

    def entries(self) -> Iterator[Entry]:
        """Yield its files, in their order."""
        tag = self.folder.entry(self.name).tag
        with _archive(self.folder, self.name) as stream, closing(tarfile.open(fileobj=stream)) as archive:
            while (member := archive.next()) is not None:
                if member.isreg() and not member.issparse() and not is_hidden(member.name.removeprefix("./")):
                    yield Entry(member.name, member.size, f"{tag}+{member.offset_data:x}")
                archive.members.clear()  # type: ignore[attr-defined] # which it would keep for good

    def read_listed(self, entries: Sequence[Entry]) -> list[bytes | ServiceError]:
        """Return its files' bytes; the archive must be what it was."""
        now = self.folder.entry(self.name).tag
        with _archive(self.folder, self.name) as stream, closing(tarfile.open(fileobj=stream)) as archive:
            return [self._read(archive, entry, now) for entry in entries]

    def _read(self, archive: tarfile.TarFile, entry: Entry, now: str) -> bytes | ServiceError:
        tag, _, offset = entry.tag.rpartition("+")
        if tag != now or archive.fileobj is None:
            return changed(f"{self.place}/{entry.name}")
        try:
            archive.fileobj.seek(int(offset, 16))
            data = archive.fileobj.read(entry.size)
        except DAMAGED:
            data = b""
        return data if len(data) == entry.size else InvalidImage("damaged in its archive")


@contextmanager
def _archive(folder: Folder, name: str) -> Iterator[BinaryIO]:
    """Open an archive; what reading it raises becomes a `StorageError` of one line."""
    place = folder.place(name)
    with explained(place), folder.open(name) as stream:
        try:
            yield stream
        except DAMAGED as exc:
            raise StorageError(f"{place}: not a whole archive: make it anew") from exc
