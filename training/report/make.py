"""The whole report: measure the shipped weights, write figures, plots and model card, and judge."""

import logging
import tempfile
from dataclasses import dataclass
from pathlib import Path

from core.checkpoint import Checkpoint, load_checkpoint
from core.engine import load_engine
from core.integrity import write_atomically
from core.model import ModelWrapper
from training.data import Digits, load_test, load_training
from training.report import targets
from training.report.card import model_card
from training.report.conditions import CONDITIONS
from training.report.figures import Figures, build_figures, to_json
from training.report.measure import MAX_PIXELS, Readings, measure
from training.report.nondigits import KINDS
from training.report.plots import draw_plots
from training.report.sources import TrainedNetwork, TrainingRecord, read_metrics, read_record, read_times

TIMES = Path("benchmarks") / "results" / "networks.json"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ReportJob:
    """What to report on, and where the results go.

    Attributes:
        assets: Folder with the weights.
        name: Of the checkpoint in it.
        data_root: As `training.data.find_data` returns it.
        root: The project's folder; `docs/` and `MODEL_CARD.md` are written there, `benchmarks/results` read.
        workers: Processes that make and decode pictures.
        limit: For a quick look: only so many digits, of the validation split, and so many pictures of each kind of
            non-digit; figures and plots go into a temporary folder. None for the whole test set.
    """

    assets: Path
    name: str
    data_root: Path
    root: Path
    workers: int
    limit: int | None = None


def make_report(job: ReportJob) -> None:
    """Measure, write and judge.

    1. Read how the weights were trained, and the time a digit.
    2. Read every test digit under every condition, and every non-digit, through the full pipeline.
    3. Write `docs/report.json`, the plots and `MODEL_CARD.md`; the same weights give the same bytes.
    4. Hold the figures against the targets.

    Raises:
        TargetsMissed: A figure misses its target; everything was written.
        SourceError: The record of the training or the times are missing, malformed or stale.
        DataError: MNIST cannot be read.
        StartError: The weights cannot be verified or loaded.
        OSError: The output cannot be written.
    """
    record, times = read_record(job.assets, job.name), read_times(job.root / TIMES)
    checkpoint = load_checkpoint(job.assets, job.name)
    metrics = read_metrics(checkpoint.description)
    digits = _digits(job)
    readings = _measure(job, checkpoint, digits)
    own = TrainedNetwork(
        architecture=checkpoint.description.architecture, metrics=metrics, bytes=len(checkpoint.state_dict)
    )
    figures = build_figures(readings, digits.labels.numpy(), [own, *record.ancestors], times)
    figures |= {"weights": _weights(checkpoint), "set": "test" if job.limit is None else "validation"}
    figures["targets"] = targets.judge(figures)
    folder = job.root if job.limit is None else Path(tempfile.mkdtemp(prefix="report-"))
    _write_docs(folder / "docs", figures, readings, digits, record)
    if job.limit is None:
        write_atomically(job.root / "MODEL_CARD.md", model_card(figures, metrics, record, times).encode())
    for line in targets.lines(figures["targets"]):
        logger.info(line)
    logger.info("figures and plots: %s", folder / "docs")
    targets.refuse_missed(figures["targets"])


def load_wrapper(checkpoint: Checkpoint) -> ModelWrapper:
    """Return what serves these weights, on one thread of the CPU: no other device or number sums in the same order."""
    engine = load_engine(checkpoint, "cpu", threads=1)
    return ModelWrapper(engine, checkpoint.description.temperature, MAX_PIXELS)


def _digits(job: ReportJob) -> Digits:
    if job.limit is None:
        return load_test(job.data_root)
    _, validation = load_training(job.data_root)
    return Digits(validation.images[: job.limit], validation.labels[: job.limit])


def _measure(job: ReportJob, checkpoint: Checkpoint, digits: Digits) -> dict[str, Readings]:
    kinds = {name: min(kind.count, job.limit or kind.count) for name, kind in KINDS.items()}
    return measure(load_wrapper(checkpoint), digits.images.numpy(), CONDITIONS, kinds, job.workers)


def _weights(checkpoint: Checkpoint) -> Figures:
    description = checkpoint.description
    return {
        "name": checkpoint.name,
        "sha512": checkpoint.sha512,
        "architecture": description.architecture,
        "temperature": description.temperature,
    }


def _write_docs(
    docs: Path, figures: Figures, readings: dict[str, Readings], digits: Digits, record: TrainingRecord
) -> None:
    docs.mkdir(parents=True, exist_ok=True)
    write_atomically(docs / "report.json", to_json(figures))
    for name, picture in draw_plots(figures, readings, digits, record.history).items():
        write_atomically(docs / name, picture)
