import io

import numpy as np
import pytest
from PIL import Image

from core.image import read_digit
from core.imaging.repeats import without_repeats
from samples.strokes import draw_digit, to_mnist_form

RNG = np.random.default_rng(5)
GREY = RNG.integers(0, 256, (8, 8), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, (9, 7, 3), dtype=np.uint8)


@pytest.mark.parametrize("side", [16, 28, 100, 320])
@pytest.mark.parametrize("small", [GREY, COLOUR], ids=["grey", "colour"])
def test_blocks_become_pixels_again(small: np.ndarray, side: int) -> None:
    height, width = small.shape[:2]
    large = Image.fromarray(small).resize((side * width // 8, side * height // 8), Image.Resampling.NEAREST)
    assert np.array_equal(without_repeats(np.asarray(large)), small)


def test_a_picture_without_blocks_stays_the_same_object() -> None:
    for pixels in (GREY, COLOUR, np.full((40, 40), 255, np.uint8), np.asarray(Image.fromarray(GREY).resize((80, 80)))):
        assert without_repeats(pixels) is pixels


def test_blocks_in_one_direction_only_are_no_enlargement() -> None:
    pixels = GREY.repeat(4, axis=0)
    assert without_repeats(pixels) is pixels


def test_one_changed_pixel_between_blocks_tells_that_they_are_none() -> None:
    pixels = GREY.repeat(8, axis=0).repeat(8, axis=1)
    pixels[4, 4] ^= 255
    assert without_repeats(pixels) is pixels


def test_an_enlarged_digit_of_mnists_form_is_read_bit_for_bit() -> None:
    digit = to_mnist_form(draw_digit(3, np.random.default_rng(1), height=60))
    file = io.BytesIO()
    Image.fromarray(255 - digit).resize((280, 280), Image.Resampling.NEAREST).save(file, "PNG")
    read = read_digit(file.getvalue(), 10**6)
    assert np.array_equal(read.pixels, digit)
    assert read.adjustments == ("scaled", "inverted")
