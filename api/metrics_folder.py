"""Where the processes of one server keep their metrics together: `prometheus_client`'s files, in a folder of our own.

Each process has a slot, the lowest that no living process holds, in place of its number: who follows on a process that
died goes on with its files, so that they stay few and no count is lost. The files have their full size from the start:
a page of a mapped file that finds its disk full kills the process that touches it.
"""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Collection, Iterable
from itertools import count
from pathlib import Path

from prometheus_client import values
from prometheus_client.mmap_dict import MmapedDict, mmap_key
from prometheus_client.multiprocess import mark_process_dead

PREFIX = "digits-metrics-"
SETTLED_S = 60.0
"""Age at which a folder that nobody holds was left behind, and not just made."""

FILE_BYTES = {"counter": 2**17, "histogram": 2**18, "gauge_livesum": 2**12, "gauge_livemax": 2**12}
"""The files of one process by the names that `prometheus_client` gives them, with several times the room they need."""

NUMBER_BYTES = 8


class SharedMetrics:
    """The folder, there as long as one of the server's processes, and who of them holds which slot."""

    def __init__(self) -> None:
        self.path: str | None = None
        self._slots: dict[int, int] = {}

    def open(self, *parents: str | None) -> None:
        """Make the folder, and remove those of servers that were killed.

        Args:
            parents: Where to make it, best first; None for where temporary files go.

        Raises:
            OSError: It can be made in none of them.
        """
        path = _make(parents)
        # All processes inherit this lock; nobody holds that of a server that is gone.
        fcntl.flock(os.open(path, os.O_RDONLY | os.O_DIRECTORY), fcntl.LOCK_EX | fcntl.LOCK_NB)
        _sweep(Path(path).parent)
        self.path = path

    def assign(self, worker: int, living: Collection[int]) -> None:
        """Give a worker that is about to start the lowest slot that none of the living holds.

        Args:
            worker: A number that no other worker has or had, as all these.
            living: The others.
        """
        self._slots = {other: slot for other, slot in self._slots.items() if other in living}
        self._slots[worker] = next(slot for slot in count() if slot not in self._slots.values())

    def join(self, worker: int) -> str | None:
        """Have this process, a worker, keep its metrics with the others'; to be called before it makes any.

        Returns:
            The folder, None if there is none.

        Raises:
            OSError: It has no room for them.
        """
        values.ValueClass = values.MutexValue
        if self.path is None:
            return None
        slot = self._slots[worker]
        for name, size in FILE_BYTES.items():
            with Path(self.path, f"{name}_{slot}.db").open("a+b") as file:
                os.posix_fallocate(file.fileno(), 0, size)
        values.ValueClass = _value_class(self.path, slot)
        return self.path

    def release(self, worker: int) -> None:
        """Forget what was true of a worker only as long as it lived."""
        slot = self._slots.pop(worker, None)
        if self.path is not None and slot is not None:
            mark_process_dead(slot, self.path)

    def remove(self) -> None:
        """Remove the folder with all that is in it."""
        if self.path is not None:
            shutil.rmtree(self.path, ignore_errors=True)


def _value_class(folder: str, slot: int) -> type:
    """Return what `prometheus_client` shall keep its numbers in: its own files, written in a tenth of its own time.

    Its own class takes a lock and packs two numbers each time, which for the twenty numbers that a request changes
    takes longer than all else that is noted of it. `Metrics` holds one lock for all of them instead.
    """
    files: dict[str, MmapedDict] = {}

    class SharedValue:
        _multiprocess = True

        def __init__(
            self,
            kind: str,
            metric: str,
            name: str,
            labels: list[str],
            label_values: list[str],
            help_text: str,
            multiprocess_mode: str = "",
            **_options: object,
        ) -> None:
            stem = f"{kind}_{multiprocess_mode}" if multiprocess_mode else kind
            if stem not in files:
                files[stem] = MmapedDict(str(Path(folder, f"{stem}_{slot}.db")))
            key = mmap_key(metric, name, labels, label_values, help_text)
            files[stem].read_value(key)  # makes its place
            self._place = files[stem]._positions[key] // NUMBER_BYTES
            self._numbers = memoryview(files[stem]._m).cast("d")

        def inc(self, amount: float) -> None:
            self._numbers[self._place] += amount

        def set(self, value: float, timestamp: float | None = None) -> None:  # noqa: ARG002  the signature is the library's
            self._numbers[self._place] = value

        def get(self) -> float:
            return float(self._numbers[self._place])

        def get_exemplar(self) -> None:
            return None

    return SharedValue


def _make(parents: Iterable[str | None]) -> str:
    failure: OSError | None = None
    for parent in parents:
        try:
            return tempfile.mkdtemp(prefix=PREFIX, dir=parent)
        except OSError as exc:
            failure = exc
    raise failure or OSError("there is no folder for temporary files")


def _sweep(parent: Path) -> None:
    """Remove the folders of servers that are gone."""
    for folder in parent.glob(f"{PREFIX}*"):
        try:
            if time.time() - folder.stat().st_mtime > SETTLED_S and not _is_held(folder):
                shutil.rmtree(folder)
        except OSError:
            continue  # it is another user's, or just went


def _is_held(folder: Path) -> bool:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


SHARED = SharedMetrics()
"""Those of this server; they outlive the reading of `gunicorn.conf.py` at each SIGHUP."""
