"""`training.data`: where MNIST is looked for, what is refused, how it is split."""

import os
from pathlib import Path

import pytest
import torch

from core.prepared import RAW
from tests.training.conftest import TEST_IMAGES, TRAINING_IMAGES, write_mnist
from training import data
from training.data import Digits, cache_dir, find_data, load_test, load_training
from training.errors import DataError

IMAGES = "train-images-idx3-ubyte"


def test_cache_follows_xdg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert cache_dir() == Path("/somewhere/max-pytorch-mnist")
    for unusable in ("", "relative/path"):
        monkeypatch.setenv("XDG_CACHE_HOME", unusable)
        assert cache_dir() == Path.home() / ".cache" / "max-pytorch-mnist"


def test_given_folder_alone_is_looked_at(mnist: Path, tmp_path: Path) -> None:
    assert find_data(mnist) == mnist
    write_mnist(cache_dir())
    with pytest.raises(DataError, match=r"nowhere.*cannot be read.*--data or MNIST_DIR"):
        find_data(tmp_path / "nowhere")


@pytest.mark.usefixtures("mnist")
def test_cache_comes_before_the_shared_copy() -> None:
    write_mnist(data.SHARED_DIR)
    assert find_data() == data.SHARED_DIR
    write_mnist(cache_dir())
    assert find_data() == cache_dir()


def test_changed_file_is_refused(mnist: Path) -> None:
    path = mnist / RAW / IMAGES
    path.write_bytes(path.read_bytes()[:-1] + b"\xff")
    with pytest.raises(DataError, match=f"{IMAGES}: is not MNIST's file"):
        find_data(mnist)


def test_missing_file_is_refused(mnist: Path) -> None:
    (mnist / RAW / IMAGES).unlink()
    with pytest.raises(DataError, match=f"{IMAGES}: cannot be read"):
        find_data(mnist)


def fake_download(root: str, download: bool) -> None:
    assert download
    write_mnist(Path(root))


@pytest.mark.usefixtures("mnist")
def test_download_goes_into_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "MNIST", fake_download)
    assert find_data() == cache_dir()
    assert [path.name for path in cache_dir().iterdir()] == ["MNIST"]


def test_wrong_download_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "MNIST", fake_download)
    with pytest.raises(DataError, match="is not MNIST's file"):
        find_data()
    assert not list(cache_dir().iterdir())


def test_failed_download_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_network(root: str, download: bool) -> None:
        raise RuntimeError(f"Error downloading into {root}: {download}")

    monkeypatch.setattr(data, "MNIST", no_network)
    with pytest.raises(DataError, match=r"cannot be fetched .*MNIST_DIR"):
        find_data()
    assert not list(cache_dir().iterdir())


def pixels(digits: Digits) -> set[bytes]:
    return {image.numpy().tobytes() for image in digits.images}


def test_split_is_stratified_complete_and_fixed(mnist: Path) -> None:
    training, validation = load_training(mnist, 50)
    assert (len(training), len(validation)) == (TRAINING_IMAGES - 50, 50)
    assert torch.bincount(validation.labels).tolist() == [5] * 10
    assert len(pixels(training) | pixels(validation)) == TRAINING_IMAGES
    torch.manual_seed(99)
    assert torch.equal(load_training(mnist, 50)[1].images, validation.images)


def test_test_half(mnist: Path) -> None:
    digits = load_test(mnist)
    assert digits.images.shape == (TEST_IMAGES, 28, 28)
    assert digits.images.dtype == torch.uint8
    assert not pixels(digits) & pixels(load_training(mnist, 50)[0])


@pytest.mark.parametrize("count", [0, TRAINING_IMAGES])
def test_split_without_training_or_validation_is_refused(mnist: Path, count: int) -> None:
    with pytest.raises(DataError, match=f"{count} validation images of {TRAINING_IMAGES}"):
        load_training(mnist, count)


def test_file_that_torchvision_cannot_read(mnist: Path) -> None:
    os.truncate(mnist / RAW / IMAGES, 8)
    with pytest.raises(DataError, match="torchvision cannot read MNIST's files there"):
        load_training(mnist, 50)
