"""The made conditions: each turns a digit in MNIST's form into the bytes of a picture file as somebody might send it.

A condition is one small function of a digit (28, 28) uint8 and a generator. All digits are treated, each with a
generator that depends on the condition's name and the digit's position only, so that one condition more, or fewer
digits, changes no other picture. The strengths are such that a person still reads the digits easily, and each is said
in a sentence that the report repeats.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from PIL import Image

from training.pictures import (
    BLACK,
    WHITE,
    Colour,
    Pixels,
    add,
    anywhere,
    bmp,
    colour,
    crop,
    draw,
    enlarge,
    jpeg,
    png,
    sharpen,
    square,
    trace,
)
from training.report import strokes
from training.report.paper import chalk, grain, note, rule, scene, shadow

Make = Callable[[Pixels, np.random.Generator], bytes]

SIDE = 28

DRAWN = 4 * SIDE
"""Side of most pictures: pens, papers and angles need more room than 28 pixels, and larger pictures only more time."""

PENS: tuple[Colour, ...] = ((20, 40, 150), (170, 25, 35), (15, 110, 55), (95, 45, 130), (225, 105, 20), (20, 20, 22))
PAPERS: tuple[Colour, ...] = (WHITE, (250, 240, 170), (205, 225, 240), (245, 215, 220))

ORIENTATION = 0x0112
"""The EXIF tag that says how a camera was held (Exif 2.32, section 4.6.4)."""

UNDO = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""How an upright picture is stored so that a viewer that heeds each orientation shows it upright."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One way of sending a digit.

    Attributes:
        strength: What is done, and how much, in a sentence for the report.
        make: Returns a picture file.
    """

    strength: str
    make: Make


CONDITIONS: dict[str, Condition] = {}
"""All conditions by name, in the order of the report."""


def condition(strength: str) -> Callable[[Make], Make]:
    """Register a function as the condition of its own name."""

    def register(make: Make) -> Make:
        CONDITIONS[make.__name__] = Condition(strength, make)
        return make

    return register


@condition("28x28 PNG in MNIST's own form")
def clean(digit: Pixels, _: np.random.Generator) -> bytes:
    """As it is."""
    return png(digit)


@condition("28x28 PNG, dark ink on white")
def inverted(digit: Pixels, _: np.random.Generator) -> bytes:
    """Black and white exchanged."""
    return png(255 - digit)


@condition("280x280 PNG, dark on white, enlarged bicubically")
def scaled_up_10x(digit: Pixels, _: np.random.Generator) -> bytes:
    """Ten times as large."""
    return png(255 - enlarge(digit, 10 * SIDE))


@condition("1120x1120 BMP, dark on white, enlarged bicubically")
def scaled_up_40x(digit: Pixels, _: np.random.Generator) -> bytes:
    """Forty times as large."""
    return bmp(255 - enlarge(digit, 40 * SIDE))


@condition("20 pixels tall at a random place of a white 480x360 PNG")
def tiny_in_a_large_canvas(digit: Pixels, rng: np.random.Generator) -> bytes:
    """The digit in its own size on a canvas 220 times its area."""
    return png(255 - anywhere(digit, (360, 480), rng))


@condition("80 pixels tall at a random place of a 168x168 PNG, down to touching its edges")
def off_centre(digit: Pixels, rng: np.random.Generator) -> bytes:
    """The ink anywhere in the picture."""
    return png(255 - anywhere(crop(enlarge(digit, DRAWN)), (168, 168), rng))


@condition("one of 6 pens on one of 4 papers, 112x112 PNG")
def coloured_ink(digit: Pixels, rng: np.random.Generator) -> bytes:
    """A coloured pen, on white or coloured paper."""
    pen, paper = PENS[int(rng.integers(len(PENS)))], PAPERS[int(rng.integers(len(PAPERS)))]
    return png(colour(enlarge(digit, DRAWN), pen, paper))


@condition("black ink on a transparent background that is black underneath, 112x112 RGBA PNG")
def transparent_dark_ink(digit: Pixels, _: np.random.Generator) -> bytes:
    """Only the transparency shows the digit; the paper is meant to be light."""
    return png(_transparent(digit, BLACK))


@condition("white ink on a transparent background that is white underneath, 112x112 RGBA PNG")
def transparent_light_ink(digit: Pixels, _: np.random.Generator) -> bytes:
    """Only the transparency shows the digit; the paper is meant to be dark."""
    return png(_transparent(digit, WHITE))


def _transparent(digit: Pixels, pen: Colour) -> Pixels:
    alpha = enlarge(digit, DRAWN)
    return np.dstack([np.full((DRAWN, DRAWN, 3), pen, np.uint8), alpha])


@condition("28x28 JPEG of quality 30, dark on white")
def jpeg_quality_30(digit: Pixels, _: np.random.Generator) -> bytes:
    """Heavily compressed."""
    return jpeg(255 - digit, 30)


@condition("one of the 7 turned or mirrored EXIF orientations, 112x112 JPEG")
def exif_rotated(digit: Pixels, rng: np.random.Generator) -> bytes:
    """Stored as a camera does that was not held upright."""
    orientation = int(rng.integers(2, 9))
    tags = Image.Exif()
    tags[ORIENTATION] = orientation
    stored = Image.fromarray(255 - enlarge(digit, DRAWN)).transpose(UNDO[orientation])
    return jpeg(np.asarray(stored), exif=tags)


@condition("light falling to 35-60 % across the sheet and a shadow that takes 20-50 %, digit 80 of 168 pixels, JPEG")
def shadow_gradient(digit: Pixels, rng: np.random.Generator) -> bytes:
    """Paper in uneven light."""
    return jpeg(shadow(_written(np.pad(enlarge(digit, DRAWN), 28)), rng))


