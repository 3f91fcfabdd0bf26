"""The digit's strokes, redrawn, normalised, fitted and centred."""

import cv2
import numpy as np
import pytest

from core.imaging import canonical, strokes
from core.imaging.arrays import Floats, Pixels
from core.imaging.found import Found
from core.imaging.ink import Contrast
from core.imaging.pieces import stroke_width


def bar(width: int) -> Pixels:
    shape = np.zeros((200, 120), np.uint8)
    shape[20:180, 50 : 50 + width] = 1
    return shape


def found(ink: Floats, enlarged: float = 1.0) -> Found:
    return Found((ink > 0.3 * ink.max()).astype(np.uint8), Contrast(ink, dark=True, flat=True), enlarged)


def test_redrawn_strokes_are_bilevel_and_end_at_half_their_contrast() -> None:
    ink = cv2.GaussianBlur(bar(20).astype(np.float32) * 0.5, (0, 0), 3)
    drawn = strokes.redraw(found(ink))
    assert set(np.unique(drawn)) == {0.0, 1.0}
    assert drawn[len(drawn) // 2].sum() == pytest.approx(20, abs=2)


def test_a_faint_stretch_of_a_stroke_survives() -> None:
    ink = bar(16).astype(np.float32) * 0.8
    ink[120:] *= 0.4
    assert strokes.redraw(found(ink)).any(axis=1).sum() >= 150


def test_a_tiny_picture_keeps_its_grey_levels() -> None:
    ink = cv2.resize(np.eye(8, dtype=np.float32) * 0.6 + 0.1, (160, 160), interpolation=cv2.INTER_CUBIC)
    drawn = strokes.redraw(found(ink, enlarged=20.0))
    assert ((drawn > 0.1) & (drawn < 0.9)).mean() > 0.05
    assert drawn.max() == 1


@pytest.mark.parametrize(
    ("width", "done"), [(4, ["thickened"]), (24, []), (60, ["thinned"])], ids=["hair", "pen", "marker"]
)
def test_strokes_are_brought_to_a_pens_width(width: int, done: list[str]) -> None:
    shape, changed = strokes.normalise(bar(width).astype(np.float32))
    assert changed == done
    within = stroke_width(shape.astype(np.uint8)) / strokes.SCALE
    assert strokes.LEAST_WIDTH - 0.6 <= within <= strokes.MOST_WIDTH + 1


def test_thickening_closes_small_breaks() -> None:
    shape = bar(6)
    shape[96:104] = 0
    whole = strokes.thicken(shape, 10)
    assert cv2.connectedComponents(whole)[0] == 2


def test_thinning_never_takes_everything() -> None:
    assert np.array_equal(strokes.thin(bar(6), 200), bar(6))


@pytest.mark.parametrize("size", [(160, 40), (40, 160), (7, 3)])
def test_place_fits_into_20_by_20_and_keeps_the_shape(size: tuple[int, int]) -> None:
    pixels = canonical.place(np.ones(size, np.float32))
    rows, columns = (np.flatnonzero(pixels.any(axis=axis)) for axis in (1, 0))
    assert pixels.shape == (28, 28)
    assert pixels.dtype == np.uint8
    assert max(len(rows), len(columns)) == 20
    assert len(rows) / len(columns) == pytest.approx(size[0] / size[1], rel=0.2)


def test_place_centres_by_mass() -> None:
    shape = np.zeros((160, 160), np.float32)
    shape[:, :20] = shape[140:, :] = 1
    pixels = canonical.place(shape).astype(float)
    for axis in (0, 1):
        sums = pixels.sum(axis=axis)
        assert (sums * np.arange(28)).sum() / sums.sum() == pytest.approx(14, abs=0.75)


def test_place_averages_areas() -> None:
    shape = np.ones((160, 80), np.float32)
    shape[1::2, :8] = 0  # half of the outermost column of the result
    pixels = canonical.place(shape)
    assert set(np.unique(pixels)) == {0, 128, 255}
