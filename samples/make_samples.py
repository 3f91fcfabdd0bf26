"""Draws every picture of this folder again, and the picture that the service's readiness probe reads.

    python samples/make_samples.py                                       # samples/ and core/canary.png of this checkout
    python samples/make_samples.py --output /tmp/s --canary /tmp/c.png

The same bytes come out every time under the pinned Pillow and NumPy: each picture has its own generator, seeded by its name, so a new
picture changes none of the others. The digit that a picture shows is its name up to the first '-' or '.'.
"""

import argparse
import io
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).resolve().parent
if str(HERE.parent) not in sys.path:
    sys.path.insert(0, str(HERE.parent))  # run as a script, Python looks for modules in this folder only

from samples import scenes  # noqa: E402 - needs the path above
from samples.strokes import Hand, Ink, draw_digit, random_hand, to_mnist_form  # noqa: E402

SEED = 20261121
"""Any number would do; this one is the day on which the pictures were first drawn."""

CANARY = HERE.parent / "core" / "canary.png"
CANARY_DIGIT, CANARY_WAY = 3, 0

_EXIF_ORIENTATION = 0x0112
"""Exif 2.3, tag 274: how a viewer must turn the picture."""

_TURNED_180, _TURNED_90 = 3, 6
"""Values of that tag: turn by 180 degrees; turn by 90 degrees clockwise."""

Draw = Callable[[int, np.random.Generator], bytes]


def _pen(digit: int, rng: np.random.Generator, height: int, width: float) -> Ink:
    """A digit in a random hand with a pen of a given width (a fraction of the height)."""
    return draw_digit(digit, rng, height=height, hand=random_hand(rng, width))


