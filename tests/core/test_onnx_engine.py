"""`core.onnx_engine` on the hand-set network, and which engine is chosen when."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from core import engine as engines
from core.checkpoint import Checkpoint, load_checkpoint
from core.engine import load_engine
from core.errors import CheckpointError, DeviceError
from tests.conftest import DESCRIPTION, write_checkpoint
from tests.hand_set import BandNet, band_pixels
from training.export import export_checkpoint

ROOT = Path(__file__).parents[2]


@pytest.fixture
def exported(band_assets: Path) -> Checkpoint:
    """The hand-set network with its graph."""
    export_checkpoint(band_assets, "bands")
    return load_checkpoint(band_assets, "bands")


def test_logits_are_exact(exported: Checkpoint) -> None:
    engine = load_engine(exported, engine="onnx")
    assert (engine.name, engine.device) == ("onnx", "cpu")
    logits = engine.logits(np.stack([band_pixels(b7=255), band_pixels(b2=51, b3=102)]))
    expected = np.zeros((2, 10), np.float32)
    expected[0, 7], expected[1, 2], expected[1, 3] = 10, 2, 4
    assert logits.dtype == np.float32
    np.testing.assert_allclose(logits, expected, atol=1e-5)


def test_normalisation_is_in_the_graph(band_assets: Path) -> None:
    write_checkpoint(band_assets, "bands", BandNet(), DESCRIPTION | {"mean": 0.5, "std": 0.25})
    export_checkpoint(band_assets, "bands")
    engine = load_engine(load_checkpoint(band_assets, "bands"), engine="onnx")
    logits = engine.logits(band_pixels(b7=255)[None])
    assert logits[0, [0, 7]] == pytest.approx([10 * (0 - 0.5) / 0.25, 10 * (1 - 0.5) / 0.25], abs=1e-4)


def test_graph_of_other_weights_is_refused(exported: Checkpoint) -> None:
    other = dataclasses.replace(exported, sha512="0" * 128)
    with pytest.raises(CheckpointError, match=r"^bands\.onnx: was not exported from bands\.pt: run `make export`$"):
        load_engine(other, "cpu")


@pytest.mark.parametrize("keep", [0, 3, 300])
def test_damaged_graph_is_refused(exported: Checkpoint, keep: int) -> None:
    assert exported.graph is not None
    with pytest.raises(CheckpointError, match=r"^bands\.onnx: not a graph that ONNX Runtime can run$"):
        load_engine(dataclasses.replace(exported, graph=exported.graph[:keep]), engine="onnx")


def test_missing_graph(checkpoint: Checkpoint) -> None:
    with pytest.raises(CheckpointError, match=r"^bands\.onnx: not found; ENGINE='onnx' needs it"):
        load_engine(checkpoint, engine="onnx")


def test_onnx_on_a_gpu_is_refused(exported: Checkpoint) -> None:
    with pytest.raises(DeviceError, match="ENGINE='onnx' runs on the CPU"):
        load_engine(exported, "cuda", engine="onnx")


def test_auto_takes_the_graph_on_the_cpu(exported: Checkpoint) -> None:
    assert load_engine(exported, "cpu").name == "onnx"
    assert load_engine(exported, "cpu", engine="torch").name == "torch"
    assert load_engine(dataclasses.replace(exported, graph=None), "cpu").name == "torch"


@pytest.mark.parametrize(("driver", "cuda", "expected"), [(False, True, "onnx"), (True, False, "onnx")])
def test_auto_asks_for_a_gpu_where_a_driver_is(
    exported: Checkpoint, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, driver: bool, cuda: bool, expected: str
) -> None:
    version = tmp_path / "version"
    if driver:
        version.touch()
    monkeypatch.setattr(engines, "NVIDIA_DRIVER", version)
    monkeypatch.setattr("torch.cuda.is_available", lambda: cuda)
    assert load_engine(exported).name == expected


def test_onnx_never_imports_torch() -> None:
    program = (
        "import sys; from pathlib import Path; from core.checkpoint import load_checkpoint;"
        "from core.engine import load_engine;"
        "load_engine(load_checkpoint(Path('assets'), 'digit-net'), 'cpu', engine='onnx');"
        "print(sorted({'torch', 'torchvision', 'onnx'} & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
