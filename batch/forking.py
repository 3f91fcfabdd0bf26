"""Lithops' activations on this machine, forked from one process.

Lithops starts an interpreter for each activation, which takes longer to import what it needs than to read a thousand
digits. Here one process imports it, and is forked for each.

To be imported after `set_up()` was called, as Lithops takes its folder from `TMPDIR` when it is imported.
"""

import gc
import json
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from lithops import FunctionExecutor
from lithops.constants import JOBS_DIR, RUNTIMES_PREFIX
from lithops.localhost.v2 import localhost
from lithops.localhost.v2.localhost import DefaultEnvironment
from lithops.storage.storage import RUNTIME_META_CACHE
from lithops.worker import function_handler
from lithops.worker.utils import get_runtime_metadata

from batch.localhost import FORK_SERVER, POLL_S


class ForkingEnvironment(DefaultEnvironment):  # type: ignore[misc] # Lithops says nothing of types
    """What runs the activations of an executor; its configuration is Lithops' own of `localhost`.

    Attributes:
        lost: The activations whose process died: their `job_key` and `call_id`, and when, by `time.monotonic`.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        self.lost: dict[tuple[str, str], float] = {}
        self._running: set[ForkServerProcess] = set()

    def setup(self) -> None:
        """Copy nothing: the runner of each activation is a function here."""

    def start(self) -> None:
        """Start no process: each activation is one."""
        super(DefaultEnvironment, self).start()

    def run_task(self, job_key: str, call_id: str) -> None:
        """Run an activation and wait for its end."""
        task = Path(JOBS_DIR, job_key, f"{call_id}.task")
        process = FORK_SERVER.Process(target=_run_activation, args=(task,))
        try:
            process.start()
        except (OSError, EOFError):  # the fork server has died; another is started for the next
            self.lost[job_key, call_id] = time.monotonic()
            return
        self._running.add(process)
        process.join()
        self._running.discard(process)
        if process.exitcode:
            self.lost[job_key, call_id] = time.monotonic()

    def stop(self, job_keys: Sequence[str] | None = None) -> None:
        """End what runs."""
        for process in list(self._running):
            _kill_group(process)
        super(DefaultEnvironment, self).stop(job_keys)


def forking_executor(workers: int) -> FunctionExecutor:
    """Return an executor of so many workers that forks its activations from the fork server."""
    localhost.DefaultEnvironment = ForkingEnvironment  # Lithops' handler takes what it finds there, and no other
    try:
        executor = FunctionExecutor(config=_config(workers), log_level=None)
    finally:
        localhost.DefaultEnvironment = DefaultEnvironment
    handler = executor.compute_handler
    key = handler.get_runtime_key(handler.config["runtime"])
    # this very interpreter: nothing has to be started to ask it, and nothing is written to the user's home
    RUNTIME_META_CACHE[f"{RUNTIMES_PREFIX}/{key}.meta.json"] = {**get_runtime_metadata(), "runtime_timeout": None}
    return executor


def _config(workers: int) -> dict[str, Any]:
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


def _kill_group(process: ForkServerProcess) -> None:
    """End an activation with all that it has started."""
    try:
        os.killpg(process.pid or 0, signal.SIGKILL)
    except ProcessLookupError:
        process.kill()  # it has not made its group yet


def _run_activation(task: Path) -> None:
    """Run one activation of Lithops in this process, which was forked for it."""
    gc.freeze()  # what was imported is not gone through, nor its pages copied, at each collection
    os.setsid()  # Ctrl-C is for the command, which ends us in its own way
    threading.Thread(target=_die_with_the_command, daemon=True).start()
    silence = open(os.devnull, "w")  # noqa: PTH123, SIM115 - for as long as the process lives
    sys.stdout = sys.stderr = silence
    payload = json.loads(task.read_text())
    os.environ["__LITHOPS_ACTIVATION_ID"] = f"{os.getpid():012}"
    os.environ["__LITHOPS_BACKEND"] = "Localhost"
    function_handler(payload | {"worker_processes": 1})


def _die_with_the_command() -> None:
    """End the activation when the command is killed; the next run would compete with it for the processors."""
    command = multiprocessing.parent_process()
    if command is not None:
        command.join()
        os.killpg(0, signal.SIGKILL)
