"""The reference, max-pytorch-mnist, written down once more from its published behaviour, under gunicorn.

    gunicorn --workers 2 benchmarks.peers.reference_app:app

A flask-restx resource whose parser takes the file, Pillow's "L", torchvision's ToTensor and Normalize, the network in
eager mode, and a marshalled answer. Only the network is another one: the one that all servers here run. `ENGINE=onnx`
changes the middle alone.
"""

import io
import json
import os
from pathlib import Path
from typing import Any

import torch
from flask import Flask
from flask_restx import Api, Resource, fields
from PIL import Image
from torch import Tensor
from torchvision import transforms
from werkzeug.datastructures import FileStorage

from benchmarks.peers.digits import NAME, Logits, Reader

app = Flask(__name__)
api = Api(app, title="MAX PyTorch MNIST")
namespace = api.namespace("model", description="Model information and inference operations")

input_parser = namespace.parser()
input_parser.add_argument("image", type=FileStorage, location="files", required=True)

label_prediction = namespace.model("LabelPrediction", {"prediction": fields.Integer, "probability": fields.Float})
predict_response = namespace.model(
    "ModelPredictResponse",
    {"status": fields.String(required=True), "predictions": fields.List(fields.Nested(label_prediction))},
)


class ModelWrapper:
    """The MAX template method: pre-process, predict, post-process."""

    def __init__(self) -> None:
        self.reader = Reader()
        if os.environ["ENGINE"] == "onnx":
            self.transform, self.forward = transforms.PILToTensor(), self._onnx
            return
        description = json.loads((Path(os.environ["ASSETS_DIR"]) / f"{NAME}.json").read_text())
        self.transform = transforms.Compose(
            [transforms.ToTensor(), transforms.Normalize((description["mean"],), (description["std"],))]
        )
        self.network, self.forward = self.reader.network, self._torch

    def predict(self, data: bytes) -> dict[str, Any]:
        """Return the answer to one encoded picture."""
        image = self.transform(Image.open(io.BytesIO(data)).convert("L"))  # (1, 28, 28)
        return self.reader.answer(self.forward(image))

    def _onnx(self, image: Tensor) -> Logits:
        return self.reader.forward(image.numpy())

    def _torch(self, image: Tensor) -> Logits:
        with torch.no_grad():
            logits: Logits = self.network(image[None]).numpy()
        return logits


model_wrapper = ModelWrapper()


@namespace.route("/predict")
class ModelPredictAPI(Resource):
    """Predicts one digit."""

    @namespace.doc("predict")
    @namespace.expect(input_parser)
    @namespace.marshal_with(predict_response)
    def post(self) -> dict[str, Any]:
        """Make a prediction given input data."""
        args = input_parser.parse_args()
        return model_wrapper.predict(args["image"].read())
