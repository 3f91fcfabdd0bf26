"""Draws every sample picture, and the readiness probe's canary, from fixed seeds.

    python samples/make_samples.py [--output samples] [--canary core/canary.png]

The same versions of NumPy and Pillow draw the same pictures bit for bit.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # a script's own folder is on Python's path, the project's is not

from samples import scenes  # noqa: E402
from samples.scenes import INKS, PAPER, Colour  # noqa: E402
from samples.strokes import Hand, Ink, draw_digit, random_hand, to_mnist_form  # noqa: E402

CANARY_DIGIT = 3
CANARY_SIDE = 112

ORIENTATION = 0x0112
"""The EXIF tag that says how a camera was held (Exif 2.32, section 4.6.4)."""
TURN_180, TURN_90_CLOCKWISE = 3, 6

WHITE: Colour = (1.0, 1.0, 1.0)
BLACK: Colour = (0.0, 0.0, 0.0)
STICKY_YELLOW: Colour = (0.98, 0.90, 0.45)

Draw = Callable[[int, np.random.Generator], Image.Image]


@dataclass(frozen=True)
class Sample:
    """How to make one file.

    Attributes:
        draw: Draws the digit that it is given, from the generator that it is given.
        seed: Chosen by eye among the first few; each gives another hand.
        options: For the encoder of the file's format.
    """

    draw: Draw
    seed: int = 0
    options: dict[str, Any] = field(default_factory=dict)


def pen_strokes(digit: int, rng: np.random.Generator, height: int, pen: float) -> Ink:
    """A digit about `height` pixels tall; `pen` is the pen's width as a fraction of that."""
    return draw_digit(digit, rng, height=height, hand=random_hand(rng, pen))


def mnist_form(digit: int, rng: np.random.Generator) -> Image.Image:
    """28x28, light ink on black, as MNIST has it."""
    return Image.fromarray(to_mnist_form(pen_strokes(digit, rng, 80, 0.12)))