@condition("grain with a standard deviation of 5 % of the paper's brightness, fine and coarse, 112x112 JPEG")
def paper_grain(digit: Pixels, rng: np.random.Generator) -> bytes:
    """Rough paper."""
    return jpeg(grain(_written(enlarge(digit, DRAWN)), rng, 0.05))


@condition("ruled paper, pale lines every 22-36 pixels behind a digit 80 pixels tall, 168x168 JPEG")
def ruled_lines(digit: Pixels, rng: np.random.Generator) -> bytes:
    """Written across the lines of a notebook."""
    page = rule(np.full((168, 168, 3), 245, np.uint8), rng)
    ink = anywhere(enlarge(digit, DRAWN), (168, 168), rng)
    return jpeg(np.minimum(page, colour(ink, PENS[0])))


def _written(ink: Pixels) -> Pixels:
    return colour(ink, PENS[-1], (242, 240, 234))


@condition("noise with a standard deviation of 30 of 255 on each pixel, 28x28 PNG, dark on white")
def gaussian_noise(digit: Pixels, rng: np.random.Generator) -> bytes:
    """A noisy sensor."""
    return png(add(255 - digit, rng.normal(0, 30, digit.shape)))


@condition("3 % of the pixels black or white, 28x28 PNG, dark on white")
def salt_noise(digit: Pixels, rng: np.random.Generator) -> bytes:
    """Salt and pepper."""
    picture, drawn = 255 - digit, rng.random(digit.shape)
    picture[drawn < 0.015] = 0
    picture[drawn > 0.985] = 255
    return png(picture)


@condition("Gaussian blur with a standard deviation of a third of a stroke's width (1 of 28 pixels), 112x112 PNG")
def blur(digit: Pixels, _: np.random.Generator) -> bytes:
    """Out of focus."""
    return png(cv2.GaussianBlur(255 - enlarge(digit, DRAWN), (0, 0), DRAWN / SIDE))


@condition("strokes drawn anew with a pen of 3 % of the digit's height, 140x140 PNG")
def thin_strokes(digit: Pixels, _: np.random.Generator) -> bytes:
    """A fine pen."""
    return png(255 - _soft(strokes.thin(trace(digit, 5 * SIDE), 3.0)))


@condition("strokes 2 of 28 pixels broader, gaps of 1 pixel kept open, 140x140 PNG")
def thick_strokes(digit: Pixels, _: np.random.Generator) -> bytes:
    """A broad marker."""
    return png(255 - _soft(strokes.thicken(trace(digit, 5 * SIDE), by=5.0, gap=5.0)))


def _soft(shape: Pixels) -> Pixels:
    return np.asarray(cv2.GaussianBlur(shape * np.uint8(255), (0, 0), 0.8), np.uint8)


@condition("turned by up to 20 degrees either way, 112x112 PNG, dark on white")
def rotated(digit: Pixels, rng: np.random.Generator) -> bytes:
    """Held askew."""
    angle = np.deg2rad(rng.uniform(-20, 20))
    return png(255 - _warp(digit, [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]))


@condition("sheared by up to 0.3 (17 degrees) either way, 112x112 PNG, dark on white")
def sheared(digit: Pixels, rng: np.random.Generator) -> bytes:
    """Slanted."""
    return png(255 - _warp(digit, [[1, rng.uniform(-0.3, 0.3)], [0, 1]]))


def _warp(digit: Pixels, matrix: list[list[Any]]) -> Pixels:
    """The enlarged digit moved linearly about its middle."""
    middle = (DRAWN - 1) / 2
    linear = np.array(matrix)
    offset = middle - linear @ [middle, middle]
    return np.asarray(
        cv2.warpAffine(enlarge(digit, DRAWN), np.column_stack([linear, offset]), (DRAWN, DRAWN)), np.uint8
    )


@condition("a box of lines 2-4 pixels wide, 3-9 pixels inside the edges of a 140x140 PNG")
def framed(digit: Pixels, rng: np.random.Generator) -> bytes:
    """In a box of a form."""
    picture = np.pad(enlarge(digit, DRAWN), 14)
    inset = int(rng.integers(3, 10))
    far = len(picture) - 1 - inset
    cv2.rectangle(picture, (inset, inset), (far, far), 255, int(rng.integers(2, 5)))
    return png(255 - picture)


@condition("cropped to its ink and averaged down to 8x8 pixels, grey PNG, light on black")
def eight_by_eight(digit: Pixels, _: np.random.Generator) -> bytes:
    """As small as scikit-learn's digits."""
    return png(cv2.resize(square(crop(digit)), (8, 8), interpolation=cv2.INTER_AREA))


@condition("pen on ruled or blank paper in room light, a shadow, tilt, lens blur and sensor noise, 200x150 JPEG")
def photo(digit: Pixels, rng: np.random.Generator) -> bytes:
    """A phone's photo, as far as it can be computed."""
    return scene(_strokes(digit), rng)


@condition("pen on a white or coloured note on a dark wooden desk, light and camera as in a photo, 200x150 JPEG")
def note_on_a_desk(digit: Pixels, rng: np.random.Generator) -> bytes:
    """A photo that shows more than the paper."""
    return note(_strokes(digit), rng)


@condition("chalk on a wiped blackboard, light and camera as in a photo, 200x150 JPEG")
def chalkboard(digit: Pixels, rng: np.random.Generator) -> bytes:
    """Light ink under uneven light."""
    return chalk(_strokes(digit), rng)


def _strokes(digit: Pixels) -> Pixels:
    """The digit about 60 pixels tall, as a pen or chalk leaves it."""
    return crop(sharpen(draw(digit, 84)))
