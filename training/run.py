"""A whole training run: fit on the training digits, choose and calibrate on the validation digits, measure once."""

import logging
import shutil
import subprocess  # nosec B404 # each call is looked at by itself
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from core.storage import open_folder
from model.description import Description
from training.calibrate import fit_temperature
from training.checkpoint import Checkpoint, fingerprint, save_assets
from training.curves import Curves
from training.data import VALIDATION_IMAGES, Digits, load_test, load_training
from training.errors import TargetMissed
from training.evaluate import count_errors, expected_calibration_error, negative_log_likelihood, predict_logits
from training.export import export_checkpoint
from training.files import digests_of, source_of
from training.kept import Kept, keep
from training.loop import Learner, steps_per_epoch
from training.machine import Machine, make_deterministic
from training.output import Place, check_output, local_assets
from training.recipe import Recipe
from training.status import StatusFile
from training.tracking import Tracker, TrackingServer
from training.watch import Epoch, Watcher, watching

DRY_RUN_STEPS = 3
"""Batches an epoch in a dry run: enough to move the weights, the average and the schedule."""

DRY_RUN_EPOCHS = 2

DRY_RUN_SENT = 100
"""Digits that are sent in a dry run: a second of work instead of minutes."""

Record = dict[str, Any]
"""How weights came about, as it is kept beside them in JSON: `NAME.training.json`."""

LICENSE = "Apache-2.0"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """What to train, on what, and where the results go.

    Attributes:
        recipe: How.
        machine: On what.
        data_root: As `training.data.find_data` returns it.
        output: The assets folder.
        work: Where the checkpoint of an unfinished run lies, and in a folder of its name its status and curves.
        name: Of the files, without extension.
        resume: Whether to go on from a checkpoint of the same settings.
        validation_images: Held back from training.
        export: Whether to write the graph beside the weights.
        dry_run: A few batches through every step; the test set stays closed and nothing is kept.
        tracking: MLflow's server that shall hear of the run.
    """

    recipe: Recipe
    machine: Machine
    data_root: Path
    output: Place
    work: Place
    name: str
    resume: bool = True
    validation_images: int = VALIDATION_IMAGES
    export: bool = True
    dry_run: bool = False
    tracking: TrackingServer | None = None


@dataclass
class Progress:
    """How far a run has come.

    Attributes:
        epoch: Epochs done.
        history: Training loss, validation loss and validation errors of each epoch.
    """

    epoch: int = 0
    history: list[dict[str, float]] = field(default_factory=list)


def train(job: Job, ancestors: Sequence[Record] = ()) -> Description:
    """Train, calibrate, measure and keep a network.

    1. Fit it; the averaged weights of the last epoch are kept, as picking an epoch by a handful of errors picks luck.
    2. Turn it into whole numbers, if the recipe says so.
    3. Fit the temperature on the validation digits.
    4. Open the test set, once, and count.
    5. Write weights, description, record and checksums, unless too many test digits are misread.

    Args:
        job: What to train.
        ancestors: As `training.ancestors.train_ancestors` returns them; the record carries them along.

    Returns:
        The description that was written, with all figures.

    Raises:
        TargetMissed: Too many test digits are misread; nothing was written.
        DataError: The data cannot be read.
        TrainingError: The options do not fit the data.
        StorageError: The output or the work folder cannot be used.
        OSError: The output cannot be written.
    """
    make_deterministic(job.machine)
    check_output(job.output)
    training, validation = load_training(job.data_root, job.validation_images)
    checkpoint = Checkpoint(open_folder(job.work), job.name, settings_of(job))
    learner, progress = _start(job, training, checkpoint)
    watchers = _watchers(job)
    with watching(watchers, progress.epoch):
        for epoch in _fit(job, learner, progress, validation):
            _note(job, epoch, watchers, checkpoint, {"learner": learner.state_dict(), "progress": asdict(progress)})
        kept = keep(learner)
        description = _describe(job, kept, len(training), validation)
        _refuse_if_missed(job, description, checkpoint)
        outcome = {"history": progress.history, "metrics": description.metrics, "ancestors": list(ancestors)}
        _keep(job, kept.weights, description, {"commit": _commit()} | settings_of(job) | outcome)
        for watcher in watchers:
            watcher.finish(description)
    if not job.dry_run:
        checkpoint.remove()
    return description


def _watchers(job: Job) -> list[Watcher]:
    """Return who is told of the run; nobody of a dry run, which leaves nothing."""
    if job.dry_run:
        return []
    settings, folder = settings_of(job), open_folder(open_folder(job.work).place(job.name))
    run = fingerprint(settings)
    watchers: list[Watcher] = [StatusFile(folder, run), Curves(folder)]
    return watchers + (
        [Tracker(job.tracking, open_folder(job.output), job.name, run, settings)] if job.tracking else []
    )


def _note(job: Job, epoch: Epoch, watchers: Sequence[Watcher], checkpoint: Checkpoint, state: dict[str, Any]) -> None:
    """Tell of an epoch, then make it one that need not be done again: so that none is missing from what was told."""
    for watcher in watchers:
        watcher.note(epoch)
    if not job.dry_run:
        checkpoint.save(state)


def _commit() -> str | None:
    """Return the hash of the commit that trains, with `-dirty` where files differ from it; None outside a checkout."""
    git = shutil.which("git")
    if git is None:
        return None
    asked = [git, "-C", str(Path(__file__).parent), "describe", "--always", "--abbrev=40", "--dirty"]
    answer = subprocess.run(asked, capture_output=True, text=True, check=False)  # noqa: S603 - nothing of a user's in it  # nosec B603
    return answer.stdout.strip() or None


