"""Bytes of any picture of one digit -> the canonical digit that every network here was trained on.

The target is MNIST's own recipe (http://yann.lecun.com/exdb/mnist/): bilevel ink, fitted into 20x20 with antialiasing,
keeping its shape, and centred by mass in 28x28, light on black. A picture that has that form already passes bit for
bit.
"""

import struct
from dataclasses import dataclass
from io import BytesIO
from math import inf
from time import thread_time

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.errors import NoInk, RequestError, TooManyImages
from core.heap import give_back
from core.imaging import decode
from core.imaging.arrays import Pixels
from core.imaging.repeats import without_repeats

SIDE = 28

MAX_BORDER_INK = 8
"""MNIST's training digits light up to 6 of the 108 outermost pixels, and never a corner (counted over all 60,000)."""

MAX_OFF_CENTRE = 3.0
"""MNIST's centres of mass are within 0.52 pixels of the middle; networks are trained to bear shifts of about 3
pixels."""

MOST_EXTENT = 24
"""MNIST's digits are at most 20 pixels long; more than this, specks and lines included, needs fitting."""

LEAST_PEAK = 128
"""MNIST's digits reach at least 254; below half of full scale the contrast needs mending."""


MOST_READY = 1024
"""Digits that are kept for requests which have been looked at and not yet answered."""

PICTURE_S, PIXEL_S = 0.2, 28e-9
"""Of computing time that any picture takes at most: to find a digit in it, and to decode each of its pixels."""

LARGE_PIXELS = 2**20
"""Of a picture that leaves so much free memory behind that it is given back at once."""

_QUICK_START = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + struct.pack(">II", SIDE, SIDE)
"""How a PNG of 28 x 28 pixels begins (PNG, third edition, 5.2 and 11.2.1)."""


@dataclass(frozen=True, slots=True)
class CanonicalDigit:
    """A digit as the networks read it.

    Attributes:
        pixels: (28, 28) uint8, light ink on black, as in MNIST.
        adjustments: what was done to the picture, in order; empty where it passed bit for bit.
    """

    pixels: Pixels
    adjustments: tuple[str, ...]


_ready: dict[bytes, CanonicalDigit] = {}


def is_quick(data: bytes) -> bool:
    """Whether a picture is sure to be read in far less than a millisecond: a PNG that has MNIST's form already.

    That shows in its pixels only, so they are decoded here, and the digit is kept for `read_digit`.
    """
    if not data.startswith(_QUICK_START):
        return False
    if data in _ready:
        return True
    try:
        digit = _in_form_already(decode.load(decode.open_picture(data, SIDE * SIDE)))
    except RequestError:
        return False
    if digit is None:
        return False
    if len(_ready) >= MOST_READY:
        _ready.clear()
    _ready[data] = digit
    return True


def read_digit(data: bytes, max_pixels: int, deadline: float = inf) -> CanonicalDigit:
    """Reads a picture of one digit.

    Args:
        data: a PNG, JPEG, BMP, GIF, WebP or TIFF file.
        max_pixels: the most pixels that the picture may have.
        deadline: by `time.thread_time()`, which a picture may be too large to meet.

    Raises:
        InvalidImage: no allowed decoder reads the bytes.
        ImageTooLarge: by its header the picture has more than `max_pixels` pixels, or than can be decoded of its kind.
        TooManyImages: reading it may take longer than until the deadline.
        NoInk: the picture is blank.
    """
    ready = _ready.pop(data, None) if data.startswith(_QUICK_START) else None
    if ready is not None and max_pixels >= SIDE * SIDE:
        return ready
    image = decode.open_picture(data, max_pixels)
    pixels = image.width * image.height
    if deadline < inf and thread_time() + PICTURE_S + PIXEL_S * pixels > deadline:
        raise TooManyImages("reading it too may take more computing time than one request may have")
    digit = _read(image)
    if pixels >= LARGE_PIXELS:
        give_back()
    if digit is None:
        raise NoInk("the picture is blank: there is no ink to read")
    return digit


def _read(opened: Image.Image) -> CanonicalDigit | None:
    """The digit in a picture; None where it is blank, as the traceback of an error would hold the pixels for longer."""
    image = decode.load(opened)
    return _in_form_already(image) or _convert(image)


def _in_form_already(image: Image.Image) -> CanonicalDigit | None:
    """A loaded picture that passes bit for bit."""
    if image.size != (SIDE, SIDE) or image.mode != "L" or image.info:
        return None
    raw = image.tobytes()
    pixels = np.frombuffer(raw, np.uint8).reshape(SIDE, SIDE)
    return CanonicalDigit(pixels, ()) if has_mnist_form(raw, pixels) else None


def has_mnist_form(raw: bytes, pixels: Pixels) -> bool:
    """Whether a 28x28 picture is a digit in MNIST's form: light ink on a black border, of MNIST's size, in the middle.

    Args:
        raw: the picture's 784 bytes, row by row; on bytes the border is counted in under a microsecond.
        pixels: the same, (28, 28) uint8.
    """
    if raw[0] or raw[27] or raw[756] or raw[783]:
        return False
    border = raw[:28] + raw[756:] + raw[28:756:28] + raw[55:756:28]
    if len(border) - border.count(0) > MAX_BORDER_INK:
        return False
    return int(pixels.max()) >= LEAST_PEAK and _is_centred(pixels.sum(axis=1)) and _is_centred(pixels.sum(axis=0))


def _is_centred(sums: NDArray[np.uint64]) -> bool:
    """Whether ink, summed by row or column (28,), is of MNIST's size at most, its centre of mass near the middle."""
    total = int(sums.sum())
    lit = sums.nonzero()[0]
    return int(lit[-1] - lit[0]) < MOST_EXTENT and abs(int(_PLACES @ sums) - 14 * total) <= MAX_OFF_CENTRE * total


_PLACES = np.arange(SIDE, dtype=np.uint64)


def _convert(image: Image.Image) -> CanonicalDigit | None:
    """Any picture but one that passes as it is; OpenCV is imported here, as the first step of a slow path."""
    pixels, adjustments = decode.decode(image)
    small = without_repeats(pixels)
    digit = _in_mnist_form(small)
    if digit is not None:
        scaled = () if small is pixels else ("scaled",)
        return CanonicalDigit(digit.pixels, (*adjustments, *scaled, *digit.adjustments))

    from core.imaging.canonical import canonical

    found = canonical(small)
    if found is None:
        return None
    return CanonicalDigit(found[0], (*adjustments, *found[1]))


def _in_mnist_form(pixels: Pixels) -> CanonicalDigit | None:
    """A picture in MNIST's form that came in another mode or inverted; None for any other."""
    if pixels.shape[:2] != (SIDE, SIDE) or (pixels.ndim == 3 and np.ptp(pixels, axis=2).any()):
        return None
    grey = np.ascontiguousarray(pixels if pixels.ndim == 2 else pixels[..., 0])
    if has_mnist_form(grey.tobytes(), grey):
        return CanonicalDigit(grey, ())
    inverted = 255 - grey
    return CanonicalDigit(inverted, ("inverted",)) if has_mnist_form(inverted.tobytes(), inverted) else None


def encode_png(pixels: Pixels) -> bytes:
    """The canonical digit as a PNG file."""
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
