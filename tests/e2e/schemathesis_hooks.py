"""What Schemathesis sends where the description says "a picture": one of a digit, in the format that the type names."""

import io
from pathlib import Path

import schemathesis
from hypothesis import strategies as st
from PIL import Image

from core.imaging.decode import FORMATS

SIZES = ((28, 28), (40, 60), (200, 150))


def pictures(file_format: str) -> list[bytes]:
    with Image.open(Path(__file__).parents[2] / "samples" / "7.png") as seven:
        return [encode(seven.resize(size), file_format) for size in SIZES]


def encode(picture: Image.Image, file_format: str) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, file_format)
    return buffer.getvalue()


for name in FORMATS:
    schemathesis.openapi.media_type(f"image/{name.lower()}", st.sampled_from(pictures(name)))
schemathesis.openapi.format("binary", st.sampled_from([data for name in FORMATS for data in pictures(name)]))
