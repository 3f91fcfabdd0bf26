"""Letters and symbols from fonts that nothing here was trained on, less those that a person would take for a digit.

The fonts are Python packages under the Open Font License or Apache-2.0, pinned in requirements-train.txt.
"""

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from training.errors import TrainingError

PACKAGES = (
    "font_amatic_sc",
    "font_caladea",
    "font_fredoka_one",
    "font_intuitive",
    "font_manrope",
    "font_roboto",
    "font_source_sans_pro",
    "font_source_serif_pro",
)

LETTERS = "ACEFHJKLMNPRTUVWXacefhkmnprtuvwx"
"""Left out: D O Q o as 0, and d, which some fonts draw as a small D; I i j l as 1; Z z as 2; Y y as 4; S s as 5; G b as
6; B as 8; g q as 9."""

SYMBOLS = "#*+-:<=>?@^~_¥©®±«»÷"
"""Left out: % ° Ø as 0; quotes, commas, bars, slashes, brackets and parentheses as 1; braces as 3; $ and § as 5; ¬ as
7; & as 8."""

SIZES = 72, 96, 120
CANVAS = 168
"""A side of the picture, in pixels, as the font sizes are."""

MOST_TURN = 10
"""Degrees either way."""

ABSENT = "\uffff"
"""No font has this character, so it shows what a font draws for one that it lacks."""


@lru_cache
def font_files() -> tuple[Path, ...]:
    """The TrueType files of all packages, in the order of packages and names.

    Raises:
        TrainingError: A package is not installed.
    """
    files: list[Path] = []
    for package in PACKAGES:
        spec = find_spec(package)
        folders = spec.submodule_search_locations if spec else None
        if not folders:
            raise TrainingError(f"the font package {package} is missing: pip install -r requirements-train.txt")
        files += sorted(Path(folders[0]).glob("files/*.ttf"))
    return tuple(files)


def draw_character(character: str, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return the character's ink, (CANVAS, CANVAS) uint8, light on black: in a random font, size, turn and place."""
    font = _font_with(character, rng)
    canvas = Image.new("L", (CANVAS, CANVAS))
    middle = tuple((CANVAS / 2 + rng.uniform(-12, 12, 2)).tolist())
    ImageDraw.Draw(canvas).text(middle, character, fill=255, font=font, anchor="mm")
    turned = canvas.rotate(rng.uniform(-MOST_TURN, MOST_TURN), Image.Resampling.BICUBIC)
    return np.asarray(turned)


def _font_with(character: str, rng: np.random.Generator) -> ImageFont.FreeTypeFont:
    size = int(rng.choice(SIZES))
    for index in rng.permutation(len(font_files())):
        font = _load(font_files()[index], size)
        if _mask(font, character) != _mask(font, ABSENT):
            return font
    raise TrainingError(f"no font has the character {character!r}")


@lru_cache(maxsize=256)
def _load(path: Path, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)


def _mask(font: ImageFont.FreeTypeFont, character: str) -> bytes:
    return bytes(font.getmask(character))
