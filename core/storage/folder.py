"""What a folder is, wherever it lies."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

from core.errors import StorageError


class Entry(NamedTuple):
    """A file that a folder lists; a tuple, as those of a batch are sent to a worker by the thousand.

    Attributes:
        name: Below the folder, with `/` between folders.
        size: In bytes.
        tag: Another one where the content is another one: the ETag in object storage, time and size on a disk.
    """

    name: str
    size: int
    tag: str


class Folder(ABC):
    """A folder, local or in object storage; holds no connection, so that it may be sent to another process.

    Every method raises `StorageError`, of one line that names the file: `ObjectMissing` for one that is not there,
    `ObjectChanged` for one that is not what was listed.
    """

    @abstractmethod
    def place(self, name: str = "") -> str:
        """Return the path or URL of a file in it, or its own."""

    @abstractmethod
    def entries(self) -> Iterator[Entry]:
        """Yield all files below it, sorted within each folder on a disk and over all in object storage.

        Names that start with a dot are left out: they are no user's files.
        """

    @abstractmethod
    def entry(self, name: str) -> Entry:
        """Return what a listing tells of one file."""

    @abstractmethod
    def open(self, name: str) -> BinaryIO:
        """Open a file that may be large: it can be sought in, and only what is asked for is read.

        Reading raises what its library raises, not `StorageError`.
        """

    @abstractmethod
    def read(self, name: str, most: int | None = None) -> bytes:
        """Return a file's bytes; one of more than `most` is refused before any of it is read."""

    @abstractmethod
    def write(self, name: str, data: bytes) -> None:
        """Write a file: afterwards, even of a crash, it holds its old bytes or all of the new ones."""

    @abstractmethod
    def put(self, name: str, path: Path) -> None:
        """Write a file as `write` does, from one of any size on this machine's disk."""

    @abstractmethod
    def exists(self, name: str) -> bool:
        """Tell whether there is such a file."""

    @abstractmethod
    def remove(self, name: str) -> None:
        """Remove a file; one that is not there is no error."""

    @abstractmethod
    def read_listed(self, entries: Sequence[Entry]) -> "list[bytes | StorageError]":
        """Return the bytes of files that were listed, in their order; an error in the place of one that failed."""


def check_size(place: str, size: int, most: int | None) -> None:
    """Refuse a file of more than so many bytes.

    Raises:
        StorageError: It is larger.
    """
    if most is not None and size > most:
        raise StorageError(f"{place}: has {size} bytes, where at most {most} are taken: check what lies there")
