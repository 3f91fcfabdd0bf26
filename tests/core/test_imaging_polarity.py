import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from core.imaging import polarity
from core.imaging.canonical import canonical
from core.imaging.found import Found
from core.imaging.ink import Contrast
from core.imaging.view import View, view
from samples import scenes
from samples.strokes import draw_digit, to_mnist_form

Picture = NDArray[np.uint8]


def shoot(page: scenes.Page, seed: int = 5, **camera: float) -> Picture:
    return np.asarray(scenes.photograph(page, np.random.default_rng(seed), tilt=0.01, **camera))


def misshapen(picture: Picture, digit: Picture) -> float:
    """How far the canonical digit of a picture is from what was written: the share of its ink that differs."""
    found = canonical(picture)
    assert found is not None
    seen, meant = found[0].astype(float), to_mnist_form(digit).astype(float)
    return float(np.abs(cv2.blur(seen, (5, 5)) - cv2.blur(meant, (5, 5))).sum() / meant.sum())


@pytest.mark.parametrize("seed", [7, 14, 39])
def test_dark_ink_on_a_slip_of_paper_is_read_and_not_the_paper_beside_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    digit = draw_digit(seed % 10, rng, height=70)
    page = scenes.write_on(scenes.paper((480, 640), rng), digit, (0.5, 0.3), scenes.INKS["blue"], rng)
    desk = scenes.desk((480, 640), rng)
    desk[120:560, 170:310] = page[120:560, 170:310]
    assert misshapen(shoot(scenes.shade(desk, rng, fall_off=0.5, shadow=0.5), seed), digit) < 0.6


@pytest.mark.parametrize("label", [1, 6, 8])
def test_chalk_is_read_and_not_the_board_between_its_strokes(label: int) -> None:
    rng = np.random.default_rng(label)
    digit = draw_digit(label, rng, height=90)
    board = scenes.paper((480, 640), rng, colour=(0.45, 0.62, 0.55), grain=0.05)
    board = scenes.write_on(board, digit, (0.45, 0.6), scenes.INKS["chalk"], rng, patchy=0.2)
    assert misshapen(shoot(scenes.shade(board, rng, fall_off=0.4, shadow=0.3)), digit) < 0.6


@pytest.mark.parametrize("label", [3, 8])
def test_a_broad_pen_is_read_and_not_the_light_beside_a_shadow(label: int) -> None:
    rng = np.random.default_rng(label)
    digit = draw_digit(label, rng, height=220)
    page = scenes.write_on(scenes.paper((480, 640), rng), digit, (0.5, 0.55), scenes.INKS["green"], rng, patchy=0.1)
    page[:, :300] *= 0.5
    assert misshapen(shoot(page), digit) < 0.4


@pytest.mark.parametrize("light_ink", [False, True])
@pytest.mark.parametrize("label", [0, 2, 4, 8])
def test_a_digit_that_fills_a_picture_in_slanting_light_is_read_whole(label: int, light_ink: bool) -> None:
    digit = cv2.dilate(draw_digit(label, np.random.default_rng(label), height=80), np.ones((5, 5)))
    ink = np.pad(digit, 12) / 255.0
    down, across = np.mgrid[0 : ink.shape[0], 0 : ink.shape[1]] / len(ink)
    grey = (200 - 140 * ink) * (1 - 0.3 * (0.7 * across + 0.7 * down))
    noisy = np.clip(grey + np.random.default_rng(label).normal(0, 3, grey.shape), 0, 255).astype(np.uint8)
    assert misshapen(255 - noisy if light_ink else noisy, digit) < 0.6


def test_the_grain_of_white_paper_is_no_light_ink() -> None:
    for seed in range(5):
        rng = np.random.default_rng(seed)
        grainy = shoot(scenes.shade(scenes.paper((400, 300), rng, grain=0.02), rng), sensor_noise=0.02)
        assert polarity.is_ink_dark(view(grainy, 720, 160))


def found(mask: Picture, dark: bool) -> Found:
    return Found(mask, Contrast(mask.astype(np.float32), dark, flat=False))


def box(left: int, top: int, right: int, bottom: int) -> Picture:
    mask = np.zeros((80, 100), np.uint8)
    mask[top:bottom, left:right] = 1
    return mask


def test_a_counter_lies_within_the_box_of_its_digit() -> None:
    digit, counter, other = (
        found(box(*place), True) for place in ((20, 10, 60, 70), (30, 20, 50, 40), (50, 5, 90, 30))
    )
    assert polarity.is_around(digit, counter)
    assert not polarity.is_around(counter, digit)
    assert not polarity.is_around(digit, digit)
    assert not polarity.is_around(digit, other)


def test_ink_stands_out_by_its_own_lightness_only() -> None:
    mask = box(40, 30, 50, 50)
    picture = np.where(mask > 0, 51, 204).astype(np.float32)[..., None]
    seen = View(picture, picture, 1.0)
    assert polarity.standing_out(found(mask, dark=True), seen) == pytest.approx(0.6)
    assert polarity.standing_out(found(mask, dark=False), seen) == 0
    assert polarity.standing_out(found(np.ones_like(mask), dark=True), seen) == 0  # no paper around it
