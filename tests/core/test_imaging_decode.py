from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from core.imaging import decode

ARROW = np.array([[1, 2, 3], [4, 5, 6]], np.uint8)


@pytest.mark.parametrize(
    ("orientation", "upright"),
    [
        (1, [[1, 2, 3], [4, 5, 6]]),
        (2, [[3, 2, 1], [6, 5, 4]]),
        (3, [[6, 5, 4], [3, 2, 1]]),
        (4, [[4, 5, 6], [1, 2, 3]]),
        (5, [[1, 4], [2, 5], [3, 6]]),
        (6, [[4, 1], [5, 2], [6, 3]]),
        (7, [[6, 3], [5, 2], [4, 1]]),
        (8, [[3, 6], [2, 5], [1, 4]]),
    ],
)
def test_orient_turns_and_mirrors(orientation: int, upright: list[list[int]]) -> None:
    assert decode.orient(ARROW, orientation).tolist() == upright


def test_shrink_averages_whole_blocks() -> None:
    wide = Image.fromarray(np.tile(np.array([[0, 0, 90, 90]], np.uint8), (2, 800)))
    small = decode.shrink(wide)
    assert small.size == (1600, 1)
    assert np.asarray(small)[0, :4].tolist() == [0, 90, 0, 90]


def test_shrink_leaves_smaller_pictures_alone() -> None:
    image = Image.new("L", (2999, 3))
    assert decode.shrink(image) is image


def test_a_large_jpeg_is_decoded_at_a_fraction_of_its_size() -> None:
    buffer = BytesIO()
    Image.new("L", (6400, 80), 200).save(buffer, "JPEG")
    assert decode.load(decode.open_picture(buffer.getvalue(), 1_000_000)).size == (1600, 20)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 128, 255], [0, 128, 255]),
        ([0, 32767, 65535], [0, 127, 255]),
        ([0.0, 0.5, 1.0], [0, 127, 255]),
        ([-1.0, 0.0, 1.0], [0, 127, 255]),
        ([np.nan, 0.0, np.inf], [0, 0, 0]),
    ],
    ids=["8 bits", "16 bits", "floats", "negative", "not finite"],
)
def test_deep_grey_is_scaled_to_8_bits(values: list[float], expected: list[int]) -> None:
    assert decode.from_deep(np.array(values, np.float32)).tolist() == expected


@pytest.mark.parametrize(("ink", "paper"), [(0, 255), (255, 0)])
def test_transparent_paper_contrasts_with_its_ink(ink: int, paper: int) -> None:
    rgba = np.zeros((4, 4, 4), np.uint8)
    rgba[1, 1] = (ink, ink, ink, 255)
    flat, flattened = decode.flatten(rgba)
    assert flattened
    assert flat[1, 1].tolist() == [ink] * 3
    assert flat[0, 0].tolist() == [paper] * 3


def test_an_opaque_picture_is_not_flattened() -> None:
    rgba = np.full((4, 4, 4), 255, np.uint8)
    rgba[..., :3] = 90
    flat, flattened = decode.flatten(rgba)
    assert not flattened
    assert (flat == 90).all()


def test_a_cut_out_sheet_lies_on_its_own_colour() -> None:
    colours, alpha = np.full((10, 10, 3), 240, np.uint8), np.full((10, 10), 255, np.uint8)
    colours[4:6, 2:8] = 20
    alpha[0] = 0
    assert decode.paper_colour(np.dstack([colours, alpha])).tolist() == [240, 240, 240]