def copybook(digit: int, rng: np.random.Generator) -> Image.Image:
    """Dark on light, by a careful hand: any network that reads digits at all reads it."""
    hand = Hand(width=0.12, slant=0.08, wobble=0.006, pressure=0.1)
    ink = draw_digit(digit, rng, height=72, hand=hand, way=0)
    page = Image.new("L", (CANARY_SIDE, CANARY_SIDE), 255)
    page.paste(0, ((CANARY_SIDE - ink.shape[1]) // 2, (CANARY_SIDE - ink.shape[0]) // 2), Image.fromarray(ink))
    return page


def sheet(
    digit: int,
    rng: np.random.Generator,
    *,
    size: tuple[int, int],
    height: int,
    pen: float = 0.1,
    ink: Colour = INKS["black"],
    ground: Colour = WHITE,
    at: tuple[float, float] = (0.5, 0.5),
    grain: float = 0.0,
    patchy: float = 0.0,
) -> Image.Image:
    """Ink on an even ground, as drawn on a screen or well scanned."""
    page = scenes.paper(size, rng, ground, grain)
    return scenes.to_image(scenes.write_on(page, pen_strokes(digit, rng, height, pen), at, ink, rng, patchy))


def photo(
    digit: int,
    rng: np.random.Generator,
    *,
    size: tuple[int, int],
    height: int,
    pen: float = 0.07,
    ink: Colour = INKS["blue"],
    ground: Colour = PAPER,
    at: tuple[float, float] = (0.5, 0.5),
    spacing: float = 0.0,
    axes: tuple[int, ...] = (0,),
    shadow: float = 0.25,
    blur: float = 1.0,
) -> Image.Image:
    """Ink on paper, photographed by hand in a room; `spacing` is that of printed lines, 0 for blank paper."""
    page = scenes.paper(size, rng, ground)
    if spacing:
        page = scenes.rule_lines(page, spacing, axes)
    page = scenes.write_on(page, pen_strokes(digit, rng, height, pen), at, ink, rng, patchy=0.12)
    return scenes.photograph(scenes.shade(page, rng, shadow=shadow), rng, blur=blur)


def chalkboard(digit: int, rng: np.random.Generator) -> Image.Image:
    """Chalk on a blackboard."""
    board = scenes.blackboard((960, 720), rng)
    board = scenes.write_on(board, pen_strokes(digit, rng, 360, 0.07), (0.48, 0.5), INKS["chalk"], rng, patchy=0.45)
    return scenes.photograph(scenes.shade(board, rng, shadow=0.0), rng)


def transparent(digit: int, rng: np.random.Generator, *, ink: Colour, hidden: Colour) -> Image.Image:
    """Ink on a transparent background; where nothing shows, the pixels are of the colour `hidden`."""
    strokes = pen_strokes(digit, rng, 220, 0.1)
    alpha = Image.new("L", (320, 320))
    alpha.paste(Image.fromarray(strokes), ((320 - strokes.shape[1]) // 2, (320 - strokes.shape[0]) // 2))
    colours = np.where(np.asarray(alpha)[..., None] > 0, np.array(ink), np.array(hidden))
    image = scenes.to_image(colours)
    image.putalpha(alpha)
    return image


def cropped(digit: int, rng: np.random.Generator) -> Image.Image:
    """Dark on light, cut so tightly that the ink touches all four sides."""
    return Image.fromarray(255 - pen_strokes(digit, rng, 180, 0.08))


def grey(draw: Draw, digit: int, rng: np.random.Generator) -> Image.Image:
    """What `draw` draws, in grey."""
    return draw(digit, rng).convert("L")


def sixteen_bit(draw: Draw, digit: int, rng: np.random.Generator) -> Image.Image:
    """What `draw` draws, in grey of 16 bits a pixel."""
    return Image.fromarray(np.asarray(draw(digit, rng).convert("L")).astype(np.uint16) * 257)


def two_level(draw: Draw, digit: int, rng: np.random.Generator) -> Image.Image:
    """What `draw` draws, in one bit a pixel."""
    return draw(digit, rng).convert("1", dither=Image.Dither.NONE)


def palette(draw: Draw, digit: int, rng: np.random.Generator) -> Image.Image:
    """What `draw` draws, in 16 colours."""
    return draw(digit, rng).quantize(16, dither=Image.Dither.NONE)


def turned(draw: Draw, orientation: int, digit: int, rng: np.random.Generator) -> Image.Image:
    """What `draw` draws as a camera stores it that was not held upright; its EXIF data say how to turn it back."""
    undo = {TURN_180: Image.Transpose.ROTATE_180, TURN_90_CLOCKWISE: Image.Transpose.ROTATE_90}
    return draw(digit, rng).transpose(undo[orientation])


def exif(orientation: int) -> Image.Exif:
    """EXIF data that hold an orientation."""
    tags = Image.Exif()
    tags[ORIENTATION] = orientation
    return tags


JPEG: dict[str, Any] = {"quality": 72, "optimize": True}
PNG: dict[str, Any] = {"optimize": True}
TIFF: dict[str, Any] = {"compression": "tiff_adobe_deflate"}
LOSSLESS_WEBP: dict[str, Any] = {"lossless": True, "quality": 100, "method": 6}

SCAN = partial(sheet, size=(420, 560), height=300, pen=0.08, ground=(0.96, 0.96, 0.95), grain=0.01, patchy=0.1)
SNAPSHOT = partial(photo, size=(640, 480), height=250, pen=0.08)
PENCIL = partial(photo, size=(800, 600), height=300, pen=0.035, ink=INKS["pencil"], shadow=0.1)
NOTE = partial(photo, size=(600, 600), height=330, ground=STICKY_YELLOW, ink=INKS["black"])
RULED = partial(photo, size=(1600, 1200), height=420, pen=0.065, spacing=92, at=(0.54, 0.52), blur=1.6)
SQUARED = partial(photo, size=(1200, 900), height=400, spacing=48, axes=(0, 1), blur=1.3)

SAMPLES: dict[str, Sample] = {f"{digit}.png": Sample(mnist_form, options=PNG) for digit in range(10)} | {
    "0-pencil.jpg": Sample(PENCIL, options=JPEG),
    "0-thick-marker.png": Sample(partial(sheet, size=(420, 420), height=260, pen=0.2), seed=2, options=PNG),
    "1-scan.tiff": Sample(partial(grey, SCAN), options=TIFF),
    "1-sixteen-bit.png": Sample(partial(sixteen_bit, partial(sheet, size=(256, 256), height=170)), options=PNG),
    "1-sticky-note.jpg": Sample(NOTE, seed=1, options=JPEG),
    "2-large.png": Sample(partial(grey, partial(sheet, size=(1400, 1400), height=1000)), seed=1, options=PNG),
    "2-palette.gif": Sample(partial(palette, partial(sheet, size=(200, 160), height=110, ground=PAPER))),
    "3-blue-ink.png": Sample(
        partial(sheet, size=(480, 400), height=240, pen=0.06, ink=INKS["blue"]), seed=1, options=PNG
    ),
    "3-one-bit.png": Sample(partial(two_level, partial(sheet, size=(128, 128), height=90)), options=PNG),
    "4-tiny-in-corner.png": Sample(partial(sheet, size=(800, 600), height=34, at=(0.82, 0.2)), seed=1, options=PNG),
    "4-transparent-dark-ink.png": Sample(partial(transparent, ink=INKS["black"], hidden=BLACK), options=PNG),
    "5-thin-pen.webp": Sample(partial(sheet, size=(500, 400), height=280, pen=0.02), options=LOSSLESS_WEBP),
    "5-transparent-light-ink.png": Sample(partial(transparent, ink=WHITE, hidden=WHITE), options=PNG),
    "6-green-felt-pen.bmp": Sample(partial(sheet, size=(140, 160), height=110, pen=0.13, ink=INKS["green"])),
    "6-upside-down-exif.jpg": Sample(partial(turned, SNAPSHOT, TURN_180), options=JPEG | {"exif": exif(TURN_180)}),
    "7-canvas.png": Sample(partial(sheet, size=(280, 280), height=190, ink=WHITE, ground=BLACK), options=PNG),
    "7-photo-ruled.jpg": Sample(RULED, options=JPEG),
    "8-chalkboard.jpg": Sample(chalkboard, options=JPEG),
    "8-cropped.png": Sample(cropped, options=PNG),
    "8-red-on-yellow.webp": Sample(
        partial(sheet, size=(320, 320), height=200, ink=INKS["red"], ground=STICKY_YELLOW), options={"quality": 80}
    ),
    "9-photo-squared.jpg": Sample(SQUARED, options=JPEG),
    "9-sideways-exif.jpg": Sample(
        partial(turned, SNAPSHOT, TURN_90_CLOCKWISE), options=JPEG | {"exif": exif(TURN_90_CLOCKWISE)}
    ),
}
"""The files to make; the first character of a name is the digit."""

CANARY = Sample(copybook, options=PNG)


def make(path: Path, sample: Sample, digit: int) -> None:
    """Draws one file; its generator depends on its own name and seed only, so that one file more changes no other."""
    image = sample.draw(digit, np.random.default_rng([sample.seed, *path.name.encode()]))
    image.save(path, **sample.options)
    print(f"{path}: {image.width} x {image.height} {image.mode}, {path.stat().st_size:,} bytes")


def main(arguments: list[str] | None = None) -> None:
    """Draws all files."""
    parser = argparse.ArgumentParser(description="Draw every sample picture, and the canary, from fixed seeds.")
    parser.add_argument("--output", type=Path, default=ROOT / "samples", help="folder to write to (%(default)s)")
    parser.add_argument("--canary", type=Path, default=ROOT / "core" / "canary.png", help="file (%(default)s)")
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)
    for name, sample in SAMPLES.items():
        make(options.output / name, sample, int(name[0]))
    make(options.canary, CANARY, CANARY_DIGIT)


if __name__ == "__main__":
    main()
