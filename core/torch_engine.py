"""The engine that runs a network with PyTorch, on the CPU or a CUDA device."""

import io
from textwrap import shorten

import torch
from torch import Tensor, nn

from core.checkpoint import Checkpoint
from core.engine import Digits, Logits
from core.errors import CheckpointError, DeviceError
from model.networks import NETWORKS, FromPixels

LONGEST_REASON = 300
"""Characters of PyTorch's reason that a message repeats: it may list every layer of two networks."""


class TorchEngine:
    """Runs a network with PyTorch, on the CPU or a CUDA device."""

    name = "torch"

    def __init__(self, network: nn.Module, mean: float, std: float, device: str = "cpu") -> None:
        """Take a network with its weights, and on which device to run it; arguments are those of `FromPixels`."""
        self.device = device
        torch.backends.cudnn.allow_tf32 = False  # its 11 bits round whole numbers that are exact in float32
        self._network = FromPixels(network, mean, std).to(device).eval()

    @torch.inference_mode()
    def logits(self, digits: Digits) -> Logits:
        """Return the logits (N, 10) float32 of canonical digits (N, 28, 28) uint8."""
        logits: Logits = self._network(torch.from_numpy(digits).to(self.device)).cpu().numpy()
        return logits


def load_torch_engine(checkpoint: Checkpoint, device: str, threads: int) -> TorchEngine:
    """Build the engine; arguments and errors are those of `core.engine.load_engine`."""
    device = _choose_device(device)
    torch.set_num_threads(threads)
    description = checkpoint.description
    return TorchEngine(load_network(checkpoint), description.mean, description.std, device)


def _choose_device(device: str) -> str:
    available = torch.cuda.is_available()
    if device == "auto":
        return "cuda" if available else "cpu"
    if device == "cuda" and not available:
        raise DeviceError("DEVICE='cuda' is not usable: PyTorch finds no CUDA device here; use 'auto' or 'cpu'")
    return device


def load_network(checkpoint: Checkpoint) -> nn.Module:
    """Return the checkpoint's network with its weights, on the CPU.

    Raises:
        CheckpointError: The bytes are no state dict of the architecture that the description names.
    """
    architecture = checkpoint.description.architecture
    if architecture not in NETWORKS:
        known = ", ".join(NETWORKS)
        raise CheckpointError(f"{checkpoint.name}.json: unknown architecture {architecture!r}; known: {known}")
    network = NETWORKS[architecture]()
    try:
        network.load_state_dict(_read_state_dict(checkpoint), strict=True)
    except (RuntimeError, TypeError, AttributeError) as exc:
        raise CheckpointError(
            f"{checkpoint.name}.pt: does not fit {architecture}: {shorten(str(exc), LONGEST_REASON)}"
        ) from exc
    return network


def _read_state_dict(checkpoint: Checkpoint) -> dict[str, Tensor]:
    try:
        state_dict = torch.load(io.BytesIO(checkpoint.state_dict), map_location="cpu", weights_only=True)
    except Exception as exc:  # damaged archives raise errors of many unrelated types
        raise CheckpointError(f"{checkpoint.name}.pt: not a state dict that can be loaded safely") from exc
    if not isinstance(state_dict, dict):
        raise CheckpointError(f"{checkpoint.name}.pt: holds a {type(state_dict).__name__} instead of a state dict")
    return state_dict
