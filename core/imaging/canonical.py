"""Pixels -> the canonical digit: search, look closer, redraw, fit, centre."""

import cv2
import numpy as np

from core.imaging.arrays import Floats, Pixels
from core.imaging.search import look_closer, search
from core.imaging.sheet import cut_inside, strip_frames, surround
from core.imaging.strokes import BOX, normalise, redraw
from model.description import IMAGE_SIZE

cv2.setNumThreads(1)  # the server's workers share the cores among themselves


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
    around = None if found.tiny else surround(found.mask)
    if around is not None:
        cut = cut_inside(bare, found.mask, around.depth)
        inner = search(cut)
        if inner is not None and surround(inner.mask) is None:
            bare, found = cut, inner
            done.append(around.adjustment)
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


def place(shape: Floats) -> Pixels:
    """MNIST's recipe: fits a shape (h, w), 0 to 1, into 20x20 by averaging areas, centred by mass in 28x28 uint8."""
    left, top, width, height = cv2.boundingRect((shape > 0.1).astype(np.uint8))
    scale = BOX / max(width, height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    crop = shape[top : top + height, left : left + width]
    fitted = np.asarray(cv2.resize(crop, size, interpolation=cv2.INTER_AREA), np.float32)
    y, x = _offset(fitted.sum(axis=1)), _offset(fitted.sum(axis=0))
    canvas = np.zeros((IMAGE_SIZE, IMAGE_SIZE), np.uint8)
    canvas[y : y + size[1], x : x + size[0]] = (fitted * 255 + 0.5).astype(np.uint8)
    return canvas


def _offset(sums: Floats) -> int:
    """Where to put rows or columns of these sums so that their centre of mass comes to 14, as MNIST's does."""
    centre = float(sums @ np.arange(len(sums))) / float(sums.sum())
    return min(max(0, round(IMAGE_SIZE / 2 - centre)), IMAGE_SIZE - len(sums))
