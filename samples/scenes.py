"""What surrounds a digit when people send one: paper and its ruling, ink, light, and the camera.

A page is light as the eye sees it: (H, W, 3) float64, 0 black to 1 white. Each step takes a page and returns another:

    page = rule_lines(paper((400, 300), rng), 40)
    page = write_on(page, draw_digit(7, rng, height=150), (0.5, 0.5), INKS["blue"], rng)
    picture = photograph(shade(page, rng), rng)
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from samples.strokes import Ink

Page = NDArray[np.float64]

Colour = tuple[float, float, float]

PAPER: Colour = (0.97, 0.965, 0.95)
INKS: dict[str, Colour] = {
    "black": (0.08, 0.08, 0.09),
    "blue": (0.07, 0.15, 0.55),
    "green": (0.05, 0.45, 0.22),
    "red": (0.75, 0.08, 0.10),
    "pencil": (0.33, 0.33, 0.35),
    "chalk": (0.95, 0.95, 0.90),
}

WOOD: Colour = (0.35, 0.22, 0.12)

RULING: Colour = (0.62, 0.74, 0.88)
"""The pale blue of school paper."""

EXPOSURE = 0.92
"""A camera's automatic exposure leaves the lightest part of a picture just below white."""

_FRAME = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, 0.0]])
"""A picture's corners as fractions of its width and height."""


