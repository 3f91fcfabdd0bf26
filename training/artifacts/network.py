"""The network as artifacts hold it: from pixels to calibrated probabilities, so that its user need not know how."""

import torch
from torch import Tensor

from core.checkpoint import Checkpoint
from core.torch_engine import load_network
from model.description import IMAGE_SIZE
from model.networks import Calibrated, FromPixels


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
