"""Pen strokes that mean nothing: tangles, zigzags, spirals, hatching, crossed-out places and coils.

Each has so many turns, or so many strokes, that nobody would take it for a digit. The pen is that of the samples.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from samples.strokes import Ink, render

Points = NDArray[np.float64]
"""A stroke's points (N, 2) in units of the drawing's height."""

STEPS = 400
"""Points a stroke: closer together than the pen is wide."""

HEIGHT = 110
"""About how tall a scribble is, in pixels."""


def tangle(rng: np.random.Generator) -> list[Points]:
    """One line that crosses itself often."""
    time = np.linspace(0, 2 * np.pi, STEPS)
    waves = rng.integers(3, 9, (2, 3))
    phases, sizes = rng.uniform(0, 2 * np.pi, (2, 3)), rng.uniform(0.1, 0.25, (2, 3))
    return [
        np.stack(
            [(sizes[i, :, None] * np.sin(np.outer(waves[i], time) + phases[i, :, None])).sum(0) for i in (0, 1)], 1
        )
    ]


def zigzag(rng: np.random.Generator) -> list[Points]:
    """Back and forth, 6 to 10 times."""
    corners = int(rng.integers(7, 12))
    x, y = np.linspace(0, 1, corners), np.tile([0.0, 0.7], corners)[:corners] + rng.uniform(-0.1, 0.1, corners)
    along = np.linspace(0, corners - 1, STEPS)
    return [np.stack([np.interp(along, range(corners), x), np.interp(along, range(corners), y)], 1)]


def spiral(rng: np.random.Generator) -> list[Points]:
    """Round and round, 3 to 5 times."""
    turn = np.linspace(0, 2 * np.pi * rng.uniform(3, 5), 2 * STEPS)
    radius = 0.5 * turn / turn[-1]
    return [np.stack([radius * np.cos(turn), rng.choice([-1, 1]) * radius * np.sin(turn)], 1)]


def hatching(rng: np.random.Generator) -> list[Points]:
    """Parallel strokes, 5 to 8 of them, crossed by as many."""
    return _lines(rng, 0.0) + _lines(rng, np.pi / 2)


def _lines(rng: np.random.Generator, angle: float) -> list[Points]:
    count = int(rng.integers(5, 9))
    turn = angle + rng.uniform(-0.3, 0.3)
    along, across = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
    places = np.linspace(-0.5, 0.5, count) + rng.uniform(-0.03, 0.03, count)
    way = np.linspace(-0.5, 0.5, STEPS // 4)[:, None]
    return [place * across + way * along for place in places]


def crossed_out(rng: np.random.Generator) -> list[Points]:
    """6 to 9 strokes in all directions through about one place."""
    angles = np.linspace(0, np.pi, int(rng.integers(6, 10)), endpoint=False) + rng.uniform(0, 0.3)
    way = np.linspace(-0.5, 0.5, STEPS // 4)[:, None]
    return [way * np.array([np.cos(angle), np.sin(angle)]) + rng.uniform(-0.06, 0.06, 2) for angle in angles]


def coil(rng: np.random.Generator) -> list[Points]:
    """Loops in a row, 5 to 8 of them, as one tries a pen."""
    turn = np.linspace(0, 2 * np.pi * rng.integers(5, 9), 2 * STEPS)
    return [np.stack([0.04 * turn + 0.2 * np.cos(turn), 0.45 * np.sin(turn) + 0.05 * np.sin(turn / 5)], 1)]


SCRIBBLES: tuple[Callable[[np.random.Generator], list[Points]], ...] = (
    tangle,
    zigzag,
    spiral,
    hatching,
    crossed_out,
    coil,
)


def draw_scribble(rng: np.random.Generator) -> Ink:
    """The ink of one scribble, cropped, (H, W) uint8, light on black."""
    strokes = SCRIBBLES[int(rng.integers(len(SCRIBBLES)))](rng)
    radius = rng.uniform(0.012, 0.035)
    turn = rng.uniform(-0.5, 0.5)
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return render([np.column_stack([points @ rotation, np.full(len(points), radius)]) for points in strokes], HEIGHT)
