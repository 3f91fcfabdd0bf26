"""The Open Inference Protocol in process, with the hand-set network, so that answers are exact."""

import json
import math
import struct
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from numpy.typing import NDArray
from werkzeug.test import TestResponse

from api.tensors import MOST_JSON_BYTES
from core.checkpoint import Checkpoint
from core.engine import Digits, Logits
from core.model import ModelWrapper
from tests.conftest import AppFactory
from tests.hand_set import band_pixels

INFER = "/v2/models/bands/infer"
SIZE_HEADER = "Inference-Header-Content-Length"
DIGITS = np.stack([band_pixels(b7=255), band_pixels(b2=255)])
P_FULL = math.exp(10) / (math.exp(10) + 9)
P_OTHER = 1 / (math.exp(10) + 9)
PROBABILITIES = np.full((2, 10), P_OTHER)
PROBABILITIES[0, 7] = PROBABILITIES[1, 2] = P_FULL


def tensor(values: NDArray[Any] = DIGITS, datatype: str = "UINT8", **changes: Any) -> dict[str, Any]:
    fields = {"name": "digits", "datatype": datatype, "shape": list(values.shape), "data": values.tolist()} | changes
    return {name: value for name, value in fields.items() if value is not None}


def ask(client: FlaskClient, *inputs: dict[str, Any], **fields: Any) -> TestResponse:
    return client.post(INFER, json={"inputs": list(inputs)} | fields)


def send_binary(client: FlaskClient, request: dict[str, Any], binary: bytes) -> TestResponse:
    text = json.dumps(request).encode()
    return client.post(INFER, data=text + binary, headers={SIZE_HEADER: str(len(text))})


def outputs(answer: TestResponse) -> dict[str, Any]:
    assert answer.status_code == 200, answer.data
    return {output["name"]: output for output in answer.json["outputs"]}  # type: ignore[index]


def assert_refused(answer: TestResponse, status: int, *mentions: str) -> None:
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/json"
    assert set(answer.json or {}) == {"error"}
    for mention in mentions:
        assert mention in (answer.json or {})["error"]


def assert_both_read(found: dict[str, Any]) -> None:
    assert found["label"] == {"name": "label", "datatype": "INT64", "shape": [2], "data": [7, 2]}
    assert (found["probabilities"]["datatype"], found["probabilities"]["shape"]) == ("FP32", [2, 10])
    assert found["probabilities"]["data"] == pytest.approx(PROBABILITIES.ravel().tolist(), abs=1e-6)


def test_server_and_model_are_described(client: FlaskClient, checkpoint: Checkpoint) -> None:
    server = client.get("/v2").json
    assert server == {"name": "Test", "version": "0", "extensions": ["binary_tensor_data", "classification"]}
    model = client.get("/v2/models/bands").json
    assert model == client.get(f"/v2/models/bands/versions/{checkpoint.version}").json
    assert (model["name"], model["versions"]) == ("bands", [checkpoint.version])  # type: ignore[index]
    assert model["platform"] == "pytorch_state_dict"  # type: ignore[index]
    assert model["inputs"] == [{"name": "digits", "datatype": "UINT8", "shape": [-1, 28, 28]}]  # type: ignore[index]


def test_health(client: FlaskClient) -> None:
    assert client.get("/v2/health/live").json == {"live": True}


@pytest.mark.parametrize("path", ["/v2/health/ready", "/v2/models/bands/ready"])
def test_not_ready(client: FlaskClient, path: str) -> None:
    answer = client.get(path)  # the hand-set network cannot read the canary
    assert_refused(answer, 503, "cannot read")
    assert answer.headers["Retry-After"] == "1"


