"""Digits that nobody wrote: ways of writing that MNIST hardly has, such as a one with an upstroke or a crossed seven.

MNIST was written in America; elsewhere people write some digits otherwise, and screens show printed ones.
"""

import numpy as np
import torch

from model.description import LABELS
from samples.glyphs import GLYPHS, parse_stroke
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
    ),
    2: (("8,10 34,2 54,4! 30,46 4,96! 34,95 60,94",),),
    3: (("8,4 34,4 56,3! 34,36! 54,48 58,72 46,94 22,98 4,86",),),
    4: (("40,1 6,62! 36,62 66,60", "40,1 41,50 40,99"), ("12,4 8,30 10,46 30,50 52,44", "54,2 50,50 48,99")),
    7: (
        ("4,14 6,4! 32,6 60,3! 42,40 30,70 26,99", "14,50 36,50 58,48"),
        ("4,8 30,7 58,4! 50,30 46,60 45,99", "28,46 48,46 66,44"),
    ),
    8: (("32,3 14,12 14,34 32,44 50,34 50,12 34,3", "32,45 10,58 8,84 32,98 56,84 54,58 34,45"),),
    9: (("50,20 32,2 10,16 10,38 30,48 50,36 52,14! 52,60 50,99",),),
}
"""Beside those of `samples.glyphs`, in the same form: from European hands and from screens."""

_WAYS = {
    digit: (*ways, *(tuple(parse_stroke(stroke) for stroke in way) for way in _MORE_WAYS.get(digit, ())))
    for digit, ways in GLYPHS.items()
}


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
    ways = _WAYS[label]
    strokes = ways[int(rng.integers(len(ways)))]
    return to_mnist_form(render(write(strokes, rng, random_hand(rng)), SIDE))
