"""Pixels -> the canonical digit: search, look closer, redraw, fit, centre.

The digit is searched for in a view of bounded size. Its strokes are then redrawn as a bilevel shape eight times the
size of the result, as NIST's scans were before MNIST averaged them down (https://yann.lecun.com/exdb/mnist/), so that
contrast, blur and pen no longer tell.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from core.imaging import lines as ruling
from core.imaging import pieces
from core.imaging.ink import (
    STROKE_SHARE,
    WIDE_STROKE_SHARE,
    Contrast,
    Floats,
    Pixels,
    View,
    measure_flat,
    measure_uneven,
    view,
)
from core.imaging.sheet import inside_sheet, is_sheet, strip_frames

cv2.setNumThreads(1)  # the server's workers share the cores among themselves

SEARCH_SIDE = 720
"""Longest side of the view that is searched: a biro's line in a photo of a whole page is still about a pixel wide."""

WIDE_SIDE = 320
"""The same for very broad strokes, which need no detail."""

SMALL_SIDE = 160
"""Smaller pictures are enlarged to this before the search, so that thresholds fall between their pixels."""

CLOSE_SIDE = 100
"""A digit found smaller than this is searched for again in a closer view, if the source has more detail."""

LEAST_SLOPE = 0.05
"""Ink's contrast falls by at least this share a pixel at the edge of a stroke, at the size of the search; that of a
shadow by less."""

LEAST_UNEVEN_INK = 0.1
"""On uneven paper, strokes have at least this contrast in the mean; grain and creases stay below it."""

SIDE, BOX = 28, 20
"""MNIST's picture, and the box that the digit is fitted into."""

SCALE = 8
"""How much larger than the result the strokes are redrawn."""

LEAST_WIDTH, MOST_WIDTH = 2.2, 4.2
"""Strokes outside this range, in pixels of the result, are thickened or thinned; MNIST's middle half lies within it."""

GAP = 13
"""Breaks of up to this many pixels of the redrawn shape are closed in strokes that are thickened."""

LEVEL_WINDOW = 25
"""The ink's own level is taken over about three pixels of the result, so that faint stretches of a stroke survive."""


@dataclass(frozen=True, slots=True)
class Found:
    """A digit in a view: `mask` (H, W) uint8, 1 on its strokes; the contrast it was found in; what was removed."""

    mask: Pixels
    contrast: Contrast
    removed: tuple[str, ...] = ()


def canonical(pixels: Pixels) -> tuple[Pixels, list[str]] | None:
    """The canonical digit and what was done to get there; None where the picture is blank.

    Args:
        pixels: (H, W) or (H, W, 3) RGB, uint8.
    """
    bare = strip_frames(pixels)
    done = ["frame_removed"] if bare.shape != pixels.shape else []
    found = search(bare)
    if found is None:
        return None
    if is_sheet(found.mask):
        cut = inside_sheet(bare, found.mask)
        inner = search(cut)
        if inner is not None and not is_sheet(inner.mask):
            bare, found = cut, inner
            done.append("background_removed")
    close = look_closer(bare, found)
    done += [*dict.fromkeys((*found.removed, *close.removed))]
    shape, changed = normalise(redraw(close))
    if not shape.any():
        return None
    return place(shape), [
        *done,
        *(["inverted"] if close.contrast.dark else []),
        *changed,
        "cropped",
        "scaled",
        "recentred",
    ]


def search(pixels: Pixels) -> Found | None:
    """Finds the digit, on flat paper or, where that is not so or gives something like a shadow, on uneven paper."""
    seen = view(pixels, SEARCH_SIDE, SMALL_SIDE)
    flat = measure_flat(seen)
    found = find_digit(flat, seen.enlarged) if flat else None
    if found is None:
        return search_uneven(pixels, seen)
    slope, hugging, broad = describe(found)
    doubtful = hugging and (broad or slope * seen.enlarged < LEAST_SLOPE)
    if not doubtful and (not broad or is_sheet(found.mask)):
        return found
    other = search_uneven(pixels, seen)
    if other is None or all(describe(other)[1:]):
        return found
    if not doubtful:
        return other if pieces.stroke_width(other.mask) < 0.25 * pieces.stroke_width(found.mask) else found
    return other if broad or describe(other)[0] > 1.5 * slope else found


def search_uneven(pixels: Pixels, seen: View) -> Found | None:
    """Finds the digit on uneven paper, with strokes of usual width or, where these hold more, of great width."""
    usual = find_digit(measure_uneven(seen), seen.enlarged)
    coarse = view(pixels, WIDE_SIDE, SMALL_SIDE)
    wide = find_digit(measure_uneven(coarse, WIDE_STROKE_SHARE), coarse.enlarged)
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
    lines = ruling.find_lines(mask)
    if lines:
        cleaned = ruling.remove_lines(mask, lines)
        digit = pieces.choose(cleaned, ink, slope)
        if digit is not None and not ruling.spans(digit, lines):
            rest = ruling.is_rest(digit, ink, (mask > cleaned).astype(np.uint8))
            return None if rest else Found(digit, contrast, ("lines_removed",))
    digit = pieces.choose(mask, ink, slope)
    if digit is None or (not contrast.flat and float(ink[digit > 0].mean()) < LEAST_UNEVEN_INK):
        return None
    return Found(digit, contrast)


