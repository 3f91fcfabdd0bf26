"""Small photos of digits, drawn by the project's own pen."""

from io import BytesIO

import numpy as np
from PIL import Image

from samples.strokes import draw_digit, random_hand

SIDE = 64


def photo(label: int, seed: int) -> bytes:
    """A JPEG of a digit in blue ink on paper of some colour; the same seed draws the same."""
    rng = np.random.default_rng((label, seed))
    ink = draw_digit(label, rng, height=40, hand=random_hand(rng, 0.12), way=0)
    page = Image.new("RGB", (SIDE, SIDE), tuple(int(light) for light in rng.integers(190, 245, 3)))
    left, top = (int(place) for place in rng.integers(2, SIDE - 46, 2))
    page.paste((30, 30, 120), (left, top), Image.fromarray(ink))
    file = BytesIO()
    page.save(file, "JPEG")
    return file.getvalue()
