"""Contrast -> the connected pieces of ink that make up one digit, without specks, frames and shadows."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from core.imaging.arrays import Floats, Mask
from core.imaging.ink import LEAST_CONTRAST, noise_level

NOISE_FACTOR = 4.5
"""Ink stands this many standard deviations above the paper's noise."""

CORE_SHARE = 0.4
"""Within one piece of ink, pixels of less than this share of its strongest contrast are shadow, blur or faint lines."""

SPECK_SHARE = 0.03
"""A piece smaller than this share of the digit's largest is a speck."""

NEAR = 0.35
"""A piece is part of the digit if the gap to it is at most this share of the digit's height or width."""

PART_SHARE = 0.06
"""A piece that scores less than this share of the digit's main piece is no part of it."""

MOST_PIECES = 64
"""Only the largest pieces are looked at: the digit is among them, and the time is bounded."""

LINE_SHARE = 0.015
"""A ruled line is at most this share of the picture's longer side thick."""

LEAST_AREA, LEAST_LENGTH = 12, 0.012
"""A digit has at least this many pixels, and this share of the picture's longer side, in the view that is searched;
on flat paper, which has no grain, half that."""

EDGE_BAND = 0.1
"""A sheet that nearly fills a photo ends within this share of the photo's shorter side from its border."""

MARGIN = 0.15
"""In a photo, things within this share of its shorter side from the border are less likely the digit: desk, holes,
print."""

PENALTY_FLAT, PENALTY_UNEVEN = 0.02, 0.002
"""What a piece that hugs the border weighs: on flat paper it may still be a digit that was cropped tightly, in a photo
hardly."""

BROAD, BLOT = 0.4, 0.1
"""What is broader than this share of its length weighs this little: a punched hole or a blot rather than a digit."""


@dataclass(frozen=True, slots=True)
class Pieces:
    """Connected pieces of ink.

    Attributes:
        labels: (H, W) int32, 0 for paper.
        stats: (N, 5) int32, a row a label: left, top, width, height, area.
    """

    labels: NDArray[np.int32]
    stats: NDArray[np.int32]

    @property
    def count(self) -> int:
        """Number of labels, that of the paper included."""
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


def choose(mask: Mask, ink: Floats, slope: float = 0.0) -> Mask | None:
    """Marks the pieces of the digit only; None where no piece can be a digit's.

    Args:
        mask: (H, W) uint8, 1 on ink.
        ink: (H, W) float32, contrast with the paper.
        slope: the least `sharpness` of ink; 0 on flat paper, where there are no shadows.
    """
    pieces = pieces_of(mask)
    scores, outside = np.zeros(pieces.count), np.zeros(pieces.count, np.bool_)
    highest = np.sqrt(pieces.stats[:, 4] * pieces.stats[:, 2:4].max(axis=1)) * float(ink.max()) ** 2
    for label in np.argsort(-pieces.stats[:, 4])[:MOST_PIECES].tolist():
        if highest[label] <= PART_SHARE * scores.max():
            continue  # at the highest score that its size allows it is neither the digit nor a part of it
        scores[label] = score(pieces, label, ink, slope)
        if scores[label] > 0 and is_outside(pieces, label, uneven=slope > 0):
            scores[label] *= PENALTY_UNEVEN if slope else PENALTY_FLAT
            outside[label] = True
    if scores.max() <= 0:
        return None
    main = int(scores.argmax())
    if slope:
        scores[outside] = 0.0
    chosen = np.zeros(pieces.count, np.uint8)
    chosen[gather(pieces, main, scores)] = 1
    return chosen[pieces.labels]


