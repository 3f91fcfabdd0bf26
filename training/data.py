"""Data sets: finding or fetching them, reading them, and splitting their training half.

MNIST, or data of the same form that `python -m batch prepare` wrote. torchvision reads both, and downloads MNIST.
"""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torchvision.datasets import MNIST
from torchvision.datasets.mnist import read_image_file, read_label_file

from core.cache import cache_folder
from core.prepared import HALVES, RAW
from core.storage import is_url
from model.description import IMAGE_SIZE, LABELS
from training.errors import DataError
from training.files import read_manifest, verify
from training.remote import fetch

SHARED_DIR = Path("../shared/mnist")
"""A copy beside the checkout, where one is provided."""

VALIDATION_SHARE = 12
"""A twelfth of the training half is held back, as large as LeCun's own papers and many since hold back."""

VALIDATION_IMAGES = 60_000 // VALIDATION_SHARE
"""Of MNIST."""

IDX3_HEADER_BYTES = 16
"""Before the pixels: a magic number and three sizes."""

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
    """Return the folder for downloads and unfinished runs."""
    return cache_folder(os.environ)


def find_data(place: str | Path | None = None) -> Path:
    """Return a root on this machine for `load_training` and `load_test` whose four files are what they should be.

    Looks at the place alone where one is given, else for MNIST: in the cache, then in `SHARED_DIR`, and at last
    downloads it into the cache.

    Args:
        place: The folder or URL that holds `MNIST/raw`; what lies at a URL is fetched into the cache, once.

    Raises:
        DataError: A file is missing or differs, or the download failed.
        IntegrityError: A manifest is damaged.
        StorageError: Object storage cannot be read.
    """
    if place is not None:
        return fetch(str(place), cache_dir()) if is_url(place) else verify(Path(place))
    for root in (cache_dir(), SHARED_DIR):
        if (root / RAW).is_dir():
            return verify(root)
    return _download(cache_dir())


def usual_validation_images(root: Path) -> int:
    """Return how many training digits are held back where nobody says otherwise."""
    manifest = read_manifest(root)
    return VALIDATION_IMAGES if manifest is None else max(1, manifest.training // VALIDATION_SHARE)


def load_training(root: Path, validation_images: int = VALIDATION_IMAGES) -> tuple[Digits, Digits]:
    """Return the training and the validation digits, which make up the training half.

    Args:
        root: As `find_data` returns it.
        validation_images: How many to hold back, spread evenly over the classes.

    Raises:
        DataError: Fewer images are there than shall be held back.
    """
    digits = _load(root, "training")
    if not 0 < validation_images < len(digits):
        raise DataError(
            f"{validation_images} validation images of {len(digits)}: hold back at least 1 and fewer than all"
        )
    held_back = _stratified(digits.labels, validation_images)
    return digits.subset(torch.nonzero(~held_back).squeeze(1)), digits.subset(torch.nonzero(held_back).squeeze(1))


def load_test(root: Path) -> Digits:
    """Return the test half: for the one measurement at the end of a run, never for a choice."""
    return _load(root, "test")


def _load(root: Path, half: str) -> Digits:
    raw, start = root / RAW, HALVES[half]
    images_path, labels_path = raw / f"{start}-images-idx3-ubyte", raw / f"{start}-labels-idx1-ubyte"
    try:
        if images_path.stat().st_size == IDX3_HEADER_BYTES:
            raise DataError(f"{images_path}: holds no digit: prepare more pictures, or with another --test-share")
        images, labels = read_image_file(images_path), read_label_file(labels_path)
    except (RuntimeError, ValueError, TypeError, KeyError, OSError, AssertionError) as exc:
        raise DataError(f"{root}: torchvision cannot read MNIST's files there ({exc})") from exc
    if images.shape != (len(labels), IMAGE_SIZE, IMAGE_SIZE) or labels.max() >= len(LABELS):
        raise DataError(f"{root}: pictures and labels of the {half} half do not fit each other: prepare them again")
    return Digits(images, labels)


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
