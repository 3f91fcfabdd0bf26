"""The paper and the contrast of its ink: colour, light, polarity."""

import cv2
import numpy as np
import pytest

from core.imaging import ink, paper
from core.imaging.arrays import Floats
from core.imaging.view import View, distance, greatest, view

RNG_SEED = 3


def page(colour: float = 200.0, height: int = 120, width: int = 160) -> Floats:
    return np.full((height, width, 3), colour, np.float32)


def cross(sheet: Floats, colour: float, width: int = 6) -> Floats:
    """Two strokes in the middle of the sheet."""
    drawn = sheet.copy()
    drawn[30:90, 78 : 78 + width] = drawn[57 : 57 + width, 50:110] = colour
    return drawn


def seen(picture: Floats) -> View:
    return View(picture, picture, 1.0)


@pytest.mark.parametrize(
    ("size", "longest", "least", "expected", "enlarged"),
    [((400, 800), 200, 50, (100, 200), 1.0), ((8, 10), 200, 50, (40, 50), 5.0), ((60, 90), 200, 50, (60, 90), 1.0)],
    ids=["averaged", "enlarged", "as it is"],
)
def test_a_view_is_of_bounded_size(
    size: tuple[int, int], longest: int, least: int, expected: tuple[int, int], enlarged: float
) -> None:
    shown = view(np.full(size, 7, np.uint8), longest, least)
    assert shown.picture.shape == (*expected, 1)
    assert shown.enlarged == enlarged
    assert np.allclose(shown.picture, 7)


def test_distance_is_that_of_the_channel_that_differs_most() -> None:
    picture = np.array([[[250, 240, 40], [255, 255, 255]]], np.float32)
    assert distance(picture, np.array([255, 255, 255], np.float32)).tolist() == [[215, 0]]
    assert greatest(picture).tolist() == [[250, 255]]


def test_flat_paper_has_the_colour_around_the_ink() -> None:
    colour = paper.flat_paper(cross(page(200), 30), tiny=False)
    assert colour is not None
    assert np.allclose(colour, 200, atol=1)


def test_paper_in_a_shadow_gradient_is_not_flat() -> None:
    light = np.linspace(1, 0.4, 160, dtype=np.float32)[None, :, None]
    assert paper.flat_paper(cross(page(200), 30) * light, tiny=False) is None


def slope(least: float = 0.6) -> Floats:
    """Light that falls off to the right and a little downwards."""
    down, across = np.mgrid[0:120, 0:160] / 160
    return np.asarray(1 - (1 - least) * (0.8 * across + 0.2 * down), np.float32)[..., None]


def test_sloping_paper_is_known_under_broad_strokes_too() -> None:
    sheet = page(200) * slope()
    drawn = cross(page(200), 30, width=25) * slope()
    drawn[:, 140:150] = 20  # a stroke that touches the border
    under = paper.sloping_paper(drawn)
    assert under is not None
    assert np.abs(under - sheet).max() < 3


def test_paper_that_light_falls_on_unevenly_does_not_slope() -> None:
    sheet = page(200)
    sheet[:, :70] *= 0.5
    assert paper.sloping_paper(cross(sheet, 30)) is None


@pytest.mark.parametrize(("colour", "dark"), [(40, True), (250, False)])
def test_sloping_contrast_is_zero_on_paper_and_names_the_polarity(colour: float, dark: bool) -> None:
    drawn = cross(page(150) * slope(), colour, width=25)
    contrast = ink.measure_sloping(seen(drawn))
    assert contrast is not None
    assert (contrast.dark, contrast.flat) == (dark, False)
    assert contrast.ink[:20].max() < 0.02
    assert contrast.ink[60:80, 60:75].min() > 0.2


@pytest.mark.parametrize(("background", "stroke", "dark"), [(200, 30, True), (40, 220, False), (120, 200, False)])
def test_polarity(background: int, stroke: int, dark: bool) -> None:
    assert (paper.ink_balance(cross(page(background), stroke)) >= 0) is dark


def test_polarity_does_not_depend_on_the_light() -> None:
    light = np.linspace(1, 0.3, 160, dtype=np.float32)[None, :, None]
    assert paper.ink_balance(cross(page(230), 60) * light) > 0
    assert paper.ink_balance(cross(page(60), 230) * light) < 0


def test_paper_light_is_rebuilt_under_the_ink() -> None:
    assert np.allclose(paper.paper_light(cross(page(200), 30), 0.12), 200)


def test_a_sheets_edge_is_a_step_and_a_soft_shadow_is_none() -> None:
    desk = page(200)
    desk[:, :80] = 60
    shadow = page(200) * np.linspace(1, 0.5, 160, dtype=np.float32)[None, :, None]
    assert paper.paper_steps(desk)[60, 80] == 1
    assert paper.paper_steps(shadow).sum() == 0


def test_flat_contrast_is_zero_on_paper_and_names_the_polarity() -> None:
    contrast = ink.measure_flat(seen(cross(page(55), 255)))
    assert contrast is not None
    assert not contrast.dark
    assert contrast.ink[0, 0] == 0
    assert contrast.ink[60, 80] == pytest.approx(200 / 255)


def test_uneven_contrast_is_the_same_in_light_and_shadow() -> None:
    light = np.linspace(1, 0.5, 160, dtype=np.float32)[None, :, None]
    contrast = ink.measure_uneven(seen(cross(page(220), 110) * light), dark=True)
    assert contrast.ink[60, 52] == pytest.approx(0.5, abs=0.06)
    assert contrast.ink[60, 107] == pytest.approx(0.5, abs=0.06)
    assert contrast.ink[10, 10] < 0.03


def test_dark_corners_are_not_ink() -> None:
    y, x = np.mgrid[-1:1:120j, -1:1:160j].astype(np.float32)
    vignette = page(220) / (1 + 3 * (x * x + y * y))[..., None] ** 1.5
    contrast = ink.measure_uneven(seen(vignette), dark=True)
    assert vignette[0, 0, 0] < ink.DEEPEST_SHADOW
    assert contrast.ink.max() < 0.25


def test_a_tiny_picture_has_flat_paper() -> None:
    contrast = ink.measure_tiny(seen(np.full((160, 160, 1), 16, np.float32)))
    assert contrast.flat
    assert contrast.ink.max() == 0


def test_contrast_is_taken_along_the_inks_own_colour() -> None:
    channels = np.zeros((60, 60, 3), np.float32)
    channels[20:40, 20:40] = (0.0, 0.0, 0.8)
    channels[50] = (0.2, 0.2, 0.0)
    along = ink.along_ink(channels)
    assert along[30, 30] == pytest.approx(0.8)
    assert along[50, 5] == pytest.approx(0.0, abs=1e-6)


def test_noise_level_is_a_standard_deviation_and_ignores_strokes() -> None:
    grain = np.random.default_rng(RNG_SEED).normal(0, 0.02, (200, 200)).astype(np.float32)
    grain[90:96, 40:160] += 0.7
    assert ink.noise_level(grain) == pytest.approx(0.02, rel=0.35)


def test_a_shadows_sharp_edge_is_no_ink() -> None:
    sheet = page(220)
    sheet[:, 90:] *= 0.55
    contrast = ink.measure_uneven(seen(cv2.GaussianBlur(sheet, (0, 0), 1.5)), dark=True)
    assert contrast.ink.max() < 0.06
