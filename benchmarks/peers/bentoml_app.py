"""BentoML: https://docs.bentoml.com/en/latest/build-with-bentoml/iotypes.html#images.

bentoml serve benchmarks.peers.bentoml_app:Digits
"""

from pathlib import Path
from typing import Any

import bentoml

from benchmarks.peers.digits import Reader


@bentoml.service(workers=2, logging={"access": {"enabled": False}})
class Digits:
    """One worker with a network of its own."""

    def __init__(self) -> None:
        self.reader = Reader()

    @bentoml.api
    def predict(self, image: Path) -> dict[str, Any]:
        """Read the digit in the field `image`."""
        return self.reader.read(image.read_bytes())
