"""`/v2`: the Open Inference Protocol over HTTP, so that clients of KServe, Triton and others work unchanged.

Canonical digits in, labels and probabilities out; `api/tensors.py` has their form. Errors have the protocol's shape,
`{"error": "..."}`.
"""

from typing import Any

from flask import Response, request
from flask_restx import Resource, fields

from api.namespaces import V2
from api.service import Service, current_service
from api.tensors import INPUT, LABEL, LONGEST_ID, PROBABILITIES, read_request, write_answer
from api.uploads import read_body
from core.errors import InvalidTensor, UnknownModel
from model.description import IMAGE_SIZE, LABELS

EXTENSIONS = ["binary_tensor_data", "classification"]
JSON_BYTES_HEADER = "Inference-Header-Content-Length"
PLATFORMS = {"onnx": "onnxruntime_onnx", "torch": "pytorch_state_dict"}

VERSION = {"params": {"version": "Of the model: the first 12 hexadecimal digits of its weights' SHA-512"}}

PROTOCOL_ERROR = V2.model(
    "ProtocolError", {"error": fields.String(required=True, description="What is wrong, for people")}
)
SERVER_METADATA = V2.model(
    "ServerMetadata",
    {
        "name": fields.String(required=True, description="Name of the service"),
        "version": fields.String(required=True, description="Version of the service", example="1.0.0"),
        "extensions": fields.List(fields.String(example="binary_tensor_data"), required=True),
    },
)
LIVE = V2.model("Live", {"live": fields.Boolean(required=True, description="Always true", example=True)})
READY = V2.model("Ready", {"ready": fields.Boolean(required=True, description="Always true", example=True)})
MODEL_READY = V2.inherit("ModelReady", READY, {"name": fields.String(required=True, example="digit-net")})
INPUTS = [{"name": INPUT, "datatype": "UINT8", "shape": [-1, IMAGE_SIZE, IMAGE_SIZE]}]
OUTPUTS = [
    {"name": LABEL, "datatype": "INT64", "shape": [-1]},
    {"name": PROBABILITIES, "datatype": "FP32", "shape": [-1, len(LABELS)]},
]
TENSOR_METADATA = V2.model(
    "TensorMetadata",
    {
        "name": fields.String(required=True, description="What requests and answers call it"),
        "datatype": fields.String(required=True, description="UINT8, FP32 or INT64"),
        "shape": fields.List(fields.Integer, required=True, description="-1 is any number"),
    },
)
MODEL_METADATA = V2.model(
    "ProtocolModelMetadata",
    {
        "name": fields.String(required=True, description="Name of the checkpoint served", example="digit-net"),
        "versions": fields.List(fields.String, required=True, description="The one that is served"),
        "platform": fields.String(required=True, description="What runs it", example=PLATFORMS["onnx"]),
        "inputs": fields.List(
            fields.Nested(TENSOR_METADATA), required=True, description="What it takes", example=INPUTS
        ),
        "outputs": fields.List(
            fields.Nested(TENSOR_METADATA), required=True, description="What it gives", example=OUTPUTS
        ),
    },
)
EXAMPLE = [255 * (4 <= y < 24 and 12 <= x < 16) for y in range(IMAGE_SIZE) for x in range(IMAGE_SIZE)]
"""A one, of which Swagger UI makes a request that works."""

PARAMETERS = fields.Raw(description="Of the protocol and its extensions", example={})
REQUEST_TENSOR = V2.model(
    "RequestTensor",
    {
        "name": fields.String(required=True, enum=[INPUT], example=INPUT),
        "datatype": fields.String(required=True, enum=["UINT8", "FP32"], description="FP32 runs from 0 to 1"),
        "shape": fields.List(
            fields.Integer,
            required=True,
            min_items=3,
            max_items=4,
            description="[N, 28, 28] or [N, 1, 28, 28]",
            example=[1, IMAGE_SIZE, IMAGE_SIZE],
        ),
        "data": fields.List(fields.Float, description="Flat or nested; light ink on black", example=EXAMPLE),
        "parameters": PARAMETERS,
    },
)
REQUESTED_OUTPUT = V2.model(
    "RequestedOutput",
    {
        "name": fields.String(required=True, enum=[LABEL, PROBABILITIES], example=LABEL),
        "parameters": PARAMETERS,
    },
)
REQUEST = V2.model(
    "InferenceRequest",
    {
        "id": fields.String(max_length=LONGEST_ID, description="Repeated in the answer", example="1"),
        "inputs": fields.List(fields.Nested(REQUEST_TENSOR), required=True, min_items=1, max_items=1),
        "outputs": fields.List(fields.Nested(REQUESTED_OUTPUT), max_items=2, description="By default both"),
        "parameters": PARAMETERS,
    },
)
RESPONSE_TENSOR = V2.model(
    "ResponseTensor",
    {
        "name": fields.String(required=True, example=LABEL),
        "datatype": fields.String(required=True, example="INT64"),
        "shape": fields.List(fields.Integer, required=True, example=[1]),
        "data": fields.List(
            fields.Float, description="Flat; texts for a classification; absent where binary data follow", example=[7]
        ),
        "parameters": PARAMETERS,
    },
)
RESPONSE = V2.model(
    "InferenceResponse",
    {
        "model_name": fields.String(required=True, example="digit-net"),
        "model_version": fields.String(required=True, description="The one that answered"),
        "id": fields.String(description="That of the request", example="1"),
        "outputs": fields.List(fields.Nested(RESPONSE_TENSOR), required=True),
    },
)


