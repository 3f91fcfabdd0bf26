"""Pictures that are no digits, for the network to learn to be unsure of.

Source: D. Hendrycks, M. Mazeika, T. Dietterich, "Deep Anomaly Detection with Outlier Exposure" (ICLR 2019): what is
shown in training with all classes as its target gets low probabilities, and so does much that was never shown.
"""

from collections.abc import Callable

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from samples.glyphs import parse_stroke
from samples.strokes import draw_digit, random_hand, render, to_mnist_form, write
from training.fonts import SIDE, Picture, cropped, print_character

CHARACTERS = "ACEFHJKLMNPRTUVWXacefhkmnprtuvwx" + 2 * "#*+-:;<=>?@^~¥€©®±«»÷"
"""Less what a person may take for a digit, such as O, Q, l, j, Z, z, S, $, G, b, B, &, g and q.

Signs count twice, as there are fewer of them.
"""

_WRITTEN = (
    ("2,98 30,2! 58,98", "14,62 46,62"),
    ("56,14 36,2 12,22 6,52 14,84 36,98 58,86",),
    ("6,2 6,98", "6,2 54,2", "6,48 42,48", "6,98 56,98"),
    ("6,2 6,98", "6,2 54,2", "6,46 42,46"),
    ("6,2 6,98", "56,2 56,98", "6,50 56,50"),
    ("46,2 46,78 34,98 12,94 4,76", "22,2 60,2"),
    ("6,2 6,98", "54,2 6,52! 56,98"),
    ("8,2 8,96! 56,96",),
    ("4,98 10,2! 34,66! 58,2! 66,98",),
    ("6,98 6,2! 56,98! 56,2",),
    ("8,98 8,2! 40,4 54,24 42,46 10,50",),
    ("8,98 8,2! 40,4 54,24 42,46 10,50! 56,98",),
    ("4,4 60,4", "32,4 32,98"),
    ("6,2 6,66 20,96 44,96 56,66 56,2",),
    ("4,2 30,98! 58,2",),
    ("2,2 18,98! 34,30! 50,98! 66,2",),
    ("4,2 56,98", "56,2 4,98"),
    ("4,2 30,48! 30,98", "56,2 30,48"),
    ("52,44 30,34 8,54 10,86 30,96 50,76 54,40! 54,98",),
    ("10,62 50,60 46,38 28,32 8,50 8,80 28,98 54,88",),
    ("52,8 36,4 28,24 28,98", "10,42 50,42"),
    ("8,2 8,98! 10,58 30,40 50,54 50,98",),
    ("6,40 6,98! 8,58 22,42 34,56 34,98! 36,58 50,42 62,58 62,98",),
    ("8,40 8,98! 10,58 30,40 50,56 50,98",),
    ("32,2 32,98", "4,50 60,50"),
    ("4,34 60,34", "4,66 60,66"),
    ("20,2 14,98", "46,2 40,98", "4,34 60,34", "2,66 58,66"),
    ("6,60 24,98! 62,4",),
    ("32,2 4,98! 62,38! 2,38! 60,98! 32,2",),
    ("4,4 4,96! 60,96! 60,4! 4,4",),
    ("32,4 2,96! 62,96! 32,4",),
    ("32,24 16,4 2,26 32,96! 62,26 48,4 32,24",),
    ("4,50 60,50", "40,24 60,50! 40,76"),
)
"""Letters and signs as pen strokes, in the form of `samples.glyphs`."""

_GLYPHS = tuple(tuple(parse_stroke(stroke) for stroke in glyph) for glyph in _WRITTEN)

Field = NDArray[np.float64]
"""Brightness (SIDE, SIDE) of a pattern, about -1 to 1."""

Draw = Callable[[np.random.Generator], Picture]


def draw_outliers(count: int, seed: int) -> Tensor:
    """Return pictures (N, 28, 28) uint8 in MNIST's form that a person would not take for a digit.

    Half are letters and signs, the others scribbles, blobs, corners, textures and two digits in a row.

    Args:
        count: How many.
        seed: The same one draws the same pictures.
    """
    rng = np.random.default_rng(seed)
    pictures = [_KINDS[index % len(_KINDS)](rng) for index in range(count)]
    return torch.from_numpy(np.array(pictures, dtype=np.uint8).reshape(count, 28, 28))


def outlier_loss(logits: Tensor) -> Tensor:
    """Return the mean cross entropy (0-dim) of logits (N, 10) to equal probabilities, less its least value, in nats."""
    return torch.logsumexp(logits, dim=1).mean() - logits.mean() - float(np.log(logits.shape[1]))


def _printed(rng: np.random.Generator) -> Picture:
    return print_character(CHARACTERS[int(rng.integers(len(CHARACTERS)))], rng)


