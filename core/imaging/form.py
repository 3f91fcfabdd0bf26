"""MNIST's form: 28x28 pixels, light ink on a black border, of MNIST's size, centred by mass."""

import re

import numpy as np
from PIL import Image

from model.description import IMAGE_SIZE

MAX_BORDER_INK = 8
"""MNIST's training digits light up to 6 of the 108 outermost pixels, and never a corner (counted over all 60,000)."""

MAX_OFF_CENTRE = 3.0
"""MNIST's centres of mass are within 0.52 pixels of the middle; networks are trained to bear shifts of about 3
pixels."""

MOST_EXTENT = 24
"""MNIST's digits are at most 20 pixels long; more than this, specks and lines included, needs fitting."""

_PEAK = re.compile(rb"[\x80-\xff]")
"""MNIST's digits reach at least 254; below half of full scale the contrast needs mending."""

_FROM_MIDDLE = np.indices((IMAGE_SIZE, IMAGE_SIZE)).reshape(2, -1) - IMAGE_SIZE // 2
_MOMENTS = np.vstack([np.ones(IMAGE_SIZE * IMAGE_SIZE), _FROM_MIDDLE]).astype(np.float32)
"""(3, 784); its product with the pixels is their sum, and their moments about the middle, down and across. Every sum on
the way is a whole number below 2^24, so float32 is exact."""


def has_mnist_form(image: Image.Image, raw: bytes) -> bool:
    """Whether a picture is a digit as MNIST has them.

    Args:
        image: 28x28, grey.
        raw: its 784 bytes, row by row; on bytes the border is counted in under a microsecond.
    """
    if raw[0] or raw[27] or raw[756] or raw[783]:
        return False
    border = raw[:28] + raw[756:] + raw[28:756:28] + raw[55:756:28]
    if len(border) - border.count(0) > MAX_BORDER_INK:
        return False
    box = image.getbbox()
    if box is None or max(box[2] - box[0], box[3] - box[1]) > MOST_EXTENT:
        return False
    return _PEAK.search(raw) is not None and _is_centred(raw)


def _is_centred(raw: bytes) -> bool:
    total, down, across = (_MOMENTS @ np.frombuffer(raw, np.uint8).astype(np.float32)).tolist()
    return max(abs(down), abs(across)) <= MAX_OFF_CENTRE * total
