"""`training.synthetic` and `training.fonts`: digits that nobody wrote."""

from pathlib import Path

import numpy as np
import pytest
import torch

from core.checkpoint import load_checkpoint
from core.engine import load_engine
from training.data import Digits
from training.fonts import FACES, cropped, print_character
from training.synthetic import WAYS, draw_digits, write_digit

ASSETS = Path(__file__).parents[2] / "assets"


@pytest.fixture(scope="module")
def digits() -> Digits:
    return draw_digits(100, seed=1)


def test_same_seed_same_digits(digits: Digits) -> None:
    assert torch.equal(draw_digits(20, seed=1).images, digits.images[:20])
    assert not torch.equal(draw_digits(20, seed=2).images, digits.images[:20])


def test_digits_are_in_mnist_form_and_of_every_class(digits: Digits) -> None:
    assert digits.images.shape == (100, 28, 28)
    assert digits.images.dtype == torch.uint8
    assert (digits.images.amax(dim=(1, 2)) == 255).all()
    assert digits.labels.bincount().tolist() == [10] * 10
    assert len({image.numpy().tobytes() for image in digits.images}) == 100


def test_the_shipped_network_reads_every_way_of_writing() -> None:
    engine, rng = load_engine(load_checkpoint(ASSETS, "digit-net"), "cpu"), np.random.default_rng(7)
    shares = {}
    for digit, ways in WAYS.items():
        for position, way in enumerate(ways):
            written = np.stack([write_digit(way, rng) for _ in range(20)])
            shares[digit, position] = float((engine.logits(written).argmax(axis=1) == digit).mean())
    assert min(shares.values()) > 0.5, shares  # a one with a flat flag is a seven to some
    assert sum(shares.values()) / len(shares) > 0.97, shares


def test_none_are_drawn_for_none() -> None:
    assert draw_digits(0, seed=1).images.shape == (0, 28, 28)


def test_every_face_prints_digits() -> None:
    rng = np.random.default_rng(1)
    printed = [print_character("8", rng) for _ in range(8 * len(FACES))]
    assert all(
        20 <= np.count_nonzero(picture.any(axis=1)) <= 22 or picture.any(axis=0).sum() >= 20 for picture in printed
    )
    assert len({picture.tobytes() for picture in printed}) > 6 * len(FACES)


def test_no_ink_is_a_blot_instead_of_nothing() -> None:
    assert cropped(np.zeros((64, 64), dtype=np.uint8)).max() == 255
