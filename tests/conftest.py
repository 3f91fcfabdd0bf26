"""Fixtures that several folders of tests share."""

import io
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from flask import Flask
from flask.testing import FlaskClient

from api.application import create_application
from api.service import Service
from core.checkpoint import Checkpoint, load_checkpoint
from core.engine import Engine, load_engine
from core.gate import Gate
from core.integrity import write_checksums
from core.model import ModelWrapper
from core.prepared import RAW
from model.networks import NETWORKS
from tests.hand_set import BandNet
from tests.object_store import bucket, door, folder, object_store  # noqa: F401 - fixtures
from training import data
from training.files import verify

ROOT = Path(__file__).parents[1]
MAX_PIXELS = 1_000_000
DESCRIPTION = {"architecture": "BandNet", "mean": 0.0, "std": 1.0, "name": "Bands", "metrics": {"test_errors": 3}}

AppFactory = Callable[..., Flask]


def write_checkpoint(assets_dir: Path, name: str, network: torch.nn.Module, description: dict[str, object]) -> None:
    """Put a checkpoint into an assets folder, with checksums of its own."""
    assets_dir.mkdir(exist_ok=True)
    buffer = io.BytesIO()
    torch.save(network.state_dict(), buffer)
    (assets_dir / f"{name}.pt").write_bytes(buffer.getvalue())
    (assets_dir / f"{name}.json").write_text(json.dumps(description))
    (assets_dir / "sha512sums.txt").touch()
    write_checksums(assets_dir)


@pytest.fixture
def band_assets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An assets folder with the checkpoint `bands` of the hand-set network."""
    monkeypatch.setitem(NETWORKS, "BandNet", BandNet)
    assets_dir = tmp_path / "assets"
    write_checkpoint(assets_dir, "bands", BandNet(), DESCRIPTION)
    return assets_dir


@pytest.fixture
def checkpoint(band_assets: Path) -> Checkpoint:
    return load_checkpoint(band_assets, "bands")


@pytest.fixture
def engine(checkpoint: Checkpoint) -> Engine:
    return load_engine(checkpoint, "cpu")


@pytest.fixture
def wrapper(engine: Engine) -> ModelWrapper:
    return ModelWrapper(engine, temperature=1.0, max_image_pixels=MAX_PIXELS)


@pytest.fixture
def make_app(checkpoint: Checkpoint, wrapper: ModelWrapper) -> AppFactory:
    """Builds applications around the hand-set network, with settings of the test's own."""

    def make(
        *, max_images: int = 4, max_upload_bytes: int = 100_000, max_wait_s: float = 0.05, **settings: object
    ) -> Flask:
        service = Service(checkpoint, wrapper, Gate(max_wait_s), max_images)
        options = {"title": "Test", "description": "Test", "version": "0", "max_upload_bytes": max_upload_bytes}
        return create_application(service, **(options | settings))  # type: ignore[arg-type]

    return make


@pytest.fixture
def app(make_app: AppFactory) -> Flask:
    return make_app()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture(scope="session")
def mnist_root() -> Path:
    """A root with the real MNIST where this machine has one; nothing is downloaded for a test."""
    given = os.environ.get("MNIST_DIR")
    for root in [Path(given)] if given else [data.cache_dir(), ROOT / data.SHARED_DIR]:
        if (root / RAW).is_dir():
            return verify(root)
    pytest.skip("NOT RUN: needs MNIST; `make data` fetches it, or set MNIST_DIR")
