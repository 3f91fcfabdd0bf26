"""`training.augment`: what a change of known strength does to a picture."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from training.augment import Augmentation, augment, random_bends, random_matrices

STILL = Augmentation(degrees=0, scale=0, shift=0, shear=0, elastic=0, brush=0, cut=0, coarse=0, specks=0)


@pytest.fixture
def images() -> Tensor:
    """Eight pictures (8, 1, 28, 28) with ink only in the middle."""
    pictures = torch.zeros(8, 1, 28, 28)
    pictures[:, :, 9:19, 9:19] = torch.rand(8, 1, 10, 10, generator=torch.Generator().manual_seed(3))
    return pictures


@pytest.fixture
def bar() -> Tensor:
    """Eight soft-edged upright bars (8, 1, 28, 28), as a pen's stroke in MNIST."""
    profile = torch.tensor([0.2, 0.8, 1.0, 0.8, 0.2])
    pictures = torch.zeros(8, 1, 28, 28)
    pictures[:, :, 4:24, 12:17] = profile
    return pictures


def test_no_strength_changes_nothing(images: Tensor) -> None:
    assert torch.allclose(augment(images, STILL), images, atol=1e-5)


def test_same_seed_same_pictures(images: Tensor) -> None:
    results = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        results.append(augment(images, Augmentation()))
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


def test_pictures_change_each_in_its_own_way(images: Tensor) -> None:
    torch.manual_seed(1)
    changed = augment(images[:1].expand(8, -1, -1, -1), Augmentation())
    assert changed.shape == images.shape
    assert 0 <= float(changed.min()) <= float(changed.max()) <= 1
    assert len({picture.numpy().tobytes() for picture in changed}) == 8


def test_shift_is_a_share_of_the_side(images: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "rand", lambda *size: torch.ones(size))  # the far end of every range
    shifted = augment(images, replace(STILL, shift=3 / 28))
    assert torch.allclose(shifted, torch.roll(images, (-3, -3), dims=(2, 3)), atol=1e-5)


@pytest.mark.parametrize("end", [0.0, 1.0])
def test_rotation_keeps_to_its_degrees(monkeypatch: pytest.MonkeyPatch, end: float) -> None:
    monkeypatch.setattr(torch, "rand", lambda *size: torch.full(size, end))
    matrix = random_matrices(1, Augmentation(degrees=12, scale=0, shift=0, shear=0))[0]
    assert math.degrees(math.atan2(matrix[1, 0], matrix[0, 0])) == pytest.approx(12 * (2 * end - 1), abs=1e-3)
    assert float(torch.linalg.det(matrix[:, :2])) == pytest.approx(1, abs=1e-5)


def test_scale_and_shear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "rand", lambda *size: torch.ones(size))
    matrix = random_matrices(1, Augmentation(degrees=0, scale=0.25, shift=0, shear=0.5))[0]
    assert torch.allclose(matrix, torch.tensor([[1.25, 0.625, 0], [0, 1.25, 0]]))


def test_bends_are_smooth_and_keep_to_their_strength() -> None:
    torch.manual_seed(1)
    bends = random_bends(16, 28, elastic=0.04).reshape(16, 2, 28, 28) * 28 / 2  # in pixels
    assert 0.5 < float(bends.abs().max()) < 2 * 0.04 * 28
    assert float(bends.diff(dim=2).abs().max()) < 0.6


def test_bends_move_ink_and_keep_it(images: Tensor) -> None:
    torch.manual_seed(1)
    bent = augment(images, replace(STILL, elastic=0.04))
    assert not torch.allclose(bent, images, atol=0.05)
    assert torch.allclose(bent.sum(dim=(1, 2, 3)), images.sum(dim=(1, 2, 3)), rtol=0.25)


@pytest.mark.parametrize(("end", "side"), [(0.0, 8), (0.5, 10), (1.0, 12)])
def test_a_full_brush_adds_or_takes_one_pixel_around(monkeypatch: pytest.MonkeyPatch, end: float, side: int) -> None:
    square = torch.zeros(1, 1, 28, 28)
    square[:, :, 9:19, 9:19] = 1
    monkeypatch.setattr(torch, "rand", lambda *size: torch.full(size, end))
    written = augment(square, replace(STILL, brush=1))
    assert torch.allclose(written.sum(), torch.tensor(float(side * side)), atol=0.1)


def test_a_thin_brush_leaves_the_ink_black(bar: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "rand", lambda *size: torch.zeros(size))
    thin = augment(bar, replace(STILL, brush=0.5))
    assert thin.amax(dim=(1, 2, 3)).tolist() == pytest.approx([1] * 8)
    assert float(thin.sum()) < float(bar.sum())


def test_cut_out_ink_is_black_or_white_but_for_its_edge(bar: Tensor) -> None:
    torch.manual_seed(1)
    cut = augment(bar, replace(STILL, cut=1))
    assert cut[:, :, 6:22, 14].min() > 0.99
    assert cut[:, :, :, :10].max() < 0.01
    widths = cut[:, 0, 6:22].sum(dim=2).mean(dim=1)
    assert 2 < float(widths.min()) < float(widths.max()) < 5
    assert float(widths.max() - widths.min()) > 0.2


def test_faint_ink_is_cut_out_by_its_own_blackness(bar: Tensor) -> None:
    torch.manual_seed(1)
    assert augment(bar * 0.4, replace(STILL, cut=1)).amax(dim=(1, 2, 3)).min() > 0.99


def test_only_the_given_share_is_changed(bar: Tensor) -> None:
    torch.manual_seed(1)
    sent = augment(bar, replace(STILL, cut=0.25, coarse=0.25))
    assert (sent != augment(bar, STILL)).flatten(1).any(dim=1).sum() == 4


def test_coarse_digits_lose_what_is_finer_than_their_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    stripes = torch.zeros(1, 1, 28, 28)
    stripes[:, :, 6:22, 6:22:2] = 1
    monkeypatch.setattr(torch, "randint", lambda *_: torch.tensor(7))
    torch.manual_seed(1)
    coarse = augment(stripes, replace(STILL, coarse=1, coarsest=7))
    assert float(coarse[0, 0, 10:18, 10:18].min()) > 0.9


def test_specks_are_single_pixels_of_full_ink_or_of_paper() -> None:
    grey = torch.full((8, 1, 28, 28), 0.5)
    torch.manual_seed(1)
    speckled = augment(grey, replace(STILL, specks=0.5))
    touched = (speckled - augment(grey, STILL)).abs() > 1e-5
    assert touched.flatten(1).any(dim=1).sum() == 4
    assert set(speckled[touched].tolist()) == {0.0, 1.0}
    assert touched.flatten(1).sum(dim=1).max() < 0.08 * 28 * 28
