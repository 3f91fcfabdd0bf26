"""Scoring from beginning to end, and going on where an earlier run stopped."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from batch import shards
from batch.activations import open_crew
from batch.batches import Batch, name_of, printable
from batch.progress import progress
from batch.score import ScoreTask, score_batch
from batch.sources import Source, open_source
from batch.tally import Tally, tally
from batch.weights import Weights, send
from batch.work import Outcome, Work, begin, refuse_inside, remove_stale
from core.checkpoint import Checkpoint
from core.storage import Folder, is_url, open_folder


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


def score(job: ScoreJob) -> Outcome:
    """Score all pictures of a source whose rows are not there yet.

    Raises:
        StorageError: A place cannot be used, or holds the results of something else.
        BatchError: Lithops cannot be used.
    """
    source, target = open_source(job.source), open_folder(job.target)
    refuse_inside(job.source, job.target)
    about = {"source": source.place, "format": job.kind}
    size = begin(target, source, about, job.batch_size, model=job.checkpoint.version)
    with open_crew(job.config, job.workers, _modules(job)) as crew, progress(source) as bar:
        weights = send(crew.executor.storage, job.checkpoint, job.engine, job.device, job.max_image_pixels)
        work = _ScoreWork(job, source, target, weights, bar)
        outcome = work.do(crew, size)
    if outcome.complete:
        outcome.removed = remove_stale(target, outcome.shards)
    return outcome


def _modules(job: ScoreJob) -> list[str]:
    """What every activation imports; PyTorch only where it runs the network."""
    torch = job.engine == "torch" or job.checkpoint.graph is None
    modules = ["batch.score", "core.torch_engine" if torch else "core.onnx_engine"]
    return [*modules, "core.storage.objects"] if is_url(job.source) or is_url(job.target) else modules


class _ScoreWork(Work[ScoreTask]):
    """Scoring under way."""

    activate = staticmethod(score_batch)

    def __init__(self, job: ScoreJob, source: Source, target: Folder, weights: Weights, bar: "tqdm[Any]") -> None:
        super().__init__(source, target, bar)
        self.job = job
        self.weights = weights

    def task_of(self, batch: Batch) -> ScoreTask:
        job = self.job
        name = name_of(batch, job.checkpoint.sha512, str(job.max_image_pixels), str(job.max_bytes))
        file = shards.file_name(name, job.kind)
        return ScoreTask(batch, self.source, self.target, file, job.kind, self.weights, job.max_bytes)

    def tally_of(self, data: bytes, task: ScoreTask) -> Tally:
        return tally(shards.decode(data, task.kind), task.batch)

    def rejected(self, task: ScoreTask, code: str) -> bytes:
        return shards.encode(shards.table([printable(task.batch[0].name)], [None], [()], [code]), task.kind)
