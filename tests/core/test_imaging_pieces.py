import cv2
import numpy as np
import pytest

from core.imaging import pieces
from core.imaging.arrays import Floats, Mask

RNG_SEED = 9
SHAPE = (200, 300)


def blank() -> Mask:
    return np.zeros(SHAPE, np.uint8)


def ring(mask: Mask, centre: tuple[int, int] = (150, 100), axes: tuple[int, int] = (25, 40)) -> Mask:
    return np.asarray(cv2.ellipse(mask, centre, axes, 0, 0, 360, [1], 8), np.uint8)


def as_ink(mask: Mask) -> Floats:
    return np.asarray(cv2.GaussianBlur(mask.astype(np.float32) * 0.7, (0, 0), 1), np.float32)


def chosen(mask: Mask, slope: float = 0.0) -> Mask:
    digit = pieces.choose(mask, as_ink(mask), slope)
    assert digit is not None
    return digit


def test_threshold_is_above_the_noise() -> None:
    ink = np.abs(np.random.default_rng(RNG_SEED).normal(0, 0.03, SHAPE)).astype(np.float32)
    assert pieces.threshold(cv2.GaussianBlur(ink, (0, 0), 1)).mean() < 0.001


def test_threshold_follows_every_pieces_own_strength() -> None:
    ink = np.zeros(SHAPE, np.float32)
    ink[40:60, 40:60], ink[40:60, 60:70] = 0.9, 0.2
    ink[120:140, 40:60] = 0.2
    mask = pieces.threshold(ink)
    assert mask[50, 50] == 1
    assert mask[50, 65] == 0  # a shadow beside strong ink
    assert mask[130, 50] == 1  # faint ink on its own


def test_specks_are_dropped() -> None:
    mask = ring(blank())
    mask[30:33, 30:33] = mask[100:103, 149:152] = 1
    assert np.array_equal(chosen(mask), ring(blank()))


def test_a_stroke_in_two_pieces_stays_together() -> None:
    mask = blank()
    mask[60:64, 140:180] = mask[78:140, 140:146] = 1
    assert np.array_equal(chosen(mask), mask)


def test_a_frame_around_the_digit_is_dropped() -> None:
    mask = ring(cv2.rectangle(blank(), (20, 10), (280, 190), [1], 3))
    assert chosen(mask)[10, 100] == 0


def test_a_desk_along_the_border_is_not_the_digit() -> None:
    mask = ring(blank())
    mask[:, :60] = 1
    assert chosen(mask, slope=0.02)[100, 30] == 0


def test_a_punched_hole_is_not_the_digit() -> None:
    mask = blank()
    cv2.circle(mask, (100, 100), 16, [1], -1)
    mask[90:130, 200:203] = 1
    digit = chosen(mask)
    assert digit[100, 100] == 0
    assert digit[100, 201] == 1


def test_nothing_is_chosen_where_there_is_no_ink() -> None:
    assert pieces.choose(blank(), np.zeros(SHAPE, np.float32)) is None


def test_a_shadow_is_less_sharp_than_ink() -> None:
    inside = np.zeros((60, 60), bool)
    inside[20:40, 20:40] = True
    sharp, soft = (cv2.GaussianBlur(inside.astype(np.float32), (0, 0), sigma) for sigma in (0.8, 6))
    assert pieces.sharpness(sharp, inside) > 3 * pieces.sharpness(soft, inside)


@pytest.mark.parametrize("width", [8, 15, 31])
def test_stroke_width_of_a_long_stroke(width: int) -> None:
    mask = blank()
    mask[100 : 100 + width, 20:280] = 1
    assert pieces.stroke_width(mask) == pytest.approx(width, rel=0.35)


@pytest.mark.parametrize(
    ("shape", "broad"), [((20, 20), True), ((60, 18), False), ((60, 40), True)], ids=["dot", "bar", "block"]
)
def test_broad(shape: tuple[int, int], broad: bool) -> None:
    assert pieces.is_broad(np.ones(shape, np.uint8)) is broad


def test_hugging_the_border_is_more_than_touching_it() -> None:
    assert pieces.hugs_border(np.ones((100, 40), bool), 0, 20, SHAPE)
    assert not pieces.hugs_border(np.ones((10, 40), bool), 0, 20, SHAPE)


def test_a_sheets_edge_lies_in_the_band_along_the_border() -> None:
    assert pieces.lines_border(np.ones((6, 200), bool), 40, 190, SHAPE)
    assert not pieces.lines_border(np.ones((6, 200), bool), 40, 100, SHAPE)


def test_a_thin_line_through_the_picture_is_ruling() -> None:
    assert pieces.is_ruling(np.ones((2, 300), bool), SHAPE)
    assert not pieces.is_ruling(np.ones((2, 150), bool), SHAPE)
    assert not pieces.is_ruling(np.ones((20, 300), bool), SHAPE)
