"""What the routes of one Flask application share."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from threading import Event
from typing import cast

import numpy as np
from flask import Flask, current_app
from numpy.typing import NDArray

from api import journal
from core.canary import can_read
from core.checkpoint import Checkpoint
from core.engine import Digits
from core.errors import NotReady
from core.gate import Gate
from core.image import is_quick
from core.model import ModelWrapper, Picture, Reading, softmax
from core.stopwatch import Stopwatch

EXTENSION = "digit-service"


@dataclass(frozen=True, slots=True)
class Service:
    """One loaded model and the limits of what a request may ask of it; `stopping` is set when it is about to end."""

    checkpoint: Checkpoint
    wrapper: ModelWrapper
    gate: Gate
    max_images: int
    stopping: Event = field(default_factory=Event)

    def read(self, pictures: Sequence[Picture], top_k: int = 1) -> list[Reading]:
        """Read pictures when it is their turn; a single one that is read in no time need not wait for it.

        Raises:
            Overloaded: Their turn did not come in time.
            RequestError: As `ModelWrapper.read`.
        """
        entry = journal.current()
        entry.images = len(pictures)
        if len(pictures) == 1 and is_quick(pictures[0].data):
            readings = self.wrapper.read(pictures, top_k, entry.watch)
        else:
            with self._turn(entry.watch):
                readings = self.wrapper.read(pictures, top_k, entry.watch)
        entry.predictions = [reading.predictions[0] for reading in readings]
        return readings

    def check_ready(self) -> None:
        """Read a picture of a known digit when it is its turn.

        Raises:
            Overloaded: Its turn did not come in time.
            NotReady: The picture was not read rightly, or the server is about to end.
        """
        if self.stopping.is_set():
            raise NotReady("the server is shutting down")
        with self.gate.turn():
            if not self.can_read():
                raise NotReady("the server cannot read a digit at present")

    def can_read(self) -> bool:
        """Tell whether a picture of a known digit is read rightly now."""
        return can_read(self.wrapper)

    def probabilities(self, digits: Digits) -> NDArray[np.float64]:
        """Return the calibrated probabilities (N, 10) of canonical digits (N, 28, 28) when it is their turn.

        Raises:
            Overloaded: Their turn did not come in time.
        """
        entry = journal.current()
        entry.images = len(digits)
        with self._turn(entry.watch):
            probabilities = softmax(self.wrapper.predict(digits), self.wrapper.temperature)
            entry.watch.lap("infer")
        best = probabilities.argmax(axis=1)
        entry.predictions = list(zip(best.tolist(), probabilities.max(axis=1).tolist(), strict=True))
        return probabilities

    @contextmanager
    def _turn(self, watch: Stopwatch) -> Iterator[None]:
        """Hold the gate's turn while the block runs; what came before was decoding, the wait is queueing."""
        watch.lap("decode")
        with ExitStack() as stack:
            try:
                stack.enter_context(self.gate.turn(watch.started))
            finally:
                watch.lap("queue")
            yield


def attach_service(app: Flask, service: Service) -> None:
    """Give the routes of an application their service."""
    app.extensions[EXTENSION] = service


def service_of(app: Flask) -> Service:
    """Return the service of an application."""
    return cast(Service, app.extensions[EXTENSION])


def current_service() -> Service:
    """Return the service of the application that handles the current request."""
    return service_of(current_app)
