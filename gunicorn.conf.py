"""How gunicorn serves in production, derived from the settings in `config.py`; gunicorn reads this file by its name.

Reference: https://docs.gunicorn.org/en/stable/settings.html
"""

import gc
import logging
import os
import socket
import sys
from http import HTTPStatus
from pathlib import Path
from typing import cast

import gunicorn.util
from flask import Flask
from gunicorn.arbiter import Arbiter
from gunicorn.workers.base import Worker

from api.errors import raw_answer
from api.journal import Journal
from api.logs import logging_config
from api.metrics import metrics_of
from api.metrics_folder import SHARED
from config import METRICS_FOLDER, load_settings
from core.errors import StartError

# Set before any worker imports NumPy or PyTorch: their threads times the workers would collapse throughput.
os.environ.setdefault("OMP_NUM_THREADS", "1")

logger = logging.getLogger("gunicorn.conf")

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  # nosec B108 # gunicorn makes a private file there

try:
    settings = load_settings()
except StartError as exc:
    sys.exit(f"the server cannot start: {exc}")

wsgi_app = "app:create_worker_app()"
bind = f"{settings.host}:{settings.port}"
workers = settings.workers
threads = settings.threads
worker_class = "api.worker.QuickWorker"  # by name: imported here, it would import NumPy too early
logger_class = "api.logs.AccessLogger"
preload_app = False  # a model loaded before the fork hangs its workers, and CUDA refuses
forwarder_headers = ""  # no client tells by a header SCRIPT_NAME where we are: it would mislead others
keepalive = 75  # longer than load balancers keep theirs, so that none sends a request into a connection that we close
graceful_timeout = 9  # so that SIGTERM ends within the 10 s that container engines allow
timeout = 10  # a worker's loop never waits, and gives signs of life while it starts: silence means that it hangs
worker_connections = 4096
sendfile = False  # answers are collected before they are sent
worker_tmp_dir = str(SHARED_MEMORY) if os.access(SHARED_MEMORY, os.W_OK) else None  # heartbeats never wait for a disk
control_socket_disable = True  # nothing of ours uses it, and a read-only home has no room for it
logconfig_dict = logging_config(settings.log_level, settings.log_format)

SEND_BUFFER_BYTES = 128 * 1024
"""Of each connection, in the system; left to itself it grows to megabytes, times 500 clients that never read."""

served: Flask | None = None
"""The application of this worker."""


def when_ready(server: Arbiter) -> None:
    """Bound what the system holds of an answer that is not taken, and make the folder for the workers' metrics."""
    for listener in server.LISTENERS:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    try:
        SHARED.open(str(SHARED_MEMORY), None)
    except OSError as exc:
        logger.warning("each worker shows only metrics of its own: %s", exc)


def pre_fork(server: Arbiter, worker: Worker) -> None:
    """Give a worker its place among the metrics."""
    SHARED.assign(worker.age, [other.age for other in server.WORKERS.values()])


def post_fork(_server: Arbiter, worker: Worker) -> None:
    """Have a worker keep its metrics with the others'."""
    os.environ.pop(METRICS_FOLDER, None)
    try:
        if folder := SHARED.join(worker.age):
            os.environ[METRICS_FOLDER] = folder
    except OSError as exc:
        logger.warning("this worker shows only metrics of its own: %s", exc)


def post_worker_init(worker: Worker) -> None:
    """Spare the collector what lives as long as the process: it would look through all of it again and again."""
    global served
    served = cast(Flask, worker.wsgi)
    gc.collect()
    gc.freeze()


def worker_exit(_server: Arbiter, _worker: Worker) -> None:
    """Have a worker send what it has still to tell."""
    if served is not None:
        cast(Journal, served.wsgi_app).close()


def child_exit(_server: Arbiter, worker: Worker) -> None:
    """Forget what a worker had in hand when it ended, however it ended."""
    SHARED.release(worker.age)


def on_exit(_server: Arbiter) -> None:
    """Leave nothing behind."""
    SHARED.remove()


def _write_json_error(sock: socket.socket, status_int: int, reason: str, mesg: str) -> None:  # noqa: ARG001
    """Answer a request that is no HTTP, which never reaches the application, in the shape of every other error."""
    status = HTTPStatus(status_int)
    code = status.name.lower()
    if served is not None:
        metrics_of(served).refuse(status_int, code)
    sock.sendall(raw_answer(status, code, mesg or status.phrase))


gunicorn.util.write_error = _write_json_error  # gunicorn offers no setting for it, and its own answer is HTML
