"""Swagger UI in a real browser: it loads without any outside host, and its "Try it out" reads a digit."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from PIL import Image
from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.e2e, pytest.mark.one_engine]

SAMPLES = Path(__file__).parents[2] / "samples"


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    """Swagger UI, open; fails the test on a console error or a request to another host."""
    page = browser.new_page(viewport={"width": 1280, "height": 1600})
    errors: list[str] = []
    hosts: set[str | None] = set()
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: hosts.add(urlsplit(request.url).hostname))
    page.goto(url)
    yield page
    page.close()
    assert not errors
    assert hosts - {"", None} == {urlsplit(url).hostname}  # data: URIs have no host


def test_every_route_is_shown(page: Page) -> None:
    page.wait_for_selector(".opblock")
    shown = page.locator(".opblock-summary-path").all_inner_texts()
    plain = sorted(path.replace("\u200b", "") for path in shown)
    assert plain == sorted(requests.get(f"{page.url}swagger.json", timeout=30).json()["paths"])
    assert "/model/predict" in plain


@pytest.fixture(scope="module")
def description(url: str) -> Any:
    return requests.get(f"{url}/swagger.json", timeout=30).json()


def answers(url: str) -> dict[str, Any]:
    """A real answer of each schema's kind, by the schema's name."""
    ask = f"{url}/model/predict"
    seven = {"image": (SAMPLES / "7.png").read_bytes()}
    tensor = {"name": "digits", "datatype": "UINT8", "shape": [1, 28, 28], "data": sevens_pixels()}
    model = "/v2/models/digit-net"
    infer = requests.post(f"{url}{model}/infer", json={"id": "1", "inputs": [tensor]}, timeout=30)
    paths = {
        "ModelMetadata": "/model/metadata",
        "LabelsResponse": "/model/labels",
        "Health": "/health/ready",
        "ServerMetadata": "/v2",
        "Live": "/v2/health/live",
        "Ready": "/v2/health/ready",
        "ModelReady": f"{model}/ready",
        "ProtocolModelMetadata": model,
        "ProtocolError": "/v2/models/other",
    }
    return {name: requests.get(f"{url}{path}", timeout=30).json() for name, path in paths.items()} | {
        "PredictResponse": requests.post(ask, files=seven, params={"top_k": "2", "explain": "true"}, timeout=30).json(),
        "Error": requests.post(ask, files={"image": ("notes.txt", b"notes")}, timeout=30).json(),
        "InferenceResponse": infer.json(),
    }


def sevens_pixels() -> list[int]:
    with Image.open(SAMPLES / "7.png") as picture:
        return list(picture.tobytes())


def assert_as_described(answer: Any, schema: Any, schemas: Any, shown: bool = True) -> None:
    """An answer has every property that is required, none that is not described, and looks like the examples."""
    for part in schema.get("allOf", [schema]):
        found = schemas[part["$ref"].rpartition("/")[2]] if "$ref" in part else part
        schema = schema | found | {"properties": schema.get("properties", {}) | found.get("properties", {})}
    if schema["properties"]:
        assert set(schema.get("required", [])) <= set(answer) <= set(schema["properties"])
        for name, value in answer.items():
            assert_as_described(value, schema["properties"][name], schemas, shown)
    elif schema.get("type") == "array" and "example" not in schema:
        for place, value in enumerate(answer):
            assert_as_described(value, schema["items"], schemas, shown and place == 0)
    elif shown and "example" in schema and isinstance(schema["example"], float):
        assert answer == pytest.approx(schema["example"], abs=0.001)
    elif shown and schema.get("example"):
        assert answer == schema["example"]


def test_answers_are_as_described(url: str, description: Any) -> None:
    schemas = description["components"]["schemas"]
    found = answers(url)
    answered = {
        response["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        for path in description["paths"].values()
        for operation in (path.get("get") or path["post"],)
        for response in operation["responses"].values()
        if "application/json" in response.get("content", {})
    }
    assert answered == set(found)
    for name, answer in found.items():
        assert_as_described(answer, schemas[name], schemas)


def test_everything_is_described(description: Any) -> None:
    for path in description["paths"].values():
        operation = path.get("get") or path["post"]
        assert operation["summary"]
        assert all(response["description"] for response in operation["responses"].values())
        assert all(parameter["description"] for parameter in (*operation["parameters"], *path.get("parameters", [])))
    for name, schema in description["components"]["schemas"].items():
        for field, described in schema.get("properties", {}).items():
            assert {"description", "example", "$ref", "items"} & set(described), f"{name}.{field}"


def try_out(page: Page, media_type: str) -> None:
    """Open the form of predict, with one kind of body."""
    page.click("#operations-model-predict .opblock-summary-control")
    page.click("#operations-model-predict .try-out__btn")
    page.select_option("#operations-model-predict .body-param-content-type select", media_type)


def assert_seven(page: Page) -> None:
    page.click("#operations-model-predict .execute")
    page.wait_for_selector("#operations-model-predict .live-responses-table .response-col_status")
    answer = page.inner_text("#operations-model-predict .live-responses-table")
    assert "200" in answer
    assert '"prediction": 7' in answer


def test_try_it_out_sends_a_form(page: Page) -> None:
    try_out(page, "multipart/form-data")
    page.click("#operations-model-predict .json-schema-form-item-add")
    page.set_input_files("#operations-model-predict input[type=file]", SAMPLES / "7.png")
    assert_seven(page)


def test_try_it_out_sends_a_raw_body(page: Page) -> None:
    try_out(page, "image/png")
    page.set_input_files("#operations-model-predict input[type=file]", SAMPLES / "7.png")
    assert_seven(page)
