"""Scoring from beginning to end, and going on where an earlier run stopped."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from batch import shards
from batch.activations import Crew, open_crew, refuse_unreachable, run
from batch.batches import Batch, choose_size, cut, halves, name_of, printable
from batch.failures import Failure, Unread
from batch.progress import advance, progress
from batch.score import ScoreTask, score_batch
from batch.sources import Source, open_source
from batch.tally import Tally, tally
from batch.target import absolute, read_job, refuse_inside, remove_stale, shards_in, write_job
from batch.weights import Weights, send
from core.checkpoint import Checkpoint
from core.errors import StorageError
from core.storage import Entry, Folder, is_url, open_folder

WORKER_DIED = "worker_died"
"""Error code of a picture at which the process that read it died, at every attempt."""


@dataclass(frozen=True)
class ScoreJob:
    """What to score, with what, and where.

    Attributes:
        source: Place of the pictures.
        target: Place of the results.
        checkpoint: The model.
        engine: `onnx`, `torch` or `auto`; `device` `cpu`, `cuda` or `auto`.
        max_image_pixels: Largest picture that is decoded; `max_bytes` largest file that is read.
        kind: One of `shards.FORMATS`.
        batch_size: None for that of an earlier run, else by the count.
        workers: Processes on this machine.
        config: Lithops' configuration file, if one is given.
    """

    source: str
    target: str
    checkpoint: Checkpoint
    engine: str
    device: str
    max_image_pixels: int
    max_bytes: int
    kind: str
    batch_size: int | None
    workers: int
    config: Path | None


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


def score(job: ScoreJob) -> Outcome:
    """Score all pictures of a source whose rows are not there yet.

    Raises:
        StorageError: A place cannot be used, holds no pictures, or holds the results of something else.
        BatchError: Lithops cannot be used.
    """
    source, target = open_source(job.source), open_folder(job.target)
    refuse_inside(source, target)
    about = {"source": absolute(job.source), "format": job.kind}
    before = read_job(target, about)
    with open_crew(job.config, job.workers, _modules(job)) as crew:
        refuse_unreachable(crew, job.source, job.target)
        size = job.batch_size or before.get("batch_size") or choose_size(source.entries())
        write_job(target, {**about, "model": job.checkpoint.version, "batch_size": size})
        weights = send(crew.executor.storage, job.checkpoint, job.engine, job.device, job.max_image_pixels)
        with progress(source) as bar:
            outcome = _Work(job, source, target, weights, bar).do(crew, size)
    if not outcome.listed:
        raise StorageError(f"{job.source}: holds no pictures: check the name")
    if outcome.complete:
        outcome.removed = remove_stale(target, outcome.shards)
    return outcome


def _modules(job: ScoreJob) -> list[str]:
    """What every activation imports; PyTorch only where it runs the network."""
    torch = job.engine == "torch" or job.checkpoint.graph is None
    modules = ["batch.score", "core.torch_engine" if torch else "core.onnx_engine"]
    return [*modules, "core.storage.objects"] if is_url(job.source) or is_url(job.target) else modules


class _Work:
    """A job under way."""

    def __init__(self, job: ScoreJob, source: Source, target: Folder, weights: Weights, bar: "tqdm[Any]") -> None:
        self.job = job
        self.source = source
        self.target = target
        self.weights = weights
        self.bar = bar
        self.there = set(shards_in(target))
        self.outcome = Outcome()

    def do(self, crew: Crew, size: int) -> Outcome:
        for task, result in run(crew, score_batch, self._missing(cut(self._listed(), size)), self._split):
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

    def _missing(self, batches: Iterable[Batch]) -> Iterator[ScoreTask]:
        """Yield a task for each batch whose shard is not there."""
        for batch in batches:
            task = self._task(batch)
            if not self._is_there(task):
                yield task

    def _task(self, batch: Batch) -> ScoreTask:
        job = self.job
        name = name_of(batch, job.checkpoint.sha512, str(job.max_image_pixels), str(job.max_bytes))
        file = shards.file_name(name, job.kind)
        return ScoreTask(batch, self.source, self.target, file, job.kind, self.weights, job.max_bytes)

    def _is_there(self, task: ScoreTask) -> bool:
        """Count a shard that an earlier run has written; a damaged one is written again."""
        if task.file not in self.there:
            return False
        try:
            rows = tally(shards.decode(self.target.read(task.file), task.kind), task.batch)
        except ValueError:
            return False
        self.outcome.found += 1
        self._count(task.file, rows, found=True)
        return True

    def _count(self, file: str, rows: Tally, found: bool = False) -> None:
        self.outcome.shards.add(file)
        self.outcome.tally.add(rows)
        advance(self.bar, len(rows), found)

    def _split(self, task: ScoreTask, failure: Failure) -> list[ScoreTask] | None:
        """Return what is left to do of a batch in parts: what storage does not give from the rest, else halves."""
        parts = halves(task.batch)
        if isinstance(failure.error, Unread):
            places = failure.error.places
            unread = tuple(entry for place, entry in enumerate(task.batch) if place in places)
            rest = tuple(entry for place, entry in enumerate(task.batch) if place not in places)
            parts = (rest, unread) if rest else ()
        return list(self._missing(parts)) if parts else None

    def _write_off(self, task: ScoreTask) -> None:
        """Write the row of a picture that no worker survives."""
        rows = shards.table([printable(task.batch[0].name)], [None], [()], [WORKER_DIED])
        self.target.write(task.file, shards.encode(rows, task.kind))
        self._count(task.file, tally(rows, task.batch))
