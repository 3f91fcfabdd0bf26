"""What every peer serves: one picture -> one digit, by the same network after the same preparation.

`ENGINE` is "torch" (eager, as the frameworks' own documentation has it) or "onnx" (the exported graph, to compare
nothing but the servers); `ASSETS_DIR` is the folder of the weights. One thread in either, as two processes share two
CPUs.
"""

import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 28
NAME = "digit-net"

Pixels = NDArray[np.uint8]
Logits = NDArray[np.float32]
Forward = Callable[[Pixels], Logits]


class Reader:
    """Reads one digit a call.

    Attributes:
        network: The PyTorch network, with which `forward` works unless `ENGINE` is "onnx"; then None.
        forward: Takes pixels (1, 28, 28) uint8, returns logits (1, 10).
    """

    def __init__(self) -> None:
        assets = Path(os.environ["ASSETS_DIR"])
        description = json.loads((assets / f"{NAME}.json").read_text())
        self.temperature = float(description["temperature"])
        self.network: Any = None
        if os.environ["ENGINE"] == "onnx":
            self.forward = _onnx(assets)
        else:
            self.network = _load_network(assets, description["architecture"])
            self.forward = _torch(self.network, description["mean"], description["std"])

    def read(self, data: bytes) -> dict[str, Any]:
        """Return the answer to one encoded picture."""
        return self.answer(self.forward(decode(data)))

    def answer(self, logits: Logits) -> dict[str, Any]:
        """Return the answer for logits (1, 10)."""
        powers = np.exp((logits[0] - logits[0].max()) / self.temperature)
        best = int(powers.argmax())
        return {
            "status": "ok",
            "predictions": [{"prediction": best, "probability": float(powers[best] / powers.sum())}],
        }


def decode(data: bytes) -> Pixels:
    """Return the pixels (1, 28, 28) uint8 of an encoded picture."""
    image = Image.open(io.BytesIO(data)).convert("L")
    if image.size != (SIDE, SIDE):
        image = image.resize((SIDE, SIDE))
    return np.array(image, np.uint8)[None]


def _load_network(assets: Path, architecture: str) -> Any:
    import torch

    from model.networks import NETWORKS

    torch.set_num_threads(1)
    network = NETWORKS[architecture]()
    network.load_state_dict(torch.load(assets / f"{NAME}.pt", map_location="cpu", weights_only=True))
    return network.eval()


def _torch(network: Any, mean: float, std: float) -> Forward:
    import torch

    @torch.inference_mode()
    def forward(pixels: Pixels) -> Logits:
        images = (torch.from_numpy(pixels)[:, None].float() / 255 - mean) / std  # (1, 1, 28, 28)
        logits: Logits = network(images).numpy()
        return logits

    return forward


def _onnx(assets: Path) -> Forward:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(assets / f"{NAME}.onnx", options, providers=["CPUExecutionProvider"])

    def forward(pixels: Pixels) -> Logits:
        logits: Logits = session.run(None, {"digits": pixels})[0]
        return logits

    return forward
