"""Finds the lines that are printed on paper, and takes them out without cutting the strokes that cross them."""

import cv2
import numpy as np
from numpy.typing import NDArray

from core.imaging.ink import Floats
from core.imaging.pieces import LINE_SHARE, Mask, stroke_width

MOST_LINES = 200
"""Only the strongest lines are looked at, so that the time is bounded."""

LEAST_SIDE = 32
"""A view less wide or high than this has no room for printed lines beside a digit."""

Line = tuple[int, int, int, int]
"""x0, y0, x1, y1 of the ends."""


def find_lines(mask: Mask) -> list[Line]:
    """Straight, thin lines that run through the whole picture, from border to border."""
    if min(mask.shape) < LEAST_SIDE:
        return []
    half = cv2.resize(mask * 255, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    marked = (half > 0).astype(np.uint8)
    if marked.mean() > 0.3:
        return []
    found = cv2.HoughLines(marked, 1, np.pi / 180, int(0.6 * min(marked.shape)))
    if found is None:
        return []
    height, width = marked.shape
    chords = [_chord(float(rho), float(theta), width, height) for rho, theta in found[:MOST_LINES, 0, :2]]
    lines = [line for line in chords if line is not None]
    covered = _coverage(cv2.dilate(marked, np.ones((3, 3), np.uint8)), lines) if lines else np.empty(0)
    full = [
        (2 * x0, 2 * y0, 2 * x1, 2 * y1) for (x0, y0, x1, y1), share in zip(lines, covered, strict=True) if share > 0.85
    ]
    return [line for line in full if _thickness(mask, line) <= max(2, LINE_SHARE * max(mask.shape))]


def _chord(rho: float, theta: float, width: int, height: int) -> Line | None:
    """The part of the line x cos(theta) + y sin(theta) = rho that lies in the picture."""
    far = 2 * (width + height)
    x, y = rho * np.cos(theta), rho * np.sin(theta)
    dx, dy = -np.sin(theta) * far, np.cos(theta) * far
    inside, start, end = cv2.clipLine(
        (0, 0, width, height), (round(x - dx), round(y - dy)), (round(x + dx), round(y + dy))
    )
    if not inside or max(abs(start[0] - end[0]), abs(start[1] - end[1])) < 0.6 * min(width, height):
        return None
    return (*start, *end)


def _coverage(mask: Mask, lines: list[Line]) -> NDArray[np.float64]:
    """The share of each line's pixels that are marked."""
    ends = np.array(lines, np.float64)  # (N, 4)
    steps = np.linspace(0, 1, max(mask.shape))
    columns = (ends[:, :1] + (ends[:, 2:3] - ends[:, :1]) * steps).round().astype(int)
    rows = (ends[:, 1:2] + (ends[:, 3:] - ends[:, 1:2]) * steps).round().astype(int)
    return mask[rows, columns].mean(axis=1)


def remove_lines(mask: Mask, lines: list[Line]) -> Mask:
    """Takes lines out, except where a stroke crosses them: there the ink runs farther across than the line is thick.

    The rule is that of staff-line removal in music recognition (Dalitz et al., 2008).
    """
    cleaned = mask.copy()
    for line in lines:
        upright = abs(line[3] - line[1]) > abs(line[2] - line[0])
        thickness = _thickness(mask, line)
        band = np.zeros_like(mask)
        cv2.line(band, line[:2], line[2:], 1, thickness + 4)
        reach = thickness + 4
        across = np.ones((1, reach) if upright else (reach, 1), np.uint8)
        crossing = cv2.morphologyEx(mask, cv2.MORPH_OPEN, across)
        cleaned[(band > 0) & (crossing == 0)] = 0
    return cleaned


def _thickness(mask: Mask, line: Line) -> int:
    """The median length of the runs of ink across a line."""
    half = 12
    upright = abs(line[3] - line[1]) > abs(line[2] - line[0])
    count = max(abs(line[2] - line[0]), abs(line[3] - line[1])) + 1
    columns = np.linspace(line[0], line[2], count).round().astype(int)
    rows = np.linspace(line[1], line[3], count).round().astype(int)
    padded = np.pad(mask, ((half, half + 1), (half, half + 1)))
    offsets = range(-half, half + 1)
    across = np.stack(
        [padded[rows + half + (0 if upright else o), columns + half + (o if upright else 0)] for o in offsets]
    )
    return max(1, int(np.median(across.sum(axis=0))))


def spans(digit: Mask, lines: list[Line]) -> bool:
    """Whether a digit is nearly as long as a line that was taken for a ruled one, which may then be its own stroke."""
    _, _, width, height = cv2.boundingRect(digit)
    lengths = [(abs(x1 - x0), abs(y1 - y0)) for x0, y0, x1, y1 in lines]
    return any(width > 0.75 * dx if dx >= dy else height > 0.75 * dy for dx, dy in lengths)


def is_rest(digit: Mask, ink: Floats, removed: Mask) -> bool:
    """Whether what is left beside the lines is only more of them: straight or tiny, no stronger and no broader."""
    if not removed.any():
        return False
    sides = cv2.minAreaRect(cv2.findNonZero(digit))[1]
    straight = min(sides) < 0.25 * max(sides) or max(sides) < 0.05 * max(digit.shape)
    stronger = float(ink[digit > 0].mean()) > 1.15 * float(ink[removed > 0].mean())
    return straight and not stronger and stroke_width(digit) < 1.3 * stroke_width(removed)
