"""The files that a report is made from, beside weights and data: how the weights were trained, and the time a digit.

Both are read strictly: a figure that is missing or stale stops the report.
"""

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from core.integrity import read_verified
from model.description import Description
from model.networks import NETWORKS
from training.errors import TrainingError

Form = TypeVar("Form", bound=BaseModel)


class SourceError(TrainingError):
    """A file that the report is made from is missing, malformed or stale."""


class Repeated(BaseModel):
    """What a report repeats of a file, which may hold more."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Epoch(Repeated):
    """One epoch of the training run; the losses are means in nats."""

    loss: float
    validation_loss: float
    validation_errors: int


class Metrics(Repeated):
    """The figures of a description that a report repeats; it may hold more."""

    test_errors: int
    test_images: int
    parameters: int
    training_images: int
    validation_images: int
    validation_errors: int
    epochs: int
    batch_size: int
    seed: int
    threads: int
    device: str
    precision: str
    torch: str


class TrainedNetwork(Repeated):
    """A network of the table, trained by the same command.

    Attributes:
        architecture: A name in `model.networks.NETWORKS`.
        metrics: As in its description.
        bytes: Size of its state dict's file.
    """

    architecture: str
    metrics: Metrics
    bytes: int


class Extras(Repeated):
    """The part of a recipe that a report repeats."""

    sent: int = 0
    synthetic: int = 0
    outliers: int = 0
    quantised: bool = False


class TrainingRecord(Repeated):
    """`NAME.training.json`, written beside the weights by the run that made them.

    Attributes:
        commit: Of the code, with `-dirty` where files differed from it; None outside a checkout.
        recipe: Drawn digits and pictures of no digit in each step, beside MNIST's; whether weights are whole numbers.
        history: All epochs.
        ancestors: The networks that this one descends from; empty where they were not trained along.
    """

    commit: str | None = None
    recipe: Extras
    history: list[Epoch]
    ancestors: list[TrainedNetwork] = []


class NetworkTime(Repeated):
    """Time a digit of one network, microseconds, and its number of parameters when it was measured."""

    microseconds: float
    parameters: int


class NetworkTimes(Repeated):
    """`benchmarks/results/networks.json`, as `benchmarks/networks.py` writes it."""

    cpu: str
    versions: dict[str, str]
    networks: dict[str, NetworkTime]


def read_record(assets: Path, name: str) -> TrainingRecord:
    """Read how the weights were trained, after comparing the file with the checksums.

    Raises:
        SourceError: The record is missing or malformed.
        IntegrityError: The assets folder does not agree with its checksums.
    """
    file = f"{name}.training.json"
    data = read_verified(assets).get(file)
    if data is None:
        raise SourceError(f"{assets / file}: not found; `python -m training train` writes it beside the weights")
    return _parse(TrainingRecord, data, assets / file)


def read_times(path: Path) -> NetworkTimes:
    """Read the times and compare them with the networks as they are now.

    Raises:
        SourceError: The file is missing or malformed, or was measured with other networks.
    """
    try:
        data = path.read_bytes()
    except OSError as exc:
        raise SourceError(f"{path}: cannot be read ({exc.strerror}): run `python benchmarks/networks.py`") from exc
    times = _parse(NetworkTimes, data, path)
    now = {name: sum(tensor.numel() for tensor in build().parameters()) for name, build in NETWORKS.items()}
    if {name: time.parameters for name, time in times.networks.items()} != now:
        raise SourceError(f"{path}: measured with other networks: run `python benchmarks/networks.py` again")
    return times


def read_metrics(description: Description) -> Metrics:
    """Return the figures of a description that a report repeats.

    Raises:
        SourceError: The description lacks one, as one written by hand may.
    """
    try:
        return Metrics.model_validate(description.metrics)
    except ValidationError as exc:
        raise SourceError(f"the description of the weights: {_fault(exc)} in metrics") from exc


def _parse(form: type[Form], data: bytes, path: Path) -> Form:
    try:
        return form.model_validate_json(data)
    except ValidationError as exc:
        raise SourceError(f"{path}: not usable: {_fault(exc)}") from exc


def _fault(exc: ValidationError) -> str:
    fault = exc.errors()[0]
    return f"{'.'.join(map(str, fault['loc'])) or 'file'}: {fault['msg']}"
