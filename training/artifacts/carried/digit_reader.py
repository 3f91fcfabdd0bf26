"""What MLflow asks of a model: a loader that returns something with `predict`. No code of ours is needed beside it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray


class DigitReader:
    """Canonical digits (N, 28, 28) uint8 in, calibrated probabilities (N, 10) float32 out."""

    def __init__(self, session: ort.InferenceSession) -> None:
        """Take a session of the graph."""
        self._session = session

    def predict(
        self,
        data: NDArray[np.uint8],
        params: Mapping[str, Any] | None = None,  # noqa: ARG002 - MLflow hands it on; there is nothing to set
    ) -> NDArray[np.float32]:
        """Return the probability of each label, 0 to 9, for each digit."""
        (digits,) = self._session.get_inputs()
        probabilities: NDArray[np.float32] = self._session.run(None, {digits.name: data})[0]
        return probabilities


def _load_pyfunc(path: str) -> DigitReader:
    """Return the model; `path` is the graph's, and the name of this function MLflow's."""
    return DigitReader(ort.InferenceSession(path, providers=["CPUExecutionProvider"]))
