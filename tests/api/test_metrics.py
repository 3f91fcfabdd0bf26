import io
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from api.metrics import metrics_of
from api.service import Service
from tests.conftest import AppFactory
from tests.contract import assert_error
from tests.hand_set import band_png

PNG = band_png(b3=255)

Value = Callable[..., float | None]


def samples(client: FlaskClient) -> list[Sample]:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    return [sample for family in text_string_to_metric_families(answer.text) for sample in family.samples]


@pytest.fixture
def value(client: FlaskClient) -> Value:
    """Looks up one sample by its name and labels; None if there is no such."""

    def look_up(name: str, /, **labels: str) -> float | None:
        found = [sample.value for sample in samples(client) if sample.name == name and sample.labels == labels]
        assert len(found) <= 1
        return found[0] if found else None

    return look_up


def send(client: FlaskClient, *pictures: bytes) -> None:
    for picture in pictures:
        client.post("/model/predict", data=picture, content_type="image/png")


def test_requests_are_counted_by_route_and_status(client: FlaskClient, value: Value) -> None:
    send(client, PNG, PNG, b"junk")
    client.get("/nothing")
    client.get("/also/nothing?x=1")
    client.open("/model/labels", method="BREW")
    client.get("/v2/models/bands/versions/1")
    client.get("/health/live")
    predict = {"route": "/model/predict", "method": "POST"}
    assert value("digits_requests_total", **predict, status="200") == 2
    assert value("digits_requests_total", **predict, status="400") == 1
    assert value("digits_requests_total", route="unmatched", method="GET", status="404") == 2
    assert value("digits_requests_total", route="unmatched", method="other", status="405") == 1
    versions = "/v2/models/<name>/versions/<version>"
    assert value("digits_requests_total", route=versions, method="GET", status="404") == 1
    assert value("digits_requests_total", route="/health/live", method="GET", status="200") == 1
    assert value("digits_rejected_total", code="invalid_image") == 1
    assert value("digits_rejected_total", code="not_found") == 2
    assert value("digits_rejected_total", code="unknown_model") == 1


def test_times_by_phase(client: FlaskClient, value: Value) -> None:
    send(client, PNG, b"junk")
    counts = [value("digits_phase_seconds_count", phase=phase) for phase in ("queue", "decode", "infer", "respond")]
    assert counts == [2, 2, 1, 2]
    assert value("digits_phase_seconds_bucket", phase="infer", le="+Inf") == 1
    total = value("digits_request_seconds_sum", route="/model/predict")
    parts = [value("digits_phase_seconds_sum", phase=phase) for phase in ("queue", "decode", "infer", "respond")]
    assert sum(part or 0 for part in parts) == pytest.approx(total)
    assert value("digits_request_seconds_count", route="/health/live") is None


def test_pictures_and_what_was_read(client: FlaskClient, value: Value) -> None:
    send(client, PNG, b"junk")
    client.post("/model/predict", data={"image": [(open_png(), "a.png"), (open_png(), "b.png")]})
    assert value("digits_images_total") == 4
    assert value("digits_prediction_probability_count", label="3") == 3
    assert value("digits_prediction_probability_bucket", label="3", le="+Inf") == 3
    assert value("digits_prediction_probability_count", label="0") == 0
    mean = (value("digits_prediction_probability_sum", label="3") or 0) / 3
    assert 0.1 < mean <= 1


def open_png() -> io.BytesIO:

    return io.BytesIO(PNG)


def test_what_is_served(client: FlaskClient, value: Value) -> None:
    metadata = client.get("/model/metadata").json
    assert metadata is not None
    facts = {name: metadata[name] for name in ("version", "engine", "device")}
    assert value("digits_model_info", name="bands", **facts) == 1
    (build,) = [sample for sample in samples(client) if sample.name == "digits_build_info"]
    assert (build.labels["version"], build.value) == ("0", 1)
    assert value("digits_workers") == 1
    metrics_of(client.application).close()
    assert value("digits_workers") == 0


def test_what_is_in_hand(client: FlaskClient, value: Value) -> None:
    seen: list[float | None] = []
    client.application.before_request(lambda: seen.append(_in_flight(client)))
    send(client, PNG, b"junk")
    assert seen == [1]  # the express lane answers the other
    assert value("digits_in_flight_requests") == 0


def _in_flight(client: FlaskClient) -> float | None:
    return metrics_of(client.application)._registry.get_sample_value("digits_in_flight_requests")


def test_what_was_refused(make_app: AppFactory) -> None:
    client = make_app(max_wait_s=0.01).test_client()
    service: Service = client.application.extensions["digit-service"]
    with service.gate.turn(), service.gate.turn():
        send(client, b"junk")
        client.get("/health/ready")
    found = [(sample.labels, sample.value) for sample in samples(client) if sample.name == "digits_shed_total"]
    assert found == [({"reason": "overloaded"}, 1)]


def test_what_never_reached_the_application(client: FlaskClient, value: Value) -> None:
    metrics_of(client.application).refuse(408, "request_timeout")
    assert value("digits_requests_total", route="unmatched", method="other", status="408") == 1
    assert value("digits_rejected_total", code="request_timeout") == 1


def test_the_metrics_are_open_unless_told_otherwise(make_app: AppFactory) -> None:
    assert make_app(api_keys=("key",)).test_client().get("/metrics").status_code == 200
    guarded = make_app(api_keys=("key",), metrics_open=False).test_client()
    assert_error(guarded.get("/metrics"), 401, "unauthorized")
    assert guarded.get("/metrics", headers={"Authorization": "Bearer key"}).status_code == 200
    assert guarded.get("/health/live").status_code == 200
    assert make_app(metrics_open=False).test_client().get("/metrics").status_code == 200


def test_metrics_that_cannot_be_read(make_app: AppFactory) -> None:
    client = make_app(metrics_folder="/nowhere").test_client()
    assert_error(client.get("/metrics"), 503, "not_ready")


def test_the_labels_are_few_whatever_clients_send(client: FlaskClient) -> None:
    before = len(samples(client))
    for number in range(50):
        client.get(f"/nothing/{number}")
        client.get(f"/v2/models/m{number}")
        client.open("/model/predict", method=f"M{number}")
        client.get("/model/labels", headers={"X-Request-ID": str(number)})
    assert len(samples(client)) - before < 150
