"""Pixels -> the canonical digit: the steps between a decoded picture and MNIST's form, in their order."""

import cv2
import numpy as np
from numpy.typing import NDArray

from core import strokes
from core.ink import Contrast, Floats, Pixels, measure, noise_level

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
    picture = search_view(pixels)
    contrast = measure(picture)
    ink = cv2.GaussianBlur(contrast.ink, (0, 0), 1.0)
    mask = strokes.threshold(ink)
    digit = find_digit(mask, ink, done)
    if digit is None:
        return None
    fine = refine(pixels, digit, contrast)
    return place(normalise(fine)), done


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


def find_digit(mask, ink, done):
    lines = strokes.find_lines(mask)
    if lines:
        cleaned = strokes.remove_lines(mask, lines)
        digit = strokes.choose(cleaned, ink)
        if digit is not None and not spans(digit, lines):
            done.append("lines_removed")
            return digit
    return strokes.choose(mask, ink)


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
