"""LitServe: https://lightning.ai/docs/litserve/features/request-response-format and .../features/performance.

python benchmarks/peers/litserve_app.py PORT
"""

import sys
from typing import Any

import litserve as ls
from fastapi import Request

from benchmarks.peers.digits import Logits, Pixels, Reader, decode


class DigitAPI(ls.LitAPI):
    """One worker with a network of its own."""

    def setup(self, device: str) -> None:  # noqa: ARG002  LitServe's signature
        """Load the network."""
        self.reader = Reader()

    def decode_request(self, request: Request) -> Pixels:
        """Decode the field `image`."""
        return decode(request["image"].file.read())  # the form that LitServe has parsed

    def predict(self, x: Pixels) -> Logits:
        """Run the network."""
        return self.reader.forward(x)

    def encode_response(self, output: Logits) -> dict[str, Any]:
        """Return the answer."""
        return self.reader.answer(output)


if __name__ == "__main__":
    server = ls.LitServer(DigitAPI(), accelerator="cpu", workers_per_device=2, fast_queue=True)
    server.run(host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", generate_client_file=False)
