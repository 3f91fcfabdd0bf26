"""Pixels -> how much every pixel looks like ink: the paper's colour or light is taken away.

Two kinds of picture are told apart. On *flat* paper (drawings, scans, screenshots) ink is whatever differs from the
paper in colour, lighter or darker. On *uneven* paper (photos) ink is what differs from the light around it.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from core.imaging.arrays import Floats
from core.imaging.paper import flat_paper, paper_light, paper_steps, sloping_paper, tight_paper
from core.imaging.view import View, distance, greatest, resize

STROKE_SHARE = 0.12
"""A feature narrower than this share of the picture's shorter side may be a stroke; a wider one is most often light or
shadow."""

WIDE_STROKE_SHARE = 0.35
"""The same for the widest strokes, of a broad marker that fills the picture."""

DEEPEST_SHADOW = 64
"""Light (of 255) below which paper is no longer brightened: in deeper shadow, noise would look like ink."""

LEAST_CONTRAST = 0.06
"""Ink differs from its paper by at least this share of full scale: about 15 grey levels; a hard pencil differs by 25 or
more."""


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


def measure_flat(seen: View) -> Contrast | None:
    """Contrast with paper of one colour; None where the paper is not flat."""
    paper = flat_paper(seen.small, tiny=seen.enlarged > 1)
    if paper is None:
        return None
    return _from_colour(seen, paper)


def measure_sloping(seen: View) -> Contrast | None:
    """Contrast with paper whose colour changes evenly across the picture; None where it does not."""
    paper = sloping_paper(seen.small)
    if paper is None:
        return None
    return _from_colour(seen, resize(paper, seen.picture.shape[1::-1], cv2.INTER_LINEAR), flat=False)


def measure_tiny(seen: View) -> Contrast:
    """Contrast with the one colour that the paper of a tiny picture must have."""
    paper = flat_paper(seen.small, tiny=True)
    return _from_colour(seen, tight_paper(seen.small) if paper is None else paper)


def _from_colour(seen: View, paper: Floats, flat: bool = True) -> Contrast:
    """Contrast with paper of the colour (C,), or of one for each pixel (H, W, C)."""
    ink = distance(seen.picture, paper) / np.float32(255)
    strong = ink >= 0.5 * float(ink.max())
    under = np.broadcast_to(paper, seen.picture.shape)[strong]
    return Contrast(ink, bool(seen.picture[strong].mean() < under.mean()), flat)


def measure_uneven(seen: View, dark: bool, share: float = STROKE_SHARE) -> Contrast:
    """Contrast with paper under uneven light, of strokes narrower than `share` of the picture's shorter side.

    Args:
        seen: the picture.
        dark: whether the ink is darker than its paper.
        share: between a stroke's width and a shadow's.
    """
    return Contrast(_fall(seen, dark, share), dark, flat=False)


def _fall(seen: View, dark: bool, share: float) -> Floats:
    """How far the light falls below the paper's, or rises above it, as a share of the paper's; (H, W)."""
    height, width = seen.picture.shape[:2]
    paper = paper_light(seen.small if dark else 255 - seen.small, share)
    fall = _relative_fall(seen.picture, paper, dark)
    steps = cv2.resize(paper_steps(paper), (width, height), interpolation=cv2.INTER_NEAREST)
    return np.where(steps > 0, np.float32(0), along_ink(fall))


def _relative_fall(picture: Floats, paper: Floats, dark: bool) -> Floats:
    """The fall of each channel (H, W, C) below the light of paper (h, w, C); in few arrays, as they are large."""
    size = picture.shape[1::-1]
    inverse = cv2.GaussianBlur(1 / np.maximum(paper, np.float32(DEEPEST_SHADOW)), (0, 0), 2)
    fall = resize(inverse, size, cv2.INTER_LINEAR)
    fall *= picture if dark else 255 - picture
    if float(paper.min()) < DEEPEST_SHADOW:
        np.subtract(resize(paper * inverse.reshape(paper.shape), size, cv2.INTER_LINEAR), fall, out=fall)
    else:
        np.subtract(np.float32(1), fall, out=fall)
    return np.maximum(fall, 0, out=fall)


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