def _start(job: Job, training: Digits, checkpoint: Checkpoint) -> tuple[Learner, Progress]:
    """Return a network before its first epoch, or after the last one that an interrupted run has finished."""
    torch.manual_seed(job.recipe.seed)
    steps = steps_per_epoch(training, job.recipe.batch_size, DRY_RUN_STEPS if job.dry_run else None)
    recipe = replace(job.recipe, sent=min(job.recipe.sent, DRY_RUN_SENT)) if job.dry_run else job.recipe
    learner = Learner(recipe, job.machine, training, steps)
    return learner, _resumed(job, learner, checkpoint)


def _fit(job: Job, learner: Learner, progress: Progress, validation: Digits) -> Iterator[Epoch]:
    """Do the epochs that are left, and yield what each came to."""
    while progress.epoch < job.recipe.epochs:
        began = time.monotonic()
        progress.epoch += 1
        loss = learner.train_epoch(f"epoch {progress.epoch}/{job.recipe.epochs}")
        _validate(learner, progress, validation, loss)
        seconds = time.monotonic() - began
        yield Epoch(
            epoch=progress.epoch,
            epochs=job.recipe.epochs,
            loss=loss,
            validation_loss=progress.history[-1]["validation_loss"],
            validation_errors=int(progress.history[-1]["validation_errors"]),
            learning_rate=learner.learning_rate,
            seconds=seconds,
            images_per_second=learner.steps_per_epoch * job.recipe.batch_size / seconds,
        )


def _resumed(job: Job, learner: Learner, checkpoint: Checkpoint) -> Progress:
    state: dict[str, Any] | None = checkpoint.load() if job.resume and not job.dry_run else None
    if state is None:
        return Progress()
    learner.load_state_dict(state["learner"])
    logger.info("going on after epoch %d from %s", state["progress"]["epoch"], checkpoint.place)
    return Progress(**state["progress"])


def _validate(learner: Learner, progress: Progress, validation: Digits, loss: float) -> None:
    """Measure the averaged weights and note what they are worth."""
    recipe = learner.recipe
    logits = predict_logits(learner.average.module, validation, recipe.mean, recipe.std, learner.machine.device)
    errors, validation_loss = (
        count_errors(logits, validation.labels),
        negative_log_likelihood(logits, validation.labels),
    )
    progress.history.append({"loss": loss, "validation_loss": validation_loss, "validation_errors": errors})
    counts = f"validation errors {errors} of {len(validation)}"
    tqdm.write(f"epoch {progress.epoch}/{recipe.epochs}: loss {loss:.4f}, {counts}, loss {validation_loss:.4f}")


def _describe(job: Job, kept: Kept, training_images: int, validation: Digits) -> Description:
    """Calibrate on the validation digits, then open the test set for its one measurement."""
    recipe, device = job.recipe, job.machine.device
    validation_logits = kept.logits(validation, device)
    temperature = fit_temperature(validation_logits, validation.labels)
    test = validation if job.dry_run else load_test(job.data_root)
    logits = kept.logits(test, device)
    errors = count_errors(logits, test.labels)
    calibration = expected_calibration_error(logits, test.labels, temperature)
    return Description(
        architecture=kept.architecture,
        mean=kept.mean,
        std=kept.std,
        temperature=temperature,
        source=source_of(job.data_root),
        license=LICENSE,
        metrics={
            "test_errors": errors,
            "test_images": len(test),
            "test_error_percent": round(100 * errors / len(test), 4),
            "expected_calibration_error_percent": round(100 * calibration, 4),
            "test_loss": round(negative_log_likelihood(logits, test.labels, temperature), 6),
            "validation_errors": count_errors(validation_logits, validation.labels),
            "validation_images": len(validation),
            "training_images": training_images,
            "parameters": kept.parameters,
            "epochs": recipe.epochs,
            "batch_size": recipe.batch_size,
            "seed": recipe.seed,
            "threads": job.machine.threads,
            "device": device.type,
            "precision": "bfloat16" if job.machine.bfloat16 else "float32",
            "torch": torch.__version__,
        },
    )


def _refuse_if_missed(job: Job, description: Description, checkpoint: Checkpoint) -> None:
    percent, limit = float(description.metrics["test_error_percent"]), job.recipe.max_test_error_percent
    if job.dry_run or percent <= limit:
        return
    checkpoint.remove()
    raise TargetMissed(f"test error {percent:.2f} % is above --max-test-error {limit:g} %: nothing was written")


def _keep(job: Job, weights: dict[str, Tensor], description: Description, record: Record) -> None:
    if job.dry_run:
        with tempfile.TemporaryDirectory() as folder:
            _write(replace(job, output=Path(folder) / "assets"), weights, description, record)
        return
    _write(job, weights, description, record)
    place = open_folder(job.output).place(f"{job.name}.pt")
    logger.info("wrote %s, its description, the record of its training and the list of checksums", place)


def _write(job: Job, weights: dict[str, Tensor], description: Description, record: Record) -> None:
    with local_assets(job.output) as assets:
        save_assets(assets, job.name, weights, description, record)
        if job.export:
            export_checkpoint(assets, job.name)


def settings_of(job: Job) -> Record:
    """Return all that decides the weights, in the types of JSON."""
    machine = asdict(job.machine) | {
        "device": job.machine.device.type,
        "cpu": torch.backends.cpu.get_cpu_capability(),
        "torch": torch.__version__,
    }
    data = digests_of(job.data_root)
    return {"recipe": asdict(job.recipe), "machine": machine, "data": data, "held_back": job.validation_images}
