"""The Open Inference Protocol as the client that most people use speaks it: `tritonclient`."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import requests
from numpy.typing import NDArray
from PIL import Image
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException

from tests.contract import assert_predictions
from tests.e2e.conftest import ROOT
from tests.hand_set import encode
from training.data import load_test

pytestmark = [pytest.mark.e2e, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

MODEL = "digit-net"
BATCH = 250
WITHIN = 1e-6
"""Probabilities are rounded to six places at `/model/predict`, and are 32 bits wide here."""

Digits = NDArray[np.uint8]


@pytest.fixture
def client(url: str) -> Iterator[InferenceServerClient]:
    client = InferenceServerClient(url.removeprefix("http://"))
    yield client
    client.close()


@pytest.fixture(scope="module")
def samples() -> Digits:
    """The samples that are 28x28 already: the digits 0 to 9."""
    pictures = [Image.open(ROOT / "samples" / f"{label}.png") for label in range(10)]
    return np.stack([np.asarray(picture) for picture in pictures])


def input_of(digits: NDArray[np.generic], binary: bool = True) -> InferInput:
    tensor = InferInput("digits", list(digits.shape), "UINT8" if digits.dtype == np.uint8 else "FP32")
    tensor.set_data_from_numpy(digits, binary_data=binary)
    return tensor


def test_server_and_model_are_what_the_client_asks_for(client: InferenceServerClient) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready(MODEL)
    assert not client.is_model_ready("other")
    assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
    metadata = client.get_model_metadata(MODEL)
    assert client.get_model_metadata(MODEL, metadata["versions"][0]) == metadata
    assert client.is_model_ready(MODEL, metadata["versions"][0])


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("channel", [True, False])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_samples(
    client: InferenceServerClient, samples: Digits, dtype: type[np.generic], channel: bool, binary: bool
) -> None:
    digits = samples if dtype is np.uint8 else (samples / 255).astype(np.float32)
    wanted = [InferRequestedOutput(name, binary_data=binary) for name in ("label", "probabilities")]
    answer = client.infer(MODEL, [input_of(digits[:, None] if channel else digits, binary)], outputs=wanted)
    assert answer.as_numpy("label").tolist() == list(range(10))
    assert answer.as_numpy("probabilities").shape == (10, 10)


def test_classification(client: InferenceServerClient, samples: Digits) -> None:
    wanted = InferRequestedOutput("probabilities", class_count=3)
    answer = client.infer(MODEL, [input_of(samples[4:5])], request_id="17", outputs=[wanted])
    ((best, *others),) = answer.as_numpy("probabilities").tolist()
    assert best.decode().endswith(":4:4")
    assert len(others) == 2
    assert answer.get_response()["id"] == "17"


def test_refusals_reach_the_client_in_words(client: InferenceServerClient, samples: Digits) -> None:
    with pytest.raises(InferenceServerException, match=r"\[400\] .*\[N, 28, 28\]"):
        client.infer(MODEL, [input_of(samples[:, 1:])])
    with pytest.raises(InferenceServerException, match=r"\[404\] there is no model 'other'"):
        client.infer("other", [input_of(samples)])


@pytest.mark.mnist
def test_every_test_digit_is_read_as_predict_reads_it(
    client: InferenceServerClient, url: str, mnist_root: Path
) -> None:
    digits = load_test(mnist_root).images.numpy()
    session = requests.Session()
    for start in range(0, len(digits), BATCH):
        batch = digits[start : start + BATCH]
        answer = client.infer(MODEL, [input_of(batch)])
        files = [("image", encode(Image.fromarray(digit))) for digit in batch]
        entries = assert_predictions(session.post(f"{url}/model/predict", files=files, timeout=60), len(batch))
        assert [entry["prediction"] for entry in entries] == answer.as_numpy("label").tolist()
        greatest = answer.as_numpy("probabilities").max(axis=1)
        assert [entry["probability"] for entry in entries] == pytest.approx(greatest.tolist(), abs=WITHIN)
