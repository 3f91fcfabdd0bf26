"""`training.artifacts`: each file is opened by its own runtime, and agrees with the service."""

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import load_file
from torch import nn

from core.checkpoint import Checkpoint
from core.engine import Digits
from core.model import softmax
from model.description import LABELS
from model.networks import NETWORKS, FromPixels
from tests.training.artifacts.conftest import NAME, ROOT, Probabilities, assert_agree
from training.artifacts.facts import facts
from training.artifacts.safetensors import safetensors_files
from training.artifacts.write import FORMATS

BATCH = 100


def run(network: nn.Module, digits: Digits) -> NDArray[np.float32]:
    torch.set_num_threads(1)
    with torch.inference_mode():
        return torch.cat([network(batch) for batch in torch.split(torch.from_numpy(digits), BATCH)]).numpy()


def test_facts_are_those_of_the_checkpoint(checkpoint: Checkpoint) -> None:
    said = facts(checkpoint)
    assert said["state_dict_sha512"] == checkpoint.sha512
    assert said["labels"].split(",") == list(LABELS)
    description = checkpoint.description
    assert [float(said[name]) for name in ("mean", "std", "temperature")] == [
        description.mean,
        description.std,
        description.temperature,
    ]


def test_pt2_runs_in_pytorch(exports: Path, digits: Digits, expected: Probabilities, checkpoint: Checkpoint) -> None:
    extra = {"metadata.json": ""}
    program = torch.export.load(exports / f"{NAME}.pt2", extra_files=extra)
    assert json.loads(extra["metadata.json"]) == facts(checkpoint)
    assert_agree(run(program.module(), digits), expected)


def test_pt2_takes_one_digit_and_tells_nothing_of_the_machine(exports: Path) -> None:
    data = (exports / f"{NAME}.pt2").read_bytes()
    assert str(ROOT).encode() not in data
    assert b"site-packages" not in data
    probabilities = torch.export.load(exports / f"{NAME}.pt2").module()(torch.zeros(1, 28, 28, dtype=torch.uint8))
    assert probabilities.sum().item() == pytest.approx(1)


def test_onnx_runs_in_onnx_runtime(
    exports: Path, digits: Digits, expected: Probabilities, checkpoint: Checkpoint
) -> None:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(exports / f"{NAME}.onnx", options, providers=["CPUExecutionProvider"])
    assert session.get_modelmeta().custom_metadata_map == facts(checkpoint)
    assert_agree(session.run(["probabilities"], {"digits": digits})[0], expected)


def test_onnx_is_a_valid_graph_that_tells_nothing_of_the_machine(exports: Path) -> None:
    onnx.checker.check_model(exports / f"{NAME}.onnx", full_check=True)
    assert str(ROOT).encode() not in (exports / f"{NAME}.onnx").read_bytes()


def test_safetensors_fit_the_network_that_they_name(
    exports: Path, digits: Digits, expected: Probabilities, checkpoint: Checkpoint
) -> None:
    path = exports / f"{NAME}.safetensors"
    with safe_open(path, framework="pt") as opened:
        said = opened.metadata()
    assert said == facts(checkpoint)
    network = NETWORKS[said["architecture"]]()
    network.load_state_dict(load_file(path), strict=True)
    logits = run(FromPixels(network, float(said["mean"]), float(said["std"])).eval(), digits)
    assert_agree(softmax(logits, float(said["temperature"])), expected)


def test_safetensors_hold_the_very_weights(exports: Path) -> None:
    weights = torch.load(ROOT / "assets" / f"{NAME}.pt", weights_only=True)
    held = load_file(exports / f"{NAME}.safetensors")
    assert held.keys() == weights.keys()
    assert all(torch.equal(held[name], weights[name]) for name in weights)


def test_safetensors_are_the_same_bytes_each_time(checkpoint: Checkpoint) -> None:
    assert len({next(iter(safetensors_files(checkpoint).values())) for _ in range(5)}) == 1


@pytest.mark.parametrize("name", ["pt2", "oci"])
def test_the_same_weights_give_the_same_bytes(name: str, exports: Path, checkpoint: Checkpoint) -> None:
    for file, data in FORMATS[name](checkpoint).items():
        assert (exports / file).read_bytes() == data, file


def test_the_same_weights_give_the_same_graph(exports: Path) -> None:
    again = exports / f"{NAME}-mlflow" / "data" / f"{NAME}.onnx"
    assert (exports / f"{NAME}.onnx").read_bytes() == again.read_bytes()
