"""A checkpoint with the reference's state dict is served, and says what the reference itself would say.

The reference (max-pytorch-mnist) is written down here once more, from its published layers and without a line of ours,
so that the two can disagree.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import requests
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from model.networks import MyConvNet
from tests.conftest import write_checkpoint
from tests.contract import assert_predictions
from tests.e2e.conftest import Server, serving
from tests.hand_set import encode
from training.data import Digits, load_test, load_training

pytestmark = [pytest.mark.e2e, pytest.mark.mnist]

DESCRIPTION = {"architecture": "MyConvNet", "mean": 0.5, "std": 0.5}
BATCH = 250


def reference_argmax(images: Tensor, weights: dict[str, Tensor]) -> list[int]:
    """What the reference answers for images (N, 28, 28) uint8: it scales them to 0..1 and normalises by 0.5 and 0.5."""
    x = (images.unsqueeze(1).float() / 255 - 0.5) / 0.5
    x = functional.max_pool2d(functional.relu(functional.conv2d(x, weights["conv1.weight"], weights["conv1.bias"])), 2)
    x = functional.max_pool2d(functional.relu(functional.conv2d(x, weights["conv2.weight"], weights["conv2.bias"])), 2)
    x = functional.relu(functional.linear(x.reshape(-1, 96), weights["fc1.weight"], weights["fc1.bias"]))
    logits = functional.linear(x, weights["fc2.weight"], weights["fc2.bias"])
    answers: list[int] = logits.argmax(dim=1).tolist()
    return answers


@pytest.fixture(scope="module")
def weights(mnist_root: Path) -> dict[str, Tensor]:
    """The reference's network after a few steps of training: enough to tell digits apart, so that its answers vary."""
    torch.manual_seed(0)
    network = MyConvNet()
    digits, _ = load_training(mnist_root)
    images = (digits.images[:2000].unsqueeze(1).float() / 255 - 0.5) / 0.5
    optimiser = torch.optim.Adam(network.parameters(), lr=3e-3)
    for start in range(0, 2000, 100):
        optimiser.zero_grad()
        logits = network(images[start : start + 100])
        functional.cross_entropy(logits, digits.labels[start : start + 100]).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return {name: value.detach() for name, value in network.state_dict().items()}


@pytest.fixture(scope="module")
def server(weights: dict[str, Tensor], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    network = MyConvNet()
    network.load_state_dict(weights)
    assets_dir = tmp_path_factory.mktemp("reference") / "assets"
    write_checkpoint(assets_dir, "mnist-classifier", network, DESCRIPTION)
    with serving("live", assets_dir=assets_dir, model_name="mnist-classifier") as server:
        yield server


def served(server: Server, digits: Digits) -> list[int]:
    pictures = [encode(Image.fromarray(np.asarray(image))) for image in digits.images]
    read: list[int] = []
    for start in range(0, len(pictures), BATCH):
        files = [("image", ("digit.png", picture)) for picture in pictures[start : start + BATCH]]
        answer = requests.post(f"{server.url}/model/predict", files=files, timeout=60)
        read += [entry["prediction"] for entry in assert_predictions(answer, len(files))]
    return read


def test_it_answers_what_the_reference_answers_on_all_test_digits(
    server: Server, weights: dict[str, Tensor], mnist_root: Path
) -> None:
    digits = load_test(mnist_root)
    expected = reference_argmax(digits.images, weights)
    assert len(expected) == 10_000
    assert len(set(expected)) == 10
    assert served(server, digits) == expected
