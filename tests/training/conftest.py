"""A data set in MNIST's form that a small network learns within seconds, drawn here: no MNIST is needed."""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from core.prepared import DATA_NAMES, MANIFEST_NAME, RAW, sha256
from training import __main__ as command
from training import data, files, loop
from training.recipe import RECIPES

TRAINING_IMAGES, TEST_IMAGES = 460, 100

SMALL_RUN = ["--architecture", "MyConvNet", "--epochs", "3", "--batch-size", "32", "--validation-images", "60"]
SMALL_RUN += ["--no-export"]  # it takes longer than such a run
MACHINE = ["--device", "cpu", "--threads", "1", "--precision", "float32"]

Train = Callable[..., int]


def draw(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return images (N, 28, 28) uint8, a bar whose place tells the class, under noise, and labels (N,) uint8."""
    generator = torch.Generator().manual_seed(seed)
    labels = (torch.arange(count) % 10).to(torch.uint8)
    images = torch.randint(0, 40, (count, 28, 28), generator=generator, dtype=torch.uint8)
    for image, label in zip(images, labels.tolist(), strict=True):
        row, column = 3 + 12 * (label // 5), 2 + 5 * (label % 5)
        image[row : row + 10, column : column + 4] = 230
    return images, labels


def write_idx(path: Path, values: Tensor) -> None:
    """Write a uint8 tensor in the IDX form of the MNIST files: magic number, sizes, values."""
    header = bytes([0, 0, 8, values.dim()]) + b"".join(size.to_bytes(4, "big") for size in values.shape)
    path.write_bytes(header + values.numpy().tobytes())


def write_mnist(root: Path) -> Path:
    """Write the four files below a root for torchvision."""
    raw = root / RAW
    raw.mkdir(parents=True)
    for half, count, seed in (("train", TRAINING_IMAGES, 1), ("t10k", TEST_IMAGES, 2)):
        images, labels = draw(count, seed)
        write_idx(raw / f"{half}-images-idx3-ubyte", images)
        write_idx(raw / f"{half}-labels-idx1-ubyte", labels)
    return root


@pytest.fixture
def mnist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A root with the small data set, whose digests count as MNIST's for one test."""
    root = write_mnist(tmp_path / "mnist")
    for path in (root / RAW).iterdir():
        monkeypatch.setitem(files.SHA256, path.name, hashlib.sha256(path.read_bytes()).hexdigest())
    return root


@pytest.fixture
def train(mnist: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Train:
    """Runs `train` on the small data set, on one thread of the CPU, into a folder of the given name."""
    monkeypatch.setitem(RECIPES, "DigitNet", replace(RECIPES["DigitNet"], sent=40))  # each takes 10 ms

    def run_command(output: str, *options: str, work: str = "work", limit: float = 100) -> int:
        folders = ["--data", str(mnist), "--output", str(tmp_path / output), "--work", str(tmp_path / work)]
        return command.main(["train", *folders, *MACHINE, *SMALL_RUN, "--max-test-error", str(limit), *options])

    return run_command


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    """A root with the small data set as `python -m batch prepare` leaves it."""
    root = write_mnist(tmp_path / "prepared")
    write_manifest(root)
    return root


def write_manifest(root: Path, **changes: object) -> None:
    """Describe the four files below a root."""
    manifest = {
        "source": "s3://raw/photos",
        "listed": TRAINING_IMAGES + TEST_IMAGES + 3,
        "rejected": {"invalid_image": 2, "no_label": 1},
        "training": TRAINING_IMAGES,
        "test": TEST_IMAGES,
        "test_share": 0.2,
        "files": {str(RAW / name): sha256(root / RAW / name) for name in DATA_NAMES},
    }
    (root / MANIFEST_NAME).write_text(json.dumps(manifest | changes))


@pytest.fixture(autouse=True)
def own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the user's cache, data and settings out of the tests."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    monkeypatch.delenv("MNIST_DIR", raising=False)
    monkeypatch.setattr(data, "SHARED_DIR", tmp_path / "shared")


@pytest.fixture(autouse=True)
def few_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes longer than all else that these tests do."""
    monkeypatch.setattr(loop, "DRAWN", 200)


@pytest.fixture(autouse=True)
def restored_torch() -> Iterator[None]:
    """Undo what a run sets for the whole process."""
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    yield
    torch.set_num_threads(threads)
    torch.set_rng_state(state)
    torch.use_deterministic_algorithms(False)