def noise(shape: tuple[int, int], feature: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Smooth noise (H, W) of mean 0 and standard deviation 1, whose spots are about `feature` pixels wide."""
    height, width = (max(2, round(side / feature) + 2) for side in shape)
    coarse = Image.fromarray(rng.normal(size=(height, width)).astype(np.float32))
    smooth = np.asarray(coarse.resize(shape[::-1], Image.Resampling.BICUBIC), dtype=np.float64)
    spread: NDArray[np.float64] = (smooth - smooth.mean()) / max(float(smooth.std()), 1e-9)
    return spread


def paper(size: tuple[int, int], rng: np.random.Generator, colour: Colour = PAPER, grain: float = 0.008) -> Page:
    """An empty page.

    Args:
        size: Width and height in pixels.
        rng: Where the grain comes from.
        colour: Of the page.
        grain: How much its brightness varies, in fine fibres and coarse clouds.
    """
    shape = size[::-1]
    fibres = noise(shape, 2.5, rng) + 0.6 * noise(shape, max(size) / 12, rng)
    return np.clip(np.array(colour) * (1 + grain * fibres[..., None]), 0, 1)


def rule_lines(page: Page, spacing: float, axes: Sequence[int] = (0,), strength: float = 0.8) -> Page:
    """Printed lines; along axis 0 for ruled paper, along both for squared paper.

    Args:
        page: (H, W, 3).
        spacing: Pixels from line to line.
        axes: 0 for horizontal lines, 1 for vertical ones.
        strength: How much of the ink of `RULING` is in a line's middle.
    """
    for axis in axes:
        distance = np.abs((np.arange(page.shape[axis]) + spacing / 2) % spacing - spacing / 2)
        cover = strength * np.clip(1.2 + spacing / 80 - distance, 0, 1)
        page = _cover(page, cover[:, None] if axis == 0 else cover[None, :], RULING)
    return page


def write_on(
    page: Page,
    ink: Ink,
    at: tuple[float, float],
    colour: Colour,
    rng: np.random.Generator,
    patchy: float = 0.0,
) -> Page:
    """Puts ink on a page.

    Args:
        page: (H, W, 3).
        ink: The pen's cover, no larger than the page.
        at: Where its middle goes, as fractions of the page's width and height.
        colour: Of the ink.
        rng: Where the patches come from.
        patchy: How unevenly the ink lies: 0 for paint, 0.1 a ball pen, 0.5 chalk on a rough board.

    Raises:
        ValueError: The ink would fall off the page.
    """
    shape = (page.shape[0], page.shape[1])
    height, width = ink.shape
    left, top = round(at[0] * shape[1] - width / 2), round(at[1] * shape[0] - height / 2)
    if left < 0 or top < 0 or left + width > shape[1] or top + height > shape[0]:
        raise ValueError(f"ink of {width} x {height} pixels at {at} does not fit on the page")
    cover = np.zeros(shape)
    cover[top : top + height, left : left + width] = ink / 255
    tooth = noise(shape, 2, rng) + 0.5 * noise(shape, 30, rng)
    return _cover(page, cover * np.clip(1 - patchy * (0.8 + 0.8 * tooth), 0.08, 1), colour)


def blackboard(size: tuple[int, int], rng: np.random.Generator) -> Page:
    """A dark green board, wiped but not washed: smears of old chalk run across it."""
    page = paper(size, rng, colour=(0.12, 0.21, 0.18), grain=0.03)
    shape = size[::-1]
    wiped = noise((shape[0] * 2, max(2, shape[1] // 25)), 7, rng).astype(np.float32)
    streaks = Image.fromarray(wiped).resize((size[0], size[1] * 2), Image.Resampling.BICUBIC).rotate(-12)
    top = shape[0] // 2
    smear = 0.06 + 0.008 * np.asarray(streaks)[top : top + shape[0]] + 0.025 * noise(shape, size[0] / 5, rng)
    return _cover(page, np.clip(smear, 0, 1), INKS["chalk"])


def desk(size: tuple[int, int], rng: np.random.Generator) -> Page:
    """A dark wooden desk; its grain runs from left to right."""
    fibres = Image.fromarray(noise((size[1], max(2, size[0] // 20)), 4, rng).astype(np.float32))
    grain = np.asarray(fibres.resize(size, Image.Resampling.BICUBIC), dtype=np.float64)
    return np.clip(np.array(WOOD) * (1 + 0.12 * grain[..., None]), 0, 1)


def shade(page: Page, rng: np.random.Generator, fall_off: float = 0.3, shadow: float = 0.25) -> Page:
    """Uneven room light: it falls off across the page, is warm on one side, and somebody's shadow lies over a part.

    Args:
        page: (H, W, 3).
        rng: Where the directions come from.
        fall_off: What part of the light is lost from the lightest corner to the darkest.
        shadow: What part of the light the shadow takes.
    """
    height, width = page.shape[:2]
    y, x = (np.mgrid[0:height, 0:width] - [[[height / 2]], [[width / 2]]]) / max(height, width)
    away, across = rng.uniform(0, 2 * np.pi, size=2)
    light = 1 - fall_off * (0.5 + x * np.cos(away) + y * np.sin(away))
    ripple = 0.04 * np.sin(9 * (y * np.cos(across) - x * np.sin(across)) + rng.uniform(0, 6))
    edge = x * np.cos(across) + y * np.sin(across) - rng.uniform(0.10, 0.25) + ripple
    light *= 1 - shadow / (1 + np.exp(-edge / 0.02))
    warmth = np.stack([1 + 0.04 * x, np.ones_like(x), 1 - 0.10 * (0.5 + x)], axis=2)
    lit: Page = page * light[..., None] * warmth
    return lit


def photograph(
    page: Page, rng: np.random.Generator, *, tilt: float = 0.06, blur: float = 1.0, sensor_noise: float = 0.012
) -> Image.Image:
    """A hand-held camera's picture of the middle of a page, in the page's own size.

    Args:
        page: (H, W, 3).
        rng: Where the camera's place and its noise come from.
        tilt: How far the corners move inwards, as a fraction of the size: perspective, turn and crop in one.
        blur: Of the lens, pixels.
        sensor_noise: Standard deviation of a pixel's brightness.
    """
    height, width = page.shape[:2]
    inward = rng.uniform(0.1, 1.0, size=(4, 2)) * tilt * (1 - 2 * _FRAME)
    image = to_image(page * (EXPOSURE / np.percentile(page, 99))).transform(
        (width, height),
        Image.Transform.PERSPECTIVE,
        _homography(_FRAME * [width, height], (_FRAME + inward) * [width, height]),
        Image.Resampling.BICUBIC,
    )
    seen = np.asarray(image.filter(ImageFilter.GaussianBlur(blur)), dtype=np.float64) / 255
    return to_image(seen + sensor_noise * noise((height, width), 1.3, rng)[..., None])


def to_image(page: Page) -> Image.Image:
    """The page as an 8-bit RGB picture."""
    return Image.fromarray(np.rint(np.clip(page, 0, 1) * 255).astype(np.uint8), "RGB")


def _cover(page: Page, cover: NDArray[np.float64], colour: Colour) -> Page:
    """Colour laid over a page; `cover`, (H, W) or broadcast to it, is 0 where the page stays, 1 where it is hidden."""
    return page * (1 - cover[..., None]) + np.array(colour) * cover[..., None]


def _homography(corners: NDArray[np.float64], targets: NDArray[np.float64]) -> list[float]:
    """The eight numbers with which Pillow maps `corners` (4, 2) to `targets` (4, 2)."""
    rows, values = [], []
    for (x, y), (u, v) in zip(corners.tolist(), targets.tolist(), strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    solution: list[float] = np.linalg.solve(np.array(rows), np.array(values)).tolist()
    return solution
