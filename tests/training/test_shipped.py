"""The shipped weights: their description says what they really do."""

from pathlib import Path

import pytest
import torch

from core.integrity import read_verified
from model.description import Description
from training.data import load_test
from training.evaluate import count_errors, expected_calibration_error
from training.kept import Kept
from training.recipe import RECIPES

ASSETS = Path(__file__).parents[2] / "assets"
NAME = "digit-net"
ROUNDING_ERRORS = 1
"""Another CPU sums in another order and may turn a digit that lies on the edge between two classes."""


@pytest.fixture
def description() -> Description:
    return Description.model_validate_json(read_verified(ASSETS)[f"{NAME}.json"])


def test_stated_error_keeps_the_limit(description: Description) -> None:
    stated = float(description.metrics["test_error_percent"])
    counted = 100 * int(description.metrics["test_errors"]) / int(description.metrics["test_images"])
    assert stated == pytest.approx(counted)
    assert stated <= RECIPES["DigitNet"].max_test_error_percent


@pytest.mark.mnist
def test_stated_figures_are_measured_again(description: Description, mnist_root: Path) -> None:
    digits = load_test(mnist_root)
    weights = torch.load(ASSETS / f"{NAME}.pt", weights_only=True)
    kept = Kept(description.architecture, description.mean, description.std, weights)
    logits = kept.logits(digits, torch.device("cpu"))
    errors = count_errors(logits, digits.labels)
    assert abs(errors - int(description.metrics["test_errors"])) <= ROUNDING_ERRORS
    calibration = 100 * expected_calibration_error(logits, digits.labels, description.temperature)
    assert calibration == pytest.approx(description.metrics["expected_calibration_error_percent"], abs=0.02)
