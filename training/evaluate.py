"""What trained weights are worth: errors, loss and calibration."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.data import Digits

BATCH_SIZE = 1000
"""Images at once when measuring; bounds the memory, changes no result."""

CALIBRATION_BINS = 15
"""Equal-width bins of the expected calibration error, as in Guo et al., 2017."""


def normalise(images: Tensor, mean: float, std: float) -> Tensor:
    """Return pixels (N, 28, 28) uint8 or (N, 1, 28, 28) float32 in 0..1 as network input (N, 1, 28, 28) float32."""
    scaled = images.unsqueeze(1) / 255 if images.dtype == torch.uint8 else images
    return (scaled - mean) / std


@torch.inference_mode()
def predict_logits(network: nn.Module, digits: Digits, mean: float, std: float, device: torch.device) -> Tensor:
    """Return the logits (N, 10) float32, on the CPU, in the order of the digits."""
    network.eval()
    batches = torch.split(digits.images, BATCH_SIZE)
    return torch.cat([network(normalise(batch.to(device), mean, std)).float().cpu() for batch in batches])


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
