"""What holds of any bytes, any picture in any format, and any header."""

import io
import struct
import zlib

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import Image

from core.imaging.decode import FORMATS
from core.imaging.parts import needed_parts
from tests.fuzz.bombs import PNG_START, chunk
from tests.fuzz.judge import read
from tests.fuzz.seeds import seeds

REFUSED = {"invalid_image", "image_too_large"}
OUTCOMES = {"read", "no_ink"} | REFUSED
MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F")
SEEDS = seeds()
STARTS = [data[:12] for data in SEEDS.values()]

brief = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)
pictures = arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40), st.just(4)))


@brief
@given(st.binary(max_size=300), st.sampled_from([b"", *STARTS]))
def test_any_bytes_are_refused_or_read(data: bytes, start: bytes) -> None:
    assert read(start + data) in OUTCOMES


@brief
@given(pictures, st.sampled_from(MODES), st.sampled_from(FORMATS))
def test_any_picture_in_any_format_is_read_or_blank(pixels: NDArray[np.uint8], mode: str, image_format: str) -> None:
    image = Image.fromarray(pixels)
    image = (
        Image.fromarray(pixels[..., 0].astype(np.uint16) * 257) if mode == "I;16" else image.convert("L").convert(mode)
    )
    buffer = io.BytesIO()
    try:
        image.save(buffer, image_format)
    except (OSError, KeyError, ValueError):
        return  # the format has no such mode
    assert read(buffer.getvalue()) in {"read", "no_ink"}


@brief
@given(
    st.integers(0, 2**32 - 1) | st.integers(0, 70),
    st.integers(0, 2**32 - 1) | st.integers(0, 70),
    st.sampled_from([1, 2, 4, 8, 16]) | st.integers(0, 255),
    st.sampled_from([0, 2, 3, 4, 6]) | st.integers(0, 255),
    st.tuples(st.just(0), st.just(0), st.integers(0, 2)) | st.tuples(*[st.integers(0, 255)] * 3),
    st.binary(max_size=200),
)
def test_any_png_header_is_refused_or_read(
    width: int, height: int, depth: int, colour: int, rest: tuple[int, int, int], rows: bytes
) -> None:
    header = struct.pack(">IIBBBBB", width, height, depth, colour, *rest)
    data = PNG_START + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    assert read(data) in OUTCOMES


@brief
@given(st.sampled_from(sorted(SEEDS)), st.binary(max_size=50))
def test_taking_out_what_is_not_needed_twice_changes_nothing_more(name: str, tail: bytes) -> None:
    lean = needed_parts(SEEDS[name] + tail)
    assert needed_parts(lean) == lean
