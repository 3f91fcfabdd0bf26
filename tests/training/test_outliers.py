"""`training.outliers`: pictures that are no digits, and what a network pays for being sure of them."""

import math

import pytest
import torch
from torch import Tensor

from training.outliers import draw_outliers, outlier_loss


@pytest.fixture(scope="module")
def outliers() -> Tensor:
    return draw_outliers(80, seed=1)


def test_same_seed_same_pictures(outliers: Tensor) -> None:
    assert torch.equal(draw_outliers(16, seed=1), outliers[:16])
    assert not torch.equal(draw_outliers(16, seed=2), outliers[:16])


def test_pictures_are_in_mnist_form(outliers: Tensor) -> None:
    assert outliers.shape == (80, 28, 28)
    assert outliers.dtype == torch.uint8
    assert (outliers.amax(dim=(1, 2)) == 255).all()
    rows, columns = (outliers.amax(dim=dim).gt(0).float() for dim in (2, 1))
    assert rows.sum(dim=1).max() <= 20
    assert columns.sum(dim=1).max() <= 20


def test_no_two_pictures_are_alike(outliers: Tensor) -> None:
    assert len({picture.numpy().tobytes() for picture in outliers}) > 75


def test_none_are_drawn_for_none() -> None:
    assert draw_outliers(0, seed=1).shape == (0, 28, 28)


def test_loss_is_nothing_for_doubt_and_much_for_certainty() -> None:
    assert float(outlier_loss(torch.full((3, 10), 5.0))) == pytest.approx(0, abs=1e-5)
    sure = torch.zeros(1, 10)
    sure[0, 3] = 20
    assert float(outlier_loss(sure)) == pytest.approx(20 * 0.9 - math.log(10), abs=1e-3)


def test_drawing_leaves_the_order_of_the_digits_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    draw_outliers(8, seed=1)
    assert torch.equal(torch.rand(4), expected)