def score(pieces: Pieces, label: int, ink: Floats, slope: float) -> float:
    """How likely a piece is the digit or its largest part: large, strong, sharp, central."""
    left, top, width, height, area = (int(value) for value in pieces.stats[label])
    rows, columns = ink.shape
    if area < LEAST_AREA or max(width, height) < (1.0 if slope else 0.5) * LEAST_LENGTH * max(rows, columns):
        return 0.0
    box = around(left, top, width, height)
    inside = pieces.labels[box] == label
    if slope and (sharpness(ink[box], inside) < slope or is_ruling(inside, ink.shape)):
        return 0.0
    solid = BLOT if is_broad(inside.astype(np.uint8)) else 1.0
    sides = np.array([left + width / 2, columns - left - width / 2, top + height / 2, rows - top - height / 2])
    central = 0.5 + float((sides / (columns, columns, rows, rows)).min())  # 0.5 to 1
    if slope:
        central *= min(1.0, float(sides.min()) / (MARGIN * min(rows, columns)))
    return float((area * max(width, height)) ** 0.5 * ink[box][inside].mean() ** 2) * central * solid


def is_outside(pieces: Pieces, label: int, uneven: bool) -> bool:
    """Whether a piece hugs the border, or is a frame or the edge of a sheet, rather than the digit."""
    left, top, width, height, _ = (int(value) for value in pieces.stats[label])
    inside = pieces.labels[top : top + height, left : left + width] == label
    if hugs_border(inside, left, top, pieces.labels.shape) or is_frame(pieces, label):
        return True
    return uneven and lines_border(inside, left, top, pieces.labels.shape)


def is_ruling(inside: NDArray[np.bool_], shape: tuple[int, ...]) -> bool:
    """Whether a piece runs through the whole picture and is as thin as a ruled line: a grid not found as lines."""
    runs_through = inside.shape[0] > 0.95 * shape[0] or inside.shape[1] > 0.95 * shape[1]
    return runs_through and stroke_width(inside.astype(np.uint8)) < LINE_SHARE * max(shape)


def lines_border(inside: NDArray[np.bool_], left: int, top: int, shape: tuple[int, ...]) -> bool:
    """Whether a piece is long and lies almost wholly in a band along the border, as a sheet's edge does."""
    rows, columns = shape
    if max(inside.shape) < 0.25 * min(rows, columns):
        return False
    band = round(EDGE_BAND * min(rows, columns))
    core = inside[max(0, band - top) : max(0, rows - band - top), max(0, band - left) : max(0, columns - band - left)]
    return int(core.sum()) < 0.2 * int(inside.sum())


def around(left: int, top: int, width: int, height: int) -> tuple[slice, slice]:
    """The rows and columns of a box with a little of what is around it, so that the edges of a bar in it are seen."""
    return slice(max(0, top - 2), top + height + 2), slice(max(0, left - 2), left + width + 2)


def sharpness(ink: Floats, inside: NDArray[np.bool_]) -> float:
    """How fast contrast falls at the edge of a piece: the mean slope, as a share of its strongest contrast a pixel."""
    edge = inside & (cv2.erode(inside.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=1) == 0)
    slope = np.hypot(cv2.Sobel(ink, cv2.CV_32F, 1, 0), cv2.Sobel(ink, cv2.CV_32F, 0, 1))[edge] / 8
    return float(slope.mean() / ink[inside].max()) if slope.size else 0.0


def stroke_width(mask: Mask) -> float:
    """The usual width of strokes in pixels: four times the mean distance to paper, exact for long straight ones."""
    depth = cv2.distanceTransform(np.pad(mask, 1), cv2.DIST_L2, 3)
    return 4 * float(depth[depth > 0].mean()) if mask.any() else 0.0


def is_broad(inside: Mask) -> bool:
    """Whether a piece (h, w) in its box is too broad for its length to be a digit: a blot, a punched hole, a shadow."""
    longest = max(inside.shape)
    return int(inside.sum()) > 0.25 * longest**2 and stroke_width(inside) > BROAD * longest


def hugs_border(inside: NDArray[np.bool_], left: int, top: int, shape: tuple[int, ...]) -> bool:
    """Whether a piece lies along the border, as a desk, a finger or a shadow does; a stroke only touches it."""
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
    rest = [i for i in rest if scores[i] >= PART_SHARE * scores[main]]
    grown = True
    while grown:
        near = [
            i
            for i in rest
            if i not in chosen and _gap(box, _corners(pieces.stats[i])) <= NEAR * (box[2:] - box[:2]).max()
        ]
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
