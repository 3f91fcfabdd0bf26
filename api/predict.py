"""`POST /model/predict`: pictures in, digits and probabilities out."""

import base64
import json
from collections.abc import Iterable
from typing import Any

from flask import Response, request
from flask_restx import Resource, fields
from flask_restx.inputs import int_range
from werkzeug.datastructures import FileStorage

from api.namespaces import ERROR, MODEL
from api.service import current_service
from api.uploads import read_pictures
from core.errors import InvalidParameter
from core.image import encode_png
from core.model import Prediction, Reading
from model.description import LABELS

PREDICT_PATH = f"{MODEL.path}/predict"
PROBABILITY_DECIMALS = 6

PREDICTION_FIELDS = {
    "prediction": fields.Integer(required=True, min=0, max=len(LABELS) - 1, description="The digit", example=7),
    "probability": fields.Float(
        required=True, min=0, max=1, description="Calibrated probability that it is", example=0.9999
    ),
}
PREDICTION = MODEL.model("Prediction", PREDICTION_FIELDS)
IMAGE_PREDICTION = MODEL.model(
    "ImagePrediction",
    PREDICTION_FIELDS
    | {
        "top_k": fields.List(
            fields.Nested(PREDICTION), description="With `top_k` above 1: that many, most probable first"
        ),
        "seen": fields.String(description="With `explain`: the 28x28 PNG that the network saw, as a data URI"),
        "adjustments": fields.List(
            fields.String(example="inverted"), description="With `explain`: what was done to the picture, in order"
        ),
    },
)
PREDICT_RESPONSE = MODEL.model(
    "PredictResponse",
    {
        "status": fields.String(required=True, enum=["ok"], description="Always `ok`"),
        "predictions": fields.List(
            fields.Nested(IMAGE_PREDICTION, skip_none=True),
            required=True,
            description="One entry an image, in the order sent",
        ),
    },
)

PARAMETERS = MODEL.parser()
"""Describes the request to Swagger; the values are read by our own functions, which answer with our own errors."""
PARAMETERS.add_argument(
    "image", type=FileStorage, location="files", required=True, help="A picture of one digit; repeat the field for more"
)
PARAMETERS.add_argument(
    "top_k",
    type=int_range(1, len(LABELS)),
    location="args",
    default=1,
    help=f"Predictions for each image, 1 to {len(LABELS)}",
)
PARAMETERS.add_argument(
    "explain", type=str, choices=("false", "true"), location="args", default="false", help="Show what the network saw"
)


@MODEL.route(PREDICT_PATH.removeprefix(MODEL.path))
class ModelPredictAPI(Resource):
    """Handwritten digits in pictures."""

    @MODEL.doc("predict")
    @MODEL.expect(PARAMETERS)
    @MODEL.response(200, "What was read", PREDICT_RESPONSE)
    @MODEL.response(400, "`missing_image`, `invalid_image` or `invalid_parameter`", ERROR)
    @MODEL.response(401, "`unauthorized`", ERROR)
    @MODEL.response(413, "`body_too_large`, `image_too_large` or `too_many_images`", ERROR)
    @MODEL.response(415, "`unsupported_media_type`", ERROR)
    @MODEL.response(422, "`no_ink`: a blank image", ERROR)
    @MODEL.response(500, "`internal_error`", ERROR)
    @MODEL.response(503, "`overloaded` or `not_ready`, with `Retry-After`", ERROR)
    def post(self) -> Response:
        """Read the digit in each picture.

        Send pictures of any size, colour and polarity as multipart fields named `image` (or `file`), or one picture as
        a raw body of an `image/*` type.
        """
        top_k, explain = _read_top_k(), _read_explain()
        service = current_service()
        readings = service.read(read_pictures(request, service.max_images), top_k)
        # flask-restx hands a finished response on, and does not look for a representation of it first
        return Response(write_answer(readings, top_k, explain), mimetype="application/json")


def write_answer(readings: Iterable[Reading], top_k: int = 1, explain: bool = False) -> bytes:
    """Return the body of the answer: JSON in one line."""
    entries = [_entry(reading, top_k, explain) for reading in readings]
    return json.dumps({"status": "ok", "predictions": entries}, separators=(",", ":")).encode() + b"\n"


def _entry(reading: Reading, top_k: int, explain: bool) -> dict[str, Any]:
    predictions = [_pair(prediction) for prediction in reading.predictions]
    entry: dict[str, Any] = dict(predictions[0])
    if top_k > 1:
        entry["top_k"] = predictions
    if explain:
        entry["seen"] = "data:image/png;base64," + base64.b64encode(encode_png(reading.digit.pixels)).decode("ascii")
        entry["adjustments"] = list(reading.digit.adjustments)
    return entry


def _pair(prediction: Prediction) -> dict[str, Any]:
    return {"prediction": prediction.label_id, "probability": round(prediction.probability, PROBABILITY_DECIMALS)}


def _read_top_k() -> int:
    text = _read_parameter("top_k", "1")
    expected = f"top_k={text[:80]!r} is not usable: expected a whole number from 1 to {len(LABELS)}"
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(len(LABELS)))):
        raise InvalidParameter(expected)
    if not 1 <= int(text) <= len(LABELS):
        raise InvalidParameter(expected)
    return int(text)


def _read_explain() -> bool:
    text = _read_parameter("explain", "false")
    if text not in ("true", "false"):
        raise InvalidParameter(f"explain={text[:80]!r} is not usable: expected true or false")
    return text == "true"


def _read_parameter(name: str, default: str) -> str:
    values = request.args.getlist(name)
    if len(values) > 1:
        raise InvalidParameter(f"{name} is given {len(values)} times; give it once")
    return values[0] if values else default
