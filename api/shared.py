"""What the server's processes tell each other without a message: flags in memory that they share."""

import mmap


class Flag:
    """A flag that every process forked after its making sees, and can set; it is never cleared."""

    def __init__(self) -> None:
        self._page = mmap.mmap(-1, 1)

    def set(self) -> None:
        """Set the flag for all."""
        self._page[0] = 1

    def is_set(self) -> bool:
        """Tell whether any process has set it."""
        return self._page[0] == 1
