"""Pixels -> how much every pixel looks like ink: the paper's colour or light is estimated and taken away.

Two kinds of picture are told apart by their border. On *flat* paper (drawings, scans, screenshots) ink is whatever differs from the
paper in colour, lighter or darker. On *uneven* paper (photos) ink is what differs from the light around it: the paper under the ink is
rebuilt by a morphological closing (dark ink) or opening (light ink), as in document binarisation (e.g. Lu, Su and Tan, 2010).
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]

PAPER_SIDE = 256
"""Longest side at which the light on the paper is estimated: it changes slowly, so detail would only cost time."""

STROKE_SHARE = 0.12
"""A feature narrower than this share of the picture's shorter side may be a stroke; a wider one is most often light or shadow."""

WIDE_STROKE_SHARE = 0.35
"""The same for the widest strokes, of a broad marker that fills the picture."""

FLAT_SPREAD = 0.06
"""Paper is flat where its border varies by less than this share of the strongest contrast in the picture."""

LEAST_CONTRAST = 0.06
"""Ink differs from its paper by at least this share of full scale: about 15 grey levels; a hard pencil differs by 25 or more."""


@dataclass(frozen=True, slots=True)
class Contrast:
    """How much every pixel looks like ink.

    Attributes:
        ink: (H, W) float32, 0 for paper, up to about 1 for the blackest ink on the whitest paper.
        dark: whether the ink is darker than its paper.
        flat: whether the paper has one colour.
    """

    ink: Floats
    dark: bool
    flat: bool


def measure(picture: Floats) -> list[Contrast]:
    """Separates ink from paper.

    Args:
        picture: (H, W, C) float32, 0 to 255, C of 1 (grey) or 3 (RGB).

    Returns:
        One reading where the paper is flat; where it is not, one for strokes of usual and one for strokes of great width.
    """
    paper = flat_paper(picture)
    if paper is not None:
        return [_measure_flat(picture, paper)]
    dark = has_dark_ink(picture)
    light = picture if dark else 255 - picture
    return [Contrast(_fall(light, share), dark, flat=False) for share in (STROKE_SHARE, WIDE_STROKE_SHARE)]


def _fall(light: Floats, share: float) -> Floats:
    """How far the light falls below the paper's, as a share of the paper's; (H, W)."""
    paper = np.maximum(paper_light(light, share), 64)  # 64: no wonders in deep shadow
    return along_ink(np.clip(1 - light / paper, 0, 1))


def _measure_flat(picture: Floats, paper: Floats) -> Contrast:
    """Contrast with paper of one colour: the greatest difference of any channel, so that no hue is lost."""
    ink = np.abs(picture - paper).max(axis=2) / 255
    strong = ink >= 0.5 * float(ink.max())
    dark = bool(picture[strong].mean() < paper.mean())
    return Contrast(ink, dark, flat=True)


def flat_paper(picture: Floats) -> Floats | None:
    """The paper's colour (C,), or None where the border of the picture varies too much for one.

    Either of two signs will do. The medians of 16 pieces of the border agree, but for a quarter of them: they see neither noise nor a
    stroke that touches the edge. Or the border has a colour of its own and hardly anything between it and the ink: a clean picture,
    cropped tightly.
    """
    smooth = cv2.blur(picture, (3, 3)).reshape(picture.shape)
    pieces = _border_pieces(smooth)
    medians = np.stack([np.median(piece, axis=0) for piece in pieces])  # (16, C)
    paper = np.median(medians, axis=0).astype(np.float32)
    tolerance = max(2.0, FLAT_SPREAD * float(np.abs(smooth - paper).max()))
    if np.sort(np.abs(medians - paper).max(axis=1))[-5] <= tolerance and _between(smooth, paper)[0] <= 0.3:
        return paper
    border = np.concatenate(pieces)
    paper = _commonest(border)
    off = np.abs(border - paper).max(axis=1)
    contrast = float(np.abs(smooth - paper).max())
    tolerance = max(2.0, FLAT_SPREAD * contrast)
    between = (off > tolerance) & (off < 0.4 * contrast)
    if (off <= tolerance).mean() < 0.35 or between.mean() > 0.25:
        return None
    shaded, inked = _between(smooth, paper)
    return paper if shaded <= 1.5 * inked else None


