"""What trained weights are worth: errors, loss and calibration."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from model.networks import FromPixels
from training.data import Digits

BATCH_SIZE = 1000
"""Images at once when measuring; bounds the memory, changes no result."""

CALIBRATION_BINS = 15
"""Equal-width bins of the expected calibration error, as in Guo et al., 2017."""


@torch.inference_mode()
def predict_logits(network: nn.Module, digits: Digits, mean: float, std: float, device: torch.device) -> Tensor:
    """Return the logits (N, 10) float32, on the CPU, in the order of the digits; the network is on the device."""
    from_pixels = FromPixels(network, mean, std).eval()
    return torch.cat([from_pixels(batch.to(device)).cpu() for batch in torch.split(digits.images, BATCH_SIZE)])


def count_errors(logits: Tensor, labels: Tensor) -> int:
    """Return how many digits (N, 10), (N,) are misread."""
    return int((logits.argmax(dim=1) != labels).sum())


def negative_log_likelihood(logits: Tensor, labels: Tensor, temperature: float = 1.0) -> float:
    """Return the mean cross entropy in nats, computed in float64."""
    return float(functional.cross_entropy(logits.double() / temperature, labels))


def expected_calibration_error(
    logits: Tensor, labels: Tensor, temperature: float, bins: int = CALIBRATION_BINS
) -> float:
    """Return the mean distance between confidence and accuracy, 0 to 1, over equal-width bins of the confidence.

    Source: Guo, Pleiss, Sun, Weinberger, "On Calibration of Modern Neural Networks" (ICML 2017), equation 3.

    Args:
        logits: (N, 10) float32.
        labels: (N,) int64.
        temperature: Divides the logits.
        bins: How many bins span 0..1.
    """
    confidence, predicted = functional.softmax(logits.double() / temperature, dim=1).max(dim=1)
    surplus = confidence - (predicted == labels).double()  # (N,)
    index = (confidence * bins).ceil().long().sub(1).clamp(0, bins - 1)  # bins are open below and closed above
    gaps = torch.zeros(bins, dtype=torch.float64).index_add_(0, index, surplus)
    return float(gaps.abs().sum() / len(labels))