@V2.route("")
class ServerMetadataAPI(Resource):
    """The server."""

    @V2.doc("get_server_metadata")
    @V2.response(200, "The server's name and what it can do", SERVER_METADATA)
    def get(self) -> dict[str, Any]:
        """Describe the server."""
        return {"name": self.api.title, "version": self.api.version, "extensions": EXTENSIONS}


@V2.route("/health/live")
class ServerLiveAPI(Resource):
    """Whether the process answers at all."""

    @V2.doc("get_server_live")
    @V2.response(200, "The process answers", LIVE)
    def get(self) -> dict[str, bool]:
        """Tell whether the server is alive."""
        return {"live": True}


@V2.route("/health/ready")
class ServerReadyAPI(Resource):
    """Whether the server reads a picture of a known digit rightly now."""

    @V2.doc("get_server_ready")
    @V2.response(200, "The server reads digits", READY)
    @V2.response(503, "It cannot", PROTOCOL_ERROR)
    def get(self) -> dict[str, bool]:
        """Tell whether the server can read a digit now."""
        current_service().check_ready()
        return {"ready": True}


@V2.route("/models/<name>/versions/<version>", doc=VERSION)
@V2.route("/models/<name>")
@V2.param("name", "Of the model, as `/model/metadata` has it in `id`")
@V2.response(404, "Another model or version is served", PROTOCOL_ERROR)
class ProtocolModelAPI(Resource):
    """The model."""

    @V2.doc("get_model_metadata")
    @V2.response(200, "Its tensors", MODEL_METADATA)
    def get(self, name: str, version: str | None = None) -> dict[str, Any]:
        """Describe the model's inputs and outputs."""
        service = _service_of(name, version)
        return {
            "name": service.checkpoint.name,
            "versions": [service.checkpoint.version],
            "platform": PLATFORMS[service.wrapper.engine.name],
            "inputs": INPUTS,
            "outputs": OUTPUTS,
        }


@V2.route("/models/<name>/versions/<version>/ready", doc=VERSION)
@V2.route("/models/<name>/ready")
@V2.param("name", "Of the model")
@V2.response(404, "Another model or version is served", PROTOCOL_ERROR)
class ProtocolModelReadyAPI(Resource):
    """Whether the model reads a picture of a known digit rightly now."""

    @V2.doc("get_model_ready")
    @V2.response(200, "The model reads digits", MODEL_READY)
    @V2.response(503, "It cannot", PROTOCOL_ERROR)
    def get(self, name: str, version: str | None = None) -> dict[str, Any]:
        """Tell whether the model can read a digit now."""
        _service_of(name, version).check_ready()
        return {"name": name, "ready": True}


@V2.route("/models/<name>/versions/<version>/infer", doc=VERSION)
@V2.route("/models/<name>/infer")
@V2.param("name", "Of the model")
class ProtocolInferAPI(Resource):
    """Canonical digits to labels and probabilities."""

    @V2.doc("infer")
    @V2.expect(REQUEST)
    @V2.response(200, "What was read", RESPONSE)
    @V2.response(400, "Not of the protocol's form", PROTOCOL_ERROR)
    @V2.response(401, "A key is needed", PROTOCOL_ERROR)
    @V2.response(404, "Another model or version is served", PROTOCOL_ERROR)
    @V2.response(413, "Too large, or too many digits", PROTOCOL_ERROR)
    @V2.response(500, "A fault of the server", PROTOCOL_ERROR)
    @V2.response(503, "Overloaded, with `Retry-After`", PROTOCOL_ERROR)
    def post(self, name: str, version: str | None = None) -> Response:
        """Read canonical digits.

        Digits are 28x28 pixels in MNIST's form, as `explain=true` shows them at `/model/predict`. Data may be JSON, or
        binary after the JSON, whose size then stands in the header `Inference-Header-Content-Length`.
        """
        service = _service_of(name, version)
        body = read_body(request)
        asked, digits = read_request(body, _json_bytes(), service.max_images)
        probabilities = service.probabilities(digits)
        answer = write_answer(asked, service.checkpoint.name, service.checkpoint.version, probabilities)
        if answer.json_bytes is None:
            return Response(answer.body, mimetype="application/json")
        headers = {JSON_BYTES_HEADER: str(answer.json_bytes)}
        return Response(answer.body, headers=headers, mimetype="application/octet-stream")


def _service_of(name: str, version: str | None) -> Service:
    """Return the service if it is that of this model.

    Raises:
        UnknownModel: Another model, or another version of it, is served.
    """
    service = current_service()
    served = service.checkpoint
    if name != served.name:
        raise UnknownModel(f"there is no model {name[:80]!r}; '{served.name}' is served")
    if version not in (None, served.version):
        raise UnknownModel(f"there is no version {version[:80]!r} of '{name}'; '{served.version}' is served")
    return service


def _json_bytes() -> int | None:
    """Return the size of the request's JSON if the client gave it."""
    text = request.headers.get(JSON_BYTES_HEADER)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise InvalidTensor(f"{JSON_BYTES_HEADER}: {text[:80]!r} is no number of bytes")
    return int(text)
