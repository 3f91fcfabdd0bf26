"""The digit's strokes, redrawn: bilevel, and as wide as a pen's.

They are redrawn eight times the size of the result, as NIST's scans were before MNIST averaged them down
(https://yann.lecun.com/exdb/mnist/), so that contrast, blur and pen no longer tell.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from core.imaging import pieces
from core.imaging.arrays import Floats, Pixels
from core.imaging.found import Found

BOX = 20
"""Longest side of a digit in MNIST, in pixels."""

SCALE = 8
"""How much larger than the result the strokes are redrawn."""

LEAST_WIDTH, MOST_WIDTH = 2.2, 4.2
"""Strokes outside this range, in pixels of the result, are thickened or thinned; MNIST's middle half lies within it."""

GAP = 13
"""Breaks of up to this many pixels of the redrawn shape are closed in strokes that are thickened."""

LEVEL_WINDOW = 25
"""The ink's own level is taken over about three pixels of the result, so that faint stretches of a stroke survive."""


def redraw(found: Found) -> Floats:
    """Draws the digit's strokes anew, `SCALE` times the size of the result: (h, w) float32, 1 on ink, 0 on paper.

    A stroke's edge is where contrast is half of that of the ink nearby; a tiny picture keeps its grey levels, as each
    of its pixels is worth more than a stroke's width.
    """
    left, top, width, height = cv2.boundingRect(found.mask)
    scale = SCALE * BOX / max(width, height)
    margin = 0.15 * max(width, height)
    size = (round((width + 2 * margin) * scale), round((height + 2 * margin) * scale))
    core = _magnify(found.mask.astype(np.float32), left - margin, top - margin, scale, size) > 0.3
    ink = cv2.GaussianBlur(_magnify(found.contrast.ink, left - margin, top - margin, scale, size), (0, 0), 1.5)
    if found.tiny:
        return _soften(ink, core, scale * found.enlarged)
    ink = ink * cv2.dilate(core.astype(np.uint8), np.ones((5, 5), np.uint8))
    window = (LEVEL_WINDOW, LEVEL_WINDOW)
    level = cv2.blur(cv2.dilate(ink, np.ones(window, np.uint8)), window)
    return ((ink > 0.5 * level) & (ink > 0)).astype(np.float32)


def _soften(ink: Floats, core: NDArray[np.bool_], pixel: float) -> Floats:
    """Keeps the grey levels of ink on and around the digit, with more contrast; `pixel` is the size of the source's."""
    reach = 2 * round(1.5 * pixel) + 1
    near = ink * cv2.dilate(core.astype(np.uint8), np.ones((reach, reach), np.uint8))
    return np.asarray((2 * near / max(1e-6, float(near.max())) - 0.3).clip(0, 1), np.float32)


def _magnify(picture: Floats, left: float, top: float, scale: float, size: tuple[int, int]) -> Floats:
    """The part of a picture from (left, top) on, magnified or reduced smoothly to (width, height) of `size`."""
    half = (scale - 1) / 2  # pixels are squares, not points
    matrix = np.array([[scale, 0, half - left * scale], [0, scale, half - top * scale]])
    if scale < 1:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.4 / scale), np.float32)
    flags = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.warpAffine(picture, matrix, size, flags=flags), np.float32)


def normalise(drawn: Floats) -> tuple[Floats, list[str]]:
    """Brings the strokes' width into MNIST's range: (h, w) float32, 0 to 1, and what was done."""
    shape = drawn.astype(np.uint8)
    if (drawn != shape).any():
        return drawn, []
    width = pieces.stroke_width(shape) / SCALE
    if width < LEAST_WIDTH:
        return thicken(shape, (LEAST_WIDTH - width) * SCALE).astype(np.float32), ["thickened"]
    if width > MOST_WIDTH:
        return thin(shape, 0.8 * (width - MOST_WIDTH) * SCALE).astype(np.float32), ["thinned"]
    return drawn, []


def thicken(shape: Pixels, by: float) -> Pixels:
    """Closes small breaks and adds `by` pixels to the width of every stroke."""
    padded = np.pad(shape, int(by) + 2 + GAP)
    closed = cv2.morphologyEx(padded, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (GAP, GAP)))
    return (cv2.distanceTransform(1 - closed, cv2.DIST_L2, 5) <= by / 2).astype(np.uint8)


def thin(shape: Pixels, by: float) -> Pixels:
    """Takes `by` pixels from the width of every stroke; the shape as it is where nothing would be left."""
    thinned = (cv2.distanceTransform(np.pad(shape, 1), cv2.DIST_L2, 5) > by / 2).astype(np.uint8)
    return thinned if thinned.any() else shape
