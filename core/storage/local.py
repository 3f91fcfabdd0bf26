"""A folder on a disk."""

import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from core.errors import StorageError
from core.integrity import replacing, write_atomically
from core.storage.explain import changed, explain, explained
from core.storage.folder import Entry, Folder, check_size


@dataclass(frozen=True)
class LocalFolder(Folder):
    """A folder on a disk."""

    path: Path

    def place(self, name: str = "") -> str:
        """Return the path."""
        return str(self.path / name)

    def entries(self) -> Iterator[Entry]:
        """Yield files folder by folder, each sorted by name."""
        with explained(self.place()):
            yield from self._below("")

    def _below(self, prefix: str) -> Iterator[Entry]:
        root = f"{self.path}/"  # a `Path` for each of a million files takes longer than the disk
        with os.scandir(root + prefix) as found:
            names = sorted(entry.name for entry in found if not entry.name.startswith("."))
        for name in names:
            status = os.stat(f"{root}{prefix}{name}")  # noqa: PTH116
            if stat.S_ISDIR(status.st_mode):
                yield from self._below(f"{prefix}{name}/")
            else:
                yield Entry(f"{prefix}{name}", status.st_size, _tag(status))

    def entry(self, name: str) -> Entry:
        """Return what a listing tells of one file."""
        with explained(self.place(name)):
            status = (self.path / name).stat()
        return Entry(name, status.st_size, _tag(status))

    def open(self, name: str) -> BinaryIO:
        """Open a file."""
        with explained(self.place(name)):
            return (self.path / name).open("rb")

    def read(self, name: str, most: int | None = None) -> bytes:
        """Return a file's bytes."""
        place = self.place(name)
        with explained(place), (self.path / name).open("rb") as stream:
            check_size(place, os.fstat(stream.fileno()).st_size, most)
            return stream.read()

    def write(self, name: str, data: bytes) -> None:
        """Write a file and the folders that it lies in."""
        path = self.path / name
        with explained(self.place(name)):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, data)

    def put(self, name: str, path: Path) -> None:
        """Copy a file, and make the folders that it lies in."""
        target = self.path / name
        with explained(self.place(name)):
            target.parent.mkdir(parents=True, exist_ok=True)
            with path.open("rb") as source, replacing(target) as stream:
                shutil.copyfileobj(source, stream)

    def exists(self, name: str) -> bool:
        """Tell whether there is such a file."""
        with explained(self.place(name)):
            return (self.path / name).is_file()

    def remove(self, name: str) -> None:
        """Remove a file."""
        with explained(self.place(name)):
            (self.path / name).unlink(missing_ok=True)

    def read_listed(self, entries: Sequence[Entry]) -> list[bytes | StorageError]:
        """Return the bytes of files, one after the other: a disk gains nothing from more at once."""
        return [self._read_listed(entry) for entry in entries]

    def _read_listed(self, entry: Entry) -> bytes | StorageError:
        place = f"{self.path}/{entry.name}"  # a `Path` and a buffer for each take as long as the disk
        try:
            with open(place, "rb", buffering=0) as stream:  # noqa: PTH123
                data = stream.readall()
                other = _tag(os.fstat(stream.fileno())) != entry.tag
        except (OSError, ValueError) as exc:
            return explain(place, exc)
        return changed(place) if other else data


def _tag(status: os.stat_result) -> str:
    return f"{status.st_mtime_ns}-{status.st_size}"
