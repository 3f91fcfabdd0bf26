"""Finds the lines that are printed on paper, and takes them out without cutting the strokes that cross them."""

import cv2
import numpy as np
from numpy.typing import NDArray

from core.imaging.arrays import Floats, Mask
from core.imaging.ink import noise_level
from core.imaging.pieces import LINE_SHARE, stroke_width

MOST_LINES = 200
"""Only the strongest lines are looked at, so that the time is bounded."""

LEAST_SIDE = 32
"""A view less wide or high than this has no room for printed lines beside a digit."""

LEAST_VOTES = 0.35
"""A line shows in the mask over at least this share of the picture's shorter side."""

LEAST_COVERED = 0.85
"""Ink, be it faint, covers more than this share of a line."""

FAINT, FAINTEST = 2.5, 2 / 255
"""Where the mask breaks it, a line still stands so many standard deviations above the noise, and two grey levels."""

STRONGER = 2.0
"""Where ink is this many times as strong as the line, it is that of a stroke along the line."""

MOST_RUN, RUNS = 12, 96
"""A line's thickness is the median of so many runs of ink across it, each of at most the first number either way."""

Line = tuple[int, int, int, int]
"""x0, y0, x1, y1 of the ends."""


def find_lines(mask: Mask, ink: Floats) -> list[Line]:
    """Straight, thin lines that run through the whole picture, from border to border.

    Args:
        mask: (H, W) uint8, 1 on ink.
        ink: (H, W) float32, contrast with the paper; printed lines are often so faint that the mask breaks them.
    """
    if min(mask.shape) < LEAST_SIDE:
        return []
    half = cv2.resize(mask * 255, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    marked = (half > 0).astype(np.uint8)
    if marked.mean() > 0.3:
        return []
    height, width = marked.shape
    thick = np.ones((3, 3), np.uint8)
    faint = cv2.dilate(cv2.resize(ink, (width, height), interpolation=cv2.INTER_AREA), thick)
    traced = (cv2.dilate(marked, thick) | (faint > max(FAINTEST, FAINT * noise_level(ink[::2, ::2])))).astype(np.uint8)
    if not _reaches_borders(traced):
        return []
    found = cv2.HoughLines(marked, 1, np.pi / 180, int(LEAST_VOTES * min(marked.shape)))
    if found is None:
        return []
    chords = [_chord(float(rho), float(theta), width, height) for rho, theta in found[:MOST_LINES, 0, :2]]
    lines = [line for line in chords if line is not None]
    if not lines:
        return []
    covered = _coverage(traced, lines)
    full = [
        (2 * x0, 2 * y0, 2 * x1, 2 * y1)
        for (x0, y0, x1, y1), share in zip(lines, covered, strict=True)
        if share > LEAST_COVERED
    ]
    thickest = max(2, LINE_SHARE * max(mask.shape))
    return [line for line, thickness in zip(full, _thicknesses(mask, full), strict=True) if thickness <= thickest]


def _reaches_borders(traced: Mask) -> bool:
    """Whether a line may be covered; most pictures of a digit alone are told by their margins that none is, at once.

    What is not covered lies at the two ends of a line at most, so one of these is nearer to its border than half of it.
    """
    left, top, width, height = cv2.boundingRect(traced)
    margins = (left, top, traced.shape[1] - left - width, traced.shape[0] - top - height)
    bare = (1 - LEAST_COVERED) * float(np.hypot(*traced.shape))
    return min(margins) <= bare / 2 and sorted(margins)[1] <= bare


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


def remove_lines(mask: Mask, lines: list[Line], ink: Floats) -> Mask:
    """Takes lines out, except at a stroke: there the ink is stronger, or runs farther across than a line is thick.

    The rule is that of staff-line removal in music recognition (Dalitz et al., 2008).
    """
    cleaned = mask.copy()
    printed: dict[tuple[bool, int], Mask] = {}
    for line, thickness in zip(lines, _thicknesses(mask, lines), strict=True):
        way = _is_upright(line), thickness + 4
        if way not in printed:
            printed[way] = _printed(mask, *way)
        _remove_line(cleaned, printed[way], line, ink, way[1])
    return cleaned


def _is_upright(line: Line) -> bool:
    x0, y0, x1, y1 = line
    return abs(y1 - y0) > abs(x1 - x0)


def _printed(mask: Mask, upright: bool, reach: int) -> Mask:
    """Ink that may be that of lines of one way: it runs less than `reach` pixels across them."""
    across = np.ones((1, reach) if upright else (reach, 1), np.uint8)
    return np.asarray(mask & ~cv2.morphologyEx(mask, cv2.MORPH_OPEN, across), np.uint8)


def _remove_line(cleaned: Mask, printed: Mask, line: Line, ink: Floats, reach: int) -> None:
    """Takes one line's ink, out of what may be `printed`, out of `cleaned`; only the part around it is looked at."""
    x0, y0, x1, y1 = line
    left, top = max(0, min(x0, x1) - 2 * reach), max(0, min(y0, y1) - 2 * reach)
    part = slice(top, max(y0, y1) + 2 * reach), slice(left, max(x0, x1) + 2 * reach)
    band = np.zeros_like(printed[part])
    cv2.line(band, (x0 - left, y0 - top), (x1 - left, y1 - top), 1, reach)
    places = cv2.findNonZero(band & printed[part])
    if places is None:
        return
    columns, rows = places.reshape(-1, 2).T
    strength = ink[part][rows, columns]
    weak = strength < STRONGER * float(np.median(strength))
    cleaned[part][rows[weak], columns[weak]] = 0


def _thicknesses(mask: Mask, lines: list[Line]) -> list[int]:
    """The median length of the runs of ink across each line, at least 1, at most `2 * MOST_RUN + 1`."""
    if not lines:
        return []
    padded = np.pad(mask, MOST_RUN + 1)
    ends = np.array(lines, np.float64) + MOST_RUN + 1  # (N, 4)
    steps = np.linspace(0, 1, RUNS)
    columns = (ends[:, :1] + (ends[:, 2:3] - ends[:, :1]) * steps).round().astype(np.intp)
    rows = (ends[:, 1:2] + (ends[:, 3:] - ends[:, 1:2]) * steps).round().astype(np.intp)
    across = np.array([1 if _is_upright(line) else padded.shape[1] for line in lines], np.intp)
    offsets = across[:, None, None] * np.arange(-MOST_RUN, MOST_RUN + 1)
    runs = padded.reshape(-1).take((rows * padded.shape[1] + columns)[..., None] + offsets).sum(axis=2, dtype=np.int32)
    return [max(1, int(run)) for run in np.median(runs, axis=1)]


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
