"""`training.report.statistics`: figures that can be worked out by hand or by another road."""

import numpy as np
import pytest
import torch

from core.model import softmax
from training.evaluate import expected_calibration_error
from training.report.statistics import calibration_error, reliability, roc_area, wilson_interval


def test_wilson_interval_agrees_with_published_values() -> None:
    # R. G. Newcombe, "Two-sided confidence intervals for the single proportion" (1998), table I, method 3
    for errors, count, low, high in ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611)):
        assert wilson_interval(errors, count) == pytest.approx((low, high), abs=5e-5)
    assert wilson_interval(29, 29)[1] == 1.0


@pytest.mark.parametrize(("errors", "count"), [(1, 0), (0, 0), (-1, 5), (6, 5)])
def test_wilson_interval_refuses_nonsense(errors: int, count: int) -> None:
    with pytest.raises(ValueError, match=f"{errors} errors of {count}"):
        wilson_interval(errors, count)


def test_calibration_agrees_with_the_trainings() -> None:
    generator = torch.Generator().manual_seed(3)
    logits = torch.randn(3000, 10, generator=generator) * 3
    labels = torch.randint(0, 10, (3000,), generator=generator)
    probabilities = softmax(logits.numpy(), 1.3)
    bins = reliability(probabilities.max(axis=1), probabilities.argmax(axis=1) == labels.numpy())
    assert sum(bar.count for bar in bins) == 3000
    assert calibration_error(bins) == pytest.approx(expected_calibration_error(logits, labels, 1.3), abs=1e-9)


def test_bins_are_closed_above() -> None:
    bins = reliability(np.array([0.5, 0.51, 1.0, 0.0]), np.array([True, False, True, False]), bins=2)
    assert [bar.count for bar in bins] == [2, 2]
    assert (bins[0].confidence, bins[0].accuracy) == (0.25, 0.5)


def test_nothing_answered_is_no_error() -> None:
    bins = reliability(np.array([]), np.array([], bool))
    assert calibration_error(bins) == 0


def test_roc_area_counts_pairs() -> None:
    rng = np.random.default_rng(0)
    digits, others = rng.integers(3, 10, 60) / 10, rng.integers(0, 8, 40) / 10
    pairs = [(digit > other) + 0.5 * (digit == other) for digit in digits for other in others]
    assert roc_area(digits, others) == pytest.approx(np.mean(pairs))
    assert roc_area(np.array([1.0]), np.array([0.0])) == 1
    assert roc_area(np.array([0.0]), np.array([1.0])) == 0
