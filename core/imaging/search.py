"""Finds the digit in a picture: which pixels are its strokes, at the size where they are seen best."""

from dataclasses import dataclass

import cv2
import numpy as np

from core.imaging import lines as ruling
from core.imaging import pieces
from core.imaging.arrays import Floats, Pixels
from core.imaging.ink import (
    LEAST_CONTRAST,
    STROKE_SHARE,
    WIDE_STROKE_SHARE,
    Contrast,
    measure_flat,
    measure_tiny,
    measure_uneven,
)
from core.imaging.paper import has_dark_ink
from core.imaging.sheet import surround
from core.imaging.view import View, view

SEARCH_SIDE = 720
"""Longest side of the view that is searched: a biro's line in a photo of a whole page is still about a pixel wide."""

WIDE_SIDE = 320
"""The same for very broad strokes, which need no detail."""

SMALL_SIDE = 160
"""Smaller pictures are enlarged to this before the search, so that thresholds fall between their pixels."""

CLOSE_SIDE = 100
"""A digit found smaller than this is searched for again in a closer view, if the source has more detail."""

TINY_SIDE, TINY_INK = 13, 0.25
"""Longest side of a picture that has room for a digit only; the share of its strongest contrast that is ink."""

COARSE = 17
"""A picture is coarse where contrast rises over no less than this part of its longer side: between what 8 pixels that
were enlarged smoothly show, 10 to 15, and what 16 of them do, 20 and more."""

LEAST_SLOPE = 0.05
"""Ink's contrast falls by at least this share a pixel at the edge of a stroke, at the size of the search; that of a
shadow by less."""

ONE_LEVEL, EVEN_SHARE = 1 / 255, 0.5
"""Paper is even where more than this share of what is not ink differs from its colour by less than a grey level."""

LEAST_UNEVEN_INK, LEAST_SHADOW_INK = 0.1, 0.25
"""On uneven paper, strokes have at least the first contrast in the mean, grain and creases less; what hugs the border
or is as broad as a blot is most often a shadow and needs the second."""

FINER = 0.25
"""What is this much finer than something at the border is the digit, and the other a shadow, a desk or a sheet."""


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


def search(pixels: Pixels) -> Found | None:
    """Finds the digit, on flat paper or, where that is not so or gives something like a shadow, on uneven paper."""
    seen = view(pixels, SEARCH_SIDE, SMALL_SIDE)
    if is_tiny(pixels):
        return search_tiny(seen)
    flat = measure_flat(seen)
    found = find_digit(flat, seen.enlarged) if flat else None
    if found is None:
        return search_tiny(as_tiny(seen)) if flat and is_coarse(seen) else search_uneven(pixels, seen)
    slope, hugging, broad = describe(found)
    soft = slope * seen.enlarged < LEAST_SLOPE and not is_even(found)
    if not hugging and not soft and (not broad or surround(found.mask) is not None):
        return found
    if is_coarse(seen):
        return search_tiny(as_tiny(seen))
    other = search_uneven(pixels, seen)
    if other is None or all(describe(other)[1:]):
        return None if hugging and soft else found
    finer = pieces.stroke_width(other.mask) < FINER * pieces.stroke_width(found.mask)
    if (hugging and broad) or (finer and (hugging or broad)):
        return other
    return other if soft and describe(other)[0] > (1.5 if hugging else 3) * slope else found


def is_even(found: Found) -> bool:
    """Whether the paper around the digit has exactly one colour, as no camera sees it: then no ink is a shadow."""
    beside = found.contrast.ink[found.mask == 0]
    return found.contrast.flat and int((beside < ONE_LEVEL).sum()) > EVEN_SHARE * beside.size


def is_tiny(pixels: Pixels) -> bool:
    """Whether a picture has so few pixels that it has room for the digit only."""
    return max(pixels.shape[:2]) <= TINY_SIDE


def is_coarse(seen: View) -> bool:
    """Whether even the sharpest edge takes as much room as a pixel of a tiny picture: it is one, enlarged smoothly."""
    grey = seen.picture.mean(axis=2)
    steepest = max(float(np.abs(np.diff(grey, axis=axis)).max(initial=0)) for axis in (0, 1))
    return steepest * max(grey.shape) < float(np.ptp(grey)) * COARSE


def as_tiny(seen: View) -> View:
    """The view of a picture without detail, as that of the tiny one that it was enlarged from."""
    return View(seen.picture, seen.small, max(seen.picture.shape) / TINY_SIDE)


def search_tiny(seen: View) -> Found | None:
    """Takes all ink of a tiny picture for the digit's: nothing else can be told apart in it."""
    contrast = measure_tiny(seen)
    strongest = float(contrast.ink.max())
    if strongest < LEAST_CONTRAST:
        return None
    return Found((contrast.ink > TINY_INK * strongest).astype(np.uint8), contrast, seen.enlarged)


def search_uneven(pixels: Pixels, seen: View) -> Found | None:
    """Finds the digit on uneven paper, with strokes of usual width or, where these hold more, of great width."""
    dark = has_dark_ink(seen.small)
    usual = find_digit(measure_uneven(seen, dark), seen.enlarged)
    coarse = view(pixels, WIDE_SIDE, SMALL_SIDE)
    wide = find_digit(measure_uneven(coarse, dark, WIDE_STROKE_SHARE), coarse.enlarged)
    if usual is None or wide is None:
        return usual or wide
    if pieces.stroke_width(wide.mask) < 0.7 * STROKE_SHARE * min(wide.mask.shape):
        return usual
    parts = cv2.resize(usual.mask, wide.mask.shape[::-1], interpolation=cv2.INTER_NEAREST)
    inside = int(parts[cv2.dilate(wide.mask, np.ones((3, 3), np.uint8)) > 0].sum())
    more = int(wide.mask.sum()) > 1.15 * int(parts.sum())
    return wide if more and inside >= 0.8 * int(parts.sum()) and not describe(wide)[1] else usual


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


def look_closer(pixels: Pixels, found: Found) -> Found:
    """Searches again around a small digit, in all the detail that the picture has."""
    scale = max(found.mask.shape) / max(pixels.shape[:2])
    left, top, width, height = cv2.boundingRect(found.mask)
    longest = max(width, height)
    if scale >= 1 or longest > CLOSE_SIDE:
        return found
    margin = 0.5 * longest + 4
    x, y = max(0, round((left - margin) / scale)), max(0, round((top - margin) / scale))
    right, bottom = round((left + width + margin) / scale), round((top + height + margin) / scale)
    return search(np.ascontiguousarray(pixels[y:bottom, x:right])) or found
