"""The figures of the report: intervals of error counts, calibration by bins, and how well two sets are told apart."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.evaluate import CALIBRATION_BINS

Z_95 = 1.959964
"""The standard normal's 97.5 % point: 95 % lie between it and its negative."""

SURE = 0.9
"""A probability above this is a sure answer: what a caller who sets a threshold would set."""

Probabilities = NDArray[np.float64]


def wilson_interval(errors: int, count: int) -> tuple[float, float]:
    """Return the 95 % interval, 0 to 1, of the rate behind so many errors.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal of the
        American Statistical Association 22 (1927); unlike the normal approximation it is right for few errors.

    Raises:
        ValueError: There are more errors than trials, or no trials.
    """
    if not 0 <= errors <= count or count == 0:
        raise ValueError(f"{errors} errors of {count}")
    rate, weight = errors / count, Z_95**2 / count
    middle = rate + weight / 2
    half = Z_95 * float(np.sqrt(rate * (1 - rate) / count + weight / (4 * count)))
    return max(0.0, (middle - half) / (1 + weight)), min(1.0, (middle + half) / (1 + weight))


@dataclass(frozen=True, slots=True)
class Bin:
    """One bar of a reliability diagram.

    Attributes:
        count: Pictures whose confidence lies in the bin.
        confidence: Their mean confidence, 0 to 1; 0 in an empty bin.
        accuracy: The share of them that was read rightly; 0 in an empty bin.
    """

    count: int
    confidence: float
    accuracy: float


def reliability(confidence: Probabilities, right: NDArray[np.bool_], bins: int = CALIBRATION_BINS) -> list[Bin]:
    """Sort answers into bins of equal width by their confidence, open below and closed above.

    Args:
        confidence: (N,), 0 to 1.
        right: (N,), whether each answer is right.
        bins: How many bins span 0 to 1.
    """
    place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    return [_bin(confidence[place == index], right[place == index]) for index in range(bins)]


def _bin(confidence: Probabilities, right: NDArray[np.bool_]) -> Bin:
    if len(confidence) == 0:
        return Bin(0, 0.0, 0.0)
    return Bin(len(confidence), float(confidence.mean()), float(right.mean()))


def calibration_error(bins: list[Bin]) -> float:
    """Return the expected calibration error, 0 to 1 (Guo et al., 2017, equation 3); 0 where nothing was answered."""
    count = sum(bar.count for bar in bins)
    return sum(bar.count * abs(bar.confidence - bar.accuracy) for bar in bins) / max(count, 1)


def roc_area(digits: Probabilities, others: Probabilities) -> float:
    """Return the area under the ROC: the chance that a digit gets a higher probability than a picture of no digit.

    Ties count half (H. B. Mann, D. R. Whitney, "On a test of whether one of two random variables is stochastically
    larger than the other", Annals of Mathematical Statistics 18, 1947).
    """
    ordered = np.sort(others)
    below = np.searchsorted(ordered, digits, side="left")
    not_above = np.searchsorted(ordered, digits, side="right")
    return float((below + not_above).sum() / (2 * len(digits) * len(others)))
