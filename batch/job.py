"""Scoring from beginning to end, and going on where an earlier run stopped."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tqdm import tqdm

from batch import shards
from batch.activations import Crew
from batch.batches import Batch, printable
from batch.names import name_of, shard_name
from batch.score import ScoreTask, score_batch
from batch.sources import Source
from batch.tally import Tally, tally
from batch.target import remove_stale
from batch.weights import Weights, send
from batch.work import Job, Outcome, Work, carry_out
from core.checkpoint import Checkpoint
from core.storage import Folder, open_folder


@dataclass(frozen=True)
class ScoreJob(Job):
    """What to score, with what, and where.

    Attributes:
        checkpoint: The model.
        engine: `onnx`, `torch` or `auto`; `device` `cpu`, `cuda` or `auto`.
        kind: One of `names.FORMATS`.
    """

    checkpoint: Checkpoint
    engine: str
    device: str
    kind: str


def score(job: ScoreJob) -> Outcome:
    """Score all pictures of a source whose rows are not there yet.

    Raises:
        StorageError: A place cannot be used, holds no pictures, or holds the results of something else.
        BatchError: Lithops cannot be used.
    """
    target = open_folder(job.target)

    def start(crew: Crew, source: Source, bar: "tqdm[Any]") -> _ScoreWork:
        weights = send(crew.executor.storage, job.checkpoint, job.engine, job.device, job.max_image_pixels)
        return _ScoreWork(job, source, target, weights, bar)

    about, more = {"format": job.kind}, {"model": job.checkpoint.version}
    outcome = carry_out(job, target, about, more, start)
    if outcome.complete:
        outcome.removed = remove_stale(target, outcome.shards)
    return outcome


class _ScoreWork(Work[ScoreTask]):
    """Scoring under way."""

    def __init__(self, job: ScoreJob, source: Source, target: Folder, weights: Weights, bar: "tqdm[Any]") -> None:
        super().__init__(source, target, bar)
        self.job = job
        self.weights = weights

    @property
    def activate(self) -> Callable[..., Tally]:
        return score_batch

    def task_of(self, batch: Batch) -> ScoreTask:
        job = self.job
        name = name_of(batch, job.checkpoint.sha512, str(job.max_image_pixels), str(job.max_bytes))
        file = shard_name(name, job.kind)
        return ScoreTask(batch, self.source, self.target, file, job.kind, self.weights, job.max_bytes)

    def tally_of(self, data: bytes, task: ScoreTask) -> Tally:
        return tally(shards.decode(data, task.kind), task.batch)

    def rejected(self, task: ScoreTask, code: str) -> bytes:
        return shards.encode(shards.table([printable(task.batch[0].name)], [None], [()], [code]), task.kind)
