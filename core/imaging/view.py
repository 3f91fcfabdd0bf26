"""The picture at the size that it is searched at, and how far its pixels are from a colour."""

from dataclasses import dataclass
from functools import reduce

import cv2
import numpy as np
from numpy.typing import NDArray

from core.imaging.arrays import Floats, Pixels

GLANCE_SIDE = 320
"""Longest side of a view without detail: it is enough for very broad strokes and for a first look, in a fifth of the
time."""

PAPER_SIDE = 256
"""Longest side at which the light on the paper is estimated: it changes slowly, so detail would only cost time."""


@dataclass(frozen=True, slots=True)
class View:
    """A picture at the size of a search, and the same at `PAPER_SIDE`.

    `enlarged` tells how many pixels one pixel of the source has become, at least 1.
    """

    picture: Floats
    small: Floats
    enlarged: float


def resize(picture: NDArray[np.generic], size: tuple[int, int], interpolation: int) -> Floats:
    """OpenCV's resize to (width, height); always (H, W, C) float32."""
    resized = cv2.resize(picture, size, interpolation=interpolation)
    return np.asarray(resized, np.float32).reshape(size[1], size[0], -1)


def view(pixels: Pixels, longest: int, least: int) -> View:
    """Averages a picture down to `longest` pixels on its longer side, or enlarges it smoothly to about `least`."""
    height, width = pixels.shape[:2]
    side = max(height, width)
    scale = longest / side if side > longest else float(-(-least // side) if side < least else 1)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    picture = resize(pixels, size, cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    shrunk = min(1.0, PAPER_SIDE / max(size))
    small = resize(picture, (max(1, round(size[0] * shrunk)), max(1, round(size[1] * shrunk))), cv2.INTER_AREA)
    return View(picture, small, max(1.0, scale))


def glance(seen: View) -> View:
    """The view averaged down to `GLANCE_SIDE`."""
    height, width = seen.picture.shape[:2]
    scale = min(1.0, GLANCE_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return View(resize(seen.picture, size, cv2.INTER_AREA), seen.small, max(1.0, seen.enlarged * scale))


def greatest(channels: Floats) -> Floats:
    """The greatest channel of every pixel, (H, W); several times as fast as NumPy's maximum along a short axis."""
    planes = (cv2.extractChannel(channels, channel) for channel in range(channels.shape[2]))
    return np.asarray(reduce(cv2.max, planes), np.float32)


def distance(picture: Floats, paper: Floats) -> Floats:
    """The greatest difference of any channel from the paper's colour (C,) or colours (H, W, C); (H, W), 0 to 255."""
    off = picture - paper
    return greatest(np.abs(off, out=off))
