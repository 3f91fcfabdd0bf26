"""The paper under the ink: its colour where it has one, its light where that is uneven, and whether the ink is darker.

The paper under dark ink is rebuilt by a morphological closing, as is usual for documents (Lu, Su and Tan, "Document
image binarization using background estimation and stroke edges", 2010).
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from core.imaging.arrays import Floats, Pixels
from core.imaging.view import distance

FLAT_SPREAD = 0.06
"""Paper is flat where it varies by less than this share of the strongest contrast in the picture."""

INK_SHARE = 0.4
"""On flat paper, more than this share of the strongest contrast is ink; between the two lie shading, noise and soft
edges."""

LIGHT_PAPER = 100
"""Paper lighter than this (of 255) bears dark ink, unless strokes of light ink are quite clear."""

PAPER_STEP = 0.3
"""The paper's light falls by this share within 2 % of the picture at the edge of a sheet; shadows on paper are softer
or weaker."""

_ALONG, _EDGE = np.array([-0.75, -0.25, 0.25, 0.75]), np.ones(4)
BORDER = np.stack([np.ones(16), np.r_[_ALONG, _ALONG, -_EDGE, _EDGE], np.r_[-_EDGE, _EDGE, _ALONG, _ALONG]], axis=1)
"""1, and where the border's pieces have their middles, across and down from -1 to 1; (16, 3)."""


def flat_paper(picture: Floats, tiny: bool) -> Floats | None:
    """The paper's colour (C,), or None where there is no one colour.

    Either of two signs will do. Around a picture with some margin, the medians of 16 pieces of the border agree, but
    for a quarter of them: they see neither noise nor a stroke that touches the edge. A clean picture that is cropped
    tightly has hardly anything between paper and ink; soft edges take more room in a tiny one.
    """
    smooth = cv2.blur(picture, (3, 3)).reshape(picture.shape)
    pieces = _border_pieces(smooth)
    medians = np.stack([np.median(piece, axis=0) for piece in pieces])  # (16, C)
    paper = np.median(medians, axis=0).astype(np.float32)
    off = distance(smooth, paper)
    tolerance = max(2.0, FLAT_SPREAD * float(off.max()))
    agree = np.sort(np.abs(medians - paper).max(axis=1))[-5] <= tolerance
    if agree and (off <= tolerance).mean() >= 0.25 and _between(off) <= 0.3:
        return paper
    paper = tight_paper(smooth)
    off = distance(smooth, paper)
    inked = float((off >= INK_SHARE * off.max()).mean())
    at_border = float(
        (np.abs(np.concatenate(pieces) - paper).max(axis=1) <= max(2.0, FLAT_SPREAD * float(off.max()))).mean()
    )
    return paper if at_border >= 0.2 and _between(off) <= min(0.6, (1.5 if tiny else 0.5) * inked) else None


def sloping_paper(picture: Floats) -> Floats | None:
    """The paper's colour at every pixel (H, W, C) where it changes evenly across the picture; None where it does not.

    It is a plane through the medians of 16 pieces of the border, but for a quarter that a stroke may touch.
    """
    smooth = cv2.blur(picture, (3, 3)).reshape(picture.shape)
    medians = np.stack([np.median(piece, axis=0) for piece in _border_pieces(smooth)])  # (16, C)
    if len(medians) < len(BORDER):
        return None
    near = np.arange(len(BORDER))
    for count in (14, 12, 12):
        plane = np.linalg.lstsq(BORDER[near], medians[near], rcond=None)[0]  # (3, C)
        away = np.abs(BORDER @ plane - medians).max(axis=1)
        near = np.argsort(away, kind="stable")[:count]
    paper = _at_every_pixel(plane, picture.shape[:2])
    off = distance(smooth, paper)
    tolerance = max(2.0, FLAT_SPREAD * float(off.max()))
    agree = away[near].max() <= tolerance and (off <= tolerance).mean() >= 0.25
    return paper if agree and _between(off) <= 0.3 else None


def _at_every_pixel(plane: NDArray[np.float64], size: tuple[int, ...]) -> Floats:
    """The values (H, W, C) of a plane (3, C) over coordinates from -1 to 1."""
    down, across = ((np.arange(length) + 0.5) / length * 2 - 1 for length in size)
    values = plane[0] + down[:, None, None] * plane[2] + across[:, None] * plane[1]
    return np.asarray(values, np.float32)


