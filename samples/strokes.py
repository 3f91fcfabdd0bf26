"""A hand-like pen: draws an endless variety of handwritten digits from a seeded generator.

    from samples.strokes import draw_digit, to_mnist_form

    rng = np.random.default_rng(0)
    ink = draw_digit(7, rng, height=200)  # any size, for a picture of one's own
    digit = to_mnist_form(ink)  # 28x28, as MNIST has it

A digit is made in four steps: 1. a way of writing is taken from `glyphs`; 2. its points are displaced as a hand misses
them; 3. the pen runs a centripetal Catmull-Rom curve (Catmull and Rom, 1974) through them, cutting corners and
trembling, with a width that follows pressure; 4. discs of that width are stamped along the path at `SUPERSAMPLE` times
the size and averaged down.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from samples.glyphs import GLYPHS, Curve, Stroke

Ink = NDArray[np.uint8]
"""How much of each pixel the pen covered, (H, W) uint8, 0 none to 255 all."""

Path = NDArray[np.float64]
"""Pen positions (N, 3) float64: x, y and the pen's radius, in units of the digit's height."""

SUPERSAMPLE = 4
"""Sub-pixels a side: 17 grey levels along an edge, smoother than the eye sees."""

MNIST_BOX, MNIST_SIZE = 20, 28
"""MNIST fits the ink into a 20x20 box, placed by its centre of mass in a 28x28 field (LeCun et al., 1998)."""

_CURVE_SAMPLES = 160
"""Points a curve: steps of about 1 % of the digit's height, finer than the tremor."""


@dataclass(frozen=True)
class Hand:
    """How somebody writes; lengths are fractions of the digit's height, angles radians.

    Attributes:
        width: The pen's mean width.
        slant: Shear, positive to the right.
        rotation: Of the whole digit, clockwise.
        stretch: Factor on the digit's width.
        wobble: Standard deviation of a point's displacement.
        haste: Length over which corners are rounded off.
        tremor: Amplitude of the pen's small shaking.
        pressure: Relative variation of the width along a stroke.
    """

    width: float = 0.11
    slant: float = 0.0
    rotation: float = 0.0
    stretch: float = 1.0
    wobble: float = 0.0
    haste: float = 0.02
    tremor: float = 0.0
    pressure: float = 0.0


def random_hand(rng: np.random.Generator, width: float | None = None) -> Hand:
    """Somebody's hand; the ranges were chosen by eye so that a person reads every digit at once.

    Args:
        rng: Where the variety comes from.
        width: The pen's width as a fraction of the height; by default 0.06 to 0.17, MNIST's usual range.
    """
    return Hand(
        width=rng.uniform(0.06, 0.17) if width is None else width,
        slant=float(np.clip(rng.normal(0.12, 0.15), -0.25, 0.45)),
        rotation=float(np.clip(rng.normal(0.0, 0.06), -0.15, 0.15)),
        stretch=rng.uniform(0.75, 1.2),
        wobble=rng.uniform(0.008, 0.024),
        haste=rng.uniform(0.008, 0.045),
        tremor=rng.uniform(0.0, 0.006),
        pressure=rng.uniform(0.05, 0.22),
    )


def draw_digit(
    digit: int, rng: np.random.Generator, *, height: int = 80, hand: Hand | None = None, way: int | None = None
) -> Ink:
    """One handwritten digit, cropped to its ink.

    Args:
        digit: 0 to 9.
        rng: Where the variety comes from; the same state draws the same digit.
        height: About how tall the digit is, in pixels; the pen's width and the slant add or take a little.
        hand: Who writes; a random hand by default.
        way: Which of the digit's ways of writing in `glyphs.GLYPHS`; a random one by default.

    Returns:
        (H, W) uint8, the pen's cover of each pixel, no empty rows or columns around it.

    Raises:
        KeyError: `digit` is not 0 to 9.
        IndexError: The digit has no such way of writing.
    """
    ways = GLYPHS[digit]
    strokes = ways[int(rng.integers(len(ways))) if way is None else way]
    return render(write(strokes, rng, hand or random_hand(rng)), height)


def write(strokes: tuple[Stroke, ...], rng: np.random.Generator, hand: Hand) -> list[Path]:
    """The pen's path for each stroke, as this hand writes it this time."""
    bend = rng.normal(0.0, 2 * hand.wobble, size=(2, 2))
    return [_run_pen(_place(stroke, rng, hand, bend), rng, hand) for stroke in strokes]


def render(paths: list[Path], height: int) -> Ink:
    """Stamps the pen along its paths, antialiased and cropped to the ink; returns (H, W) uint8."""
    scale = height * SUPERSAMPLE
    reach = np.concatenate([np.concatenate([p[:, :2] - p[:, 2:], p[:, :2] + p[:, 2:]]) for p in paths])
    low, high = reach.min(axis=0), reach.max(axis=0)
    size = np.ceil((high - low) * height).astype(int) + 2  # one clear pixel on each side
    canvas = Image.new("L", (int(size[0]) * SUPERSAMPLE, int(size[1]) * SUPERSAMPLE))
    draw = ImageDraw.Draw(canvas)
    for path in paths:
        for x, y, radius in ((path - [*low, 0]) * scale + [SUPERSAMPLE, SUPERSAMPLE, 0]).tolist():
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    ink = canvas.reduce(SUPERSAMPLE)
    return np.asarray(ink.crop(ink.getbbox()))


