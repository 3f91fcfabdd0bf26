"""What is told of a run while it goes on, and to whom: the status file, the curves, MLflow."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from model.description import Description

GOES_ON = "the same command goes on after the last finished epoch"
"""What to do after an interruption."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Epoch:
    """What an epoch came to.

    Attributes:
        epoch: Its number, from 1.
        epochs: How many there will be.
        loss: Mean over the training batches, in nats.
        validation_loss: Mean over the validation digits, in nats.
        validation_errors: Validation digits misread.
        learning_rate: At its end.
        seconds: That it took, measuring included.
        images_per_second: Training images visited in that time.
    """

    epoch: int
    epochs: int
    loss: float
    validation_loss: float
    validation_errors: int
    learning_rate: float
    seconds: float
    images_per_second: float


class Watcher(ABC):
    """Is told how a run goes; must not touch torch's random generators."""

    @abstractmethod
    def begin(self, epoch: int) -> None:
        """The run starts, after so many epochs that an interrupted one has done."""

    @abstractmethod
    def note(self, epoch: Epoch) -> None:
        """An epoch is done; its checkpoint is not written yet, so it may be told again by the run that goes on."""

    @abstractmethod
    def finish(self, description: Description) -> None:
        """The weights are in the output."""

    @abstractmethod
    def stop(self, state: str, reason: str) -> None:
        """The run ends without weights: `interrupted` or `failed`."""


@contextmanager
def watching(watchers: Sequence[Watcher], epoch: int) -> Iterator[None]:
    """Tell watchers when a run starts, after so many epochs, and when it is stopped."""
    for watcher in watchers:
        watcher.begin(epoch)
    try:
        yield
    except KeyboardInterrupt:
        _stop(watchers, "interrupted", GOES_ON)
        raise
    except Exception as exc:
        _stop(watchers, "failed", " ".join(str(exc).split()) or type(exc).__name__)
        raise


def _stop(watchers: Sequence[Watcher], state: str, reason: str) -> None:
    for watcher in watchers:
        try:
            watcher.stop(state, reason)
        except Exception as exc:  # the reason of the stop is what the user must see, and it may be the same storage
            logger.warning("the end of the run was not noted: %s", exc)
