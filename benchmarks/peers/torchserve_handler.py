"""TorchServe: https://pytorch.org/serve/custom_service.html, a module-level entry point with `initialize` inside.

torch-model-archiver --model-name digits --version 1.0 --handler benchmarks/peers/torchserve_handler.py ...
torchserve --start --foreground --model-store FOLDER --models digits=digits.mar
"""

from typing import Any

from ts.torch_handler.base_handler import BaseHandler

from benchmarks.peers.digits import Reader


class DigitHandler(BaseHandler):
    """One worker with a network of its own."""

    def initialize(self, context: Any) -> None:
        """Load the network."""
        self.manifest = context.manifest
        self.reader = Reader()
        self.initialized = True

    def handle(self, data: list[dict[str, bytes]], context: Any) -> list[dict[str, Any]]:  # noqa: ARG002  TorchServe's
        """Read the field `image` of each request that TorchServe has put together."""
        return [self.reader.read(bytes(row["image"])) for row in data]