def _written(rng: np.random.Generator) -> Picture:
    strokes = _GLYPHS[int(rng.integers(len(_GLYPHS)))]
    return to_mnist_form(render(write(strokes, rng, random_hand(rng)), SIDE // 2))


def _scribble(rng: np.random.Generator) -> Picture:
    """A pen that wanders without aim."""
    turns = int(rng.integers(9, 18))
    points = np.cumsum(rng.normal(0, 0.35, size=(turns, 2)), axis=0) if rng.random() < 0.5 else rng.random((turns, 2))
    points = (points - points.min(axis=0)) / max(float(np.ptp(points, axis=0).max()), 1e-6)
    return to_mnist_form(render(write(((points,),), rng, random_hand(rng)), SIDE // 2))


def _noise(rng: np.random.Generator, knots: int) -> Tensor:
    """Smooth noise (side, side) float32 between `knots` x `knots` random values in -1..1."""
    values = torch.from_numpy(rng.uniform(-1, 1, size=(1, 1, knots, knots)).astype(np.float32))
    return functional.interpolate(values, size=(SIDE, SIDE), mode="bicubic", align_corners=True)[0, 0]


def _blobs(rng: np.random.Generator) -> Picture:
    """Ink in lumps, with hard edges."""
    ink = _noise(rng, int(rng.integers(3, 7))) > rng.uniform(0.0, 0.4)
    return cropped((ink.to(torch.uint8) * 255).numpy())


def _corner(rng: np.random.Generator) -> Picture:
    """One or two straight edges, as of a sheet or a table in the corner of a photo."""
    points = rng.uniform(-0.3, 1.3, size=(int(rng.integers(3, 6)), 2)) * SIDE
    canvas = np.zeros((SIDE, SIDE), dtype=np.uint8)
    outline = points.astype(np.int32)
    if rng.random() < 0.5:
        cv2.fillPoly(canvas, [outline], (255,))
    else:
        cv2.polylines(canvas, [outline], isClosed=False, color=(255,), thickness=int(rng.integers(1, 9)))
    return cropped(canvas)


def _texture(rng: np.random.Generator) -> Picture:
    """Cloth, grain, stripes, checks, dots or bricks that fill the picture; half of them in black and white."""
    pattern = _PATTERNS[int(rng.integers(len(_PATTERNS)))](rng)
    mixed = _noise(rng, int(rng.integers(4, 28))).numpy() + rng.uniform(0, 1.5) * pattern + rng.uniform(-0.5, 0.5)
    steepness = 1.0 if rng.random() < 0.5 else 8.0
    return cropped((np.clip(steepness * mixed, 0, 1) * 255).astype(np.uint8))


def _axes(rng: np.random.Generator) -> tuple[Field, Field]:
    """Two coordinates at right angles, turned at random, in radians of a pattern that repeats 2 to 10 times."""
    down, across = np.mgrid[0:SIDE, 0:SIDE] * (2 * np.pi / SIDE * rng.uniform(2, 10))
    turn = rng.uniform(0, np.pi)
    return across * np.cos(turn) + down * np.sin(turn), down * np.cos(turn) - across * np.sin(turn)


def _stripes(rng: np.random.Generator) -> Field:
    return np.asarray(np.sin(_axes(rng)[0]))


def _checks(rng: np.random.Generator) -> Field:
    across, down = _axes(rng)
    return np.asarray(np.sign(np.sin(across) * np.sin(down)))


def _dots(rng: np.random.Generator) -> Field:
    across, down = _axes(rng)
    return np.asarray(np.sin(across) + np.sin(down) - rng.uniform(0, 1.2))


def _bricks(rng: np.random.Generator) -> Field:
    down, across = np.mgrid[0:SIDE, 0:SIDE] / SIDE * rng.uniform(2, 10)
    mortar = rng.uniform(0.1, 0.3)
    joint = (down % 1 < mortar) | ((across / 2 + 0.5 * (np.floor(down) % 2)) % 1 < mortar / 2)
    return np.where(joint, 1.0, -1.0) * (1 if rng.random() < 0.5 else -1)


_PATTERNS: tuple[Callable[[np.random.Generator], Field], ...] = (_stripes, _checks, _dots, _bricks)


def _two_digits(rng: np.random.Generator) -> Picture:
    """A number of two digits, which is none of the ten."""
    first, second = (draw_digit(int(rng.integers(10)), rng, height=SIDE // 2) for _ in range(2))
    height = max(len(first), len(second))
    gap = np.zeros((height, int(rng.integers(2, 8))), dtype=np.uint8)
    parts = [np.pad(digit, ((0, height - len(digit)), (0, 0))) for digit in (first, second)]
    return to_mnist_form(np.hstack([parts[0], gap, parts[1]]))


_KINDS: tuple[Draw, ...] = (_printed,) * 3 + (_written,) * 2 + (_scribble, _blobs, _corner, _texture, _two_digits)
