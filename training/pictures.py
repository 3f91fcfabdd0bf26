"""From a digit in MNIST's form to a picture as people send one: enlarge, lay on paper, write as a file."""

import zlib
from io import BytesIO
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]
"""A digit (28, 28) uint8, light ink on black; enlarged (H, W), or a picture (H, W, 3) in RGB."""

Colour = tuple[int, int, int]

BLACK: Colour = (0, 0, 0)
WHITE: Colour = (255, 255, 255)

EDGE = 6.0
"""How much steeper than MNIST's own the edge of a stroke becomes when it is drawn anew, as a pen leaves it."""

cv2.setNumThreads(1)  # the report's processes share the cores among themselves


def generator(name: str, position: int) -> np.random.Generator:
    """The generator of one picture: of a condition or a kind of non-digit, and of the picture's position in its set."""
    return np.random.default_rng([zlib.crc32(name.encode()), position])


def enlarge(digit: Pixels, side: int) -> Pixels:
    """The digit at `side` x `side` pixels, as a viewer or a browser enlarges it: bicubic, soft edges."""
    return np.asarray(cv2.resize(digit, (side, side), interpolation=cv2.INTER_CUBIC), np.uint8)


def trace(digit: Pixels, side: int) -> Pixels:
    """The digit's strokes at `side` x `side` pixels as a shape of 0 and 1."""
    return (enlarge(digit, side) >= 128).astype(np.uint8)


def draw(digit: Pixels, side: int) -> Pixels:
    """The digit at `side` x `side` pixels with the sharp edges of a pen."""
    return sharpen(enlarge(digit, side))


def sharpen(ink: Pixels) -> Pixels:
    """Soft ink (H, W) with its edges made `EDGE` times steeper."""
    return np.asarray(np.clip((ink.astype(np.float32) - 128) * EDGE + 128, 0, 255), np.uint8)


def crop(ink: Pixels) -> Pixels:
    """The ink (H, W) without the empty rows and columns around it."""
    left, top, width, height = cv2.boundingRect((ink >= 64).astype(np.uint8))
    return ink[top : top + height, left : left + width]


def square(ink: Pixels) -> Pixels:
    """The ink (H, W) in the middle of a square whose side is the longer of its own."""
    space = max(ink.shape) - np.array(ink.shape)
    return np.pad(ink, [(int(room) // 2, int(room) - int(room) // 2) for room in space])


def put(ink: Pixels, size: tuple[int, int], at: tuple[int, int]) -> Pixels:
    """The ink (h, w) on an empty canvas of (height, width) `size`, its upper left corner at (top, left)."""
    canvas = np.zeros(size, np.uint8)
    canvas[at[0] : at[0] + ink.shape[0], at[1] : at[1] + ink.shape[1]] = ink
    return canvas


def anywhere(ink: Pixels, size: tuple[int, int], rng: np.random.Generator) -> Pixels:
    """The ink (h, w) at a random place of an empty canvas of (height, width) `size`."""
    top, left = (int(rng.integers(0, room - length + 1)) for room, length in zip(size, ink.shape, strict=True))
    return put(ink, size, (top, left))


def colour(ink: Pixels, pen: Colour, paper: Colour = WHITE) -> Pixels:
    """The ink (H, W) as a pen of one colour on paper of another: (H, W, 3)."""
    cover = ink[..., None].astype(np.float32) / 255
    return np.rint(np.array(paper) * (1 - cover) + np.array(pen) * cover).astype(np.uint8)


def add(picture: Pixels, change: NDArray[np.floating[Any]]) -> Pixels:
    """The picture with a change added to each pixel, within 0 to 255."""
    return np.clip(np.rint(picture + change), 0, 255).astype(np.uint8)


def png(picture: Pixels) -> bytes:
    """A PNG file; compressed little, which costs a fifth of the time and changes no pixel."""
    return _file(picture, "PNG", compress_level=1)


def bmp(picture: Pixels) -> bytes:
    """A BMP file: a large one is written and read much faster than a PNG."""
    return _file(picture, "BMP")


def jpeg(picture: Pixels, quality: int = 85, **options: Any) -> bytes:
    """A JPEG file."""
    return _file(picture, "JPEG", quality=quality, **options)


def _file(picture: Pixels, image_format: str, **options: Any) -> bytes:
    buffer = BytesIO()
    Image.fromarray(picture).save(buffer, image_format, **options)
    return buffer.getvalue()
