"""Pixels -> the canonical digit: the steps between a decoded picture and MNIST's form, in their order."""

import cv2
import numpy as np
from numpy.typing import NDArray

from core import strokes
from core.ink import Contrast, Floats, Pixels, measure

cv2.setNumThreads(1)

SEARCH_SIDE = 720
SMALL_SIDE = 160
FINE_SIDE = 160
BOX = 20
SIDE = 28
SCALE = FINE_SIDE // BOX
LEAST_WIDTH = 2.2
MOST_WIDTH = 4.2


def canonical(pixels: Pixels) -> tuple[Pixels, list[str]] | None:
    """The canonical digit and what was done; None for a blank picture."""
    done: list[str] = []
    bare = strip_frames(pixels)
    if bare.shape != pixels.shape:
        done.append("frame_removed")
    found = search(bare, done)
    for _ in range(2):
        if found is None or not is_sheet(found[0]):
            break
        inner = inside_sheet(bare, found[0])
        again = search(inner, done)
        if again is None:
            break
        bare, found = inner, again
        done.append("background_removed")
    if found is None:
        return None
    pixels, found = zoom(bare, found, done)
    digit, contrast = found
    fine = refine(pixels, digit, contrast)
    return place(normalise(fine)), done


def strip_frames(pixels: Pixels) -> Pixels:
    """Takes off frames around the picture: a border of one colour, inside of which everything along its edge has another."""
    bare = pixels
    for _ in range(4):
        inner = inside_frame(bare)
        if inner is None:
            break
        bare = inner
    changed = bare.shape != pixels.shape
    return bare if not changed or np.ptp(bare.astype(np.int16)) > 0.25 * np.ptp(pixels.astype(np.int16)) else pixels


def inside_frame(pixels: Pixels) -> Pixels | None:
    height, width = pixels.shape[:2]
    if min(height, width) < 12:
        return None
    deep = pixels.reshape(height, width, -1)
    ring = np.concatenate([deep[0], deep[-1], deep[:, 0], deep[:, -1]]).astype(np.int16)
    colour = np.median(ring, axis=0).astype(np.int16)
    if (np.abs(ring - colour).max(axis=1) > 24).mean() > 0.05:
        return None
    off = np.abs(deep.astype(np.int16) - colour).max(axis=2)
    limit = 0.3 * float(off.max())
    left, top, w, h = cv2.boundingRect((off > max(24.0, limit)).astype(np.uint8))
    if min(w, h) < 8:
        return None
    differs = off[top : top + h, left : left + w] > limit
    sides = (differs[1].mean(), differs[-2].mean(), differs[:, 1].mean(), differs[:, -2].mean())
    if min(sides) < 0.9:
        return None
    return pixels[top + 1 : top + h - 1, left + 1 : left + w - 1]


def is_sheet(digit) -> bool:
    """Whether what was taken for ink is a sheet of paper on a desk, or the inside of a frame: large, solid, with four straight sides."""
    outline = outline_of(digit)
    hull = cv2.contourArea(cv2.convexHull(outline))
    around = cv2.minAreaRect(outline)[1]
    if hull < 0.25 * digit.size or hull < 0.85 * around[0] * around[1]:
        return False
    return bool(cv2.contourArea(outline) > 0.9 * hull and digit.sum() > 0.55 * hull)