def to_mnist_form(ink: Ink) -> NDArray[np.uint8]:
    """Puts a cropped digit into MNIST's form: fitted into 20x20, centred by mass in 28x28, brightest pixel 255.

    Args:
        ink: (H, W) uint8, light ink on black, without empty rows or columns around it, as `draw_digit` returns it.

    Returns:
        (28, 28) uint8.

    Raises:
        ValueError: There is no ink.
    """
    if not ink.any():
        raise ValueError("no ink to put into MNIST's form")
    scale = MNIST_BOX / max(ink.shape)
    width, height = (max(1, round(side * scale)) for side in ink.shape[::-1])
    small = np.asarray(Image.fromarray(ink).resize((width, height), Image.Resampling.BILINEAR), dtype=np.float64)
    small *= 255 / small.max()
    field = np.zeros((MNIST_SIZE, MNIST_SIZE), dtype=np.uint8)
    top, left = (_offset(small, axis) for axis in (0, 1))
    field[top : top + height, left : left + width] = np.rint(small)
    return field


def _offset(small: NDArray[np.float64], axis: int) -> int:
    """Where the ink must begin along an axis for its centre of mass to fall on the field's centre."""
    length = small.shape[axis]
    mass = small.sum(axis=1 - axis)
    centre = float((mass * (np.arange(length) + 0.5)).sum() / mass.sum())
    return int(np.clip(round(MNIST_SIZE / 2 - centre), 0, MNIST_SIZE - length))


def _place(stroke: Stroke, rng: np.random.Generator, hand: Hand, bend: NDArray[np.float64]) -> list[Curve]:
    """Where the hand puts a stroke's points: each missed a little, then all bent, slanted, stretched and turned."""
    turn = np.array([[np.cos(hand.rotation), -np.sin(hand.rotation)], [np.sin(hand.rotation), np.cos(hand.rotation)]])
    shear = np.array([[hand.stretch, -hand.slant], [0.0, 1.0]])
    placed: list[Curve] = []
    for curve in stroke:
        points = curve + _misses(len(curve), rng, hand.wobble)
        points += np.sin(np.pi * curve[:, ::-1] * 1.5) * bend[0] + np.sin(np.pi * curve) * bend[1]
        points = (points - [0.3, 0.5]) @ (turn @ shear).T
        if placed:
            points[0] = placed[-1][-1]
        placed.append(points)
    return placed


def _misses(count: int, rng: np.random.Generator, wobble: float) -> NDArray[np.float64]:
    """By how much a hand misses points in a row (count, 2): neighbours alike, or the curve would have dents."""
    apart = rng.normal(0.0, wobble, size=(count + 2, 2))
    misses: NDArray[np.float64] = (apart[:-2] + 2 * apart[1:-1] + apart[2:]) / np.sqrt(6.0)
    return misses


def _run_pen(curves: list[Curve], rng: np.random.Generator, hand: Hand) -> Path:
    """The pen's way through placed points, evenly stepped, with rounded corners, tremor and pressure: (N, 3)."""
    line = np.concatenate([_catmull_rom(points) for points in curves])
    travelled = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
    # Steps of a fifth of the radius leave no visible bumps between the discs.
    steps = max(16, int(travelled[-1] / min(0.012, hand.width / 10)))
    even = np.linspace(0.0, travelled[-1], steps)
    line = np.stack([np.interp(even, travelled, line[:, axis]) for axis in (0, 1)], axis=1)
    step = even[1]
    line = np.stack([_smooth(line[:, axis], hand.haste / step) for axis in (0, 1)], axis=1)
    shake = np.stack([_smooth(rng.normal(size=steps), 0.045 / step) for _ in (0, 1)], axis=1)
    line += hand.tremor * shake / max(float(shake.std()), 1e-9)
    return np.column_stack([line, _radii(even, rng, hand)])


def _radii(even: NDArray[np.float64], rng: np.random.Generator, hand: Hand) -> NDArray[np.float64]:
    """The pen's radius along a stroke: pressure drifts slowly, builds up at the start and eases off at the end."""
    drift = _smooth(rng.normal(size=even.size), 0.18 / even[1])
    drift *= hand.pressure / max(float(np.abs(drift).max()), 1e-9)
    onset, release = even / hand.width, (even[-1] - even) / hand.width
    ease = 1 - hand.pressure * (0.6 * np.exp(-onset) + 1.4 * np.exp(-release / 1.5))
    radii: NDArray[np.float64] = np.maximum(hand.width / 2 * (1 + drift) * ease, hand.width / 6)
    return radii


def _catmull_rom(points: Curve) -> Curve:
    """A centripetal Catmull-Rom curve through (K, 2) points, K at least 2; it does not overshoot uneven points."""
    chords = np.sqrt(np.hypot(*np.diff(points, axis=0).T))
    knots = np.concatenate([[0.0], np.cumsum(np.maximum(chords, 1e-6))])
    slopes = np.gradient(points, knots, axis=0, edge_order=2 if len(points) > 2 else 1)
    at = np.linspace(0.0, knots[-1], _CURVE_SAMPLES)
    left = np.clip(np.searchsorted(knots, at, side="right") - 1, 0, len(points) - 2)
    span = (knots[left + 1] - knots[left])[:, None]
    t = (at - knots[left])[:, None] / span
    start, end = points[left], points[left + 1]
    hermite = (2 * t**3 - 3 * t**2 + 1) * start + (3 * t**2 - 2 * t**3) * end
    curve: Curve = hermite + span * ((t**3 - 2 * t**2 + t) * slopes[left] + (t**3 - t**2) * slopes[left + 1])
    return curve


def _smooth(values: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    """Gaussian smoothing of (N,) values, `sigma` in steps; the ends are continued by point reflection and stay put."""
    reach = min(int(3 * sigma) + 1, values.size - 1)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(sigma, 1e-6)) ** 2)
    padded = np.pad(values, reach, mode="reflect", reflect_type="odd")
    return np.convolve(padded, kernel / kernel.sum(), mode="valid")
