"""What surrounds the paper: frames, screenshot borders, and the desk that a sheet lies on."""

from functools import reduce
from math import ceil
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from core.imaging.arrays import Pixels
from core.imaging.pieces import stroke_width

MOST_FRAMES = 4
"""Frames in frames that are taken off: margin, line, margin, line."""

FRAME_CONTRAST = 24
"""Grey levels by which a frame differs from what it surrounds."""

FILL_SIDE = 96
"""Longest side at which a desk is painted over: it only has to look like paper."""

LEAST_SURROUND = 0.02
"""A sheet or box with a digit in it that is large enough to be read fills at least this share of the picture."""

CORNERED = 0.9
"""A sheet's four corners span at least this share of it; those of a broad, round digit less."""


class Surround(NamedTuple):
    """What a digit is written in: the name of the adjustment that takes it off; how deep its edge is in pixels."""

    adjustment: str
    depth: int


def strip_frames(pixels: Pixels) -> Pixels:
    """Takes off borders of one colour, inside of which everything along the edge has another.

    A digit never fills all four edges of its box; a bar or a blocky nought that does has nothing inside, and is left
    alone.
    """
    bare = pixels
    for _ in range(MOST_FRAMES):
        inner = _inside_frame(bare)
        if inner is None:
            break
        bare = inner
    return bare if _span(bare) > 0.25 * _span(pixels) else pixels


def _span(pixels: Pixels) -> int:
    """The difference between the lightest and the darkest value."""
    return int(pixels.max()) - int(pixels.min())


def _inside_frame(pixels: Pixels) -> Pixels | None:
    """The picture within its outermost frame; None where there is none."""
    height, width = pixels.shape[:2]
    if min(height, width) < 12:
        return None
    deep = pixels.reshape(height, width, -1)
    ring = np.concatenate([deep[0], deep[-1], deep[:, 0], deep[:, -1]])
    colour = np.median(ring, axis=0).astype(np.uint8)
    if (np.abs(ring.astype(np.int16) - colour).max(axis=1) > FRAME_CONTRAST).mean() > 0.05:
        return None
    off = _distance(deep, colour)
    differs = off > max(FRAME_CONTRAST, 0.3 * float(off.max()))
    left, top, w, h = cv2.boundingRect(differs.astype(np.uint8))
    if min(w, h) < 8:
        return None
    inner = differs[top : top + h, left : left + w]
    if min(inner[1].mean(), inner[-2].mean(), inner[:, 1].mean(), inner[:, -2].mean()) < 0.9:
        return None
    return pixels[top + 1 : top + h - 1, left + 1 : left + w - 1]


def _distance(pixels: Pixels, colour: Pixels) -> Pixels:
    """The greatest difference of any channel of pixels (H, W, C) from a colour (C,); (H, W), one channel at a time."""
    planes = (cv2.extractChannel(pixels, channel) for channel in range(len(colour)))
    return reduce(
        np.maximum, (cv2.absdiff(plane, np.full_like(plane, c)) for plane, c in zip(planes, colour, strict=True))
    )


def surround(mask: Pixels) -> Surround | None:
    """What was taken for ink, if it is no digit but what a digit is written in: a sheet of paper, or a printed box.

    Both are large and have four straight sides; a sheet is solid, a box is hollow with ink inside. A round nought fills
    79 % of the rectangle around it, and no other digit is convex.
    """
    outline = _outline(mask)
    hull = cv2.contourArea(cv2.convexHull(outline))
    short, long = sorted(cv2.minAreaRect(outline)[1])
    if hull < LEAST_SURROUND * mask.size or short < 0.4 * long or cv2.contourArea(outline) < 0.9 * hull:
        return None
    if mask.sum() > 0.55 * hull:
        sheet = hull > 0.85 * short * long and _inscribed_area(outline) > CORNERED * hull
        return Surround("background_removed", 4) if sheet else None
    return Surround("frame_removed", 2 + ceil(1.5 * stroke_width(mask))) if hull > 0.9 * short * long else None


def _inscribed_area(outline: NDArray[np.int32]) -> float:
    """The area of the quadrilateral that is left of a convex outline when it is drawn with ever coarser lines."""
    hull = cv2.convexHull(outline)
    length = cv2.arcLength(hull, True)
    for coarseness in np.arange(0.01, 0.2, 0.01):
        corners = cv2.approxPolyDP(hull, float(coarseness) * length, True)
        if len(corners) <= 4:
            return cv2.contourArea(corners)
    return 0.0


def _outline(mask: Pixels) -> NDArray[np.int32]:
    """The outer outline of a mask's largest piece, (N, 1, 2) int32."""
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    return np.asarray(max(contours, key=cv2.contourArea), np.int32)


def cut_inside(pixels: Pixels, mask: Pixels, depth: int) -> Pixels:
    """Cuts the inside of a sheet or box out; what the cut shows of the rest is painted over with the colours nearby.

    Args:
        pixels: (H, W) or (H, W, 3) uint8.
        mask: (h, w) uint8, 1 on the sheet or the box, at a scale of its own.
        depth: how many pixels of the mask are taken off along its edge.
    """
    sheet = cv2.fillConvexPoly(np.zeros_like(mask), cv2.convexHull(_outline(mask)), [1])
    sheet = cv2.erode(sheet, np.ones((2 * depth + 1, 2 * depth + 1), np.uint8), borderValue=[1])
    left, top, w, h = cv2.boundingRect(sheet)
    if min(w, h) < 8:
        return pixels
    down, across = pixels.shape[0] / mask.shape[0], pixels.shape[1] / mask.shape[1]
    crop = pixels[round(top * down) : round((top + h) * down), round(left * across) : round((left + w) * across)]
    kept = cv2.resize(sheet[top : top + h, left : left + w], crop.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    return np.where((kept if crop.ndim == 2 else kept[..., None]) > 0, crop, _painted(crop, kept)).astype(np.uint8)


def _painted(crop: Pixels, kept: Pixels) -> Pixels:
    """The crop with everything that is not kept grown over from the rest."""
    scale = FILL_SIDE / max(crop.shape[:2])
    size = (max(8, round(crop.shape[1] * scale)), max(8, round(crop.shape[0] * scale)))
    missing = cv2.dilate(1 - cv2.resize(kept, size, interpolation=cv2.INTER_NEAREST), np.ones((3, 3), np.uint8))
    small = cv2.medianBlur(cv2.resize(crop, size, interpolation=cv2.INTER_AREA), 3)
    filled = cv2.inpaint(small, missing, 3, cv2.INPAINT_TELEA)
    return np.asarray(cv2.resize(filled, crop.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.uint8)
