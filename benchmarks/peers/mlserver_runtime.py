"""MLServer: https://mlserver.readthedocs.io/en/latest/user-guide/custom.html, a custom runtime.

    mlserver start FOLDER    # which holds settings.json and model-settings.json

MLServer speaks the Open Inference Protocol and takes no multipart upload: the picture travels as base64 in JSON.
"""

import numpy as np
from mlserver import MLModel
from mlserver.codecs import Base64Codec, NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse

from benchmarks.peers.digits import Reader


class DigitRuntime(MLModel):
    """One worker with a network of its own."""

    async def load(self) -> bool:
        """Load the network."""
        self.reader = Reader()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Read the digit in the input `image`."""
        picture = Base64Codec.decode_input(payload.inputs[0])[0]
        best = self.reader.read(picture)["predictions"][0]
        return InferenceResponse(
            model_name=self.name,
            outputs=[
                NumpyCodec.encode_output("prediction", np.array([best["prediction"]])),
                NumpyCodec.encode_output("probability", np.array([best["probability"]])),
            ],
        )
