"""The server's worker: how it starts, tells that it is ready, and ends; `api.loop` is what it does in between."""

import contextlib
import logging
import socket
import sys
import threading
import time
from typing import Any

from gunicorn.errors import AppImportError

from api.errors import raw_answer
from api.inbox import HEAD_BYTES, RawRequest
from api.loop import SWEEP_S, LoopWorker
from api.shared import Flag
from core.errors import NotReady

logger = logging.getLogger(__name__)

LOOK_S = 0.02
"""Between two looks for requests, and two signs of life to the master, while the model is loaded."""

RETRY_S = 1.0
"""Before a worker that could not start ends, and another is tried."""

DRAIN_S = 1.0
"""For which a server that is told to stop still accepts connections, and tells who asks that it is not ready."""

STOP_IDLE_S = 1.0
"""For which a worker that stops keeps idle connections, for a request that may be on its way."""

SPARE_S = 1.0
"""Of gunicorn's `graceful_timeout` that is left for the process to end."""

STOPPING = Flag()
"""Set by the master when the whole server stops, not only one of its workers."""

SERVING = Flag()
"""Set by the first worker that has started."""


class QuickWorker(LoopWorker):
    """A worker that tells the truth about whether it is ready, from its first moment to its last."""

    on_trial = False
    """Whether a worker that is made now takes no connection before it is admitted."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Prepare a worker, still in the master; the arguments are gunicorn's."""
        super().__init__(*args, **kwargs)
        self.ready, self.unfit, self.admitted = Flag(), Flag(), Flag()

    def load_wsgi(self) -> None:
        """Load the application; whoever asks a server meanwhile that never served is told that it starts."""
        loaded = threading.Event()
        herald = threading.Thread(target=self._tell_that_it_starts, args=(loaded,))
        herald.start()
        try:
            super().load_wsgi()
        except AppImportError as exc:
            if not SERVING.is_set():
                raise
            logger.error("this worker cannot start: %s", exc)
            time.sleep(RETRY_S)
            sys.exit(1)  # gunicorn's own status would end the workers that serve, too
        finally:
            loaded.set()
            herald.join()

    def _tell_that_it_starts(self, loaded: threading.Event) -> None:
        while not loaded.wait(LOOK_S):
            self.notify()
            for listener in self.sockets if not SERVING.is_set() else ():
                with contextlib.suppress(OSError):
                    tell_that_it_starts(listener.accept()[0])

    def run(self) -> None:
        """Serve until told to stop, then end what was begun."""
        self._prepare()
        (self.ready if self._service.can_read() else self.unfit).set()
        SERVING.set()
        while self.on_trial and self.alive and not self.admitted.is_set():
            self.notify()
            time.sleep(LOOK_S)
        while self.alive and self.is_parent_alive():
            self.set_accept_enabled(True)
            self._turn()
        self._stop()

    def _stop(self) -> None:
        """Answer every request that was accepted, within gunicorn's `graceful_timeout`, and end."""
        end = time.monotonic() + self.cfg.graceful_timeout - SPARE_S
        if STOPPING.is_set():
            self._service.stopping.set()
            self._turn_until(min(end, time.monotonic() + DRAIN_S))
            self._accept_all()
        self._pausing = False
        self.set_accept_enabled(False)
        for listener in self.sockets:
            listener.close()
        self._clients.end_idle(STOP_IDLE_S)
        while self._clients and time.monotonic() < end:
            self._turn(SWEEP_S)
        self.tpool.shutdown(wait=False, cancel_futures=True)

    def _turn_until(self, end: float) -> None:
        while (left := end - time.monotonic()) > 0:
            self.set_accept_enabled(True)
            self._turn(left)

    def _accept_all(self) -> None:
        """Take every connection that waits: once the listener is closed, nobody will."""
        for listener in self.sockets:
            with contextlib.suppress(OSError):
                while len(self._clients) < self.worker_connections:
                    self.welcome(*listener.accept(), listener.getsockname())


def tell_that_it_starts(client: socket.socket) -> None:
    """Answer whatever a client asks, if it asks soon, that the server is not ready."""
    with client:
        client.settimeout(LOOK_S)
        request = RawRequest(client.recv(HEAD_BYTES), b"")
        error = NotReady("the server is starting")
        client.sendall(raw_answer(error.status, error.code, str(error), request.path))
        client.shutdown(socket.SHUT_WR)
