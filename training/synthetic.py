"""Digits that nobody wrote: ways of writing that MNIST hardly has, such as a one with an upstroke or a crossed seven.

MNIST was written in America; elsewhere people write some digits otherwise, and screens show printed ones.
"""

import numpy as np
import torch

from model.description import LABELS
from samples.glyphs import GLYPHS, Stroke, parse_stroke
from samples.strokes import random_hand, render, to_mnist_form, write
from training.data import Digits
from training.fonts import SIDE, Picture, print_character

PRINTED_SHARE = 0.3
"""The others are written."""

_MORE_WAYS: dict[int, tuple[tuple[str, ...], ...]] = {
    0: (("46,3 28,2 10,20 4,52 12,84 30,98 50,86 60,52 52,16 40,3", "56,8 8,92"),),
    1: (
        ("2,48 18,28 34,1! 34,34 33,98",),
        ("4,38 20,22 34,1! 33,50 33,98", "12,98 34,98 54,97"),
        ("8,60 22,36 36,2! 34,50 32,98",),
        ("2,56 20,32 36,2! 35,50 33,98",),
        ("4,28 20,20 38,2! 36,50 34,98",),
        ("10,40 24,26 38,2! 38,50 40,98",),
    ),
    2: (("8,10 34,2 54,4! 30,46 4,96! 34,95 60,94",), ("10,18 24,4 38,12 36,46 26,90! 6,92! 32,94 62,97",)),
    3: (("8,4 34,4 56,3! 34,36! 54,48 58,72 46,94 22,98 4,86",),),
    4: (
        ("40,1 6,62! 36,62 66,60", "40,1 41,50 40,99"),
        ("12,4 8,30 10,46 30,50 52,44", "54,2 50,50 48,99"),
        ("30,2 6,64! 36,65 66,60", "44,38 42,66 38,99"),
        ("36,1 18,34 6,66 20,74 46,70 66,64", "48,40 44,66 40,99"),
        ("26,3 8,50 6,74! 34,75 62,72", "42,48 40,74 38,98"),
        ("22,4 8,36 10,54! 36,56 66,50", "52,26 48,60 44,99"),
        ("28,3 10,50 6,77! 32,79 56,76", "42,52 40,78 39,99"),
    ),
    5: (("24,5 16,28 16,46! 42,44 54,62 46,86 20,98", "24,7 44,5 66,2"),),
    7: (
        ("4,14 6,4! 32,6 60,3! 42,40 30,70 26,99", "14,50 36,50 58,48"),
        ("4,8 30,7 58,4! 50,30 46,60 45,99", "28,46 48,46 66,44"),
        ("6,8 32,9 58,4! 40,40 28,70 20,99", "8,62 30,56 56,53"),
    ),
    8: (("32,3 14,12 14,34 32,44 50,34 50,12 34,3", "32,45 10,58 8,84 32,98 56,84 54,58 34,45"),),
    9: (
        ("50,20 32,2 10,16 10,38 30,48 50,36 52,14! 52,60 50,99",),
        ("54,12 34,2 14,14 18,34 40,38 56,20! 58,60 46,88 26,99 6,92",),
        ("44,6 24,4 16,20 28,34 44,24 47,7! 56,44 57,74 42,96 20,98 4,84",),
        ("50,14 34,2 18,12 22,28 40,36 54,24! 60,54 54,84 32,98 10,94 4,80",),
    ),
}
"""Beside those of `samples.glyphs`, in the same form: from European hands and from screens."""

WAYS = {
    digit: (*ways, *(tuple(parse_stroke(stroke) for stroke in way) for way in _MORE_WAYS.get(digit, ())))
    for digit, ways in GLYPHS.items()
}
"""All ways of writing by digit."""

PENS = {1: (0.06, 0.32), 7: (0.06, 0.24)}
"""Of a pen's width, as a share of the digit's height, the range in which a person still reads the digit; of the others
that of `samples.strokes`: in theirs ink would fill what tells them from each other."""


def draw_digits(count: int, seed: int) -> Digits:
    """Return synthetic digits in MNIST's form, as many of each class.

    Args:
        count: How many.
        seed: The same one draws the same digits.
    """
    rng = np.random.default_rng(seed)
    labels = [index % len(LABELS) for index in range(count)]
    images = [_draw(label, rng) for label in labels]
    pixels = np.array(images, dtype=np.uint8).reshape(count, 28, 28)
    return Digits(torch.from_numpy(pixels), torch.tensor(labels, dtype=torch.int64))


def _draw(label: int, rng: np.random.Generator) -> Picture:
    if rng.random() < PRINTED_SHARE:
        return print_character(str(label), rng)
    ways = WAYS[label]
    width = rng.uniform(*PENS[label]) if label in PENS else None
    return write_digit(ways[int(rng.integers(len(ways)))], rng, width)


def write_digit(way: tuple[Stroke, ...], rng: np.random.Generator, width: float | None = None) -> Picture:
    """Return a digit in MNIST's form, (28, 28) uint8, as a random hand writes it in some way.

    Args:
        way: One of `WAYS`.
        rng: Where the hand comes from.
        width: Of its pen, as a share of the digit's height; a random one by default.
    """
    return to_mnist_form(render(write(way, rng, random_hand(rng, width)), SIDE))
