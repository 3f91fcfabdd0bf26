"""`training.export`: the graph answers as the network does."""

import io
import re
import shutil
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch

from core.checkpoint import Checkpoint, load_checkpoint
from core.engine import Digits, load_engine
from core.integrity import digest, read_verified
from core.model import softmax
from model.description import Description
from model.graph import INPUT, OUTPUT, STATE_DICT_SHA512
from model.networks import NETWORKS
from tests.conftest import write_checkpoint
from training import __main__ as command
from training.data import load_test
from training.export import export_graph

ROOT = Path(__file__).parents[2]
NAME = "digit-net"
CLOSE = 1e-4
"""How far apart the engines' probabilities may lie: they sum in another order."""


@pytest.fixture(scope="module", params=sorted(NETWORKS))
def exported(request: pytest.FixtureRequest) -> tuple[bytes, bytes]:
    """A graph of every network and the state dict's bytes that it was made from."""
    torch.manual_seed(1)
    buffer = io.BytesIO()
    torch.save(NETWORKS[request.param]().state_dict(), buffer)
    state_dict = buffer.getvalue()
    description = Description(architecture=request.param, mean=0.3, std=0.2)
    return export_graph(Checkpoint("new", description, state_dict, digest(state_dict))), state_dict


def test_every_network_exports_in_the_stated_form(exported: tuple[bytes, bytes]) -> None:
    graph, state_dict = exported
    session = ort.InferenceSession(graph, providers=["CPUExecutionProvider"])
    (digits,), (logits,) = session.get_inputs(), session.get_outputs()
    assert (digits.name, digits.type, digits.shape[1:]) == (INPUT, "tensor(uint8)", [28, 28])
    assert (logits.name, logits.type, logits.shape[1:]) == (OUTPUT, "tensor(float)", [10])
    assert session.get_modelmeta().custom_metadata_map == {STATE_DICT_SHA512: digest(state_dict)}
    for count in (1, 2, 7):
        assert session.run(None, {INPUT: np.zeros((count, 28, 28), np.uint8)})[0].shape == (count, 10)


def test_graph_tells_nothing_of_the_machine(exported: tuple[bytes, bytes]) -> None:
    graph, _ = exported
    assert str(ROOT).encode() not in graph
    assert b"forward" not in graph
    assert "+" not in onnx.load_from_string(graph).producer_version


def assert_engines_agree(digits: Digits) -> None:
    checkpoint = load_checkpoint(ROOT / "assets", NAME)
    torch_logits, onnx_logits = (
        load_engine(checkpoint, "cpu", engine=name).logits(digits) for name in ("torch", "onnx")
    )
    temperature = checkpoint.description.temperature
    difference = np.abs(softmax(torch_logits, temperature) - softmax(onnx_logits, temperature)).max()
    assert difference <= CLOSE
    assert (torch_logits.argmax(axis=1) == onnx_logits.argmax(axis=1)).all()


@pytest.mark.mnist
def test_engines_agree_on_all_test_digits(mnist_root: Path) -> None:
    assert_engines_agree(load_test(mnist_root).images.numpy())


def test_engines_agree_on_noise() -> None:
    rng = np.random.default_rng(1)
    dense = rng.integers(0, 256, (500, 28, 28), dtype=np.uint8)
    sparse = np.where(rng.random((500, 28, 28)) < 0.1, dense, 0).astype(np.uint8)
    assert_engines_agree(np.concatenate([dense, sparse]))


def test_shipped_graph_is_what_the_command_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(ROOT / "assets", tmp_path / "assets")
    shutil.copy(ROOT / "sha512sums.txt", tmp_path)
    graph = tmp_path / "assets" / f"{NAME}.onnx"
    shipped = graph.read_bytes()
    graph.write_bytes(b"")
    assert command.main(["checksums", "--assets", str(tmp_path / "assets")]) == 0
    assert command.main(["export", "--assets", str(tmp_path / "assets")]) == 0
    assert f"wrote {graph}" in capsys.readouterr().out
    assert read_verified(tmp_path / "assets")[graph.name] == shipped


def test_export_of_what_is_not_there_is_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(ROOT / "assets", tmp_path / "assets")
    shutil.copy(ROOT / "sha512sums.txt", tmp_path)
    assert command.main(["export", "--assets", str(tmp_path / "assets"), "--name", "other"]) == 1
    assert re.fullmatch(r"error: [^\n]*other\.pt: not found; checkpoints there: digit-net\n", capsys.readouterr().err)


def test_weights_of_another_network_are_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_checkpoint(
        tmp_path / "assets", "mine", NETWORKS["MyConvNet"](), {"architecture": "DigitNet", "mean": 0, "std": 1}
    )
    assert command.main(["export", "--assets", str(tmp_path / "assets"), "--name", "mine"]) == 1
    assert re.fullmatch(r"error: mine\.pt: does not fit DigitNet: [^\n]+\n", capsys.readouterr().err)