def describe(found: Found) -> tuple[float, bool, bool]:
    """Slope of the edges; whether the border is hugged; whether it is broad, as shadows are."""
    left, top, width, height = cv2.boundingRect(found.mask)
    box = pieces.around(left, top, width, height)
    slope = pieces.sharpness(cv2.GaussianBlur(found.contrast.ink[box], (0, 0), 1.0), found.mask[box] > 0)
    inside = found.mask[top : top + height, left : left + width] > 0
    hugging = pieces.hugs_border(inside, left, top, found.mask.shape)
    return slope, hugging, pieces.stroke_width(found.mask) > 0.4 * max(width, height)


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


def redraw(found: Found) -> Pixels:
    """Draws the digit's strokes anew, `SCALE` times the size of the result: (h, w) uint8, 1 on ink.

    A stroke's edge is where contrast is half of that of the ink nearby.
    """
    left, top, width, height = cv2.boundingRect(found.mask)
    scale = SCALE * BOX / max(width, height)
    margin = 0.15 * max(width, height)
    size = (round((width + 2 * margin) * scale), round((height + 2 * margin) * scale))
    core = _magnify(found.mask.astype(np.float32), left - margin, top - margin, scale, size) > 0.3
    near = cv2.dilate(core.astype(np.uint8), np.ones((5, 5), np.uint8))
    ink = cv2.GaussianBlur(_magnify(found.contrast.ink, left - margin, top - margin, scale, size), (0, 0), 1.5) * near
    window = (LEVEL_WINDOW, LEVEL_WINDOW)
    level = cv2.blur(cv2.dilate(ink, np.ones(window, np.uint8)), window)
    return ((ink > 0.5 * level) & (ink > 0)).astype(np.uint8)


def _magnify(picture: Floats, left: float, top: float, scale: float, size: tuple[int, int]) -> Floats:
    """The part of a picture from (left, top) on, magnified or reduced smoothly to (width, height) of `size`."""
    half = (scale - 1) / 2  # pixels are squares, not points
    matrix = np.array([[scale, 0, half - left * scale], [0, scale, half - top * scale]])
    if scale < 1:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.4 / scale), np.float32)
    flags = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.warpAffine(picture, matrix, size, flags=flags), np.float32)


def normalise(shape: Pixels) -> tuple[Pixels, list[str]]:
    """Brings the strokes' width into MNIST's range: (h, w) uint8, 0 or 1, and what was done."""
    width = pieces.stroke_width(shape) / SCALE
    if width < LEAST_WIDTH:
        return thicken(shape, (LEAST_WIDTH - width) * SCALE), ["thickened"]
    if width > MOST_WIDTH:
        return thin(shape, 0.8 * (width - MOST_WIDTH) * SCALE), ["thinned"]
    return shape, []


def thicken(shape: Pixels, by: float) -> Pixels:
    """Closes small breaks and adds `by` pixels to the width of every stroke."""
    padded = np.pad(shape, int(by) + 2 + GAP)
    closed = cv2.morphologyEx(padded, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (GAP, GAP)))
    return (cv2.distanceTransform(1 - closed, cv2.DIST_L2, 5) <= by / 2).astype(np.uint8)


def thin(shape: Pixels, by: float) -> Pixels:
    """Takes `by` pixels from the width of every stroke; the shape as it is where nothing would be left."""
    thinned = (cv2.distanceTransform(np.pad(shape, 1), cv2.DIST_L2, 5) > by / 2).astype(np.uint8)
    return thinned if thinned.any() else shape


def place(shape: Pixels) -> Pixels:
    """MNIST's recipe: fits a shape (h, w) into 20x20 by averaging areas, and centres it by mass in 28x28 uint8."""
    left, top, width, height = cv2.boundingRect(shape)
    scale = BOX / max(width, height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    crop = shape[top : top + height, left : left + width].astype(np.float32)
    fitted = np.asarray(cv2.resize(crop, size, interpolation=cv2.INTER_AREA), np.float32)
    y, x = _offset(fitted.sum(axis=1)), _offset(fitted.sum(axis=0))
    canvas = np.zeros((SIDE, SIDE), np.uint8)
    canvas[y : y + size[1], x : x + size[0]] = (fitted * 255 + 0.5).astype(np.uint8)
    return canvas


def _offset(sums: Floats) -> int:
    """Where to put rows or columns of these sums so that their centre of mass comes to 14, as MNIST's does."""
    centre = float(sums @ np.arange(len(sums))) / float(sums.sum())
    return min(max(0, round(SIDE / 2 - centre)), SIDE - len(sums))
