"""Paper under light and camera, for the conditions that need them; the scenes are those of the sample pictures."""

import numpy as np

from samples import scenes
from training.pictures import Pixels, add, jpeg

SCENE_SIZE = 200, 150
"""Width and height of a photo-like scene: a digit about 60 pixels tall, and 10,000 of them in a few minutes."""

SCENE_INKS = ("black", "blue", "green", "red", "pencil")

NOTES = scenes.PAPER, (0.98, 0.93, 0.55), (0.75, 0.87, 0.95), (0.97, 0.75, 0.8)
"""White, yellow, blue and pink."""

RULING = 150, 180, 215
"""Pale blue."""


def shadow(picture: Pixels, rng: np.random.Generator) -> Pixels:
    """The picture (H, W, 3) in light that falls off across it, with the soft edge of a shadow over a part."""
    height, width = picture.shape[:2]
    y, x = np.mgrid[0:height, 0:width] / max(height, width) - 0.5
    falling, across = rng.uniform(0, 2 * np.pi, 2)
    light = 1 - rng.uniform(0.4, 0.65) * np.clip(0.5 + x * np.cos(falling) + y * np.sin(falling), 0, 1)
    edge = x * np.cos(across) + y * np.sin(across) - rng.uniform(-0.2, 0.2)
    light *= 1 - rng.uniform(0.2, 0.5) / (1 + np.exp(-edge / rng.uniform(0.02, 0.08)))
    return np.asarray(np.rint(picture * light[..., None]), np.uint8)


def grain(picture: Pixels, rng: np.random.Generator, strength: float) -> Pixels:
    """The picture (H, W, 3) on rough paper: fine and coarse spots, `strength` their standard deviation."""
    shape = picture.shape[:2]
    spots = (scenes.noise(shape, 1.0, rng) + scenes.noise(shape, 4.0, rng)) / np.sqrt(2)
    return add(picture, strength * picture * spots[..., None])


def rule(page: Pixels, rng: np.random.Generator) -> Pixels:
    """The page (H, W, 3) with printed lines 1.5 pixels wide, 22 to 36 pixels apart."""
    spacing = rng.uniform(22, 36)
    place = (np.arange(len(page)) + rng.uniform(0, spacing)) % spacing
    cover = np.clip(1.25 - np.abs(place - spacing / 2), 0, 1)[:, None, None]
    return np.asarray(np.rint(page * (1 - cover) + np.array(RULING) * cover), np.uint8)


def scene(ink: Pixels, rng: np.random.Generator) -> bytes:
    """A photo-like JPEG of ink (h, w) written on paper, which is ruled in half of all scenes."""
    page = scenes.paper(SCENE_SIZE, rng)
    if rng.random() < 0.5:
        page = scenes.rule_lines(page, rng.uniform(18, 30))
    return _shot(_written(page, ink, rng, astray=0.15), rng)


def note(ink: Pixels, rng: np.random.Generator) -> bytes:
    """A photo-like JPEG of ink (h, w) on a note that lies on a dark desk; the desk shows on all sides."""
    width, height = SCENE_SIZE
    page = scenes.paper(SCENE_SIZE, rng, NOTES[int(rng.integers(len(NOTES)))])
    page = _written(page, ink, rng, astray=0.05)
    left, right = (round(share * width) for share in rng.uniform(0.08, 0.25, 2))
    top, bottom = (round(share * height) for share in rng.uniform(0.06, 0.18, 2))
    desk = scenes.desk(SCENE_SIZE, rng)
    on_desk = slice(top, height - bottom), slice(left, width - right)
    desk[on_desk] = page[on_desk]
    return _shot(desk, rng)


def chalk(ink: Pixels, rng: np.random.Generator) -> bytes:
    """A photo-like JPEG of ink (h, w) as chalk on a blackboard that was wiped before."""
    board = scenes.blackboard(SCENE_SIZE, rng)
    at = rng.uniform(0.35, 0.65), rng.uniform(0.35, 0.65)
    board = scenes.write_on(board, ink, at, scenes.INKS["chalk"], rng, patchy=rng.uniform(0.1, 0.4))
    return _shot(board, rng)


def _written(page: scenes.Page, ink: Pixels, rng: np.random.Generator, astray: float) -> scenes.Page:
    """The page with ink of one of the pens about its middle, at most `astray` of its width and height off."""
    pen = SCENE_INKS[int(rng.integers(len(SCENE_INKS)))]
    at = rng.uniform(0.5 - astray, 0.5 + astray), rng.uniform(0.5 - astray, 0.5 + astray)
    return scenes.write_on(page, ink, at, scenes.INKS[pen], rng, patchy=0.12)


def _shot(page: scenes.Page, rng: np.random.Generator) -> bytes:
    """The page as a JPEG from a phone, in room light with a shadow."""
    lit = scenes.shade(page, rng, shadow=rng.uniform(0, 0.3))
    return jpeg(np.asarray(scenes.photograph(lit, rng, blur=rng.uniform(0.4, 0.9))), 80)
