"""MNIST: finding or fetching it, checking it, and splitting its training half.

Source: Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten digits"; data licence CC BY-SA 3.0.
torchvision reads and downloads it.
"""

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torchvision.datasets import MNIST

from training.errors import DataError

SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
"""SHA-256 of the four files once unpacked; torchvision checks MD5 sums of the packed ones, and only in a download."""

RAW = Path("MNIST") / "raw"
"""Where torchvision keeps the four files below its root."""

SHARED_DIR = Path("../shared/mnist")
"""A copy beside the checkout, where one is provided."""

VALIDATION_IMAGES = 5000
"""A twelfth of the training half, as large as LeCun's own papers and many since hold back."""

SPLIT_SEED = 20_000
"""Fixed, and apart from the training seed: runs with different seeds are compared on the same validation images."""


@dataclass(frozen=True)
class Digits:
    """Pictures with their labels.

    Attributes:
        images: (N, 28, 28) uint8, light ink on black.
        labels: (N,) int64, 0 to 9.
    """

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def subset(self, indices: Tensor) -> "Digits":
        """Return the digits at the given positions, in their order."""
        return Digits(self.images[indices], self.labels[indices])


def cache_dir() -> Path:
    """Return the folder for downloads and unfinished runs; the XDG Base Directory Specification says where."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".cache") / "max-pytorch-mnist"


def find_mnist(data_dir: Path | None = None) -> Path:
    """Return a root for `torchvision.datasets.MNIST` whose four files are what they should be.

    Looks at `data_dir` alone where one is given, else in the cache, then in `SHARED_DIR`, and at last downloads into
    the cache.

    Args:
        data_dir: The folder that holds `MNIST/raw`.

    Raises:
        DataError: A file is missing or differs, or the download failed.
    """
    if data_dir is not None:
        return verify(data_dir)
    for root in (cache_dir(), SHARED_DIR):
        if (root / RAW).is_dir():
            return verify(root)
    return _download(cache_dir())


def verify(root: Path) -> Path:
    """Return the root after comparing the four files with `SHA256`.

    Raises:
        DataError: A file is missing, unreadable or differs.
    """
    for name, expected in SHA256.items():
        path = root / RAW / name
        try:
            with path.open("rb") as stream:
                found = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as exc:
            message = f"{path}: cannot be read ({exc.strerror}): point --data or MNIST_DIR at the folder with {RAW}"
            raise DataError(message) from exc
        if found != expected:
            raise DataError(f"{path}: is not MNIST's file (SHA-256 {found}): remove {root / RAW} and fetch it again")
    return root


def load_training(root: Path, validation_images: int = VALIDATION_IMAGES) -> tuple[Digits, Digits]:
    """Return the training and the validation digits, which make up MNIST's training half.

    Args:
        root: As `find_mnist` returns it.
        validation_images: How many to hold back, spread evenly over the classes.

    Raises:
        DataError: Fewer images are there than shall be held back.
    """
    digits = _load(root, train=True)
    if not 0 < validation_images < len(digits):
        raise DataError(
            f"{validation_images} validation images of {len(digits)}: hold back at least 1 and fewer than all"
        )
    held_back = _stratified(digits.labels, validation_images)
    return digits.subset(torch.nonzero(~held_back).squeeze(1)), digits.subset(torch.nonzero(held_back).squeeze(1))


def load_test(root: Path) -> Digits:
    """Return MNIST's test half: for the one measurement at the end of a run, never for a choice."""
    return _load(root, train=False)


def _load(root: Path, train: bool) -> Digits:
    try:
        dataset = MNIST(root, train=train, download=False)
    except (RuntimeError, ValueError, OSError, AssertionError) as exc:
        raise DataError(f"{root}: torchvision cannot read MNIST there ({exc})") from exc
    return Digits(dataset.data, dataset.targets)


def _stratified(labels: Tensor, count: int) -> Tensor:
    """Return a mask (N,) bool with `count` positions set, each class taking part in proportion.

    Every n-th position of a random order sorted by class does just that.
    """
    shuffled = torch.randperm(len(labels), generator=torch.Generator().manual_seed(SPLIT_SEED))
    by_class = shuffled[torch.argsort(labels[shuffled], stable=True)]
    mask = torch.zeros(len(labels), dtype=torch.bool)
    mask[by_class[torch.arange(count) * len(labels) // count]] = True
    return mask


def _download(cache: Path) -> Path:
    """Fetch MNIST into the cache; the folder appears there complete or not at all."""
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache, prefix=".download-") as folder:
            MNIST(folder, download=True)
            verify(Path(folder))
            (Path(folder) / "MNIST").rename(cache / "MNIST")
    except (RuntimeError, OSError) as exc:
        raise DataError(f"MNIST cannot be fetched ({exc}): point --data or MNIST_DIR at a copy of it") from exc
    return cache
