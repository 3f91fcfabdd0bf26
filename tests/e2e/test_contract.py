"""The HTTP contract from the outside, with the real weights; `make smoke` runs this file against any running server.

It assumes the default settings.
"""

import base64
import io
import json
import socket
import struct
import zlib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from PIL import Image

from tests.contract import assert_error, assert_predictions
from tests.hand_set import encode

pytestmark = pytest.mark.e2e

SAMPLES = Path(__file__).parents[2] / "samples"
PICTURES = sorted(path for path in SAMPLES.iterdir() if path.name[0].isdigit())
MEDIA_TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".gif": "image/gif", ".bmp": "image/bmp"}
MEDIA_TYPES |= {".webp": "image/webp", ".tiff": "image/tiff", ".tif": "image/tiff"}
TIMEOUT_S = 30


def digit_of(path: Path) -> int:
    return int(path.name[0])


def predict(url: str, query: str = "", **options: Any) -> requests.Response:
    return requests.post(f"{url}/model/predict{query}", timeout=TIMEOUT_S, **options)


def predict_bytes(url: str, *pictures: bytes) -> requests.Response:
    return predict(url, files=[("image", (f"{position}.png", data)) for position, data in enumerate(pictures, 1)])


def png_header(width: int, height: int) -> bytes:
    """A PNG whose header promises more than its few bytes of data hold."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


@pytest.fixture(scope="module")
def seven() -> bytes:
    return (SAMPLES / "7.png").read_bytes()


@pytest.mark.parametrize("field", ["image", "file"])
def test_multipart(url: str, seven: bytes, field: str) -> None:
    (entry,) = assert_predictions(predict(url, files={field: ("7.png", seven)}), 1)
    assert entry["prediction"] == 7
    assert entry["probability"] > 0.9


def test_raw_body(url: str, seven: bytes) -> None:
    answer = predict(url, data=seven, headers={"Content-Type": "image/png"})
    assert assert_predictions(answer, 1)[0]["prediction"] == 7


def test_raw_body_in_chunks(url: str, seven: bytes) -> None:
    answer = predict(url, data=iter([seven[:100], seven[100:]]), headers={"Content-Type": "image/png"})
    assert assert_predictions(answer, 1)[0]["prediction"] == 7


@pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.name)
def test_every_sample_is_read_as_its_name_says(url: str, path: Path) -> None:
    headers = {"Content-Type": MEDIA_TYPES[path.suffix]}
    for answer in (
        predict(url, files={"image": (path.name, path.read_bytes())}),
        predict(url, data=path.read_bytes(), headers=headers),
    ):
        assert assert_predictions(answer, 1)[0]["prediction"] == digit_of(path)


def test_many_samples_in_one_request(url: str) -> None:
    drawings = [path for path in PICTURES if path.suffix == ".png"]  # a slow machine refuses as many photos in one
    answer = predict(url, files=[("image", (path.name, path.read_bytes())) for path in drawings])
    read = [entry["prediction"] for entry in assert_predictions(answer, len(drawings))]
    assert read == [digit_of(path) for path in drawings]


def test_top_k(url: str, seven: bytes) -> None:
    (entry,) = assert_predictions(predict(url, "?top_k=10", files={"image": seven}), 1, frozenset({"top_k"}))
    probabilities = [pair["probability"] for pair in entry["top_k"]]
    assert sorted(probabilities, reverse=True) == probabilities
    assert sum(probabilities) == pytest.approx(1, abs=1e-5)
    assert {pair["prediction"] for pair in entry["top_k"]} == set(range(10))


def test_explain(url: str) -> None:
    data = (SAMPLES / "7.png").read_bytes()
    answer = predict(url, "?explain=true", files={"image": data})
    (entry,) = assert_predictions(answer, 1, frozenset({"seen", "adjustments"}))
    seen = base64.b64decode(entry["seen"].removeprefix("data:image/png;base64,"))
    assert Image.open(io.BytesIO(seen)).tobytes() == Image.open(io.BytesIO(data)).tobytes()


def test_metadata(url: str) -> None:
    metadata = requests.get(f"{url}/model/metadata", timeout=TIMEOUT_S).json()
    texts = {"id", "name", "description", "type", "source", "license", "version", "architecture", "engine", "device"}
    assert set(metadata) == texts | {"metrics"}
    assert all(isinstance(metadata[field], str) and metadata[field] for field in texts)
    assert set(metadata["version"]) <= set("0123456789abcdef")


def test_labels(url: str) -> None:
    labels = requests.get(f"{url}/model/labels", timeout=TIMEOUT_S).json()
    assert labels == {"count": 10, "labels": [{"id": digit, "name": str(digit)} for digit in range(10)]}


@pytest.mark.parametrize("probe", ["live", "ready"])
def test_health(url: str, probe: str) -> None:
    answer = requests.get(f"{url}/health/{probe}", timeout=TIMEOUT_S)
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_swagger(url: str) -> None:
    page = requests.get(f"{url}/", timeout=TIMEOUT_S)
    assert page.headers["Content-Type"].startswith("text/html")
    described = requests.get(f"{url}/swagger.json", timeout=TIMEOUT_S).json()
    protocol = {path for path in described["paths"] if path.startswith("/v2")}
    assert set(described["paths"]) - protocol == {
        "/model/metadata",
        "/model/labels",
        "/model/predict",
        "/health/live",
        "/health/ready",
        "/metrics",
    }
    assert "/v2/models/{name}/infer" in protocol


def test_no_image(url: str) -> None:
    assert_error(predict(url), 400, "missing_image")


def test_unknown_field(url: str, seven: bytes) -> None:
    assert_error(predict(url, files={"picture": seven}), 400, "missing_image", "'picture'")


@pytest.mark.parametrize("content", ["empty", "text", "truncated"])
def test_invalid_image(url: str, seven: bytes, content: str) -> None:
    data = {"empty": b"", "text": b"seven", "truncated": seven[: len(seven) // 2]}[content]
    assert_error(predict_bytes(url, seven, data), 400, "invalid_image", "image 2 ('2.png')")


@pytest.mark.parametrize("query", ["?top_k=0", "?top_k=11", "?top_k=x", "?explain=maybe"])
def test_invalid_parameter(url: str, seven: bytes, query: str) -> None:
    assert_error(predict(url, query, files={"image": seven}), 400, "invalid_parameter")


def test_body_too_large(url: str) -> None:
    assert_error(predict_bytes(url, bytes(11 * 2**20)), 413, "body_too_large", "10,485,760 bytes")


def test_body_too_large_in_chunks(url: str) -> None:
    chunks = (bytes(2**20) for _ in range(11))
    answer = predict(url, data=chunks, headers={"Content-Type": "image/png"})
    assert_error(answer, 413, "body_too_large", "10,485,760 bytes")


def test_image_too_large(url: str) -> None:
    assert_error(predict_bytes(url, png_header(50_000, 50_000)), 413, "image_too_large", "50,000,000")


def test_too_many_images(url: str, seven: bytes) -> None:
    assert_error(predict_bytes(url, *[seven] * 257), 413, "too_many_images", "256")


def test_as_many_images_as_allowed(url: str, seven: bytes) -> None:
    read = assert_predictions(predict_bytes(url, *[seven] * 256), 256)
    assert {entry["prediction"] for entry in read} == {7}


def test_unsupported_media_type(url: str) -> None:
    assert_error(predict(url, json={"image": "7.png"}), 415, "unsupported_media_type", "'application/json'")


def test_no_ink(url: str) -> None:
    assert_error(predict_bytes(url, encode(Image.new("RGB", (300, 200), "white"))), 422, "no_ink")


def test_unknown_route(url: str) -> None:
    assert_error(requests.get(f"{url}/model/train", timeout=TIMEOUT_S), 404, "not_found")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_wrong_method(url: str, method: str) -> None:
    answer = requests.request(method, f"{url}/model/predict", timeout=TIMEOUT_S)
    assert_error(answer, 405, "method_not_allowed")


@pytest.mark.parametrize("request_bytes", [b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nbad header\r\n\r\n"])
def test_what_is_no_http_is_answered_in_json_too(url: str, request_bytes: bytes) -> None:
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port), TIMEOUT_S) as connection:
        connection.sendall(request_bytes)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"\r\nContent-Type: application/json\r\n" in answer
    body = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert (list(body), body["status"], body["code"]) == (["status", "code", "message"], "error", "bad_request")
