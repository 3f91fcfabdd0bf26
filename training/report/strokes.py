"""A digit's strokes made thin or thick without losing their topology: no stroke breaks, no loop closes.

Erosion deletes thin strokes and dilation fills small loops; a person reads neither result. Here both go by the
skeleton: a thin digit is its skeleton with a fine pen, a thick one grows only as far as the skeleton of the paper
around it.

Source: T. Y. Zhang, C. Y. Suen, "A fast parallel algorithm for thinning digital patterns", Communications of the ACM 27
    (1984).
"""

import cv2
import numpy as np

from training.pictures import Pixels

NEIGHBOURS = np.array([[128, 1, 2], [64, 0, 4], [32, 16, 8]], np.float32)
"""One bit for each of the eight neighbours, clockwise from the one above."""


def _removable(first_pass: bool) -> Pixels:
    """Zhang and Suen's conditions as a table (256,) uint8: 1 where a pixel with these neighbours goes in this pass."""
    codes = np.arange(256)
    north, east, south, west = (codes >> bit & 1 for bit in (0, 2, 4, 6))
    ring = np.stack([codes >> bit & 1 for bit in range(8)])
    rises = ((ring == 0) & (np.roll(ring, -1, axis=0) == 1)).sum(axis=0)
    corner = north * east * south + east * south * west if first_pass else north * east * west + north * south * west
    lit = ring.sum(axis=0)
    return np.asarray((lit >= 2) & (lit <= 6) & (rises == 1) & (corner == 0), np.uint8)


_PASSES = (_removable(first_pass=True), _removable(first_pass=False))


def skeleton(shape: Pixels) -> Pixels:
    """The middle lines, one pixel wide, of a shape (H, W) uint8 of 0 and 1; connected where the shape is."""
    rest, turn, idle = shape, 0, 0
    while idle < len(_PASSES):
        codes = cv2.filter2D(rest, -1, NEIGHBOURS, borderType=cv2.BORDER_CONSTANT)
        gone = cv2.LUT(codes, _PASSES[turn % 2]) & rest
        rest = np.asarray(rest - gone, np.uint8)
        turn, idle = turn + 1, 0 if gone.any() else idle + 1
    return rest


def thin(shape: Pixels, width: float) -> Pixels:
    """The shape (H, W) drawn with a pen of `width` pixels along its skeleton."""
    return _within(1 - skeleton(shape), width / 2)


def thicken(shape: Pixels, by: float, gap: float) -> Pixels:
    """The shape (H, W) with `by` pixels more on each side of every stroke, leaving gaps of `gap` pixels open."""
    grown = _within(1 - shape, by)
    paper = _within(1 - skeleton(1 - shape), gap / 2)
    return np.asarray(np.maximum(grown * (1 - paper), shape), np.uint8)


def _within(background: Pixels, radius: float) -> Pixels:
    """1 where the nearest 0 of `background` is at most `radius` pixels away."""
    distance = cv2.distanceTransform(background, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(distance <= radius, np.uint8)
