"""Printed characters, for what a pen does not show: `print_character` sets one in a face of its own."""

from pathlib import Path

import cv2
import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from samples.strokes import to_mnist_form

FACES = (
    "DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSansMono", "DejaVuSansMono-Oblique", "DejaVuSerif",
    "DejaVuSerif-Bold", "DejaVuSerif-Italic", "STIXGeneral", "STIXGeneralItalic", "STIXGeneralBol", "cmr10", "cmss10",
    "cmtt10", "cmb10",
)  # fmt: skip
"""Those of matplotlib's own fonts that hold letters and digits."""

WIDE_FACES = tuple(face for face in FACES if face.startswith(("DejaVu", "STIX")))
"""Those that hold more than ASCII."""

PLOTTER_FACES = (
    cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX, cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_SCRIPT_SIMPLEX, cv2.FONT_HERSHEY_SCRIPT_COMPLEX,
)  # fmt: skip
"""OpenCV's: single strokes of any width (A. V. Hershey, "Calligraphy for Computers", 1967)."""

SIDE = 64
"""Pixels a side of what is drawn before it is brought into MNIST's form."""

Picture = NDArray[np.uint8]


def print_character(character: str, rng: np.random.Generator) -> Picture:
    """Return a printed character in MNIST's form, (28, 28) uint8, in a random face, weight and width.

    Args:
        character: One of ASCII or Latin-1; the latter only in `WIDE_FACES`.
        rng: Where the choice comes from.
    """
    plotted = character.isascii() and rng.random() < 0.4
    canvas = _plotted(character, rng) if plotted else _set(character, rng)
    width, height = (int(length) for length in SIDE * rng.uniform(0.7, 1.2, size=2))
    return cropped(np.asarray(Image.fromarray(canvas).resize((width, height))))


def cropped(picture: Picture) -> Picture:
    """Return the picture in MNIST's form, or a single blot where it holds no ink.

    Args:
        picture: (H, W) uint8, light ink on black.
    """
    rows, columns = np.nonzero(picture.max(axis=1) > 32)[0], np.nonzero(picture.max(axis=0) > 32)[0]
    if not rows.size:
        return to_mnist_form(np.full((3, 3), 255, dtype=np.uint8))
    return to_mnist_form(picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])


def _set(character: str, rng: np.random.Generator) -> Picture:
    faces = FACES if character.isascii() else WIDE_FACES
    face = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{rng.choice(faces)}.ttf"
    canvas = Image.new("L", (SIDE, SIDE))
    draw = ImageDraw.Draw(canvas)
    draw.text((SIDE / 2, SIDE / 2), character, fill=255, font=ImageFont.truetype(face, 44), anchor="mm")
    return np.asarray(canvas)


def _plotted(character: str, rng: np.random.Generator) -> Picture:
    canvas = np.zeros((SIDE, SIDE), dtype=np.uint8)
    face = int(rng.choice(PLOTTER_FACES)) | (cv2.FONT_ITALIC if rng.random() < 0.4 else 0)
    cv2.putText(canvas, character, (14, 48), face, 1.4, (255,), int(rng.integers(1, 8)), cv2.LINE_AA)
    return canvas
