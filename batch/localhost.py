"""Lithops on this machine, with nothing to set up and nothing left behind."""

import fcntl
import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Sequence
from functools import cache
from multiprocessing import forkserver
from multiprocessing.util import Finalize
from pathlib import Path

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""Processes share the cores among themselves."""

FORK_SERVER = multiprocessing.get_context("forkserver")
"""What starts processes by forking one that has imported what they need."""

PREFIX = "digits-batch-"
"""Of the name of Lithops' folder."""

POLL_S = 0.05
"""Between two looks at what has finished."""


@cache
def set_up() -> None:
    """Give processes one thread each, and Lithops a folder of its own while this process runs; before it is imported.

    It takes the folder from `TMPDIR`, as do its workers; one that it shared with another run would be wiped under that
    one's feet.
    """
    os.environ.update(ONE_THREAD)
    for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        if _lock(left) is not None:  # whose command was killed
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    _lock(folder)
    # after multiprocessing has removed its own folder in it, which has priority -100
    Finalize(None, shutil.rmtree, args=(folder,), kwargs={"ignore_errors": True}, exitpriority=-200)
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder)


def _lock(folder: Path) -> int | None:
    """Lock a folder until this process ends; None where another process has done so, or owns it."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return None
    return descriptor


def start_fork_server(modules: Sequence[str]) -> None:
    """Start the process that activations are forked from, unless it runs: early, as it imports these modules first."""
    set_up()
    FORK_SERVER.set_forkserver_preload(["batch.forking", *modules])
    forkserver.ensure_running()
