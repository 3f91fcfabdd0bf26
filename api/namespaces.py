"""The groups of routes, and the Swagger model of the one error shape."""

from flask_restx import Namespace, fields

MODEL = Namespace("model", description="Read digits, and know what reads them")
HEALTH = Namespace("health", description="Is the server alive, can it read")
METRICS = Namespace("metrics", description="How the server is doing, for Prometheus")
V2 = Namespace("v2", description="The Open Inference Protocol, for programs written for another model server")

ERROR = MODEL.model(
    "Error",
    {
        "status": fields.String(required=True, enum=["error"], description="Always `error`"),
        "code": fields.String(
            required=True, description="Stable name of the error, for programs", example="invalid_image"
        ),
        "message": fields.String(
            required=True,
            description="What is wrong, for people",
            example=(
                "image 1 ('notes.txt'): not a readable PNG, JPEG, BMP, GIF, WebP or TIFF picture: "
                "unknown or damaged format"
            ),
        ),
    },
)
HEALTH.models[ERROR.name] = METRICS.models[ERROR.name] = ERROR
