"""What was found in a picture: which pixels are the digit's strokes, and how much like strokes they look."""

from dataclasses import dataclass

import cv2
import numpy as np

from core.imaging import lines as ruling
from core.imaging import pieces
from core.imaging.arrays import Floats, Pixels
from core.imaging.ink import Contrast

TINY_SIDE = 13
"""Longest side of a picture that has room for a digit only."""

LEAST_SLOPE = 0.05
"""Ink's contrast falls by at least this share a pixel at the edge of a stroke, at the size of the search; that of a
shadow by less."""

LEAST_UNEVEN_INK, LEAST_SHADOW_INK = 0.1, 0.25
"""On uneven paper, strokes have at least the first contrast in the mean, grain and creases less; what hugs the border
or is as broad as a blot is most often a shadow and needs the second."""


@dataclass(frozen=True, slots=True)
class Found:
    """A digit in a view.

    Attributes:
        mask: (H, W) uint8, 1 on its strokes.
        contrast: that it was found in.
        enlarged: how many pixels of the view one pixel of the source has become, at least 1.
        removed: the adjustments that its search made.
    """

    mask: Pixels
    contrast: Contrast
    enlarged: float = 1.0
    removed: tuple[str, ...] = ()

    @property
    def tiny(self) -> bool:
        """Whether the source has so few pixels, or so little detail, that it has room for the digit only."""
        return max(self.mask.shape) < (TINY_SIDE + 1) * self.enlarged


def find_digit(contrast: Contrast, enlarged: float) -> Found | None:
    """Chooses the digit's pieces, after taking out lines that run through the picture past the digit."""
    ink = cv2.GaussianBlur(contrast.ink, (0, 0), 1.0)
    mask = pieces.threshold(ink)
    slope = 0.0 if contrast.flat else LEAST_SLOPE / enlarged
    lines = ruling.find_lines(mask, ink)
    if lines:
        cleaned = ruling.remove_lines(mask, lines, ink)
        digit = pieces.choose(cleaned, ink, slope)
        if digit is not None and not ruling.spans(digit, lines):
            found = Found(digit, contrast, enlarged, ("lines_removed",))
            rest = ruling.is_rest(digit, ink, (mask > cleaned).astype(np.uint8))
            return None if rest or is_weak(found, ink) else found
    digit = pieces.choose(mask, ink, slope)
    if digit is None:
        return None
    found = Found(digit, contrast, enlarged)
    return None if is_weak(found, ink) else found


def is_weak(found: Found, ink: Floats) -> bool:
    """Whether what was found on uneven paper is as weak in (H, W) float32 `ink` as grain, creases or a shadow are."""
    if found.contrast.flat:
        return False
    level = float(ink[found.mask > 0].mean())
    return level < LEAST_UNEVEN_INK or (level < LEAST_SHADOW_INK and any(describe(found)[1:]))


def describe(found: Found) -> tuple[float, bool, bool]:
    """Slope of the edges; whether the border is hugged; whether it is broad, as shadows are."""
    left, top, width, height = cv2.boundingRect(found.mask)
    box = pieces.around(left, top, width, height)
    slope = pieces.sharpness(cv2.GaussianBlur(found.contrast.ink[box], (0, 0), 1.0), found.mask[box] > 0)
    inside = found.mask[top : top + height, left : left + width] > 0
    hugging = pieces.hugs_border(inside, left, top, found.mask.shape)
    return slope, hugging, pieces.is_broad(inside.astype(np.uint8))