def _between(picture: Floats, paper: Floats) -> tuple[float, float]:
    """The shares of a picture's pixels that are neither paper nor ink (shading, noise, soft edges), and that are ink."""
    off = np.abs(picture - paper).max(axis=2)
    contrast = float(off.max())
    inked = float((off >= 0.4 * contrast).mean())
    return float((off > max(2.0, FLAT_SPREAD * contrast)).mean()) - inked, inked


def _commonest(colours: Floats) -> Floats:
    """The middle of the densest third of the colours (N, C), by their mean channel."""
    grey = colours.mean(axis=1)
    order = np.argsort(grey)
    third = max(1, len(grey) // 3)
    start = int(np.argmin(grey[order[third - 1 :]] - grey[order[: len(grey) - third + 1]]))
    return np.median(colours[order[start : start + third]], axis=0).astype(np.float32)


def _border_pieces(picture: Floats) -> list[Floats]:
    """The outermost pixels of the picture, about 2 % deep, as 16 lists (N, C)."""
    height, width, channels = picture.shape
    depth = max(1, round(0.02 * min(height, width)))
    bands = (picture[:depth], picture[-depth:], picture[:, :depth].swapaxes(0, 1), picture[:, -depth:].swapaxes(0, 1))
    return [piece.reshape(-1, channels) for band in bands for piece in np.array_split(band, 4, axis=1) if piece.size]


def has_dark_ink(picture: Floats) -> bool:
    """Tells dark ink on lighter paper from light ink on darker paper, whatever the light.

    Strokes are narrower than the spaces between them. So a closing of growing size, which fills dark features narrower than itself,
    finds dark strokes before an opening finds the spaces, and the other way round.
    """
    grey = cv2.medianBlur(_reduced(picture).mean(axis=2).astype(np.uint8), 3)
    side = min(grey.shape)
    balance = 0.0
    for share in (0.03, 0.06, 0.12, 0.25):
        kernel = _square(share * side)
        closed = cv2.morphologyEx(grey, cv2.MORPH_BLACKHAT, kernel).astype(np.float32)
        opened = cv2.morphologyEx(grey, cv2.MORPH_TOPHAT, kernel).astype(np.float32)
        dark, light = float((closed**4).sum()), float((opened**4).sum())
        balance += (dark - light) / (dark + light + 1)
    return balance >= 0


def _square(size: float) -> Pixels:
    """A square structuring element with an odd side of about `size`, at least 3."""
    side = max(3, int(size) | 1)
    return np.ones((side, side), np.uint8)


def _reduced(picture: Floats) -> Floats:
    """The picture at `PAPER_SIDE` or less, averaged over areas; (h, w, C)."""
    height, width, channels = picture.shape
    scale = min(1.0, PAPER_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA).reshape(size[1], size[0], channels).astype(np.float32)


def paper_light(picture: Floats, share: float) -> Floats:
    """The light that the paper would send back everywhere without its dark ink; (H, W, C), as `picture`."""
    height, width, channels = picture.shape
    small = cv2.medianBlur(_reduced(picture).astype(np.uint8), 5)
    kernel = _square(share * min(small.shape[:2]))
    closed = cv2.morphologyEx(small, cv2.MORPH_CLOSE, kernel).astype(np.float32)
    smooth = cv2.GaussianBlur(closed, (0, 0), 2)
    return cv2.resize(smooth, (width, height), interpolation=cv2.INTER_LINEAR).reshape(height, width, channels)


def along_ink(channels: Floats) -> Floats:
    """Projects contrast by channel onto the ink's own direction in colour space, scaled so that ink keeps its strongest channel's.

    A yellow pen shows in blue alone, a black one in all channels: the projection keeps either and weakens lines of other colours.

    Args:
        channels: (H, W, C) float32, contrast of each channel with the paper.
    """
    strongest = channels.max(axis=2)
    if channels.shape[2] == 1:
        return strongest
    level = np.quantile(strongest, 0.998)
    ink = channels[strongest >= max(level, 1e-3)].mean(axis=0) if level > 0 else np.ones(3, np.float32)
    direction = ink * (ink.max() / float(ink @ ink)) if ink.any() else np.full(3, 1 / 3, np.float32)
    return (channels @ direction.astype(np.float32)).astype(np.float32)


def noise_level(ink: Floats) -> float:
    """The standard deviation of what is finer than strokes, from the median of its size: strokes are few and do not count."""
    fine = ink - cv2.GaussianBlur(ink, (0, 0), 3)
    return 1.4826 * float(np.median(np.abs(fine)))
