"""`GET /model/metadata`: what model this is, in MAX's six fields and what tells two deployments apart."""

from typing import Any

from flask_restx import Resource, fields

from api.namespaces import MODEL
from api.service import current_service

MODEL_TYPE = "Image Classification"

METADATA_RESPONSE = MODEL.model(
    "ModelMetadata",
    {
        "id": fields.String(required=True, description="Name of the checkpoint served", example="digit-net"),
        "name": fields.String(required=True, description="Name of the model"),
        "description": fields.String(required=True, description="What it does"),
        "type": fields.String(required=True, description="Kind of model", example=MODEL_TYPE),
        "source": fields.String(required=True, description="Where it comes from"),
        "license": fields.String(required=True, description="Licence of the weights", example="Apache-2.0"),
        "version": fields.String(required=True, description="First 12 hexadecimal digits of the weights' SHA-512"),
        "architecture": fields.String(required=True, description="Name of the network", example="QuantisedDigitNet"),
        "engine": fields.String(required=True, description="What runs it", example="onnx"),
        "device": fields.String(required=True, description="Where it runs", example="cpu"),
        "metrics": fields.Raw(required=True, description="Figures measured when it was trained"),
    },
)


@MODEL.route("/metadata")
class ModelMetadataAPI(Resource):
    """The model behind the service."""

    @MODEL.doc("get_metadata")
    @MODEL.response(200, "The metadata", METADATA_RESPONSE)
    def get(self) -> dict[str, Any]:
        """Describe the model that is being served."""
        service = current_service()
        checkpoint, engine = service.checkpoint, service.wrapper.engine
        description = checkpoint.description
        return {
            "id": checkpoint.name,
            "name": description.name,
            "description": description.description,
            "type": MODEL_TYPE,
            "source": description.source,
            "license": description.license,
            "version": checkpoint.version,
            "architecture": description.architecture,
            "engine": engine.name,
            "device": engine.device,
            "metrics": description.metrics,
        }
