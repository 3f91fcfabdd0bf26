"""Contrast -> the strokes of one digit: thresholds, ruled lines, frames, specks, and which pieces belong to the digit."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from core.ink import LEAST_CONTRAST, Floats, Pixels, noise_level

NOISE_FACTOR = 4.5
"""Ink stands this many standard deviations above the paper's noise."""

CORE_SHARE = 0.4
"""Within one piece of ink, pixels of less than this share of its strongest contrast are shadow, blur or faint lines."""

SPECK_SHARE = 0.03
"""A piece smaller than this share of the digit's largest is a speck."""

NEAR = 0.3
"""A piece is part of the digit if the gap to it is at most this share of the digit's height or width."""

LINE_SHARE = 0.015
"""A ruled line is at most this share of the picture's longer side thick; a stroke that crosses the whole picture is thicker."""

MOST_PIECES = 64
"""Only the largest pieces are looked at: the digit is among them, and the time is bounded."""

Mask = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Pieces:
    """Connected pieces of ink: `labels` (H, W) int32 with 0 for paper; rows of `stats` are left, top, width, height, area."""

    labels: NDArray[np.int32]
    stats: NDArray[np.int32]

    @property
    def count(self) -> int:
        return len(self.stats)


def pieces_of(mask: Mask) -> Pieces:
    """Labels the 8-connected pieces of a mask; row i of `stats` describes label i (row 0, the paper, has area 0)."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    stats[0] = 0
    return Pieces(labels, stats)


def threshold(ink: Floats) -> Mask:
    """Marks ink: above the noise, and within every piece above a share of that piece's own strongest contrast."""
    least = max(LEAST_CONTRAST, NOISE_FACTOR * noise_level(ink))
    pieces = pieces_of((ink > least).astype(np.uint8))
    strongest = np.zeros(pieces.count, np.float32)
    np.maximum.at(strongest, pieces.labels.ravel(), ink.ravel())
    strongest[0] = np.inf
    return (ink > np.maximum(least, CORE_SHARE * strongest[pieces.labels])).astype(np.uint8)


def find_lines(mask: Mask) -> list[tuple[int, int, int, int]]:
    """Straight lines that run through the whole picture, as (x0, y0, x1, y1) on its borders."""
    height, width = mask.shape
    found = cv2.HoughLines(mask, 1, np.pi / 360, int(0.6 * min(height, width)))
    if found is None:
        return []
    thick = cv2.dilate(mask, np.ones((3, 3), np.uint8))
    chords = (_chord(float(rho), float(theta), width, height) for rho, theta in found[:300, 0, :2])
    lines = [line for line in chords if line is not None and _coverage(thick, line) > 0.85]
    return [line for line in lines if _thickness(mask, line) <= max(2, LINE_SHARE * max(mask.shape))]


def _chord(rho: float, theta: float, width: int, height: int) -> tuple[int, int, int, int] | None:
    """The part of the line x cos(theta) + y sin(theta) = rho that lies in the picture."""
    far = 2 * (width + height)
    x, y = rho * np.cos(theta), rho * np.sin(theta)
    dx, dy = -np.sin(theta) * far, np.cos(theta) * far
    inside, start, end = cv2.clipLine((0, 0, width, height), (round(x - dx), round(y - dy)), (round(x + dx), round(y + dy)))
    if not inside or max(abs(start[0] - end[0]), abs(start[1] - end[1])) < 0.6 * min(width, height):
        return None
    return (*start, *end)


def _coverage(mask: Mask, line: tuple[int, int, int, int]) -> float:
    """The share of a line's pixels that are marked."""
    count = max(abs(line[2] - line[0]), abs(line[3] - line[1])) + 1
    columns = np.linspace(line[0], line[2], count).round().astype(int)
    rows = np.linspace(line[1], line[3], count).round().astype(int)
    return float(mask[rows, columns].mean())


def remove_lines(mask: Mask, lines: list[tuple[int, int, int, int]]) -> Mask:
    """Takes lines out, except where a stroke crosses them: there the run of ink across the line is longer than the line is thick.

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


def _thickness(mask: Mask, line: tuple[int, int, int, int]) -> int:
    """The median length of the runs of ink across a line."""
    half = 12
    upright = abs(line[3] - line[1]) > abs(line[2] - line[0])
    count = max(abs(line[2] - line[0]), abs(line[3] - line[1])) + 1
    columns = np.linspace(line[0], line[2], count).round().astype(int)
    rows = np.linspace(line[1], line[3], count).round().astype(int)
    padded = np.pad(mask, half)
    offsets = range(-half, half + 1)
    across = np.stack([padded[rows + half + (0 if upright else o), columns + half + (o if upright else 0)] for o in offsets])
    return max(1, int(np.median(across.sum(axis=0))))


def choose(mask: Mask, ink: Floats, sharp: float = 0.0) -> Mask | None:
    """Marks the pieces of the digit only; None where no piece can be a digit's."""
    pieces = pieces_of(mask)
    scores = np.zeros(pieces.count)
    for label in np.argsort(-pieces.stats[:, 4])[:MOST_PIECES]:
        scores[label] = score(pieces, int(label), ink, sharp) if label else 0.0
    if scores.max() <= 0:
        return None
    chosen = np.zeros(pieces.count, np.uint8)
    chosen[gather(pieces, int(scores.argmax()), scores)] = 1
    return chosen[pieces.labels]


