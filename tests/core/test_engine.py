import dataclasses
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from core.checkpoint import Checkpoint, load_checkpoint
from core.engine import Engine, load_engine
from core.errors import CheckpointError, DeviceError
from core.torch_engine import TorchEngine
from model.networks import MyConvNet
from tests.conftest import DESCRIPTION, write_checkpoint
from tests.hand_set import BandNet, band_pixels


def bands_of(engine: Engine) -> Any:
    return engine.logits(np.stack([band_pixels(b7=255), band_pixels(b2=51, b3=102)]))


def test_logits_are_exact(engine: Engine) -> None:
    logits = bands_of(engine)
    assert (logits.shape, logits.dtype) == ((2, 10), np.float32)
    expected = np.zeros((2, 10), np.float32)
    expected[0, 7], expected[1, 2], expected[1, 3] = 10, 2, 4
    np.testing.assert_allclose(logits, expected, atol=1e-5)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="NOT RUN: no CUDA device on this machine")
def test_logits_are_exact_on_the_gpu(checkpoint: Checkpoint) -> None:
    engine = load_engine(checkpoint, "cuda")
    assert engine.device == "cuda"
    np.testing.assert_allclose(bands_of(engine), bands_of(load_engine(checkpoint, "cpu")), atol=1e-4)


def test_normalisation_is_that_of_the_description() -> None:
    logits = TorchEngine(BandNet(), mean=0.5, std=0.25).logits(band_pixels(b7=255)[None])
    assert logits[0, 7] == pytest.approx(10 * (1 - 0.5) / 0.25, abs=1e-4)
    assert logits[0, 0] == pytest.approx(10 * (0 - 0.5) / 0.25, abs=1e-4)


def test_auto_takes_the_gpu_if_there_is_one(checkpoint: Checkpoint) -> None:
    assert load_engine(checkpoint, "auto").device == ("cuda" if torch.cuda.is_available() else "cpu")


def test_cuda_that_is_not_there(checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DeviceError, match="DEVICE='cuda' is not usable"):
        load_engine(checkpoint, "cuda")


def test_one_thread_unless_told_otherwise(checkpoint: Checkpoint) -> None:
    load_engine(checkpoint, "cpu")
    assert torch.get_num_threads() == 1


def with_bytes(checkpoint: Checkpoint, state_dict: bytes) -> Checkpoint:
    return dataclasses.replace(checkpoint, state_dict=state_dict)


def saved(value: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def test_unknown_architecture(checkpoint: Checkpoint) -> None:
    description = checkpoint.description.model_copy(update={"architecture": "ResNet"})
    with pytest.raises(
        CheckpointError,
        match=r"bands\.json: unknown architecture 'ResNet'; known: DigitNet, QuantisedDigitNet, MyConvNet",
    ):
        load_engine(dataclasses.replace(checkpoint, description=description), "cpu")


@pytest.mark.parametrize(
    "state_dict", [b"", b"junk", saved(BandNet().state_dict())[:200]], ids=["empty", "junk", "cut"]
)
def test_bytes_that_are_no_state_dict(checkpoint: Checkpoint, state_dict: bytes) -> None:
    with pytest.raises(CheckpointError, match=r"bands\.pt: not a state dict"):
        load_engine(with_bytes(checkpoint, state_dict), "cpu")


def test_code_in_a_pickle_is_not_run(checkpoint: Checkpoint, tmp_path: Path) -> None:
    trace = tmp_path / "ran"

    class Attack:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (trace,))

    with pytest.raises(CheckpointError):
        load_engine(with_bytes(checkpoint, saved(Attack())), "cpu")
    assert not trace.exists()


@pytest.mark.parametrize(
    "value", [[1, 2], {"weights": torch.zeros(3)}, MyConvNet().state_dict(), {"weights": "text"}, {1: 2}]
)
def test_state_dict_of_another_network(checkpoint: Checkpoint, value: object) -> None:
    with pytest.raises(CheckpointError, match=r"^bands\.pt: [^\n]+$"):
        load_engine(with_bytes(checkpoint, saved(value)), "cpu")


def test_version_is_the_head_of_the_digest(checkpoint: Checkpoint) -> None:
    assert len(checkpoint.version) == 12
    assert checkpoint.sha512.startswith(checkpoint.version)


def test_checkpoint_that_is_not_there(band_assets: Path) -> None:
    with pytest.raises(CheckpointError, match=r"other\.pt: not found; checkpoints there: bands"):
        load_checkpoint(band_assets, "other")


@pytest.mark.parametrize(
    "change",
    [{"std": 0}, {"std": None}, {"mean": "x"}, {"temperature": -1}, {"architecture": 5}, {"colour": "blue"}],
)
def test_bad_description(tmp_path: Path, change: dict[str, object]) -> None:
    write_checkpoint(tmp_path / "assets", "bands", BandNet(), DESCRIPTION | change)
    with pytest.raises(CheckpointError, match=rf"bands\.json: not a usable description: {next(iter(change))}: [^\n]+$"):
        load_checkpoint(tmp_path / "assets", "bands")
