"""Any job under way: from the pictures that are listed to a shard for each batch, going on where a run stopped."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from tqdm import tqdm

from batch.activations import Crew, open_crew, refuse_unreachable, run
from batch.batches import Batch, choose_size, count_ahead, cut, halves, printable
from batch.failures import Failure, Unread
from batch.progress import advance, progress
from batch.sources import Source, open_source
from batch.tally import Tally
from batch.target import absolute, read_job, refuse_inside, shards_in, write_job
from core.errors import StorageError
from core.storage import Entry, Folder

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


@dataclass(frozen=True)
class Job:
    """What every job is told.

    Attributes:
        source: Place of the pictures.
        target: Place of the results.
        max_image_pixels: Largest picture that is decoded; `max_bytes` largest file that is read.
        batch_size: None for that of an earlier run, else by the count.
        workers: Processes on this machine.
        config: Lithops' configuration file, if one is given.
    """

    source: str
    target: str
    max_image_pixels: int
    max_bytes: int
    batch_size: int | None
    workers: int
    config: Path | None


Start = Callable[[Crew, Source, "tqdm[Any]"], "Work[Any]"]


def carry_out(job: Job, target: Folder, about: dict[str, str], more: dict[str, str], start: Start) -> Outcome:
    """Work on all pictures of a source whose rows are not there yet.

    Args:
        job: From where, and how.
        target: The folder of the shards.
        about: What this job has in common with every other whose shards lie there, beside the source.
        more: What else is noted of it.
        start: Returns the work on these pictures.

    Raises:
        StorageError: A place cannot be used, holds no pictures, or holds the results of something else.
        BatchError: Lithops cannot be used.
    """
    source = open_source(job.source)
    refuse_inside(source, target)
    about = {"source": absolute(job.source), **about}
    before = read_job(target, about)
    with open_crew(job.config, job.workers) as crew:
        refuse_unreachable(crew, job.source, job.target)
        size, count, entries = job.batch_size or before.get("batch_size"), None, source.entries()
        if not size:
            count, entries = count_ahead(entries)
            size = choose_size(count)
        write_job(target, {**about, **more, "batch_size": size})
        with progress(source, count) as bar:
            outcome = start(crew, source, bar).do(crew, entries, size)
    if not outcome.listed:
        raise StorageError(f"{job.source}: holds no pictures: check the name")
    return outcome


class Work(ABC, Generic[AnyTask]):
    """A job under way; what is done to a batch is the subclass's.

    Attributes:
        outcome: How far the job has come.
    """

    def __init__(self, source: Source, target: Folder, bar: "tqdm[Any]") -> None:
        """Take the pictures, the folder of the shards, and the bar that shows how far it is."""
        self.source = source
        self.target = target
        self.bar = bar
        self.there = set(shards_in(target))
        self.outcome = Outcome()

    @property
    @abstractmethod
    def activate(self) -> Callable[..., Tally]:
        """What writes the shard of a `task` on a worker and returns what it amounts to; `storage` is Lithops'."""

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

    def do(self, crew: Crew, entries: Iterable[Entry], size: int) -> Outcome:
        """Write what is missing of these pictures, in batches of a size."""
        for task, result in run(crew, self.activate, self._missing(cut(self._listed(entries), size)), self._split):
            if isinstance(result, Tally):
                self._count(task.file, result)
            elif result.died and len(task.batch) == 1:
                self._write_off(task)
            else:
                self.outcome.open += [(printable(entry.name), result.reason) for entry in task.batch]
        self.outcome.stopped = crew.gave_up
        return self.outcome

    def _listed(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        for entry in entries:
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

    def _split(self, task: AnyTask, failure: Failure) -> list[AnyTask] | None:
        """Return what is left to do of a batch in parts: what storage does not give from the rest, else halves."""
        parts = halves(task.batch)
        if isinstance(failure.error, Unread):
            places = failure.error.places
            unread = tuple(entry for place, entry in enumerate(task.batch) if place in places)
            rest = tuple(entry for place, entry in enumerate(task.batch) if place not in places)
            parts = (rest, unread) if rest else ()
        return list(self._missing(parts)) if parts else None

    def _write_off(self, task: AnyTask) -> None:
        """Write the row of a picture that no worker survives."""
        data = self.rejected(task, WORKER_DIED)
        self.target.write(task.file, data)
        self._count(task.file, self.tally_of(data, task))
