"""The made set of pictures that show no digit; each kind is one small function of a generator.

Whatever is sent gets an answer, so the probability must tell that these are no digits.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from samples import scenes
from training.pictures import WHITE, Pixels, anywhere, colour, jpeg, png
from training.report.fonts import LETTERS, SYMBOLS, draw_character
from training.report.paper import SCENE_SIZE, grain, shadow
from training.report.scribbles import draw_scribble

Make = Callable[[np.random.Generator], bytes]

TEXTURE_SIDE = 128

DARK_PENS = ((20, 20, 22), (20, 40, 150), (170, 25, 35))


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of picture without a digit.

    Attributes:
        count: How many the set has of it.
        content: What they show, for the report.
        make: Returns a picture file.
    """

    count: int
    content: str
    make: Make


KINDS: dict[str, Kind] = {}
"""All kinds by name, in the order of the report."""


def kind(count: int, content: str) -> Callable[[Make], Make]:
    """Register a function as the kind of its own name."""

    def register(make: Make) -> Make:
        KINDS[make.__name__] = Kind(count, content, make)
        return make

    return register


@kind(1000, f"one of the letters {LETTERS} in one of many fonts, on clean or photographed paper")
def letters(rng: np.random.Generator) -> bytes:
    """A letter that nobody takes for a digit."""
    return _on_paper(draw_character(LETTERS[int(rng.integers(len(LETTERS)))], rng), rng)


@kind(500, "one of 20 symbols in one of many fonts, on clean or photographed paper")
def symbols(rng: np.random.Generator) -> bytes:
    """A symbol that nobody takes for a digit."""
    return _on_paper(draw_character(SYMBOLS[int(rng.integers(len(SYMBOLS)))], rng), rng)


@kind(500, "tangles, zigzags, spirals, hatching, crossed-out places and coils")
def scribbles(rng: np.random.Generator) -> bytes:
    """A pen tried on paper."""
    ink = draw_scribble(rng)
    return _on_paper(anywhere(ink, (max(168, ink.shape[0]), max(168, ink.shape[1])), rng), rng)


def _on_paper(ink: Pixels, rng: np.random.Generator) -> bytes:
    """Half of the pictures clean, the others on grainy paper in uneven light."""
    pen = DARK_PENS[int(rng.integers(len(DARK_PENS)))]
    if rng.random() < 0.5:
        return png(colour(ink, pen, WHITE))
    return jpeg(shadow(grain(colour(ink, pen, (242, 240, 234)), rng, 0.02), rng))


@kind(500, "clouds, wood, stripes, checks, dots and bricks")
def textures(rng: np.random.Generator) -> bytes:
    """A surface."""
    field = TEXTURES[int(rng.integers(len(TEXTURES)))](rng)
    field = (field - field.min()) / max(float(np.ptp(field)), 1e-9)
    dark, light = rng.uniform(0, 110, 3), rng.uniform(140, 255, 3)
    noise = 4 * scenes.noise((TEXTURE_SIDE, TEXTURE_SIDE), 1.0, rng)[..., None]
    return jpeg(np.clip(dark + (light - dark) * field[..., None] + noise, 0, 255).astype(np.uint8))


Field = NDArray[np.float64]
"""Brightness (TEXTURE_SIDE, TEXTURE_SIDE), in any range."""


def clouds(rng: np.random.Generator) -> Field:
    """Smooth spots of one size."""
    return scenes.noise((TEXTURE_SIDE, TEXTURE_SIDE), rng.uniform(3, 30), rng)


def wood(rng: np.random.Generator) -> Field:
    """Streaks along one direction."""
    grown = scenes.noise((TEXTURE_SIDE, 12), 4.0, rng).repeat(12, axis=1)[:, :TEXTURE_SIDE]
    return np.asarray(grown + 0.3 * scenes.noise((TEXTURE_SIDE, TEXTURE_SIDE), 2.0, rng))


