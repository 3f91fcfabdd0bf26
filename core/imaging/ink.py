"""Pixels -> how much every pixel looks like ink: the paper's colour or light is estimated and taken away.

Two kinds of picture are told apart. On *flat* paper (drawings, scans, screenshots) ink is whatever differs from the
paper in colour, lighter or darker. On *uneven* paper (photos) ink is what differs from the light around it: the paper
under the ink is rebuilt by a morphological closing (dark ink) or opening (light ink), as is usual for documents (Lu, Su
and Tan, "Document image binarization using background estimation and stroke edges", 2010).
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
"""A feature narrower than this share of the picture's shorter side may be a stroke; a wider one is most often light or
shadow."""

WIDE_STROKE_SHARE = 0.35
"""The same for the widest strokes, of a broad marker that fills the picture."""

FLAT_SPREAD = 0.06
"""Paper is flat where it varies by less than this share of the strongest contrast in the picture."""

INK_SHARE = 0.4
"""On flat paper, more than this share of the strongest contrast is ink; between the two lie shading, noise and soft
edges."""

LIGHT_PAPER = 100
"""Paper lighter than this (of 255) bears dark ink, unless strokes of light ink are quite clear."""

DEEPEST_SHADOW = 64
"""Light (of 255) below which paper is no longer brightened: in deeper shadow, noise would look like ink."""

PAPER_STEP = 0.3
"""The paper's light falls by this share within 2 % of the picture at the edge of a sheet; shadows on paper are softer
or weaker."""

LEAST_CONTRAST = 0.06
"""Ink differs from its paper by at least this share of full scale: about 15 grey levels; a hard pencil differs by 25 or
more."""


@dataclass(frozen=True, slots=True)
class View:
    """A picture at the size of a search, and the same at `PAPER_SIDE`.

    `enlarged` tells how many pixels one pixel of the source has become, at least 1.
    """

    picture: Floats
    small: Floats
    enlarged: float


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


def resize(picture: NDArray[np.generic], size: tuple[int, int], interpolation: int) -> Floats:
    """OpenCV's resize to (width, height); always (H, W, C) float32."""
    resized = cv2.resize(picture, size, interpolation=interpolation)
    return np.asarray(resized, np.float32).reshape(size[1], size[0], -1)


def view(pixels: Pixels, longest: int, least: int) -> View:
    """Averages a picture down to `longest` pixels on its longer side, or enlarges it smoothly to about `least`."""
    height, width = pixels.shape[:2]
    side = max(height, width)
    scale = longest / side if side > longest else float(-(-least // side) if side < least else 1)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    picture = resize(pixels, size, cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    shrunk = min(1.0, PAPER_SIDE / max(size))
    small = resize(picture, (max(1, round(size[0] * shrunk)), max(1, round(size[1] * shrunk))), cv2.INTER_AREA)
    return View(picture, small, max(1.0, scale))


def greatest(channels: Floats) -> Floats:
    """The greatest channel of every pixel, (H, W); several times as fast as NumPy's maximum along a short axis."""
    planes = cv2.split(channels)
    return np.asarray(planes[0] if len(planes) == 1 else cv2.max(cv2.max(planes[0], planes[1]), planes[2]), np.float32)


def distance(picture: Floats, paper: Floats) -> Floats:
    """The greatest difference of any channel from the paper's colour (C,), so that no hue is lost; (H, W), 0 to 255."""
    return greatest(np.abs(picture - paper))


def measure_flat(seen: View) -> Contrast | None:
    """Contrast with paper of one colour; None where the paper is not flat."""
    paper = flat_paper(seen.small, tiny=seen.enlarged > 1)
    if paper is None:
        return None
    ink = distance(seen.picture, paper) / np.float32(255)
    strong = ink >= 0.5 * float(ink.max())
    return Contrast(ink, bool(seen.picture[strong].mean() < paper.mean()), flat=True)


def measure_uneven(seen: View, share: float = STROKE_SHARE) -> Contrast:
    """Contrast with paper under uneven light, of strokes narrower than `share` of the picture's shorter side."""
    dark = has_dark_ink(seen.small)
    light = seen if dark else View(255 - seen.picture, 255 - seen.small, seen.enlarged)
    return Contrast(_fall(light, share), dark, flat=False)


def flat_paper(picture: Floats, tiny: bool) -> Floats | None:
    """The paper's colour (C,), or None where there is no one colour.

    Either of two signs will do. Around a picture with some margin, the medians of 16 pieces of the border agree, but
    for a quarter of
    them: they see neither noise nor a stroke that touches the edge. A clean picture that is cropped tightly has hardly
        anything between
    paper and ink; soft edges take more room in a tiny one.
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
    paper = _tight_paper(smooth)
    off = distance(smooth, paper)
    inked = float((off >= INK_SHARE * off.max()).mean())
    at_border = float(
        (np.abs(np.concatenate(pieces) - paper).max(axis=1) <= max(2.0, FLAT_SPREAD * float(off.max()))).mean()
    )
    return paper if at_border >= 0.2 and _between(off) <= min(0.6, (1.5 if tiny else 0.5) * inked) else None


def _tight_paper(smooth: Floats) -> Floats:
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


def has_dark_ink(small: Floats) -> bool:
    """Tells dark ink on lighter paper from light ink on darker paper, whatever the light.

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
    return balance >= 0


def _square(size: float) -> Pixels:
    """A square structuring element with an odd side of about `size`, at least 3."""
    side = max(3, int(size) | 1)
    return np.ones((side, side), np.uint8)


def _fall(seen: View, share: float) -> Floats:
    """How far the light falls below the paper's, as a share of the paper's; (H, W)."""
    height, width = seen.picture.shape[:2]
    paper = paper_light(seen.small, share)
    inverse = cv2.GaussianBlur(1 / np.maximum(paper, np.float32(DEEPEST_SHADOW)), (0, 0), 2)
    relative = seen.picture * resize(inverse, (width, height), cv2.INTER_LINEAR)
    ink = along_ink(np.maximum(1 - relative, 0))
    steps = cv2.resize(paper_steps(paper), (width, height), interpolation=cv2.INTER_NEAREST)
    return np.where(steps > 0, np.float32(0), ink)


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


def along_ink(channels: Floats) -> Floats:
    """Projects contrast by channel onto the ink's direction in colour space; ink keeps that of its strongest channel.

    A yellow pen shows in blue alone, a black one in all channels: the projection keeps either and weakens lines of
    other colours.

    Args:
        channels: (H, W, C) float32, contrast of each channel with the paper.
    """
    strongest = greatest(channels)
    if channels.shape[2] == 1:
        return strongest
    level = max(1e-3, float(np.quantile(strongest[::3, ::3], 0.998)))  # about the ink of a thin, small digit
    strong = channels[strongest >= level]
    if not len(strong):
        return strongest
    ink = strong.mean(axis=0)
    weights = ink * (ink.max() / float(ink @ ink))
    return np.asarray(cv2.transform(channels, weights[None]), np.float32)


def noise_level(ink: Floats) -> float:
    """The standard deviation of what is finer than strokes; from a median, so that the few strokes do not count."""
    fine = ink - cv2.GaussianBlur(ink, (0, 0), 6)
    return 1.4826 * float(np.median(np.abs(fine[::2, ::2])))
