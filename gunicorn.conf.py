"""How gunicorn serves in production, derived from the settings in `config.py`; gunicorn reads this file by its name.

Reference: https://docs.gunicorn.org/en/stable/settings.html
"""

import gc
import os
import socket
import sys
from http import HTTPStatus
from pathlib import Path

import gunicorn.util
from gunicorn.workers.base import Worker

from api.errors import raw_answer
from api.logs import logging_config
from config import load_settings
from core.errors import StartError

# Set before any worker imports NumPy or PyTorch: their threads times the workers would collapse throughput.
os.environ.setdefault("OMP_NUM_THREADS", "1")

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
keepalive = 5
graceful_timeout = 9  # so that SIGTERM ends within the 10 s that container engines allow
timeout = 10  # a worker's loop never waits, and gives signs of life while it starts: silence means that it hangs
worker_connections = 4096
sendfile = False  # answers are collected before they are sent
worker_tmp_dir = str(SHARED_MEMORY) if os.access(SHARED_MEMORY, os.W_OK) else None  # heartbeats never wait for a disk
control_socket_disable = True  # nothing of ours uses it, and a read-only home has no room for it
logconfig_dict = logging_config(settings.log_level, settings.log_format)


def post_worker_init(_worker: Worker) -> None:
    """Spare the collector what lives as long as the process: it would look through all of it again and again."""
    gc.collect()
    gc.freeze()


def _write_json_error(sock: socket.socket, status_int: int, reason: str, mesg: str) -> None:  # noqa: ARG001
    """Answer a request that is no HTTP, which never reaches the application, in the shape of every other error."""
    status = HTTPStatus(status_int)
    sock.sendall(raw_answer(status, status.name.lower(), mesg or status.phrase))


gunicorn.util.write_error = _write_json_error  # gunicorn offers no setting for it, and its own answer is HTML