def tight_paper(smooth: Floats) -> Floats:
    """The paper's colour in a clean picture that is cropped tightly: of its two colours that of most of its corners.

    Broad strokes may cover more of such a picture than paper does, but hardly three of its corners.
    """
    colours = smooth[::2, ::2].reshape(-1, smooth.shape[2])
    paper = _commonest(colours)
    off = np.abs(colours - paper).max(axis=1)
    other = _commonest(colours[off >= INK_SHARE * off.max()])
    corners = smooth[[0, 0, -1, -1], [0, -1, 0, -1]]  # (4, C)
    changed = np.abs(corners - other).max(axis=1) < np.abs(corners - paper).max(axis=1)
    return other if changed.sum() >= 3 else paper


def _border_pieces(picture: Floats) -> list[Floats]:
    """The outermost pixels of the picture, about 2 % deep, as 16 lists (N, C)."""
    height, width, channels = picture.shape
    depth = max(1, round(0.02 * min(height, width)))
    bands = (picture[:depth], picture[-depth:], picture[:, :depth].swapaxes(0, 1), picture[:, -depth:].swapaxes(0, 1))
    pieces = [np.take(band, places, axis=1) for band in bands for places in np.array_split(np.arange(band.shape[1]), 4)]
    return (
        [piece.reshape(-1, channels) for piece in pieces if piece.size]
        if min(height, width) >= 4
        else [picture[0]] * 16
    )


def _between(off: Floats) -> float:
    """The share of pixels that are neither paper nor ink, from their distance to the paper."""
    contrast = float(off.max())
    return float(((off > max(2.0, FLAT_SPREAD * contrast)) & (off < INK_SHARE * contrast)).mean())


def _commonest(colours: Floats) -> Floats:
    """The middle of the densest third of the colours (N, C), by their mean channel."""
    grey = colours.mean(axis=1)
    order = np.argsort(grey)
    third = max(1, len(grey) // 3)
    start = int(np.argmin(grey[order[third - 1 :]] - grey[order[: len(grey) - third + 1]]))
    return np.median(colours[order[start : start + third]], axis=0).astype(np.float32)


def ink_balance(small: Floats) -> float:
    """Tells dark ink on lighter paper (above 0) from light ink on darker paper (below), whatever the light; -3 to 4.5.

    Strokes are narrower than the spaces between them. So a closing of growing size, which fills dark features narrower
    than itself, finds dark strokes before an opening finds the spaces, and the other way round.
    """
    grey = cv2.medianBlur(small.mean(axis=2).astype(np.uint8), 3)
    balance = 1.5 if np.median(grey) > LIGHT_PAPER else 0.0  # each of the three sizes below adds -1 to 1
    for share in (0.03, 0.06, 0.12):
        kernel = _square(share * min(grey.shape))
        dark = float((cv2.morphologyEx(grey, cv2.MORPH_BLACKHAT, kernel).astype(np.float32) ** 4).sum())
        light = float((cv2.morphologyEx(grey, cv2.MORPH_TOPHAT, kernel).astype(np.float32) ** 4).sum())
        balance += (dark - light) / (dark + light + 1)
    return balance


def _square(size: float) -> Pixels:
    """A square structuring element with an odd side of about `size`, at least 3."""
    side = max(3, int(size) | 1)
    return np.ones((side, side), np.uint8)


def paper_light(small: Floats, share: float) -> Floats:
    """The light that the paper would send back without its dark ink; (h, w, C), as `small`."""
    quiet = cv2.medianBlur(small.astype(np.uint8), 5)
    closed = cv2.morphologyEx(quiet, cv2.MORPH_CLOSE, _square(share * min(small.shape[:2])))
    return closed.reshape(small.shape).astype(np.float32)


def paper_steps(paper: Floats) -> Pixels:
    """Marks (h, w) where the paper's light jumps: the edge of a sheet, where nothing can be told from ink."""
    grey = paper.mean(axis=2)
    around = np.ones((5, 5), np.uint8)
    brighter, darker = cv2.dilate(grey, around), cv2.erode(grey, around)
    return (brighter - darker > PAPER_STEP * brighter).astype(np.uint8)
