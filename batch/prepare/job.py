"""Preparing from beginning to end, and going on where an earlier run stopped."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tqdm import tqdm

from batch.activations import Crew
from batch.batches import Batch, printable
from batch.names import name_of, shard_name
from batch.prepare.activation import PrepareTask, prepare_batch, tally_rows
from batch.prepare.collect import collect, collected
from batch.prepare.labels import LabelOf, labels_beside, read_labels
from batch.prepare.shard import Row, read_columns, write_shard
from batch.sources import Source
from batch.tally import Tally
from batch.target import remove_stale
from batch.work import Job, Outcome, Work, carry_out
from core.prepared import Manifest
from core.storage import Folder, open_folder

SHARDS = "shards"
"""Folder of the shards, below the target."""


@dataclass(frozen=True)
class PrepareJob(Job):
    """What to prepare, and where the results go.

    Attributes:
        labels: CSV or IDX file that says what the pictures show; None for what their places say.
        test_share: Chance of a digit to be in the test half, 0 to 1.
    """

    labels: str | None
    test_share: float


def prepare(job: PrepareJob) -> tuple[Outcome, Manifest | None]:
    """Prepare all pictures of a source that are not prepared yet, and collect them.

    Returns:
        How it ended, and the manifest; None where pictures are open, as then nothing is collected.

    Raises:
        StorageError: A place or the labels cannot be used, or the place holds the results of something else.
        BatchError: Lithops cannot be used.
        OSError: This machine has no room for the four files.
    """
    target, folder = open_folder(job.target), open_folder(f"{job.target.rstrip('/')}/{SHARDS}")
    given = None if job.labels is None else read_labels(job.labels)

    def start(_crew: Crew, source: Source, bar: "tqdm[Any]") -> _PrepareWork:
        return _PrepareWork(job, source, folder, given or labels_beside(source), bar)

    outcome = carry_out(job, folder, {}, {}, start)
    if not outcome.complete:
        return outcome, None
    manifest = _collect(job, target, sorted(outcome.shards))
    outcome.removed = remove_stale(folder, outcome.shards)
    return outcome, manifest


def _collect(job: PrepareJob, target: Folder, files: list[str]) -> Manifest:
    """Collect the shards, unless an earlier run has collected just these."""
    names = [f"{SHARDS}/{file}" for file in files]
    before = collected(target)
    if before is not None and before.test_share == job.test_share and before.shards == names:
        return before
    return collect(target, names, job.source, job.test_share)


class _PrepareWork(Work[PrepareTask]):
    """Preparing under way."""

    def __init__(self, job: PrepareJob, source: Source, target: Folder, label_of: LabelOf, bar: "tqdm[Any]") -> None:
        super().__init__(source, target, bar)
        self.job = job
        self.label_of = label_of

    @property
    def activate(self) -> Callable[..., Tally]:
        return prepare_batch

    def task_of(self, batch: Batch) -> PrepareTask:
        job = self.job
        labels = tuple(self.label_of(printable(entry.name)) for entry in batch)
        name = name_of(batch, "prepare", str(labels), str(job.max_image_pixels), str(job.max_bytes))
        file = shard_name(name, "parquet")
        return PrepareTask(batch, labels, self.source, self.target, file, job.max_image_pixels, job.max_bytes)

    def tally_of(self, data: bytes, task: PrepareTask) -> Tally:
        keys, labels, errors = read_columns(data, "key", "label", "error")
        if keys != [printable(entry.name) for entry in task.batch]:
            raise ValueError("not the rows of these pictures")
        return tally_rows(labels, errors)

    def rejected(self, task: PrepareTask, code: str) -> bytes:
        return write_shard([Row(printable(task.batch[0].name), task.labels[0], error=code)])
