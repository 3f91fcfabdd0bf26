"""A job under way: from the pictures that are listed to a shard for each batch of them, going on where a run stopped."""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from tqdm import tqdm

from batch import shards
from batch.activations import Crew, Failure, run
from batch.batches import Batch, choose_size, cut, halves, printable
from batch.progress import advance
from batch.reading import Unread
from batch.sources import Source
from batch.tally import Tally
from core.errors import StorageError
from core.storage import Entry, Folder, is_url

JOB = "_job.json"
"""What a folder holds the results of; readers of Parquet folders pass over names that start so."""

WORKER_DIED = "worker_died"
"""Error code of a picture at which the process that read it died, at every attempt."""


class Task(Protocol):
    """A batch to work on."""

    @property
    def batch(self) -> Batch:
        """The pictures."""
        ...

    @property
    def file(self) -> str:
        """The shard's name in its folder."""
        ...


AnyTask = TypeVar("AnyTask", bound=Task)


@dataclass
class Outcome:
    """How a job ended: listed = rows in `tally` + `open`, or it is not complete.

    Attributes:
        tally: Of all shards that make up the result.
        listed: Pictures that were found.
        open: Those without a row, and why.
        shards: Files that make up the result.
        found: How many of them were there already.
        stopped: Whether so much failed that the rest was not even listed.
        removed: Shards of an earlier state of the source that were removed.
    """

    tally: Tally = field(default_factory=Tally)
    listed: int = 0
    open: list[tuple[str, str]] = field(default_factory=list)
    shards: set[str] = field(default_factory=set)
    found: int = 0
    stopped: bool = False
    removed: int = 0

    @property
    def complete(self) -> bool:
        """Whether every picture that was listed has its row."""
        return not self.open and not self.stopped and self.listed == len(self.tally)


def refuse_inside(source: str, target: str) -> None:
    """Refuse to write results where pictures are read, as they would be listed as pictures the next time.

    Raises:
        StorageError: The target is the source, or lies in it.
    """
    if is_url(source) != is_url(target):
        return
    if is_url(source):
        inside = f"{target.rstrip('/')}/".startswith(f"{source.rstrip('/')}/")
    else:
        inside = Path(source).is_dir() and Path(target).resolve().is_relative_to(Path(source).resolve())
    if inside:
        raise StorageError(f"{target}: lies in {source}, whose files are read: take another place for the results")


def begin(target: Folder, source: Source, about: dict[str, Any], batch_size: int | None, **more: Any) -> int:
    """Note what a folder holds the results of; return the size of batches.

    Args:
        target: The folder of the shards.
        source: The pictures.
        about: What may not differ from an earlier run.
        batch_size: None for that of an earlier run, else by the count.
        more: What may.

    Raises:
        StorageError: It holds the results of something else.
    """
    before = json.loads(target.read(JOB)) if target.exists(JOB) else {}
    for name, value in about.items():
        if before.get(name, value) != value:
            raise StorageError(f"{target.place()}: holds results of {name} {before[name]}: take another folder")
    size = batch_size or before.get("batch_size") or choose_size(source.entries())
    target.write(JOB, json.dumps({**about, "batch_size": size, **more}, indent=2).encode())
    return int(size)


def remove_stale(target: Folder, current: set[str]) -> int:
    """Remove shards of pictures, or of a model, that are no more; returns how many."""
    stale = [name for name in shards_in(target) if name not in current]
    for name in stale:
        target.remove(name)
    return len(stale)


def shards_in(target: Folder) -> list[str]:
    """Return the names of the shards in a folder."""
    return [entry.name for entry in target.entries() if shards.NAME.fullmatch(entry.name)]


class Work(ABC, Generic[AnyTask]):
    """A job under way; what is done to a batch is the subclass's.

    Attributes:
        activate: Writes the shard of a task on a worker and returns what it amounts to, given Lithops' storage too.
        outcome: How far the job has come.
    """

    activate: ClassVar[Callable[..., Tally]]

    def __init__(self, source: Source, target: Folder, bar: "tqdm[Any]") -> None:
        """Take the pictures, the folder of the shards, and the bar that shows how far it is."""
        self.source = source
        self.target = target
        self.bar = bar
        self.there = set(shards_in(target))
        self.outcome = Outcome()

    @abstractmethod
    def task_of(self, batch: Batch) -> AnyTask:
        """Return what one activation is told; the name of its shard depends on all that its rows depend on."""

    @abstractmethod
    def tally_of(self, data: bytes, task: AnyTask) -> Tally:
        """Return what the bytes of a shard amount to.

        Raises:
            ValueError: They are no shard of these pictures.
        """

    @abstractmethod
    def rejected(self, task: AnyTask, code: str) -> bytes:
        """Return the shard of a picture that no worker survives."""

    def do(self, crew: Crew, size: int) -> Outcome:
        """Write what is missing, in batches of a size."""
        for task, result in run(crew, self.activate, self._missing(cut(self._listed(), size)), self._split):
            if isinstance(result, Tally):
                self._count(task.file, result)
            elif result.died and len(task.batch) == 1:
                self._write_off(task)
            else:
                self.outcome.open += [(printable(entry.name), result.reason) for entry in task.batch]
        self.outcome.stopped = crew.gave_up
        return self.outcome

    def _listed(self) -> Iterator[Entry]:
        for entry in self.source.entries():
            self.outcome.listed += 1
            yield entry

    def _missing(self, batches: Iterable[Batch]) -> Iterator[AnyTask]:
        """Yield a task for each batch whose shard is not there."""
        for batch in batches:
            task = self.task_of(batch)
            if not self._is_there(task):
                yield task

    def _is_there(self, task: AnyTask) -> bool:
        """Count a shard that an earlier run has written; a damaged one is written again."""
        if task.file not in self.there:
            return False
        try:
            rows = self.tally_of(self.target.read(task.file), task)
        except ValueError:
            return False
        self.outcome.found += 1
        self._count(task.file, rows, found=True)
        return True

    def _count(self, file: str, rows: Tally, found: bool = False) -> None:
        self.outcome.shards.add(file)
        self.outcome.tally.add(rows)
        advance(self.bar, len(rows), found)

    def _split(self, task: AnyTask, failure: Failure) -> list[AnyTask]:
        """Return what is left to do of a batch in parts: what storage does not give from the rest, else halves."""
        if isinstance(failure.error, Unread):
            places = set(failure.error.places)
            unread = tuple(entry for place, entry in enumerate(task.batch) if place in places)
            rest = tuple(entry for place, entry in enumerate(task.batch) if place not in places)
            parts: tuple[Batch, ...] = (rest, unread) if rest else ()
        else:
            parts = halves(task.batch)
        return list(self._missing(parts))

    def _write_off(self, task: AnyTask) -> None:
        """Write the row of a picture that no worker survives."""
        data = self.rejected(task, WORKER_DIED)
        self.target.write(task.file, data)
        self._count(task.file, self.tally_of(data, task))
