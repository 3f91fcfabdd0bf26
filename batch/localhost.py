"""Lithops on this machine, with nothing to set up and nothing left behind.

Lithops starts an interpreter for each activation, which takes longer to import what it needs than to read a thousand
digits. Here one process imports it, and is forked for each.
"""

import atexit
import json
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Sequence
from functools import cache
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""Processes share the cores among themselves."""

POLL_S = 0.05
"""Between two looks at what has finished."""


@cache
def private_folder() -> Path:
    """Return the folder that Lithops keeps its files in while this process runs.

    It takes the folder from `TMPDIR` when it is imported, as do its workers; one that it shared with another run would
    be wiped under that one's feet.
    """
    folder = tempfile.mkdtemp(prefix="batch-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["TMPDIR"] = tempfile.tempdir = folder
    return Path(folder)


def local_config(workers: int) -> dict[str, Any]:
    """Return Lithops' configuration of so many workers on this machine."""
    return {
        "lithops": {
            "backend": "localhost",
            "storage": "localhost",
            "monitoring_interval": POLL_S,
            "data_cleaner": False,
        },
        "localhost": {"runtime": sys.executable, "worker_processes": workers},
    }


def forking(executor: Any, modules: Sequence[str]) -> Any:
    """Let an executor fork its activations from a process that has imported these modules.

    Returns:
        Its environment, which tells in `lost` of activations whose process died: their `job_key` and `call_id`.
    """
    from lithops.constants import JOBS_DIR, RUNTIMES_PREFIX
    from lithops.localhost.v2.localhost import DefaultEnvironment
    from lithops.storage.storage import RUNTIME_META_CACHE
    from lithops.worker.utils import get_runtime_metadata

    class ForkingEnvironment(DefaultEnvironment):  # type: ignore[misc] # Lithops says nothing of types
        def __init__(self, config: dict[str, Any]) -> None:
            super().__init__(config)
            self.lost: set[tuple[str, str]] = set()
            self._running: set[ForkServerProcess] = set()
            self._context = multiprocessing.get_context("forkserver")
            self._context.set_forkserver_preload(["lithops.worker", *modules])

        def setup(self) -> None:
            """Copy nothing: the runner of each activation is a function here."""

        def start(self) -> None:
            super(DefaultEnvironment, self).start()

        def run_task(self, job_key: str, call_id: str) -> None:
            task = os.path.join(JOBS_DIR, job_key, f"{call_id}.task")  # noqa: PTH118 - a path of Lithops
            process = self._context.Process(target=run_activation, args=(task,))
            process.start()
            self._running.add(process)
            process.join()
            self._running.discard(process)
            if process.exitcode:
                self.lost.add((job_key, call_id))

        def stop(self, job_keys: Sequence[str] | None = None) -> None:
            for process in list(self._running):
                kill_group(process)
            super(DefaultEnvironment, self).stop(job_keys)

    handler = executor.compute_handler
    key = handler.get_runtime_key(handler.config["runtime"])
    # this very interpreter: nothing has to be started to ask it, and nothing is written to the user's home
    RUNTIME_META_CACHE[f"{RUNTIMES_PREFIX}/{key}.meta.json"] = {**get_runtime_metadata(), "runtime_timeout": None}
    handler.env = ForkingEnvironment(handler.config)
    return handler.env


def kill_group(process: ForkServerProcess) -> None:
    """End an activation with all that it has started."""
    try:
        os.killpg(process.pid or 0, signal.SIGKILL)
    except ProcessLookupError:
        process.kill()  # it has not made its group yet


def run_activation(task: str) -> None:
    """Run one activation of Lithops in this process, which was forked for it; the task is a path of Lithops' own."""
    os.setsid()  # Ctrl-C is for the command, which ends us in its own way
    threading.Thread(target=_die_with_the_command, daemon=True).start()
    silence = open(os.devnull, "w")  # noqa: PTH123, SIM115 - for as long as the process lives
    sys.stdout = sys.stderr = silence
    from lithops.worker import function_handler

    payload = json.loads(Path(task).read_text())
    os.environ["__LITHOPS_ACTIVATION_ID"] = f"{os.getpid():012}"
    os.environ["__LITHOPS_BACKEND"] = "Localhost"
    function_handler(payload | {"worker_processes": 1})


def _die_with_the_command() -> None:
    """End the activation when the command is killed; the next run would compete with it for the processors."""
    command = multiprocessing.parent_process()
    if command is not None:
        command.join()
        os.killpg(0, signal.SIGKILL)
