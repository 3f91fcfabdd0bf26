"""Preparing from beginning to end, and going on where an earlier run stopped."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from batch import shards
from batch.activations import open_crew
from batch.batches import Batch, name_of, printable
from batch.prepare.activation import PrepareTask, prepare_batch, tally_rows
from batch.prepare.collect import collect, collected
from batch.prepare.labels import LabelOf
from batch.prepare.shard import Row, read_columns, write_shard
from batch.progress import progress
from batch.sources import Source, open_source
from batch.tally import Tally
from batch.work import Outcome, Work, begin, refuse_inside, remove_stale
from core.prepared import Manifest
from core.storage import Folder, is_url, open_folder

SHARDS = "shards"
"""Folder of the shards, below the target."""


@dataclass(frozen=True)
class PrepareJob:
    """What to prepare, and where the results go.

    Attributes:
        source: Place of the pictures.
        target: Place of the results.
        label_of: What a picture shows.
        test_share: Chance of a digit to be in the test half, 0 to 1.
        max_image_pixels: Largest picture that is decoded; `max_bytes` largest file that is read.
        batch_size: None for that of an earlier run, else by the count.
        workers: Processes on this machine.
        config: Lithops' configuration file, if one is given.
    """

    source: str
    target: str
    label_of: LabelOf
    test_share: float
    max_image_pixels: int
    max_bytes: int
    batch_size: int | None
    workers: int
    config: Path | None


def prepare(job: PrepareJob) -> tuple[Outcome, Manifest | None]:
    """Prepare all pictures of a source that are not prepared yet, and collect them.

    Returns:
        How it ended, and the manifest; None where pictures are open, as then nothing is collected.

    Raises:
        StorageError: A place cannot be used, or holds the results of something else.
        BatchError: Lithops cannot be used.
        OSError: This machine has no room for the four files.
    """
    source, target = open_source(job.source), open_folder(job.target)
    refuse_inside(job.source, job.target)
    folder = open_folder(f"{job.target.rstrip('/')}/{SHARDS}")
    size = begin(folder, source, {"source": source.place}, job.batch_size)
    with open_crew(job.config, job.workers, _modules(job)) as crew, progress(source) as bar:
        outcome = _PrepareWork(job, source, folder, bar).do(crew, size)
    if not outcome.complete:
        return outcome, None
    manifest = _collect(job, target, sorted(outcome.shards))
    outcome.removed = remove_stale(folder, outcome.shards)
    return outcome, manifest


def _modules(job: PrepareJob) -> list[str]:
    """What every activation imports."""
    modules = ["batch.prepare.activation", "core.imaging.canonical"]
    return [*modules, "core.storage.objects"] if is_url(job.source) or is_url(job.target) else modules


def _collect(job: PrepareJob, target: Folder, files: list[str]) -> Manifest:
    """Collect the shards, unless an earlier run has collected just these."""
    names = [f"{SHARDS}/{file}" for file in files]
    before = collected(target)
    if before is not None and before.test_share == job.test_share and before.shards == names:
        return before
    return collect(target, names, job.source, job.test_share)


class _PrepareWork(Work[PrepareTask]):
    """Preparing under way."""

    activate = staticmethod(prepare_batch)

    def __init__(self, job: PrepareJob, source: Source, target: Folder, bar: "tqdm[Any]") -> None:
        super().__init__(source, target, bar)
        self.job = job

    def task_of(self, batch: Batch) -> PrepareTask:
        job = self.job
        labels = tuple(job.label_of(printable(entry.name)) for entry in batch)
        name = name_of(batch, "prepare", str(labels), str(job.max_image_pixels), str(job.max_bytes))
        file = shards.file_name(name, "parquet")
        return PrepareTask(batch, labels, self.source, self.target, file, job.max_image_pixels, job.max_bytes)

    def tally_of(self, data: bytes, task: PrepareTask) -> Tally:
        keys, labels, errors = read_columns(data, "key", "label", "error")
        if keys != [printable(entry.name) for entry in task.batch]:
            raise ValueError("not the rows of these pictures")
        return tally_rows(labels, errors)

    def rejected(self, task: PrepareTask, code: str) -> bytes:
        return write_shard([Row(printable(task.batch[0].name), task.labels[0], error=code)])
