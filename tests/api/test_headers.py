"""The headers that tell a browser what it may do with an answer: of every kind of answer, pages apart."""

import re

import pytest
from flask.testing import FlaskClient
from werkzeug.datastructures import Headers

from api.headers import HEADERS, PAGE_HEADERS
from tests.conftest import AppFactory
from tests.hand_set import band_png

PNG = band_png(b3=255)
POLICY = "Content-Security-Policy"

ANSWERS = {
    "a reading": ("POST", "/model/predict", 200),
    "metadata": ("GET", "/model/metadata", 200),
    "health": ("GET", "/health/live", 200),
    "the protocol": ("GET", "/v2", 200),
    "the description": ("GET", "/swagger.json", 200),
    "a client's mistake": ("POST", "/model/predict?top_k=0", 400),
    "no such route": ("GET", "/nowhere", 404),
    "no such file of the page": ("GET", "/swaggerui/nowhere.js", 404),
    "no such method": ("DELETE", "/model/predict", 405),
    "what is allowed": ("OPTIONS", "/model/predict", 200),
}
PAGES = ("/", "/app/")
FILES = ("/swaggerui/swagger-ui-bundle.js", "/swaggerui/oauth2-redirect.html", "/app/main.js")


@pytest.mark.parametrize(("method", "path", "status"), ANSWERS.values(), ids=ANSWERS)
def test_every_answer_has_them_all_once(client: FlaskClient, method: str, path: str, status: int) -> None:
    answer = client.open(path, method=method, data=PNG, content_type="image/png")
    assert answer.status_code == status
    for name, value in HEADERS:
        assert answer.headers.getlist(name) == [value]


def test_a_fault_and_a_missing_key_have_them_too(make_app: AppFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = make_app(api_keys=("one",)).test_client().get("/model/labels")
    monkeypatch.setattr("api.labels.LABELS", None)
    fault = make_app().test_client().get("/model/labels")
    assert (refused.status_code, fault.status_code) == (401, 500)
    for answer in (refused, fault):
        assert set(HEADERS) <= set(answer.headers)


def test_answers_to_other_origins_have_them_too(make_app: AppFactory) -> None:
    client = make_app(cors_origins=("https://page.example",)).test_client()
    answer = client.get("/model/labels", headers={"Origin": "https://page.example"})
    assert answer.headers["Access-Control-Allow-Origin"] == "https://page.example"
    assert set(HEADERS) <= set(answer.headers)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_has_its_own_policy_and_what_only_a_page_needs(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers
    for name, value in [*PAGE_HEADERS.items(), *HEADERS[1:-1]]:
        assert headers.getlist(name) == [value]
    policy = directives(headers)
    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == policy["frame-ancestors"] == "'none'"
    assert "'unsafe-inline'" not in headers[POLICY]
    assert "'unsafe-eval'" not in headers[POLICY]
    assert "http" not in headers[POLICY]


@pytest.mark.parametrize("path", FILES)
def test_a_file_is_looked_for_again_and_again_protected(client: FlaskClient, path: str) -> None:
    with client.get(path) as answer:
        headers = answer.headers
    assert headers["Cache-Control"] == "no-cache"
    assert headers.getlist("X-Content-Type-Options") == ["nosniff"]
    assert directives(headers)["default-src"] == "'none'"


def test_swagger_ui_lets_in_what_is_in_its_page_by_hashes_alone(client: FlaskClient) -> None:
    policy = directives(client.get("/").headers)
    one_hash = r"'sha256-[A-Za-z0-9+/]{43}='"
    assert re.fullmatch(rf"'self' {one_hash}", policy["script-src"])
    assert re.fullmatch(rf"'self' {one_hash}", policy["style-src-elem"])
    assert re.fullmatch(rf"'unsafe-hashes' {one_hash}", policy["style-src-attr"])


def test_a_prefix_smuggles_nothing_into_swagger_ui(client: FlaskClient) -> None:
    prefix = '/"};</script><script>alert(1)</script>'
    answer = client.get("/", environ_overrides={"SCRIPT_NAME": prefix})
    assert answer.status_code == 200
    assert "alert(1)</script>" not in answer.text
    assert answer.text.count("<script") == 3


def directives(headers: Headers) -> dict[str, str]:
    return {name: sources for name, _, sources in (part.partition(" ") for part in headers[POLICY].split("; "))}
