"""`GET /model/labels`: the classes that a prediction's number stands for."""

from typing import Any

from flask_restx import Resource, fields

from api.namespaces import MODEL
from model.description import LABELS

LABEL = MODEL.model(
    "Label",
    {
        "id": fields.Integer(
            required=True, min=0, max=len(LABELS) - 1, description="What `prediction` holds", example=0
        ),
        "name": fields.String(required=True, description="The digit", example="0"),
    },
)
LABELS_RESPONSE = MODEL.model(
    "LabelsResponse",
    {
        "count": fields.Integer(required=True, description="Number of labels", example=len(LABELS)),
        "labels": fields.List(fields.Nested(LABEL), required=True),
    },
)


@MODEL.route("/labels")
class ModelLabelsAPI(Resource):
    """The classes that the model tells apart."""

    @MODEL.doc("get_labels")
    @MODEL.response(200, "The labels", LABELS_RESPONSE)
    def get(self) -> dict[str, Any]:
        """List the labels that the model can predict."""
        return {"count": len(LABELS), "labels": [{"id": id_, "name": name} for id_, name in enumerate(LABELS)]}
