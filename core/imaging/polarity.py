"""Whether the ink is dark or light, where the picture as a whole does not tell: by what is found in either.

What is found in the other ink is mostly what lies between the digit's strokes, or a sheet.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from core.imaging import pieces
from core.imaging.found import Found, describe, find_digit
from core.imaging.ink import measure_uneven
from core.imaging.paper import ink_balance
from core.imaging.view import View, glance
from model.description import WHITE

LIKELY, AROUND, SLACK = 2.0, 5.0, 0.02
"""What weighs in favour of what was found in ink of one kind: that the picture as a whole has such ink; that the rival
lies within its box, up to some slack, as a counter lies within its digit. With these weights 5 of 803 made photos, a
third of them of chalk, were taken for the wrong ink."""

SURELY_DARK = 2.0
"""Where `ink_balance` says more than this, the ink is dark: so it did for 9 of 10 made photos of a pen, and for none of
240 of chalk, the highest of which had 1.6."""

LEAST_LIGHT_INK = 0.07
"""Where the picture as a whole has dark ink, light ink differs from its paper by at least this share of full scale; the
grain of white paper differs by less."""

GAP, REACH = 5, 11
"""Sides of the squares that a stroke is widened by: from the first on there is paper, and as far as the second it is
that around the stroke."""


def is_ink_dark(seen: View) -> bool:
    """Tells dark ink from light ink on uneven paper."""
    balance = ink_balance(seen.small)
    if balance > SURELY_DARK:
        return True
    likely = balance >= 0
    small = glance(seen)
    light, dark = (find_digit(measure_uneven(small, dark), small.enlarged) for dark in (False, True))
    if light is None or (likely and standing_out(light, small) < LEAST_LIGHT_INK):
        return likely or dark is not None
    if dark is None:
        return False
    doubts = any(describe(light)[1:]), any(describe(dark)[1:])
    return doubts[0] if doubts[0] != doubts[1] else is_dark_likelier(dark, light, small, likely)


def has_likelier_dark(seen: View, light: Found) -> bool:
    """Whether there is dark ink that is likelier the digit than what was found in light ink on flat paper."""
    small = glance(seen)
    dark = find_digit(measure_uneven(small, dark=True), small.enlarged)
    if dark is None or any(describe(dark)[1:]):
        return False
    return is_dark_likelier(dark, light, small, likely=False)


def is_dark_likelier(dark: Found, light: Found, seen: View, likely: bool) -> bool:
    """Whether dark ink is more of a digit than light ink, where the picture as a whole likely has dark ink or not."""
    return merit(dark, light, seen) * (LIKELY if likely else 1 / LIKELY) > merit(light, dark, seen)


def merit(found: Found, rival: Found, seen: View) -> float:
    """How much of a digit was found beside a rival: sharp, strong and fine, and around the rival, not within it."""
    width = pieces.stroke_width(found.mask) / min(found.mask.shape)
    around = AROUND if is_around(found, rival) else 1.0
    return describe(found)[0] * standing_out(found, seen) ** 2 / width * around


def standing_out(found: Found, seen: View) -> float:
    """How much lighter or darker than the paper around it the digit is in a view, as a share of full scale."""
    grey = seen.picture.mean(axis=2)
    mask = cv2.resize(found.mask, grey.shape[::-1], interpolation=cv2.INTER_NEAREST)
    ring = cv2.dilate(mask, np.ones((REACH, REACH), np.uint8)) - cv2.dilate(mask, np.ones((GAP, GAP), np.uint8))
    if not ring.any() or not mask.any():
        return 0.0
    darker = float(grey[ring > 0].mean()) - float(grey[mask > 0].mean())
    return max(0.0, darker if found.contrast.dark else -darker) / WHITE


def is_around(found: Found, rival: Found) -> bool:
    """Whether the rival lies in the box of what was found, but not the other way round."""
    box, other = _box(found), _box(rival)
    holds = (box[:2] <= other[:2] + SLACK).all() and (box[2:] >= other[2:] - SLACK).all()
    held = (other[:2] <= box[:2] + SLACK).all() and (other[2:] >= box[2:] - SLACK).all()
    return bool(holds and not held)


def _box(found: Found) -> NDArray[np.float64]:
    """Left, top, right and bottom of the digit, as shares of the picture's longer side."""
    left, top, width, height = cv2.boundingRect(found.mask)
    return np.array([left, top, left + width, top + height]) / max(found.mask.shape)
