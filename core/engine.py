"""What runs the network: canonical digits in, logits out.

The engine's library is imported when the engine is loaded and not before, so that the process that forks the server's
workers stays small, and a worker pays only for the engine that it uses.
"""

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.checkpoint import Checkpoint
from core.errors import DeviceError

Digits = NDArray[np.uint8]
"""Canonical digits (N, 28, 28), light ink on black."""

Logits = NDArray[np.float32]
"""Logits (N, 10)."""


NVIDIA_DRIVER = Path("/proc/driver/nvidia/version")
"""There while NVIDIA's kernel driver is loaded, in containers that were given a GPU too."""


class Engine(Protocol):
    """Runs one network on one device."""

    name: str
    device: str

    def logits(self, digits: Digits) -> Logits:
        """Return the logits (N, 10) float32 of canonical digits (N, 28, 28) uint8."""
        ...


def load_engine(checkpoint: Checkpoint, device: str = "auto", threads: int = 1, engine: str = "auto") -> Engine:
    """Build the engine that serves a checkpoint.

    Args:
        checkpoint: Verified weights.
        device: "cpu", "cuda", or "auto" for the GPU if there is one.
        threads: Threads that one inference may use. One by default: the processes of a server already use every CPU,
            and more threads than CPUs collapse its throughput.
        engine: "torch", "onnx", or "auto": PyTorch on a GPU, else ONNX Runtime, else PyTorch where the checkpoint has
            no graph.

    Raises:
        CheckpointError: The bytes are no state dict of the architecture that the description names, or the graph is
            missing or was exported from other weights.
        DeviceError: "cuda" on a machine without it, or with an engine that runs on the CPU.
    """
    if engine == "onnx" and device == "cuda":
        raise DeviceError("ENGINE='onnx' runs on the CPU, DEVICE='cuda' does not: use ENGINE='torch' or DEVICE='cpu'")
    if engine == "onnx" or (engine == "auto" and checkpoint.graph is not None and not _has_gpu(device)):
        from core.onnx_engine import load_onnx_engine

        return load_onnx_engine(checkpoint, threads)
    from core.torch_engine import load_torch_engine

    return load_torch_engine(checkpoint, device, threads)


def _has_gpu(device: str) -> bool:
    """Tell whether PyTorch shall run on a GPU; it is asked only where an NVIDIA driver is, as importing it is slow."""
    if device != "auto":
        return device == "cuda"
    if not NVIDIA_DRIVER.exists():
        return False
    import torch

    return torch.cuda.is_available()