def score(pieces: Pieces, label: int, ink: Floats, sharp: float) -> float:
    """How likely a piece is the digit or its largest part: much ink, strong, central, not along the border, not a frame."""
    left, top, width, height, area = (int(value) for value in pieces.stats[label])
    rows, columns = ink.shape
    if area < 12 or max(width, height) < 0.012 * max(rows, columns):
        return 0.0
    box = (slice(top, top + height), slice(left, left + width))
    inside = pieces.labels[box] == label
    strength = float(ink[box][inside].mean())
    if sharp and sharpness(ink[box], inside) < sharp:
        return 0.0
    off = max(abs((left + width / 2) / columns - 0.5), abs((top + height / 2) / rows - 0.5))  # 0 to 0.5
    weight = area**0.5 * max(width, height) ** 0.5 * strength * (1 - off)
    return weight * (0.02 if hugs_border(inside, left, top, ink.shape) else 1.0) * (0.02 if is_frame(pieces, label) else 1.0)


def sharpness(ink: Floats, inside: NDArray[np.bool_]) -> float:
    """How fast contrast falls at the edge of a piece: the mean slope there, per pixel, as a share of its strongest contrast."""
    edge = inside & (cv2.erode(inside.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=1) == 0)
    slope = np.hypot(cv2.Sobel(ink, cv2.CV_32F, 1, 0), cv2.Sobel(ink, cv2.CV_32F, 0, 1))[edge] / 8
    return float(slope.mean() / ink[inside].max()) if slope.size else 0.0


def hugs_border(inside: NDArray[np.bool_], left: int, top: int, shape: tuple[int, ...]) -> bool:
    """Whether a piece lies along the picture's border as a desk, a finger or a shadow does, rather than touch it as a stroke does."""
    height, width = inside.shape
    contact = 0
    contact += int(inside[0].sum()) if top == 0 else 0
    contact += int(inside[-1].sum()) if top + height == shape[0] else 0
    contact += int(inside[:, 0].sum()) if left == 0 else 0
    contact += int(inside[:, -1].sum()) if left + width == shape[1] else 0
    return contact > 0.6 * max(height, width)


def is_frame(pieces: Pieces, label: int) -> bool:
    """Whether a piece is a large, hollow, rectangular frame around another piece of some size."""
    left, top, width, height, area = (int(value) for value in pieces.stats[label])
    rows, columns = pieces.labels.shape
    if width < 0.5 * columns or height < 0.5 * rows or area > 0.35 * width * height:
        return False
    stats = np.delete(pieces.stats, [0, label], axis=0)
    inner = (stats[:, 0] > left) & (stats[:, 1] > top)
    inner &= (stats[:, 0] + stats[:, 2] < left + width) & (stats[:, 1] + stats[:, 3] < top + height)
    if not (inner & (stats[:, 2:4].max(axis=1) > 0.2 * min(width, height))).any():
        return False
    shape = (pieces.labels[top : top + height, left : left + width] == label).astype(np.uint8)
    contours, _ = cv2.findContours(shape, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    outline = np.concatenate(contours)
    around = cv2.minAreaRect(outline)[1]
    return bool(cv2.contourArea(cv2.convexHull(outline)) > 0.85 * around[0] * around[1])


def gather(pieces: Pieces, main: int, scores: NDArray[np.float64]) -> list[int]:
    """The labels of the digit: the main piece and, growing outward, pieces of some size that lie near it."""
    chosen, box = [main], _corners(pieces.stats[main])
    rest = [i for i in range(1, pieces.count) if i != main and scores[i] > 0]
    rest = [i for i in rest if pieces.stats[i, 4] >= SPECK_SHARE * pieces.stats[main, 4]]
    rest = [i for i in rest if scores[i] >= 0.06 * scores[main]]
    grown = True
    while grown:
        near = [i for i in rest if i not in chosen and _gap(box, _corners(pieces.stats[i])) <= NEAR * (box[2:] - box[:2]).max()]
        near = [i for i in near if pieces.stats[i, 2:4].max() <= 1.3 * (box[2:] - box[:2]).max()]
        grown = bool(near)
        chosen += near
        for i in near:
            other = _corners(pieces.stats[i])
            box = np.concatenate([np.minimum(box[:2], other[:2]), np.maximum(box[2:], other[2:])])
    return chosen


def _corners(stats: NDArray[np.int32]) -> NDArray[np.int32]:
    """(left, top, right, bottom) of a row of statistics."""
    return np.array([stats[0], stats[1], stats[0] + stats[2], stats[1] + stats[3]], np.int32)


def _gap(one: NDArray[np.int32], other: NDArray[np.int32]) -> int:
    """The distance between two boxes, by rows or columns, whichever is greater; 0 where they overlap."""
    return int(max(0, *(one[:2] - other[2:]), *(other[:2] - one[2:])))
