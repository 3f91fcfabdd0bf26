"""`GET /health/live` and `GET /health/ready`: for orchestrators and load balancers."""

from flask_restx import Resource, fields

from api.namespaces import ERROR, HEALTH
from api.service import current_service

HEALTH_RESPONSE = HEALTH.model(
    "Health", {"status": fields.String(required=True, description="`ok` while all is well", example="ok")}
)


@HEALTH.route("/live")
class HealthLiveAPI(Resource):
    """Whether the process answers at all; costs next to nothing."""

    @HEALTH.doc("get_live")
    @HEALTH.response(200, "The process answers", HEALTH_RESPONSE)
    def get(self) -> dict[str, str]:
        """Tell whether the server is alive."""
        return {"status": "ok"}


@HEALTH.route("/ready")
class HealthReadyAPI(Resource):
    """Whether the server reads a picture of a known digit rightly now."""

    @HEALTH.doc("get_ready")
    @HEALTH.response(200, "The server reads digits", HEALTH_RESPONSE)
    @HEALTH.response(503, "`not_ready`: it cannot", ERROR)
    def get(self) -> dict[str, str]:
        """Tell whether the server can read a digit now."""
        current_service().check_ready()
        return {"status": "ok"}
