"""Pictures for the tests, drawn by the project's own pen."""

from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from samples.strokes import draw_digit, to_mnist_form


@cache
def digit(label: int) -> bytes:
    """A PNG in MNIST's form, another one for each label."""
    pixels = to_mnist_form(draw_digit(label, np.random.default_rng(label)))
    return encoded(pixels)


def encoded(pixels: np.ndarray) -> bytes:
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def write_digits(folder: Path, count: int, prefix: str = "") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        (folder / f"{prefix}{number:04}.png").write_bytes(digit(number % 10))


BLANK = encoded(np.zeros((28, 28), np.uint8))
"""No ink."""

HUGE = (
    encoded(np.zeros((1, 1), np.uint8))[:16]
    + b"\x00\x01\x00\x00\x00\x01\x00\x00"
    + encoded(np.zeros((1, 1), np.uint8))[24:]
)
"""A header that promises 65,536 x 65,536 pixels; its checksum is wrong."""