@pytest.mark.parametrize("path", ["/v2/health/ready", "/v2/models/bands/ready"])
def test_ready(client: FlaskClient, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.service.can_read", lambda _wrapper: True)
    assert (client.get(path).json or {})["ready"] is True


@pytest.mark.parametrize(
    "sent",
    [
        tensor(),
        tensor(DIGITS[:, None]),
        tensor(data=DIGITS.ravel().tolist()),
        tensor(DIGITS / 255, "FP32"),
        tensor(DIGITS[:, None] // 255, "FP32"),
        tensor(parameters={"of": "somebody else's"}),
    ],
    ids=["nested", "with channel", "flat", "FP32", "FP32 of whole numbers", "unknown parameter"],
)
def test_digits_in_any_form(client: FlaskClient, sent: dict[str, Any]) -> None:
    answer = ask(client, sent)
    assert_both_read(outputs(answer))
    assert "id" not in (answer.json or {})


def test_every_pixel_is_what_fp32_rounds_to(
    client: FlaskClient, wrapper: ModelWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Digits] = []
    logits = wrapper.engine.logits

    def kept(digits: Digits) -> Logits:
        seen.append(digits)
        return logits(digits)

    monkeypatch.setattr(wrapper.engine, "logits", kept)
    pixels = np.arange(784).reshape(1, 28, 28) % 256
    outputs(ask(client, tensor((pixels / 255).astype(np.float32), "FP32")))
    assert np.array_equal(seen[0], pixels)
    assert seen[0].dtype == np.uint8


def test_model_version_and_id_are_repeated(client: FlaskClient, checkpoint: Checkpoint) -> None:
    path = f"/v2/models/bands/versions/{checkpoint.version}/infer"
    answer = client.post(path, json={"id": "é 1", "inputs": [tensor()]}).json or {}
    assert (answer["model_name"], answer["model_version"], answer["id"]) == ("bands", checkpoint.version, "é 1")


@pytest.mark.parametrize("names", [["label"], ["probabilities"], ["probabilities", "label"]])
def test_only_the_outputs_asked_for_in_their_order(client: FlaskClient, names: list[str]) -> None:
    answer = ask(client, tensor(), outputs=[{"name": name} for name in names])
    assert list(outputs(answer)) == names


def test_classification_is_the_most_probable_first(client: FlaskClient) -> None:
    wanted = {"name": "probabilities", "parameters": {"classification": 2}}
    found = outputs(ask(client, tensor(), outputs=[wanted]))["probabilities"]
    assert (found["datatype"], found["shape"]) == ("BYTES", [2, 2])
    top, other = f"{P_FULL:.6f}", f"{P_OTHER:.6f}"
    assert found["data"] == [f"{top}:7:7", f"{other}:0:0", f"{top}:2:2", f"{other}:0:0"]


@pytest.mark.parametrize("dtype", [np.uint8, np.dtype("<f4")])
def test_binary_digits(client: FlaskClient, dtype: Any) -> None:
    values = DIGITS.astype(dtype) if dtype is np.uint8 else (DIGITS / 255).astype(dtype)
    described = tensor(values, "UINT8" if dtype is np.uint8 else "FP32", data=None)
    described["parameters"] = {"binary_data_size": values.nbytes}
    assert_both_read(outputs(send_binary(client, {"inputs": [described]}, values.tobytes())))


def test_binary_outputs(client: FlaskClient) -> None:
    answer = ask(client, tensor(), parameters={"binary_data_output": True})
    assert answer.headers["Content-Type"] == "application/octet-stream"
    size = int(answer.headers[SIZE_HEADER])
    label, probabilities = json.loads(answer.data[:size])["outputs"]
    assert label == {"name": "label", "datatype": "INT64", "shape": [2], "parameters": {"binary_data_size": 16}}
    assert probabilities["parameters"] == {"binary_data_size": 80}
    assert np.frombuffer(answer.data[size : size + 16], "<i8").tolist() == [7, 2]
    assert np.frombuffer(answer.data[size + 16 :], "<f4") == pytest.approx(PROBABILITIES.ravel(), abs=1e-6)


def test_an_output_may_differ_from_the_request(client: FlaskClient) -> None:
    asked = [
        {"name": "label", "parameters": {"binary_data": False}},
        {"name": "probabilities", "parameters": {"classification": 1}},
    ]
    answer = ask(client, tensor(), parameters={"binary_data_output": True}, outputs=asked)
    size = int(answer.headers[SIZE_HEADER])
    label, _ = json.loads(answer.data[:size])["outputs"]
    assert label["data"] == [7, 2]
    text = f"{P_FULL:.6f}:7:7".encode()
    assert answer.data[size : size + 4 + len(text)] == struct.pack("<I", len(text)) + text


@pytest.mark.parametrize(
    ("path", "mention"),
    [("/v2/models/other", "'other'"), ("/v2/models/bands/versions/1/infer", "'1'"), ("/v2/other", "/v2/other")],
)
def test_what_is_not_there(client: FlaskClient, path: str, mention: str) -> None:
    answer = client.post(path) if path.endswith("infer") else client.get(path)
    assert_refused(answer, 404, mention)


def test_another_method(client: FlaskClient) -> None:
    assert_refused(client.get(INFER), 405)


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "another name": (tensor(name="image"), "inputs.0.name"),
    "another datatype": (tensor(datatype="INT8"), "inputs.0.datatype"),
    "one digit without N": (tensor(DIGITS[0]), "shape"),
    "another size": (tensor(np.zeros((1, 27, 28), int)), "[N, 28, 28]"),
    "three channels": (tensor(np.zeros((1, 3, 28, 28), int)), "[N, 28, 28]"),
    "no digits": (tensor(shape=[0, 28, 28], data=[]), "[0, 28, 28]"),
    "negative size": (tensor(shape=[-1, 28, 28]), "greater than or equal to 0"),
    "size as text": (tensor(shape=["2", 28, 28]), "inputs.0.shape.0"),
    "enormous size": (tensor(shape=[2**62, 28, 28]), "at most 4"),
    "size beyond 64 bits": (tensor(shape=[2**63, 28, 28]), "less than"),
    "too few values": (tensor(shape=[3, 28, 28]), "needs 2,352"),
    "ragged": (tensor(data=[[1, 2], [3]]), "ragged"),
    "text": (tensor(data=["a"] * 1568), "no UINT8"),
    "null": (tensor(data=[None] * 1568), "no UINT8"),
    "true": (tensor(data=[True] * 1568), "no UINT8"),
    "fractions": (tensor(data=[0.5] * 1568), "no UINT8"),
    "256": (tensor(data=[256] * 1568), "from 0 to 255"),
    "below 0": (tensor(data=[-1] * 1568), "from 0 to 255"),
    "enormous": (tensor(data=[10**40] * 1568), "from 0 to 255"),
    "beyond every float": (tensor(data=[10**400, *[0] * 1567]), "from 0 to 255"),
    "one long text": (tensor(data=["a" * 50_000, *[1] * 1567]), "no UINT8"),
    "above 1": (tensor(datatype="FP32"), "from 0 to 1"),
    "NaN": (tensor(datatype="FP32", data=[math.nan] * 1568), "from 0 to 1"),
    "infinite": (tensor(datatype="FP32", data=[math.inf] * 1568), "from 0 to 1"),
    "no data": (tensor(data=None), "either data or binary_data_size"),
    "data twice": (tensor(parameters={"binary_data_size": 0}), "either data or binary_data_size"),
    "binary that is not there": (tensor(data=None, parameters={"binary_data_size": 1568}), "0 bytes follow"),
    "negative binary size": (tensor(data=None, parameters={"binary_data_size": -1}), "binary_data_size"),
}


@pytest.mark.parametrize(("sent", "mention"), BAD.values(), ids=BAD)
def test_bad_tensors(client: FlaskClient, sent: dict[str, Any], mention: str) -> None:
    answer = ask(client, sent)
    assert_refused(answer, 413 if mention == "at most 4" else 400, mention)
    assert len(answer.data) < 500


@pytest.mark.parametrize(
    ("body", "mention"),
    [
        (b"", "Invalid JSON"),
        (b"{", "Invalid JSON"),
        (b"\xff\xfe", "Invalid JSON"),
        (b"[]", "object"),
        (b"{}", "inputs: Field required"),
        (b'{"inputs": []}', "at least 1"),
        (b'{"inputs": [1, 2]}', "at most 1"),
        (b'{"inputs": 1, "outputs": 1, "id": 1, "parameters": 1}', "inputs: "),
        (b"[" * 2000, "recursion"),
        (b'{"a":' * 1000, "recursion"),
    ],
)
def test_bad_bodies(client: FlaskClient, body: bytes, mention: str) -> None:
    assert_refused(client.post(INFER, data=body), 400, mention)


@pytest.mark.parametrize(
    ("wanted", "mention"),
    [
        ({"name": "other"}, "outputs.0.name"),
        ({"name": "label", "parameters": {"classification": 1}}, "classification"),
        ({"name": "probabilities", "parameters": {"classification": 11}}, "less than or equal to 10"),
        ({"name": "probabilities", "parameters": {"binary_data": "yes"}}, "binary_data"),
    ],
)
def test_bad_outputs(client: FlaskClient, wanted: dict[str, Any], mention: str) -> None:
    assert_refused(ask(client, tensor(), outputs=[wanted]), 400, mention)


@pytest.mark.parametrize("size", ["x", "-1", "1.0", "9" * 30, "99999", "٣"])
def test_bad_size_of_the_json(client: FlaskClient, size: str) -> None:
    headers = {SIZE_HEADER: size.encode().decode("latin-1")}
    assert_refused(client.post(INFER, data=b"{}", headers=headers), 400)


def test_binary_of_no_whole_number_of_values(client: FlaskClient) -> None:
    described = tensor(datatype="FP32", data=None, parameters={"binary_data_size": 5})
    assert_refused(send_binary(client, {"inputs": [described]}, b"12345"), 400, "no whole number")


def test_limits(make_app: AppFactory) -> None:
    client = make_app(max_images=1).test_client()
    assert_refused(ask(client, tensor()), 413, "at most 1")
    client = make_app(max_upload_bytes=1000).test_client()
    assert_refused(ask(client, tensor()), 413, "1,000 bytes")
    client = make_app(max_upload_bytes=2 * MOST_JSON_BYTES).test_client()
    assert_refused(client.post(INFER, data=b" " * (MOST_JSON_BYTES + 1)), 413, "binary tensors")
    for hostile in (b"[" * 100_000, b'{"a":' * 100_000, b"[" + b"0," * 100_000 + b"0]"):
        assert_refused(client.post(INFER, data=hostile), 413, "more values than 4 digits")


def test_keys(make_app: AppFactory) -> None:
    client = make_app(api_keys=("one",)).test_client()
    assert_refused(ask(client, tensor()), 401, "API key")
    assert client.get("/v2/models/bands").status_code == 401
    assert client.get("/v2/health/live").status_code == 200
    answer = client.post(INFER, json={"inputs": [tensor()]}, headers={"X-API-Key": "one"})
    assert_both_read(outputs(answer))


def test_a_fault_says_nothing(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.inference_protocol.write_answer", lambda *_: 1 / 0)
    assert_refused(ask(client, tensor()), 500, "the fault is logged")
