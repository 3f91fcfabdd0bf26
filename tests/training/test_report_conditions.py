"""`training.report.conditions` and `.strokes`: the pictures are what they claim to be, and stay so."""

import hashlib
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from core.checkpoint import load_checkpoint
from core.image import read_digit
from core.model import ModelWrapper, Picture
from samples.strokes import draw_digit, to_mnist_form
from training.pictures import Pixels, enlarge, generator, trace
from training.report.conditions import CONDITIONS
from training.report.make import load_wrapper
from training.report.strokes import skeleton, thicken, thin

ASSETS = Path(__file__).parents[2] / "assets"
LEAST_CONDITIONS = 18
SAME_FOR_ALL = {"clean", "inverted", "scaled_up_10x", "scaled_up_40x", "transparent_dark_ink", "transparent_light_ink"}
SAME_FOR_ALL |= {"jpeg_quality_30", "blur", "thin_strokes", "thick_strokes", "eight_by_eight"}

DIGITS = [to_mnist_form(draw_digit(digit, np.random.default_rng([1, digit]))) for digit in range(10)]


@pytest.fixture(scope="module")
def wrapper() -> ModelWrapper:
    return load_wrapper(load_checkpoint(ASSETS, "digit-net"))


def make(name: str, digit: int = 3, position: int = 0) -> bytes:
    return CONDITIONS[name].make(DIGITS[digit], generator(name, position))


def opened(name: str, digit: int = 3) -> Image.Image:
    return Image.open(BytesIO(make(name, digit)))


def components(shape: Pixels) -> tuple[int, int]:
    """Pieces of ink, and of paper: what a digit's topology is."""
    return cv2.connectedComponents(shape, connectivity=8)[0], cv2.connectedComponents(1 - shape, connectivity=4)[0]


def test_there_are_enough_conditions_and_each_says_what_it_does() -> None:
    assert len(CONDITIONS) > LEAST_CONDITIONS
    assert len({condition.strength for condition in CONDITIONS.values()}) == len(CONDITIONS)
    assert next(iter(CONDITIONS)) == "clean"


@pytest.mark.parametrize("name", CONDITIONS)
def test_pictures_depend_on_name_and_position_only(name: str) -> None:
    first, again, other = make(name), make(name), make(name, position=1)
    assert hashlib.sha256(first).digest() == hashlib.sha256(again).digest()
    assert (first == other) == (name in SAME_FOR_ALL)


@pytest.mark.parametrize("name", CONDITIONS)
def test_a_clearly_written_digit_is_read(name: str, wrapper: ModelWrapper) -> None:
    readings = [wrapper.read([Picture(make(name, digit, position=digit))])[0] for digit in range(10)]
    right = [reading.predictions[0].label_id == digit for digit, reading in enumerate(readings)]
    assert sum(right) >= 9, right


def test_sizes_and_forms() -> None:
    assert np.array_equal(np.asarray(opened("clean")), DIGITS[3])
    assert np.array_equal(np.asarray(opened("inverted")), 255 - DIGITS[3])
    assert opened("scaled_up_10x").size == (280, 280)
    assert (opened("scaled_up_40x").size, opened("scaled_up_40x").format) == ((1120, 1120), "BMP")
    assert opened("eight_by_eight").size == (8, 8)
    assert opened("jpeg_quality_30").format == "JPEG"


def test_only_the_transparency_of_transparent_pictures_shows_the_digit() -> None:
    for name, value in (("transparent_dark_ink", 0), ("transparent_light_ink", 255)):
        pixels = np.asarray(opened(name))
        assert (pixels[..., :3] == value).all()
        assert np.array_equal(pixels[..., 3], enlarge(DIGITS[3], 112))


@pytest.mark.parametrize("position", range(20))
def test_orientation_is_undone_by_who_heeds_exif(position: int) -> None:
    picture = Image.open(BytesIO(make("exif_rotated", 4, position)))
    assert picture.getexif()[0x0112] in range(2, 9)
    upright = np.asarray(ImageOps.exif_transpose(picture), np.int16)
    assert np.abs(upright - (255 - enlarge(DIGITS[4], 112))).mean() < 3


def test_all_orientations_occur() -> None:
    seen = {Image.open(BytesIO(make("exif_rotated", 4, position))).getexif()[0x0112] for position in range(60)}
    assert seen == set(range(2, 9))


def test_noise_is_as_strong_as_it_says() -> None:
    field = np.full((28, 28), 0, np.uint8)
    salted = np.stack([_pixels("salt_noise", field, position) for position in range(50)])
    assert (salted == 0).mean() == pytest.approx(0.015, abs=0.003)
    grey = np.full((28, 28), 128, np.uint8)
    noisy = np.stack([_pixels("gaussian_noise", grey, position) for position in range(20)]).astype(float)
    assert noisy.std() == pytest.approx(30, abs=1)


def _pixels(name: str, digit: Pixels, position: int) -> NDArray[np.uint8]:
    return np.asarray(Image.open(BytesIO(CONDITIONS[name].make(digit, generator(name, position)))))


@pytest.mark.parametrize("digit", range(10))
def test_thin_and_thick_strokes_keep_the_topology(digit: int) -> None:
    shape = trace(DIGITS[digit], 140)
    thinned, thickened = thin(shape, 3.0), thicken(shape, by=5, gap=5)
    assert components(thinned) == components(thickened) == components(skeleton(shape)) == components(shape)
    assert thinned.sum() < 0.5 * shape.sum()
    assert thickened.sum() > 1.3 * shape.sum()
    assert (thickened >= shape).all()


def test_the_skeleton_is_one_pixel_wide() -> None:
    bar = np.zeros((40, 60), np.uint8)
    bar[10:25, 8:50] = 1
    lines = skeleton(bar)
    assert (lines <= bar).all()
    assert 20 <= lines.sum() <= 42
    assert (lines.sum(axis=0)[18:40] == 1).all()


def test_a_narrow_gap_stays_open() -> None:
    ring = np.zeros((80, 80), np.uint8)
    cv2.circle(ring, (40, 40), 12, 1, 12)  # a hole 12 pixels wide
    assert components(thicken(ring, by=10, gap=7)) == components(ring)


def test_the_network_sees_the_whole_digit_of_a_tiny_picture() -> None:
    assert read_digit(make("tiny_in_a_large_canvas", 8), 2**20).pixels.any()
    assert opened("tiny_in_a_large_canvas", 8).size == (480, 360)