def stripes(rng: np.random.Generator) -> Field:
    """5 to 20 stripes at any angle, soft or sharp."""
    across, _ = _axes(rng)
    return np.asarray(np.tanh(rng.uniform(0.5, 8) * np.sin(2 * np.pi * rng.uniform(5, 20) * across)))


def checks(rng: np.random.Generator) -> Field:
    """A chess board at any angle, 5 to 15 squares a side."""
    across, along = _axes(rng)
    number = np.pi * rng.uniform(5, 15)
    return np.asarray(np.sign(np.sin(number * across) * np.sin(number * along)))


def dots(rng: np.random.Generator) -> Field:
    """A grid of 5 to 12 dots a side."""
    across, along = _axes(rng)
    number = 2 * np.pi * rng.uniform(5, 12)
    return (np.sin(number * across) + np.sin(number * along) > rng.uniform(0.4, 1.4)).astype(np.float64)


def bricks(rng: np.random.Generator) -> Field:
    """A wall of 5 to 9 courses."""
    courses = rng.uniform(5, 9)
    y, x = np.mgrid[0:TEXTURE_SIDE, 0:TEXTURE_SIDE] / TEXTURE_SIDE * courses
    mortar = 0.1 + 0.1 * rng.random()
    joint = ((x / 2 + 0.5 * (np.floor(y) % 2)) % 1 < mortar / 2) | (y % 1 < mortar)
    return np.asarray(joint * 2.0 + 0.4 * scenes.noise((TEXTURE_SIDE, TEXTURE_SIDE), 3.0, rng))


TEXTURES: tuple[Callable[[np.random.Generator], Field], ...] = (clouds, wood, stripes, checks, dots, bricks)


def _axes(rng: np.random.Generator) -> tuple[Field, Field]:
    """Two coordinates at right angles, turned at random, that change by 1 across the picture."""
    y, x = np.mgrid[0:TEXTURE_SIDE, 0:TEXTURE_SIDE] / TEXTURE_SIDE
    turn = rng.uniform(0, np.pi)
    return x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)


@kind(400, "blank, ruled or squared paper in room light, with grain, shadow and sensor noise")
def blank_paper(rng: np.random.Generator) -> bytes:
    """A sheet on which nothing is written."""
    return _photograph(_sheet(rng), rng)


@kind(400, "the edge or corner of a sheet on a desk, or of a blackboard, without writing")
def photo_corners(rng: np.random.Generator) -> bytes:
    """What a photo shows beside the digit."""
    sheet = scenes.blackboard(SCENE_SIZE, rng) if rng.random() < 0.25 else _sheet(rng)
    tone = rng.uniform(0.12, 0.6)
    desk = scenes.paper(SCENE_SIZE, rng, (tone, tone * rng.uniform(0.7, 1), tone * rng.uniform(0.45, 1)), grain=0.06)
    inside = np.ones(SCENE_SIZE[::-1], bool)
    y, x = np.mgrid[0 : SCENE_SIZE[1], 0 : SCENE_SIZE[0]] / max(SCENE_SIZE) - 0.4
    turn = rng.uniform(0, 2 * np.pi)
    for corner in range(int(rng.integers(1, 3))):
        edge = turn + corner * np.pi / 2 + rng.uniform(-0.05, 0.05)
        inside &= x * np.cos(edge) + y * np.sin(edge) < rng.uniform(-0.2, 0.2)
    return _photograph(np.where(inside[..., None], sheet, desk), rng)


def _sheet(rng: np.random.Generator) -> scenes.Page:
    page = scenes.paper(SCENE_SIZE, rng, grain=rng.uniform(0.004, 0.02))
    axes = ((), (0,), (0, 1))[int(rng.integers(3))]
    return scenes.rule_lines(page, rng.uniform(12, 30), axes)


def _photograph(page: scenes.Page, rng: np.random.Generator) -> bytes:
    lit = scenes.shade(page, rng, shadow=rng.uniform(0, 0.3))
    return jpeg(np.asarray(scenes.photograph(lit, rng, blur=rng.uniform(0.4, 0.9))), 80)
