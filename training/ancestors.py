"""The networks that ours descends from, trained by the same steps for comparison."""

import json
from dataclasses import replace
from pathlib import Path

from training.checkpoint import RECORD_SUFFIX
from training.recipe import RECIPES, checkpoint_name
from training.run import DRY_RUN_EPOCHS, Job, Record, settings_of, train

ANCESTORS = ("MyConvNet", "KerasSimpleNet", "KerasDeepNet")
"""Their names in `model.networks`."""

FOLDER = Path("ancestors")
"""Where their weights go, below the work folder."""


def train_ancestors(job: Job) -> list[Record]:
    """Train each after its own recipe, but for those that an earlier run with the same settings has finished.

    Args:
        job: Of our network: its machine, data, validation images and work folder hold for them too.

    Returns:
        For each the architecture, the bytes of its weights (0 in a dry run) and its metrics.

    Raises:
        TargetMissed: One misreads more than was published of it.
        DataError: The data cannot be read.
        OSError: The work folder cannot be written.
    """
    return [_train(_job_of(architecture, job)) for architecture in ANCESTORS]


def _job_of(architecture: str, job: Job) -> Job:
    recipe = RECIPES[architecture]
    if job.dry_run:
        recipe = replace(recipe, epochs=DRY_RUN_EPOCHS)
    return replace(
        job, recipe=recipe, output_dir=job.work_dir / FOLDER, name=checkpoint_name(architecture), export=False
    )


def _train(job: Job) -> Record:
    metrics = _finished(job) or train(job).metrics
    weights = job.output_dir / f"{job.name}.pt"
    return {
        "architecture": job.recipe.architecture,
        "bytes": 0 if job.dry_run else weights.stat().st_size,
        "metrics": metrics,
    }


def _finished(job: Job) -> Record | None:
    """Return the metrics that a run of the same settings left, or None."""
    path = job.output_dir / f"{job.name}{RECORD_SUFFIX}"
    if job.dry_run or not job.resume or not path.exists():
        return None
    record: Record = json.loads(path.read_text(encoding="utf-8"))
    wanted = json.loads(json.dumps(settings_of(job)))
    metrics: Record = record["metrics"]
    return metrics if wanted.items() <= record.items() else None
