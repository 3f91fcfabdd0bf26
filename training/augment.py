"""Random changes to a batch of training digits, all images at once.

Source: P. Simard, D. Steinkraus, J. Platt, "Best Practices for Convolutional Neural Networks Applied to Visual Document
Analysis" (ICDAR 2003), where affine and elastic distortion halve the errors on MNIST.
"""

import math
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional

ELASTIC_KNOTS = 6
"""Points a side that are displaced freely, one in every 5 pixels: closer ones tear strokes, wider ones are affine."""

FINE = 3
"""Cells a side of a pixel in which ink is cut out: enough for the greys that `core.image` averages from a photo."""

FAINTEST = 0.25
"""Ink that is fainter than this is not brought up to full black: nothing may be left of a digit but noise."""

MOST_SPECKS = 0.02
"""Of a digit's pixels: the largest share that becomes ink, and that becomes paper."""

CUT_GAIN = 8.0
"""How steeply ink is cut out: its edge is an eighth of full scale wide, less than one cell of a stroke's slope."""


@dataclass(frozen=True)
class Augmentation:
    """How far a digit may be changed; each quantity is drawn uniformly from minus to plus its value.

    Attributes:
        degrees: Rotation, in degrees.
        scale: Relative change of width and of height, drawn apart.
        shift: Displacement, as a share of the image's side, drawn apart for both axes.
        shear: Horizontal shear, as the tangent of its angle.
        elastic: Displacement of the knots of an elastic grid, as a share of the image's side.
        brush: Share of the way to strokes one pixel thicker (above 0) or thinner (below 0) all around.
        cut: Share of the digits whose ink is cut out of its paper anew, as out of a photo.
        coarse: Share of the digits that are brought down to `coarsest` pixels or a few more first.
        coarsest: Least side of a coarse picture, in pixels.
        specks: Share of the digits that get specks of ink, and of paper in their strokes.
    """

    degrees: float = 15.0
    scale: float = 0.15
    shift: float = 0.03
    shear: float = 0.25
    elastic: float = 0.04
    brush: float = 0.4
    cut: float = 0.2
    coarse: float = 0.2
    coarsest: int = 8
    specks: float = 0.1


def augment(images: Tensor, augmentation: Augmentation) -> Tensor:
    """Return digits turned, scaled, shifted, sheared, bent, drawn with another pen at random; some as if photographed.

    The numbers are drawn on the CPU from torch's global generator, so that every device sees the same ones.

    Args:
        images: (N, 1, 28, 28) float32, 0 for the background.
        augmentation: The strengths.

    Returns:
        A tensor like `images`; what comes in from outside is background.
    """
    matrices = random_matrices(len(images), augmentation).to(images.device)
    sources = matrices.flatten(0, 1) @ _coordinates(images.shape[-1]).to(images.device)  # (2N, 784)
    if augmentation.elastic:
        sources = sources + random_bends(len(images), images.shape[-1], augmentation.elastic).to(images.device)
    grid = sources.reshape(len(images), 2, *images.shape[-2:]).permute(0, 2, 3, 1)  # (N, 28, 28, 2)
    moved = functional.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    written = _rewritten(moved, augmentation.brush) if augmentation.brush else moved
    sent = _sent(written, augmentation) if augmentation.cut + augmentation.coarse else written
    return _speckled(sent, augmentation.specks) if augmentation.specks else sent


def random_matrices(count: int, augmentation: Augmentation) -> Tensor:
    """Return (N, 2, 3) float32 matrices from output to input coordinates, which run from -1 to 1."""
    turn, width, height, right, down, shear = (torch.rand(6, count) * 2 - 1).unbind()
    angle = turn * math.radians(augmentation.degrees)
    cosine, sine = torch.cos(angle), torch.sin(angle)
    width, height = 1 + width * augmentation.scale, 1 + height * augmentation.scale
    slant = shear * augmentation.shear
    # the product of rotation and a shear that also scales; coordinates span 2, hence the 2 beside the shift
    rows = [
        torch.stack([width * cosine, width * slant * cosine - height * sine, right * 2 * augmentation.shift]),
        torch.stack([width * sine, width * slant * sine + height * cosine, down * 2 * augmentation.shift]),
    ]
    return torch.stack(rows).permute(2, 0, 1)


def random_bends(count: int, side: int, elastic: float) -> Tensor:
    """Return (2N, side * side) float32 displacements, smooth between the knots, in coordinates from -1 to 1.

    Two rows belong to a digit: to the right, and down.
    """
    knots = (torch.rand(2 * count, ELASTIC_KNOTS**2) * 2 - 1) * (2 * elastic)
    return knots @ _bicubic(ELASTIC_KNOTS, side)


