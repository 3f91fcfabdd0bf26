"""What can go wrong with a job, and with one activation of it."""

from dataclasses import dataclass

from core.errors import StartError, StorageError


class BatchError(StartError):
    """A job cannot be done; the message is one line that says what to do."""


class Unread(StorageError):
    """Storage did not give all pictures of a batch; the second argument has their places in it, from 0."""

    @property
    def places(self) -> frozenset[int]:
        """The places in the batch, from 0."""
        return frozenset(self.args[1])

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True)
class Failure:
    """Why a task was given up: in words, whether the process that ran it died, and the error that it raised if not."""

    reason: str
    died: bool = False
    error: Exception | None = None
