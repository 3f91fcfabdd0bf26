"""The temperature that makes a probability mean what it says.

Source: Guo, Pleiss, Sun, Weinberger, "On Calibration of Modern Neural Networks" (ICML 2017).
"""

import math

from torch import Tensor

from training.evaluate import negative_log_likelihood

LOWEST, HIGHEST = 0.05, 20.0
"""Where the search looks; weights that read every validation digit have no best temperature, only ever lower ones."""

STEPS = 60
"""Each step keeps 62 % of the interval: 60 leave 2e-12 of it."""


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """Return the temperature with the least negative log-likelihood.

    Golden-section search over the inverse temperature, in which the likelihood is convex.

    Args:
        logits: (N, 10) float32, of digits that were not trained on.
        labels: (N,) int64.

    Returns:
        The temperature, between `LOWEST` and `HIGHEST`, rounded to 6 significant digits.
    """
    ratio = (math.sqrt(5) - 1) / 2
    low, high = 1 / HIGHEST, 1 / LOWEST
    for _ in range(STEPS):
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        if negative_log_likelihood(logits, labels, 1 / left) <= negative_log_likelihood(logits, labels, 1 / right):
            high = right
        else:
            low = left
    return float(f"{2 / (low + high):.6g}")
