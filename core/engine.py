"""What runs the network: canonical digits in, logits out.

The engine's library is imported when the engine is loaded and not before, so that the process that forks the server's
workers stays small, and a worker pays only for the engine that it uses.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.checkpoint import Checkpoint

Digits = NDArray[np.uint8]
"""Canonical digits (N, 28, 28), light ink on black."""

Logits = NDArray[np.float32]
"""Logits (N, 10)."""


class Engine(Protocol):
    """Runs one network on one device."""

    name: str
    device: str

    def logits(self, digits: Digits) -> Logits:
        """Return the logits (N, 10) float32 of canonical digits (N, 28, 28) uint8."""
        ...


def load_engine(checkpoint: Checkpoint, device: str = "auto", threads: int = 1) -> Engine:
    """Build the engine that serves a checkpoint.

    Args:
        checkpoint: Verified weights.
        device: "cpu", "cuda", or "auto" for the GPU if there is one.
        threads: Threads that one inference may use. One by default: the processes of a server already use every CPU,
            and more threads than CPUs collapse its throughput.

    Raises:
        CheckpointError: The bytes are no state dict of the architecture that the description names.
        DeviceError: "cuda" on a machine without it.
    """
    from core.torch_engine import load_torch_engine

    return load_torch_engine(checkpoint, device, threads)