@cache
def _coordinates(side: int) -> Tensor:
    """Return (3, side * side) float32: x and y of each pixel's centre, from -1 to 1, and 1.

    One large product with it is many times as fast as the small ones of `affine_grid`.
    """
    identity = torch.eye(2, 3).unsqueeze(0)
    centres = functional.affine_grid(identity, [1, 1, side, side], align_corners=False).reshape(-1, 2)
    return torch.cat([centres, torch.ones(len(centres), 1)], dim=1).T.contiguous()


@cache
def _bicubic(knots: int, side: int) -> Tensor:
    """Return the (knots * knots, side * side) float32 matrix that interpolates; several times as fast as `interpolate`.

    Its rows are what becomes of one knot that is moved alone.
    """
    alone = torch.eye(knots**2).reshape(-1, 1, knots, knots)
    return functional.interpolate(alone, size=(side, side), mode="bicubic", align_corners=True).flatten(1)


def _rewritten(images: Tensor, brush: float) -> Tensor:
    """Return the digits as a thicker or thinner pen would have drawn them, each with its own, as black as ever."""
    pen = ((torch.rand(len(images), 1, 1, 1) * 2 - 1) * brush).to(images.device)
    written = torch.lerp(images, torch.where(pen > 0, _dilated(images), -_dilated(-images)), pen.abs())
    return written / written.amax(dim=(2, 3), keepdim=True).clamp_min(FAINTEST)


def _dilated(images: Tensor) -> Tensor:
    """Return the greatest of each pixel's 3x3 neighbours, several times as fast as `max_pool2d` for one channel."""
    wide = functional.pad(images, (1, 1, 1, 1))
    rows = torch.maximum(torch.maximum(wide[..., :-2, :], wide[..., 1:-1, :]), wide[..., 2:, :])
    return torch.maximum(torch.maximum(rows[..., :-2], rows[..., 1:-1]), rows[..., 2:])


def _sent(images: Tensor, augmentation: Augmentation) -> Tensor:
    """Return the digits, some of them as `core.image` would hand them on from a small picture or a photo."""
    coarse, cut = (round(share * len(images)) for share in (augmentation.coarse, augmentation.cut))
    chosen = torch.randperm(len(images))[: coarse + cut].to(images.device)
    small = _coarsened(images[chosen[:coarse]], augmentation.coarsest) if coarse else images[:0]
    sent = images.clone()
    sent[chosen] = _cut_out(torch.cat([small, images[chosen[coarse:]]]))
    return sent


def _coarsened(images: Tensor, coarsest: int) -> Tensor:
    """Return the digits as pictures of few pixels, enlarged again; all of them get the same, random size."""
    side = int(torch.randint(coarsest, 2 * coarsest, ()))
    few = functional.interpolate(images, size=(side, side), mode="area")
    return functional.interpolate(few, size=images.shape[-2:], mode="bicubic", align_corners=False).clamp(0, 1)


def _cut_out(images: Tensor) -> Tensor:
    """Return the digits with ink and paper told apart in finer cells, at a rough edge, and averaged again.

    That is what becomes of a photo: the threshold takes more or less of a soft edge, and grain frays it.
    """
    count, side = len(images), images.shape[-1]
    threshold, grain = 0.25 + 0.3 * torch.rand(count, 1, 1, 1), 0.1 * torch.rand(count, 1, 1, 1)
    rough = torch.randn(count, 1, side, side) * grain
    blackest = images.amax(dim=(2, 3), keepdim=True)
    relative = images / blackest.clamp_min(FAINTEST) - (threshold + rough).to(images.device)
    fine = functional.interpolate(relative, scale_factor=FINE, mode="bilinear", align_corners=False)
    return functional.avg_pool2d((fine * CUT_GAIN + 0.5).clamp(0, 1), FINE)


def _speckled(images: Tensor, share: float) -> Tensor:
    """Return the digits, some of them with what a bad copy leaves: single pixels of ink, and of paper in strokes."""
    chosen = torch.randperm(len(images))[: round(share * len(images))]
    most = MOST_SPECKS * torch.rand(len(chosen), 1, 1, 1)
    drawn = torch.rand(len(chosen), *images.shape[1:])
    ink, paper = drawn < most, drawn > 1 - most
    speckled = images.clone()
    chosen = chosen.to(images.device)
    speckled[chosen] = images[chosen].masked_fill(ink.to(images.device), 1).masked_fill(paper.to(images.device), 0)
    return speckled
