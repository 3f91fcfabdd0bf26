"""The networks that ours descends from, trained by the same steps for comparison."""

import json
from dataclasses import replace

from core.errors import ObjectMissing
from core.storage import open_folder
from training.checkpoint import RECORD_SUFFIX
from training.recipe import RECIPES, checkpoint_name
from training.run import DRY_RUN_EPOCHS, Job, Record, settings_of, train

ANCESTORS = ("MyConvNet", "KerasSimpleNet", "KerasDeepNet")
"""Their names in `model.networks`."""

FOLDER = "ancestors"
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
        StorageError: The work folder cannot be used.
    """
    return [_train(_job_of(architecture, job)) for architecture in ANCESTORS]


def _job_of(architecture: str, job: Job) -> Job:
    recipe = RECIPES[architecture]
    if job.dry_run:
        recipe = replace(recipe, epochs=DRY_RUN_EPOCHS)
    output = open_folder(job.work).place(FOLDER)
    return replace(job, recipe=recipe, output=output, name=checkpoint_name(architecture), export=False, tracking=None)


def _train(job: Job) -> Record:
    metrics = _finished(job) or train(job).metrics
    return {
        "architecture": job.recipe.architecture,
        "bytes": 0 if job.dry_run else len(open_folder(job.output).read(f"{job.name}.pt")),
        "metrics": metrics,
    }


def _finished(job: Job) -> Record | None:
    """Return the metrics that a run of the same settings left, or None."""
    if job.dry_run or not job.resume:
        return None
    try:
        record: Record = json.loads(open_folder(job.output).read(f"{job.name}{RECORD_SUFFIX}"))
    except ObjectMissing:
        return None
    wanted = json.loads(json.dumps(settings_of(job)))
    metrics: Record = record["metrics"]
    return metrics if wanted.items() <= record.items() else None
