"""gunicorn as this service runs it: inputs are verified once, by the master, and replaced as a whole or not at all.

The workers get the very bytes that the master has verified, so a worker that takes a dead one's place serves what the
others serve, whatever has happened on the disk meanwhile. SIGHUP reads the inputs anew; only when new workers can read
a digit with them are the old ones told to stop.
"""

import logging
import signal
import time
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar, cast

from flask import Flask
from gunicorn.app.wsgiapp import WSGIApplication
from gunicorn.arbiter import Arbiter
from gunicorn.errors import AppImportError

from api.worker import STOPPING, QuickWorker
from core.errors import StartError

logger = logging.getLogger(__name__)

Inputs = TypeVar("Inputs")

LOOK_S = 0.05
"""Between two looks at workers that start."""

START_S = 60.0
"""Within which new workers must be ready, or the old ones stay."""


class Server(WSGIApplication, Generic[Inputs]):
    """gunicorn's application, built by every worker from inputs that the master has read."""

    def __init__(self, read: Callable[[], Inputs], build: Callable[[Inputs], Flask]) -> None:
        """Read the inputs, and gunicorn's settings.

        Args:
            read: Reads and verifies whatever may change between two starts, such as the weights.
            build: Makes the application of them.

        Raises:
            StartError: The inputs cannot be used.
        """
        self._read, self._build = read, build
        self.inputs = read()
        super().__init__()

    def load(self) -> Flask:  # type: ignore[override]  # it is a WSGI application
        """Build the application, in a worker; a failure ends in one line, not a traceback."""
        try:
            return self._build(self.inputs)
        except StartError as exc:
            raise AppImportError(f"the server cannot start: {exc}") from exc

    def refresh(self) -> None:
        """Read the inputs anew.

        Raises:
            StartError: They cannot be used; the old ones stay.
        """
        self.inputs = self._read()

    def run(self) -> None:
        """Serve until told to stop."""
        CarefulArbiter(self).run()


class CarefulArbiter(Arbiter):
    """gunicorn's master, which replaces workers that serve only by ones that do."""

    app: Server[object]

    def stop(self, graceful: bool = True) -> None:
        """Stop every worker; if gracefully, they tell who asks that the server is not ready any more."""
        if graceful:
            STOPPING.set()
        super().stop(graceful)

    def reload(self) -> None:
        """Replace the workers by ones with new inputs, or keep them where those cannot serve."""
        old, inputs = list(self.WORKERS), self.app.inputs
        try:
            self.app.refresh()
        except StartError as exc:
            logger.error("not reloaded, the old workers go on: %s", exc)
            return
        new = self._spawn_on_trial()
        if self._are_ready(new):
            logger.info("reloaded: %d new workers are ready", len(new))
            for pid in new:
                self._worker(pid).admitted.set()
            self._end(old)
        else:
            self.app.inputs = inputs
            logger.error("not reloaded, the old workers go on: the new ones cannot read a digit")
            self._end(new)
            self._wait_until_ended(new)  # gunicorn ends the oldest where there are too many

    def _worker(self, pid: int) -> QuickWorker:
        return cast(QuickWorker, self.WORKERS[pid])

    def _spawn_on_trial(self) -> list[int]:
        """Start workers that take no connection before they are admitted."""
        QuickWorker.on_trial = True
        try:
            return [self.spawn_worker() for _ in range(self.num_workers)]
        finally:
            QuickWorker.on_trial = False

    def _are_ready(self, pids: Sequence[int]) -> bool:
        """Wait until all of these workers are ready; False as soon as one cannot be."""
        end = time.monotonic() + START_S
        while time.monotonic() < end:
            time.sleep(LOOK_S)
            self.reap_workers()
            if any(pid not in self.WORKERS or self._worker(pid).unfit.is_set() for pid in pids):
                return False
            if all(self._worker(pid).ready.is_set() for pid in pids):
                return True
        return False

    def _wait_until_ended(self, pids: Sequence[int]) -> None:
        end = time.monotonic() + self.cfg.graceful_timeout
        while any(pid in self.WORKERS for pid in pids) and time.monotonic() < end:
            time.sleep(LOOK_S)
            self.reap_workers()

    def _end(self, pids: Sequence[int]) -> None:
        for pid in pids:
            if pid in self.WORKERS:
                self.kill_worker(pid, signal.SIGTERM)
