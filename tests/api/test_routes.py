"""The routes beside predict, and the errors of any route."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from core.checkpoint import Checkpoint
from core.model import ModelWrapper
from tests.conftest import AppFactory
from tests.contract import assert_error


def test_metadata(client: FlaskClient, checkpoint: Checkpoint) -> None:
    assert client.get("/model/metadata").json == {
        "id": "bands",
        "name": "Bands",
        "description": checkpoint.description.description,
        "type": "Image Classification",
        "source": "",
        "license": "",
        "version": checkpoint.sha512[:12],
        "architecture": "BandNet",
        "engine": "torch",
        "device": "cpu",
        "metrics": {"test_errors": 3},
    }


def test_labels(client: FlaskClient) -> None:
    labels = [{"id": digit, "name": str(digit)} for digit in range(10)]
    assert client.get("/model/labels").json == {"count": 10, "labels": labels}


def test_live(client: FlaskClient) -> None:
    answer = client.get("/health/live")
    assert (answer.status_code, answer.json) == (200, {"status": "ok"})


def test_ready_while_the_canary_is_read(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.service.can_read", lambda _wrapper: True)
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.json) == (200, {"status": "ok"})


def test_not_ready_when_the_canary_is_misread(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    answer = client.get("/health/ready")  # the hand-set network knows bands, no digits
    assert_error(answer, 503, "not_ready")
    assert answer.headers["Retry-After"] == "1"
    assert "the canary is a 3 and was read as a" in caplog.text


def test_unknown_route(client: FlaskClient) -> None:
    assert_error(client.get("/nowhere"), 404, "not_found", "'/nowhere'")


def test_wrong_method(client: FlaskClient) -> None:
    answer = client.get("/model/predict")
    assert_error(answer, 405, "method_not_allowed", "GET", "'/model/predict'")
    assert set(answer.headers["Allow"].split(", ")) == {"POST", "OPTIONS"}


def test_unforeseen_fault_tells_the_log_everything_and_the_client_nothing(
    client: FlaskClient, wrapper: ModelWrapper, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> None:
        raise KeyError("secret of the house")

    monkeypatch.setattr(wrapper.__class__, "read", fail)
    answer = client.post("/model/predict", data=b"x", content_type="image/png")
    message = assert_error(answer, 500, "internal_error")
    assert "secret" not in message
    assert "KeyError" not in message
    assert "secret of the house" in caplog.text


def test_swagger_ui_asks_no_other_host(client: FlaskClient) -> None:
    page = client.get("/").text
    assert 'url: "/swagger.json"' in page
    assert "http://" not in page.replace("http://www.w3.org/", "")
    assert "https://" not in page


def test_swagger_describes_every_route(app: Flask, client: FlaskClient) -> None:
    described = client.get("/swagger.json").json
    assert described is not None
    routes = {
        str(rule) for rule in app.url_map.iter_rules() if str(rule).startswith(("/model", "/health", "/metrics", "/v2"))
    }
    assert {route.replace("<", "{").replace(">", "}") for route in routes} == set(described["paths"])
    operations = [path.get("get") or path["post"] for path in described["paths"].values()]
    assert all(operation["summary"] for operation in operations)
    assert len({operation["operationId"] for operation in operations}) == len(operations) == len(routes)


def test_keys_guard_the_model_only(make_app: AppFactory) -> None:
    client = make_app(api_keys=("first", "second")).test_client()
    answer = client.get("/model/metadata")
    assert_error(answer, 401, "unauthorized", "X-API-Key")
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    for route in ("/health/live", "/", "/swagger.json"):
        assert client.get(route).status_code == 200
    assert_error(client.get("/nowhere"), 404, "not_found")


@pytest.mark.parametrize(
    "headers",
    [
        {"X-API-Key": "first"},
        {"X-API-Key": "second"},
        {"Authorization": "Bearer first"},
        {"Authorization": "bearer second"},
    ],
)
def test_any_key_lets_in(make_app: AppFactory, headers: dict[str, str]) -> None:
    client = make_app(api_keys=("first", "second")).test_client()
    assert client.get("/model/labels", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"X-API-Key": ""},
        {"X-API-Key": "firs"},
        {"X-API-Key": "first,second"},
        {"Authorization": "Basic Zmlyc3Q6"},
        {"X-API-Key": "\xff"},
    ],
)
def test_wrong_key(make_app: AppFactory, headers: dict[str, str]) -> None:
    client = make_app(api_keys=("first", "second")).test_client()
    assert_error(client.get("/model/labels", headers=headers), 401, "unauthorized")


def test_other_origins_are_answered_when_enabled(make_app: AppFactory) -> None:
    headers = {"Origin": "https://page.example"}
    assert "Access-Control-Allow-Origin" not in make_app().test_client().get("/model/labels", headers=headers).headers
    allowed = make_app(cors_origins=("https://page.example",)).test_client()
    answer = allowed.get("/model/labels", headers=headers)
    assert answer.headers["Access-Control-Allow-Origin"] == "https://page.example"
    other = allowed.get("/model/labels", headers={"Origin": "https://other.example"})
    assert "Access-Control-Allow-Origin" not in other.headers