def outline_of(digit):
    contours, _ = cv2.findContours(digit, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    return max(contours, key=cv2.contourArea)


def inside_sheet(pixels, digit):
    """Cuts the sheet out; what is outside it is painted over with the sheet's colours nearby."""
    hull = cv2.convexHull(outline_of(digit))
    sheet = cv2.fillConvexPoly(np.zeros_like(digit), hull, 1)
    sheet = cv2.erode(sheet, np.ones((9, 9), np.uint8), borderValue=1)
    left, top, w, h = cv2.boundingRect(sheet)
    sy, sx = pixels.shape[0] / digit.shape[0], pixels.shape[1] / digit.shape[1]
    y0, y1, x0, x1 = round(top * sy), round((top + h) * sy), round(left * sx), round((left + w) * sx)
    crop = pixels[y0:y1, x0:x1]
    size = (crop.shape[1], crop.shape[0])
    keep = sheet[top : top + h, left : left + w]
    small = (max(8, 96 * w // max(w, h)), max(8, 96 * h // max(w, h)))
    missing = 1 - cv2.resize(keep, small, interpolation=cv2.INTER_NEAREST)
    missing = cv2.dilate(missing, np.ones((3, 3), np.uint8))
    filled = cv2.inpaint(cv2.medianBlur(cv2.resize(crop, small, interpolation=cv2.INTER_AREA), 3), missing, 3, cv2.INPAINT_TELEA)
    mask = cv2.resize(keep, size, interpolation=cv2.INTER_NEAREST)
    mask = mask if crop.ndim == 2 else mask[..., None]
    return np.where(mask > 0, crop, cv2.resize(filled, size, interpolation=cv2.INTER_LINEAR))


def search(pixels: Pixels, done: list[str]):
    picture = search_view(pixels)
    factor = max(1.0, max(picture.shape[:2]) / max(pixels.shape[:2]))
    readings = measure(picture)
    found = [(find_digit(c, factor, done), c) for c in readings]
    if len(found) == 2 and found[1][0] is not None:
        wide = stroke_width(found[1][0])
        if found[0][0] is None or wide > 0.7 * 0.12 * min(picture.shape[:2]):
            found = found[1:]
    return found[0] if found[0][0] is not None else None


def zoom(pixels: Pixels, found, done):
    digit, _ = found
    scale = max(digit.shape) / max(pixels.shape[:2])
    left, top, w, h = cv2.boundingRect(digit)
    longest = max(w, h)
    if scale >= 1 or longest > 100:
        return pixels, found
    margin = 0.5 * longest + 4
    x0, y0 = max(0, round((left - margin) / scale)), max(0, round((top - margin) / scale))
    x1, y1 = round((left + w + margin) / scale), round((top + h + margin) / scale)
    crop = np.ascontiguousarray(pixels[y0:y1, x0:x1])
    closer = search(crop, done)
    return (crop, closer) if closer is not None else (pixels, found)


def search_view(pixels: Pixels) -> Floats:
    """The picture at a size fit for the search: (H, W, C) float32."""
    height, width = pixels.shape[:2]
    longest = max(height, width)
    if longest > SEARCH_SIDE:
        scale, how = SEARCH_SIDE / longest, cv2.INTER_AREA
    else:
        scale, how = float(max(1, -(-SMALL_SIDE // longest))), cv2.INTER_CUBIC
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    resized = cv2.resize(pixels, size, interpolation=how)
    return resized.reshape(size[1], size[0], -1).astype(np.float32)


def find_digit(contrast, factor, done):
    ink = cv2.GaussianBlur(contrast.ink, (0, 0), 1.0)
    mask = strokes.threshold(ink)
    sharp = 0 if contrast.flat else 0.05 / factor
    lines = strokes.find_lines(mask)
    if lines:
        cleaned = strokes.remove_lines(mask, lines)
        digit = strokes.choose(cleaned, ink, sharp)
        if digit is not None and not spans(digit, lines):
            done.append("lines_removed")
            return digit
    return strokes.choose(mask, ink, sharp)


def spans(digit, lines) -> bool:
    left, top, width, height = cv2.boundingRect(digit)
    for line in lines:
        dx, dy = abs(line[2] - line[0]), abs(line[3] - line[1])
        if (dx >= dy and width > 0.75 * dx) or (dy > dx and height > 0.75 * dy):
            return True
    return False


def refine(pixels: Pixels, digit: strokes.Mask, contrast: Contrast) -> Floats:
    """Redraws the digit's strokes from the full picture at FINE_SIDE; (h, w) float32 0..1 bilevel-ish."""
    height, width = digit.shape
    left, top, w, h = cv2.boundingRect(digit)
    scale = FINE_SIDE / max(w, h)
    margin = 0.15 * max(w, h)
    x0, y0 = left - margin, top - margin
    size = (round((w + 2 * margin) * scale), round((h + 2 * margin) * scale))
    fine_mask = warp(digit.astype(np.float32), x0, y0, scale, size)
    soft = warp(contrast.ink, x0, y0, scale, size)
    return (fine_mask > 0.5).astype(np.float32) if False else _alpha(soft, fine_mask)


def warp(image, x0, y0, scale, size):
    matrix = np.array([[scale, 0, -x0 * scale + (scale - 1) / 2], [0, scale, -y0 * scale + (scale - 1) / 2]])
    if scale < 1:
        image = cv2.GaussianBlur(image, (0, 0), 0.4 / scale)
    return cv2.warpAffine(image, matrix, size, flags=cv2.INTER_CUBIC if scale > 1 else cv2.INTER_LINEAR)


def _alpha(soft, mask):
    core = (mask > 0.3).astype(np.uint8)
    near = cv2.dilate(core, np.ones((5, 5), np.uint8))
    soft = cv2.GaussianBlur(soft, (0, 0), 1.5) * near
    level = cv2.dilate(soft, np.ones((41, 41), np.uint8))
    level = cv2.blur(level, (41, 41))
    return (soft > 0.5 * level).astype(np.float32)


def normalise(shape: Floats) -> Floats:
    """Brings the strokes' width into MNIST's range."""
    mask = (shape > 0.5).astype(np.uint8)
    width = stroke_width(mask) / SCALE
    if width < LEAST_WIDTH:
        return thicken(mask, (LEAST_WIDTH - width) * SCALE)
    if width > MOST_WIDTH:
        return thin(mask, (width - MOST_WIDTH) * SCALE * 0.8)
    return mask.astype(np.float32)


def stroke_width(mask) -> float:
    distance = cv2.distanceTransform(np.pad(mask, 1), cv2.DIST_L2, 3)
    inside = distance[distance > 0]
    return float(4 * inside.mean()) if inside.size else 0.0


def thicken(mask, by):
    pad = int(by) + 2
    padded = np.pad(mask, pad)
    distance = cv2.distanceTransform(1 - padded, cv2.DIST_L2, 5)
    return (distance <= by / 2).astype(np.float32)


def thin(mask, by):
    distance = cv2.distanceTransform(np.pad(mask, 1), cv2.DIST_L2, 5)
    return (distance > by / 2).astype(np.float32)


def place(shape: Floats) -> Pixels:
    """Fits the shape into 20x20 and centres it by mass in 28x28."""
    left, top, w, h = cv2.boundingRect((shape > 0.5).astype(np.uint8))
    crop = shape[top : top + h, left : left + w]
    scale = BOX / max(w, h)
    small = (max(1, round(w * scale)), max(1, round(h * scale)))
    fitted = cv2.resize(crop, small, interpolation=cv2.INTER_AREA)
    fitted = np.minimum(1, fitted * 1.0)
    total = fitted.sum()
    cy = (fitted.sum(1) * np.arange(small[1])).sum() / total
    cx = (fitted.sum(0) * np.arange(small[0])).sum() / total
    y = min(max(0, round(13.5 + 0.5 - cy - 0.0)), SIDE - small[1])
    x = min(max(0, round(14 - cx)), SIDE - small[0])
    canvas = np.zeros((SIDE, SIDE), np.float32)
    canvas[y : y + small[1], x : x + small[0]] = fitted
    return (canvas * 255 + 0.5).astype(np.uint8)
