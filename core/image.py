"""Bytes of any picture of one digit -> the canonical digit that every network here was trained on.

The target is MNIST's own recipe (http://yann.lecun.com/exdb/mnist/): bilevel ink, fitted into 20x20 with antialiasing,
keeping its shape, and centred by mass in 28x28, light on black. A picture that has that form already passes bit for
bit.
"""

from dataclasses import dataclass
from io import BytesIO

import numpy as np
from PIL import Image, ImageChops

from core.allowance import Allowance
from core.errors import NoInk, RequestError
from core.heap import give_back
from core.imaging import decode
from core.imaging.arrays import Pixels
from core.imaging.form import has_mnist_form
from core.imaging.plain import START, load_plain
from core.imaging.repeats import without_repeats
from model.description import IMAGE_SIZE

MOST_READY = 1024
"""Digits that are kept for requests which have been looked at and not yet answered, or were refused."""

MOST_QUICK_BYTES = 4096
"""Of their files, which are kept with them, four megabytes in all: such digits take a quarter of a kilobyte, and four
channels or a few words of a program's own hardly more than two."""

LARGE_PIXELS = 2**20
"""Of a picture that leaves so much free memory behind that it is given back at once."""


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


def may_be_quick(data: bytes) -> bool:
    """Whether only the pixels of a picture can still tell that it is not quick."""
    return len(data) <= MOST_QUICK_BYTES and data.startswith(START)


def is_quick(data: bytes) -> bool:
    """Whether a picture is sure to be read in far less than a millisecond: a PNG that has MNIST's form already.

    That shows in its pixels only, so they are decoded here, and the digit is kept for `read_digit`.
    """
    if not may_be_quick(data):
        return False
    if data in _ready:
        return True
    try:
        digit = _in_form_already(load_plain(data) or decode.load(decode.open_picture(data, IMAGE_SIZE * IMAGE_SIZE)))
    except RequestError:
        return False
    if digit is None:
        return False
    if len(_ready) >= MOST_READY:
        _ready.clear()
    _ready[data] = digit
    return True


def _plain_digit(data: bytes) -> CanonicalDigit | None:
    """The digit in a PNG that has MNIST's form and nothing beside it, which needs no allowance."""
    image = load_plain(data)
    return None if image is None else _in_form_already(image)


def read_digit(data: bytes, max_pixels: int, allowance: Allowance | None = None) -> CanonicalDigit:
    """Reads a picture of one digit.

    Args:
        data: a PNG, JPEG, BMP, GIF, WebP or TIFF file.
        max_pixels: the most pixels that the picture may have.
        allowance: of computing time for this picture and others; none by default.

    Raises:
        InvalidImage: no allowed decoder reads the bytes.
        ImageTooLarge: by its header the picture has more than `max_pixels` pixels, or than can be decoded of its kind.
        TooManyImages: reading it may take longer than is allowed.
        NoInk: the picture is blank.
    """
    if data.startswith(START) and max_pixels >= IMAGE_SIZE * IMAGE_SIZE:
        known = _ready.pop(data, None) or _plain_digit(data)
        if known is not None:
            return known
    image = decode.open_picture(data, max_pixels)
    pixels = image.width * image.height
    with (allowance or Allowance()).picture(pixels):
        digit = _read_large(image) if pixels >= LARGE_PIXELS else _read(image)
    if digit is None:
        raise NoInk("the picture is blank: there is no ink to read")
    return digit


def _read_large(image: Image.Image) -> CanonicalDigit | None:
    give_back()  # what the request's arrival left behind
    digit = _read(image)
    give_back()
    return digit


def _read(opened: Image.Image) -> CanonicalDigit | None:
    """The digit in a picture; None where it is blank, as the traceback of an error would hold the pixels for longer."""
    image = decode.load(opened)
    return _in_form_already(image) or _convert(image)


def _in_form_already(image: Image.Image) -> CanonicalDigit | None:
    """A loaded picture that passes bit for bit."""
    if image.size != (IMAGE_SIZE, IMAGE_SIZE) or image.mode != "L" or image.info:
        return None
    raw = image.tobytes()
    if not has_mnist_form(image, raw):
        return None
    return CanonicalDigit(np.frombuffer(raw, np.uint8).reshape(IMAGE_SIZE, IMAGE_SIZE), ())


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
    if pixels.shape[:2] != (IMAGE_SIZE, IMAGE_SIZE) or (pixels.ndim == 3 and np.ptp(pixels, axis=2).any()):
        return None
    grey = Image.fromarray(np.ascontiguousarray(pixels if pixels.ndim == 2 else pixels[..., 0]))
    for image, adjustments in ((grey, ()), (ImageChops.invert(grey), ("inverted",))):
        digit = _in_form_already(image)
        if digit is not None:
            return CanonicalDigit(digit.pixels, adjustments)
    return None


def encode_png(pixels: Pixels) -> bytes:
    """The canonical digit as a PNG file."""
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