def _encode(image: Image.Image, file_format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def _png(image: Image.Image) -> bytes:
    return _encode(image, "PNG", optimize=True)


def _mnist(digit: int, rng: np.random.Generator) -> bytes:
    return _png(Image.fromarray(to_mnist_form(_pen(digit, rng, 120, 0.11))))


def _marker(digit: int, rng: np.random.Generator) -> bytes:
    mask = scenes.centre(_pen(digit, rng, 360, 0.2), 640, 480)
    return _encode(
        scenes.to_image(scenes.write_on(scenes.sheet(640, 480, (252, 252, 250)), mask, (18, 120, 62))),
        "JPEG",
        quality=85,
    )


def _screen(digit: int, rng: np.random.Generator) -> bytes:
    mask = scenes.centre(_pen(digit, rng, 96, 0.1), 140, 140)
    return _encode(scenes.to_image(scenes.write_on(scenes.sheet(140, 140, (255, 255, 255)), mask, (0, 0, 0))), "BMP")


def _pencil(digit: int, rng: np.random.Generator) -> bytes:
    mask = scenes.centre(_pen(digit, rng, 340, 0.045), 480, 480)
    mask *= np.clip(0.8 - 0.2 * scenes.speckle(480, 480, rng, 1), 0, 1)
    paper = scenes.grain(scenes.sheet(480, 480, (246, 243, 234)), rng, 0.008, 2)
    return _encode(scenes.to_image(scenes.write_on(paper, mask, (196, 52, 48))), "WEBP", quality=80, method=6)


def _thin_pen(digit: int, rng: np.random.Generator) -> bytes:
    mask = scenes.centre(_pen(digit, rng, 380, 0.012), 420, 520)
    return _png(scenes.to_image(scenes.write_on(scenes.sheet(420, 520, (255, 255, 255)), mask, (40, 40, 44))))


def _dark_mode(digit: int, rng: np.random.Generator) -> bytes:
    mask = scenes.centre(_pen(digit, rng, 330, 0.07), 500, 500)
    return _png(scenes.to_image(scenes.write_on(scenes.sheet(500, 500, (30, 31, 38)), mask, (235, 235, 240))))


def _palette(digit: int, rng: np.random.Generator) -> bytes:
    mask = scenes.centre(_pen(digit, rng, 150, 0.12), 240, 200)
    image = scenes.to_image(scenes.write_on(scenes.sheet(240, 200, (255, 236, 150)), mask, (112, 28, 140)))
    return _encode(image.quantize(colors=16, dither=Image.Dither.NONE), "GIF")


def _blue_ink(digit: int, rng: np.random.Generator) -> bytes:
    mask = scenes.centre(_pen(digit, rng, 260, 0.055), 400, 400)
    return _png(scenes.to_image(scenes.write_on(scenes.sheet(400, 400, (250, 247, 236)), mask, (24, 56, 168))))


def _photo_squared(digit: int, rng: np.random.Generator) -> bytes:
    paper = scenes.rule(scenes.sheet(1200, 900, (236, 234, 226)), 64.0, 0.03, (150, 170, 196), squared=True)
    mask = scenes.place(_pen(digit, rng, 430, 0.055), 1200, 900, 430, 210)
    picture = scenes.light(scenes.write_on(paper, mask, (34, 34, 40), 0.9), rng, 0.35)
    return _photo(scenes.shadow(picture, 0.62, 0.4, 0.05, 0.35), rng)


def _photo_ruled(digit: int, rng: np.random.Generator) -> bytes:
    paper = scenes.rule(scenes.sheet(1600, 1200, (240, 237, 226)), 118.0, -0.05, (160, 178, 206))
    mask = scenes.place(_pen(digit, rng, 560, 0.05), 1600, 1200, 600, 330)
    picture = scenes.light(scenes.write_on(paper, mask, (26, 38, 96), 0.9), rng, 0.45)
    return _photo(scenes.shadow(picture, 0.55, 0.9, 0.04, 0.4), rng)


def _photo(picture: scenes.Picture, rng: np.random.Generator) -> bytes:
    """Through a phone's camera: paper fibres, sensor noise, a soft lens, JPEG."""
    picture = scenes.grain(scenes.grain(picture, rng, 0.012, 3), rng, 0.012)
    return _encode(scenes.to_image(picture, blur=1.2), "JPEG", quality=72)


def _exif(digit: int, rng: np.random.Generator, orientation: int, turn: Image.Transpose) -> bytes:
    """A picture stored turned by `turn`, with the tag that tells a viewer to turn it back."""
    mask = scenes.centre(_pen(digit, rng, 300, 0.09), 480, 400)
    paper = scenes.grain(scenes.sheet(480, 400, (232, 232, 228)), rng, 0.01, 1)
    image = scenes.to_image(scenes.write_on(paper, mask, (40, 42, 48))).transpose(turn)
    exif = Image.Exif()
    exif[_EXIF_ORIENTATION] = orientation
    return _encode(image, "JPEG", quality=80, exif=exif)


def _exif_90(digit: int, rng: np.random.Generator) -> bytes:
    return _exif(digit, rng, _TURNED_90, Image.Transpose.ROTATE_90)


def _exif_180(digit: int, rng: np.random.Generator) -> bytes:
    return _exif(digit, rng, _TURNED_180, Image.Transpose.ROTATE_180)


def _transparent(digit: int, rng: np.random.Generator, colour: scenes.Colour) -> bytes:
    """Ink of a colour on nothing: the transparent pixels' own colour is black, as most drawing programs leave it."""
    alpha = np.rint(scenes.centre(_pen(digit, rng, 220, 0.09), 300, 300) * 255).astype(np.uint8)
    pixels = np.concatenate([np.broadcast_to(np.uint8(colour), (300, 300, 3)), alpha[..., None]], axis=2)
    pixels[alpha == 0] = 0
    return _png(Image.fromarray(pixels))


def _transparent_dark(digit: int, rng: np.random.Generator) -> bytes:
    return _transparent(digit, rng, (20, 20, 30))


def _transparent_light(digit: int, rng: np.random.Generator) -> bytes:
    return _transparent(digit, rng, (250, 250, 250))


def _one_bit(digit: int, rng: np.random.Generator) -> bytes:
    mask = scenes.centre(_pen(digit, rng, 200, 0.06), 280, 280)
    return _png(Image.fromarray(np.rint((1 - mask) * 255).astype(np.uint8)).convert("1", dither=Image.Dither.NONE))


def _scan(digit: int, rng: np.random.Generator) -> bytes:
    mask = scenes.place(_pen(digit, rng, 150, 0.06), 360, 300, 70, 60)
    paper = scenes.grain(scenes.sheet(360, 300, (244, 244, 244)), rng, 0.012)
    grey = scenes.to_image(scenes.write_on(paper, mask, (60, 60, 60)), blur=0.8).convert("L")
    return _encode(grey, "TIFF", compression="tiff_lzw")


def _sixteen_bit(digit: int, rng: np.random.Generator) -> bytes:
    mask = scenes.centre(_pen(digit, rng, 170, 0.08), 256, 256)
    grey = scenes.to_grey(scenes.write_on(scenes.sheet(256, 256, (225, 225, 225)), mask, (50, 50, 50)))
    return _png(Image.fromarray(np.rint(grey * 65535).astype(np.uint16)))


def _chalk(digit: int, rng: np.random.Generator) -> bytes:
    board = scenes.smears(scenes.grain(scenes.sheet(800, 600, (38, 62, 52)), rng, 0.012, 1), rng, 0.02)
    mask = scenes.chalk(scenes.centre(_pen(digit, rng, 400, 0.07), 800, 600), rng)
    return _encode(scenes.to_image(scenes.write_on(board, mask, (236, 236, 224)), blur=0.7), "JPEG", quality=80)


def _edge(digit: int, rng: np.random.Generator) -> bytes:
    """Cropped so tightly that the ink touches all four sides."""
    ink = _pen(digit, rng, 180, 0.07)
    height, width = ink.shape
    mask = scenes.centre(ink, width, height)
    return _png(scenes.to_image(scenes.write_on(scenes.sheet(width, height, (255, 255, 255)), mask, (10, 10, 10))))


def _tiny(digit: int, rng: np.random.Generator) -> bytes:
    mask = scenes.place(_pen(digit, rng, 44, 0.1), 1200, 900, 1010, 770)
    return _png(scenes.to_image(scenes.write_on(scenes.sheet(1200, 900, (255, 255, 255)), mask, (0, 0, 0))))


SAMPLES: dict[str, Draw] = {f"{digit}.png": _mnist for digit in range(10)} | {
    "0-green-marker.jpg": _marker,
    "0-screen.bmp": _screen,
    "1-red-pencil.webp": _pencil,
    "1-sixteen-bit.png": _sixteen_bit,
    "2-thin-pen.png": _thin_pen,
    "2-palette.gif": _palette,
    "3-blue-ink.png": _blue_ink,
    "3-photo-squared.jpg": _photo_squared,
    "4-exif-90.jpg": _exif_90,
    "4-transparent-dark.png": _transparent_dark,
    "5-transparent-light.png": _transparent_light,
    "5-one-bit.png": _one_bit,
    "6-exif-180.jpg": _exif_180,
    "6-scan.tiff": _scan,
    "7-photo-ruled.jpg": _photo_ruled,
    "7-dark-mode.png": _dark_mode,
    "8-chalk-board.jpg": _chalk,
    "8-edge.png": _edge,
    "9-tiny-corner.png": _tiny,
}
"""Who draws each file."""


def digit_of(name: str) -> int:
    """The digit that a sample shows, from its file name."""
    return int(name.split(".")[0].split("-")[0])


def draw_sample(name: str) -> bytes:
    """One file of `SAMPLES`, encoded.

    Raises:
        KeyError: There is no such sample.
    """
    return SAMPLES[name](digit_of(name), np.random.default_rng([SEED, *name.encode()]))


def draw_canary() -> bytes:
    """A 3 in a copybook hand in MNIST's form, PNG: any network that reads digits at all reads this one."""
    hand = Hand(slant=0.05, wobble=0.006, pressure=0.1)
    ink = draw_digit(CANARY_DIGIT, np.random.default_rng(SEED), height=120, hand=hand, way=CANARY_WAY)
    return _png(Image.fromarray(to_mnist_form(ink)))


def main() -> None:
    """Writes the pictures where the command line says."""
    parser = argparse.ArgumentParser(description="Draws the sample pictures and the canary again.")
    parser.add_argument("--output", type=Path, default=HERE, help="folder for the samples (default: this script's)")
    parser.add_argument("--canary", type=Path, default=CANARY, help="file for the canary (default: core/canary.png)")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    for name in SAMPLES:
        (arguments.output / name).write_bytes(draw_sample(name))
    arguments.canary.write_bytes(draw_canary())
    print(f"{len(SAMPLES)} samples in {arguments.output}, the canary in {arguments.canary}")


if __name__ == "__main__":
    main()
