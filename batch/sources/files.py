"""Pictures that are files or objects of their own."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from core.errors import ServiceError
from core.storage import Entry, Folder


@dataclass(frozen=True)
class FileSource:
    """The files below a folder, all of them or those whose name matches a regular expression."""

    folder: Folder
    pattern: str = ""

    @property
    def place(self) -> str:
        """The folder's path or URL."""
        return self.folder.place()

    def entries(self) -> Iterator[Entry]:
        """Yield the files in the folder's order."""
        entries = self.folder.entries()
        return (entry for entry in entries if self.lists(entry.name)) if self.pattern else entries

    def lists(self, name: str) -> bool:
        """Tell whether a file of that name below the folder would be one of the pictures."""
        return not self.pattern or re.fullmatch(self.pattern, name) is not None

    def read_listed(self, entries: Sequence[Entry]) -> list[bytes | ServiceError]:
        """Return the files' bytes."""
        return list(self.folder.read_listed(entries))
