"""The shapes of the ten digits as pen strokes, before a hand is put to them.

Drawn up for this project; no font and no person's handwriting was traced. Each digit has a few ways of writing it,
each way is one or more strokes, and each stroke lists the points that a pen passes through, in the order of writing, as
`x,y` in percent of the digit's height with y pointing down. A point ending in `!` is a corner; the curve is smooth
through all others.
"""

import numpy as np
from numpy.typing import NDArray

Curve = NDArray[np.float64]
"""Points (K, 2) float64 of a curve without corners, in units of the digit's height."""

Stroke = tuple[Curve, ...]
"""Curves drawn without lifting the pen; each starts where the one before it ends."""

_WAYS: dict[int, tuple[tuple[str, ...], ...]] = {
    0: (
        ("36,2 18,9 6,32 5,60 14,88 32,98 51,87 61,58 58,28 46,8 30,3",),
        ("48,9 30,2 12,18 5,48 11,82 30,98 50,88 60,56 57,24 45,6",),
    ),
    1: (
        ("31,1 30,34 29,68 28,99",),
        ("14,26 24,15 32,1! 32,34 31,68 31,99",),
        ("15,24 24,14 32,1! 32,34 31,68 31,98", "9,98 30,98 53,97"),
    ),
    2: (
        ("7,24 14,8 32,1 50,9 55,27 45,50 26,74 4,97! 30,96 61,95",),
        ("8,24 18,6 37,1 53,13 51,37 34,66 14,91 5,92 7,82 20,81 38,93 52,97 64,91",),
        ("8,20 20,5 38,3 52,15 50,36 34,62 5,96! 22,91 40,97 62,93",),
    ),
    3: (
        ("8,14 25,2 45,4 54,20 45,39 22,47! 46,51 59,68 51,90 28,99 5,88",),
        ("7,6 30,4 55,4! 41,23 25,42! 47,47 59,67 50,91 28,99 5,89",),
        ("9,11 28,1 47,6 52,22 42,39 28,45 42,49 57,62 57,82 40,97 19,97 6,88",),
    ),
    4: (
        ("14,4 11,28 7,53! 35,54 65,52", "48,7 46,50 43,99"),
        ("43,2 25,32 4,66! 34,66 68,64", "44,3 44,50 43,99"),
        ("16,8 9,34 9,52 22,57 44,52 50,48", "52,5 49,40 45,99"),
    ),
    5: (
        ("14,5 12,24 10,45! 31,37 52,47 58,68 47,91 26,99 5,90", "13,5 36,5 60,3"),
        ("57,3 36,4 16,5! 13,24 10,45! 31,38 52,48 57,69 46,91 26,99 5,90",),
    ),
    6: (
        ("46,3 26,18 11,44 6,72 17,95 38,98 55,83 51,63 33,56 15,65 8,78",),
        ("32,1 18,27 8,57 9,84 26,99 46,93 55,76 45,60 27,59 12,72",),
    ),
    7: (
        ("6,7 32,6 59,4! 44,38 32,68 25,99",),
        ("6,7 32,6 59,4! 44,38 32,68 25,99", "17,52 36,50 55,47"),
        ("7,19 9,6! 34,7 60,4! 46,34 35,66 31,99",),
    ),
    8: (
        ("51,14 33,2 13,12 14,32 34,47 54,65 52,89 30,99 8,88 11,67 32,49 52,33 53,15 42,5",),
        ("31,47 14,37 12,14 31,2 50,13 49,35 32,47 11,62 6,84 30,99 55,86 52,63 33,48",),
    ),
    9: (
        ("52,15 35,2 14,10 7,31 20,47 40,42 53,17! 51,55 47,99",),
        ("50,12 32,2 12,14 9,36 26,48 45,38 54,15 55,50 45,86 26,99 9,91",),
        ("48,8 28,3 11,18 12,38 30,45 46,34 53,10! 50,40 43,70 36,99",),
    ),
}


def parse_stroke(text: str) -> Stroke:
    """The curves of one stroke, cut at its corners."""
    curves, points = [], []
    for item in text.split():
        x, y = item.rstrip("!").split(",")
        points.append((float(x) / 100, float(y) / 100))
        if item.endswith("!"):
            curves.append(np.array(points))
            points = points[-1:]
    return (*curves, np.array(points))


GLYPHS: dict[int, tuple[tuple[Stroke, ...], ...]] = {
    digit: tuple(tuple(parse_stroke(stroke) for stroke in way) for way in ways) for digit, ways in _WAYS.items()
}
"""Ways of writing by digit; a way is a tuple of strokes."""
