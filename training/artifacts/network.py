"""The network as artifacts hold it: from pixels to calibrated probabilities, so that its user need not know how."""

import torch
from torch import Tensor, nn

from core.checkpoint import Checkpoint
from core.torch_engine import load_network
from model.description import IMAGE_SIZE
from model.networks import FromPixels


class Calibrated(nn.Module):
    """Canonical digits (N, 28, 28) uint8 in, probabilities (N, 10) float32 out."""

    def __init__(self, network: FromPixels, temperature: float) -> None:
        """Take a network and the temperature that divides its logits."""
        super().__init__()
        self.network, self.temperature = network, temperature

    def forward(self, digits: Tensor) -> Tensor:
        """Return the probabilities."""
        return torch.softmax(self.network(digits) / self.temperature, dim=1)


def load_calibrated(checkpoint: Checkpoint) -> Calibrated:
    """Return the checkpoint's network, ready to be exported.

    Raises:
        CheckpointError: The weights are not of the network that the description names.
    """
    description = checkpoint.description
    network = FromPixels(load_network(checkpoint), description.mean, description.std)
    return Calibrated(network, description.temperature).eval()


def example() -> Tensor:
    """Return digits (2, 28, 28) uint8 to trace a network with; with a single one, exporters take N for fixed."""
    return torch.zeros(2, IMAGE_SIZE, IMAGE_SIZE, dtype=torch.uint8)
