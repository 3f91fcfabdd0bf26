"""`training.sent`: training digits as they come back from pictures that people send."""

from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image

from core.errors import NoInk
from samples.strokes import draw_digit, to_mnist_form
from training import sent
from training.data import Digits
from training.pictures import Pixels
from training.sent import LARGE, SMALL, send_digits


@pytest.fixture(scope="module")
def digits() -> Digits:
    rng = np.random.default_rng(1)
    images = np.stack([to_mnist_form(draw_digit(index % 10, rng, height=80)) for index in range(40)])
    return Digits(torch.from_numpy(images), torch.arange(40) % 10)


def test_same_seed_same_digits_however_many_share_the_work(digits: Digits, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = send_digits(digits, seed=1, workers=1)
    monkeypatch.setattr(sent, "CHUNK", 7)
    assert torch.equal(send_digits(digits, seed=1, workers=2), whole)
    assert not torch.equal(send_digits(digits, seed=2, workers=1), whole)


def test_digits_come_back_changed_and_alike(digits: Digits) -> None:
    back = send_digits(digits, seed=1, workers=1)
    assert (back.shape, back.dtype) == (digits.images.shape, torch.uint8)
    changed = (back != digits.images).flatten(1).any(1)
    assert changed.float().mean() > 0.9
    for one, other in zip(back.numpy(), digits.images.numpy(), strict=True):
        assert sent._likeness(one, other) >= sent.LEAST_LIKENESS


def test_none_are_none() -> None:
    nothing = Digits(torch.zeros(0, 28, 28, dtype=torch.uint8), torch.zeros(0, dtype=torch.int64))
    assert send_digits(nothing, seed=1, workers=2).shape == (0, 28, 28)


@pytest.mark.parametrize(("paper", "ink"), [(0, 0), (255, 255), (0, 50)], ids=["black", "white", "faint"])
def test_pictures_that_hardly_show_a_digit_stay_as_they_were(paper: int, ink: int) -> None:
    images = torch.full((20, 28, 28), paper, dtype=torch.uint8)
    images[:, 10:18, 12:16] = ink
    assert torch.equal(send_digits(Digits(images, torch.zeros(20, dtype=torch.int64)), seed=1, workers=1), images)


def test_what_is_rejected_or_misunderstood_stays_as_it_was(digits: Digits, monkeypatch: pytest.MonkeyPatch) -> None:
    def rejected(*_: object) -> None:
        raise NoInk("nothing there")

    class Other:
        pixels = np.eye(28, dtype=np.uint8) * 255

    for answer in (rejected, lambda *_: Other):
        monkeypatch.setattr(sent, "read_digit", answer)
        assert torch.equal(send_digits(digits, seed=1, workers=1), digits.images)


def test_pictures_are_small_or_large_dark_or_light(digits: Digits) -> None:
    digit: Pixels = digits.images[3].numpy()
    pictures = [Image.open(BytesIO(sent._picture(digit, np.random.default_rng(seed)))) for seed in range(200)]
    sides = np.array([picture.width for picture in pictures])
    assert ((sides < SMALL[1] + 8) | (sides >= LARGE[0])).all()
    assert 10 <= (sides < LARGE[0]).sum() <= 40
    light = np.array([np.asarray(picture)[0, 0] < 128 for picture in pictures])
    assert 25 <= light.sum() <= 80
    assert {picture.format for picture in pictures} == {"PNG", "JPEG"}
