"""Finds the digit in a picture: which pixels are its strokes, at the size where they are seen best."""

import cv2
import numpy as np

from core.imaging import pieces
from core.imaging.arrays import Pixels
from core.imaging.found import LEAST_SLOPE, TINY_SIDE, Found, describe, find_digit
from core.imaging.ink import (
    LEAST_CONTRAST,
    STROKE_SHARE,
    WIDE_STROKE_SHARE,
    measure_flat,
    measure_sloping,
    measure_tiny,
    measure_uneven,
)
from core.imaging.polarity import has_likelier_dark, is_dark_likelier, is_ink_dark
from core.imaging.sheet import surround
from core.imaging.view import View, glance, view

SEARCH_SIDE = 720
"""Longest side of the view that is searched: a biro's line in a photo of a whole page is still about a pixel wide."""

SMALL_SIDE = 160
"""Smaller pictures are enlarged to this before the search, so that thresholds fall between their pixels."""

CLOSE_SIDE = 100
"""A digit found smaller than this is searched for again in a closer view, if the source has more detail."""

TINY_INK = 0.25
"""The share of a tiny picture's strongest contrast that is ink."""

COARSE = 17
"""A picture is coarse where contrast rises over no less than this part of its longer side: between what 8 pixels that
were enlarged smoothly show, 10 to 15, and what 16 of them do, 20 and more."""

ONE_LEVEL, EVEN_SHARE = 1 / 255, 0.5
"""Paper is even where more than this share of what is not ink differs from its colour by less than a grey level."""

LARGE_SHARE, SOLID = 0.5, 0.75
"""A digit fills a picture from this share of its shorter side on. What takes more than this share of its own box is a
sheet of paper, or a one that is found in other ways."""

FINER = 0.25
"""What is this much finer than something at the border is the digit, and the other a shadow, a desk or a sheet."""


def search(pixels: Pixels, dark: bool | None = None) -> Found | None:
    """Finds the digit, on flat paper or, where that is not so or gives something like a shadow, on uneven paper.

    Args:
        pixels: (H, W) or (H, W, 3) uint8.
        dark: whether the ink on uneven paper is dark; None where that is to be found out.
    """
    seen = view(pixels, SEARCH_SIDE, SMALL_SIDE)
    if is_tiny(pixels):
        return search_tiny(seen)
    flat = measure_flat(seen)
    found = find_digit(flat, seen.enlarged) if flat else None
    if found is not None:
        return confirm(seen, found, dark)
    return search_tiny(as_tiny(seen)) if flat and is_coarse(seen) else search_uneven(seen, dark)


def confirm(seen: View, found: Found, dark: bool | None) -> Found | None:
    """What was found on flat paper, unless the paper is uneven and something there is likelier the digit."""
    slope, hugging, broad = describe(found)
    even = is_even(found)
    soft = slope * seen.enlarged < LEAST_SLOPE and not even
    sure = even or found.contrast.dark or dark is False
    sheet = (broad or not sure) and surround(found.mask) is not None
    doubtful = hugging or soft or (broad and not sheet)
    if not doubtful and (sure or sheet):
        return found
    if is_coarse(seen):
        return search_tiny(as_tiny(seen)) if doubtful else found
    if not doubtful:
        return (search_ink(seen, dark=True) if has_likelier_dark(seen, found) else None) or found
    other = search_uneven(seen, dark)
    if other is None or all(describe(other)[1:]):
        return None if hugging and soft else found
    finer = pieces.stroke_width(other.mask) < FINER * pieces.stroke_width(found.mask)
    if (hugging and broad) or (finer and (hugging or broad)):
        return other
    if soft and describe(other)[0] > (1.5 if hugging else 3) * slope:
        return other
    if sure or not other.contrast.dark:
        return found
    return other if is_dark_likelier(other, found, glance(seen), likely=True) else found


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


def search_uneven(seen: View, dark: bool | None) -> Found | None:
    """Finds the digit on uneven paper, in dark or in light ink; where that is not known, in the likelier."""
    large = search_large(seen, dark)
    if large is not None:
        return large
    return search_ink(seen, is_ink_dark(seen) if dark is None else dark)


def search_large(seen: View, dark: bool | None) -> Found | None:
    """Finds a digit that fills the picture, on paper that light falls on evenly from one side.

    The strokes of such a digit may be so broad that only the border tells them from shadows.
    """
    small = glance(seen)
    contrast = measure_sloping(small)
    if contrast is None or dark not in (None, contrast.dark):
        return None
    found = find_digit(contrast, small.enlarged)
    if found is None or describe(found)[1] or not is_large(found):
        return None
    return found if contrast.dark or dark is False or not has_likelier_dark(seen, found) else None


def is_large(found: Found) -> bool:
    """Whether something fills the picture, but not its own box, as a sheet of paper does."""
    _, _, width, height = cv2.boundingRect(found.mask)
    fills = max(width, height) >= LARGE_SHARE * min(found.mask.shape)
    return fills and int(found.mask.sum()) < SOLID * width * height


def search_ink(seen: View, dark: bool) -> Found | None:
    """Finds the digit on uneven paper, with strokes of usual width or, where these hold more, of great width."""
    usual = find_digit(measure_uneven(seen, dark), seen.enlarged)
    small = glance(seen)
    wide = find_digit(measure_uneven(small, dark, WIDE_STROKE_SHARE), small.enlarged)
    if usual is None or wide is None:
        return usual or wide
    if pieces.stroke_width(wide.mask) < 0.7 * STROKE_SHARE * min(wide.mask.shape):
        return usual
    parts = cv2.resize(usual.mask, wide.mask.shape[::-1], interpolation=cv2.INTER_NEAREST)
    inside = int(parts[cv2.dilate(wide.mask, np.ones((3, 3), np.uint8)) > 0].sum())
    more = int(wide.mask.sum()) > 1.15 * int(parts.sum())
    slope, hugging, _ = describe(wide)
    sharp = slope > 0.8 * describe(usual)[0]
    return wide if more and sharp and inside >= 0.8 * int(parts.sum()) and not hugging else usual


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
    part = np.ascontiguousarray(pixels[y:bottom, x:right])
    closer = search(part, found.contrast.dark)
    return closer if closer is not None and closer.contrast.dark == found.contrast.dark else found
