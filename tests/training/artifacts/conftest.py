"""The shipped weights in every format, and the service's answers to compare with."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from core.checkpoint import Checkpoint, load_checkpoint
from core.engine import Digits, load_engine
from core.model import ModelWrapper, softmax
from training import __main__ as command
from training.data import load_training
from training.synthetic import draw_digits

ROOT = Path(__file__).parents[3]
NAME = "digit-net"
COUNT = 10_000
SHIFTS = range(-2, 3)
MAX_PIXELS = 50_000_000
CLOSE = 1e-4
"""How far a probability may lie from the service's: other runtimes sum in another order."""

Probabilities = NDArray[np.float64]


@pytest.fixture(scope="session")
def checkpoint() -> Checkpoint:
    return load_checkpoint(ROOT / "assets", NAME)


@pytest.fixture(scope="session")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `python -m training export --format all` has written."""
    output = tmp_path_factory.mktemp("made") / "exports"
    words = ["export", "--format", "all", "--assets", str(ROOT / "assets"), "--output", str(output)]
    assert command.main(words) == 0
    return output


@pytest.fixture(scope="session")
def digits(request: pytest.FixtureRequest) -> Digits:
    """Canonical digits (10000, 28, 28) uint8: of MNIST's training half, or where that is missing drawn and shifted."""
    try:
        root = request.getfixturevalue("mnist_root")
    except pytest.skip.Exception:
        drawn = draw_digits(COUNT // len(SHIFTS) ** 2, seed=1).images.numpy()
        return np.concatenate([np.roll(drawn, (down, right), (1, 2)) for down in SHIFTS for right in SHIFTS])
    held_back: Digits = load_training(root, COUNT)[1].images.numpy()
    return held_back


@pytest.fixture(scope="session")
def service(checkpoint: Checkpoint) -> ModelWrapper:
    """What the service reads with."""
    engine = load_engine(checkpoint, "cpu", engine="onnx")
    return ModelWrapper(engine, checkpoint.description.temperature, MAX_PIXELS)


@pytest.fixture(scope="session")
def expected(service: ModelWrapper, digits: Digits) -> Probabilities:
    """The service's probabilities (10000, 10) of those digits."""
    return softmax(service.predict(digits), service.temperature)


def assert_agree(probabilities: NDArray[np.floating], expected: Probabilities) -> None:
    assert probabilities.shape == expected.shape == (COUNT, 10)
    assert (probabilities.argmax(axis=1) == expected.argmax(axis=1)).all()
    assert np.abs(probabilities - expected).max() <= CLOSE
