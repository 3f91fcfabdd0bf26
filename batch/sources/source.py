"""What a source of pictures is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from core.errors import ServiceError
from core.storage import Entry, Folder


class Source(Protocol):
    """Pictures; holds nothing open, so that it may be sent to another process."""

    @property
    def place(self) -> str:
        """The path or URL, for people."""
        ...

    def entries(self) -> Iterator[Entry]:
        """Yield the pictures in the same order at every call; none that starts with a dot.

        Raises:
            StorageError: The place cannot be read.
        """
        ...

    def read_listed(self, entries: Sequence[Entry]) -> "list[bytes | ServiceError]":
        """Return the encoded pictures that were listed so, in their order; an error in the place of one that failed.

        Raises:
            StorageError: None of them can be read.
        """
        ...


@dataclass(frozen=True)
class OneFile:
    """A file that holds many pictures."""

    folder: Folder
    name: str

    @property
    def place(self) -> str:
        """The file's path or URL."""
        return self.folder.place(self.name)


def is_hidden(name: str) -> bool:
    """Tell whether a file, or a folder that it lies in, is no user's: its name starts with a dot."""
    return any(part.startswith(".") for part in name.split("/"))
