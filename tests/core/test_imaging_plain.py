"""`core.imaging.plain`: the short way to a digit gives what the long one gives, or nothing."""

import io
import random
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from core.errors import RequestError
from core.imaging import decode
from core.imaging.plain import load_plain
from samples.strokes import draw_digit, to_mnist_form

PIXELS = to_mnist_form(draw_digit(5, np.random.default_rng(7)))


def png(image: Image.Image | None = None, **options: object) -> bytes:
    buffer = io.BytesIO()
    (image or Image.fromarray(PIXELS)).save(buffer, "PNG", **options)
    return buffer.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


def with_data(data: bytes) -> bytes:
    """A PNG whose compressed pixels are these bytes, its checksums right."""
    whole = png()
    return whole[:33] + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@pytest.mark.parametrize("level", [0, 1, 6, 9])
def test_it_is_bit_for_bit(level: int) -> None:
    image = load_plain(png(compress_level=level))
    assert image is not None
    assert np.array_equal(np.asarray(image), PIXELS)


def test_missing_rows_are_black_on_both_ways() -> None:
    data = with_data(zlib.compress(b"".join(b"\0" + row.tobytes() for row in PIXELS[:14])))
    image = load_plain(data)
    assert image is not None
    assert image.tobytes() == decode.load(decode.open_picture(data, 784)).tobytes()
    assert not np.asarray(image)[14:].any()


@pytest.mark.parametrize("kind", range(5), ids=["none", "sub", "up", "average", "paeth"])
def test_every_filter_is_undone(kind: int) -> None:
    """Rows that claim to be filtered: what they mean is Pillow's to say, and both ways ask it."""
    rows = b"".join(bytes([kind]) + row.tobytes() for row in PIXELS)
    data = with_data(zlib.compress(rows))
    image = load_plain(data)
    assert image is not None
    assert image.tobytes() == decode.load(decode.open_picture(data, 784)).tobytes()


def with_text() -> bytes:
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", "drawn")
    return png(pnginfo=info)


SQUARE = Image.fromarray(PIXELS)
OTHERS = {
    "nothing": b"",
    "head only": png()[:33],
    "head and end": png()[:33] + chunk(b"IEND", b""),
    "another size": png(SQUARE.resize((28, 27))),
    "colour": png(SQUARE.convert("RGB")),
    "palette": png(SQUARE.convert("P")),
    "one bit": png(SQUARE.convert("1")),
    "a comment": with_text(),
    "transparency": png(transparency=0),
    "two chunks": png()[:33] + chunk(b"IDAT", b"x") + chunk(b"IDAT", b"y") + chunk(b"IEND", b""),
    "a wrong length": png()[:33] + b"\xff" * 4 + png()[37:],
    "a wrong checksum": png()[:-13] + bytes([png()[-13] ^ 1]) + png()[-12:],
    "more after it": png() + b"x",
    "no compressed data": with_data(b"not zlib's"),
}


@pytest.mark.parametrize("data", OTHERS.values(), ids=OTHERS)
def test_anything_else_takes_the_long_way(data: bytes) -> None:
    assert load_plain(data) is None


def test_damaged_data_is_read_alike_on_both_ways() -> None:
    rng = random.Random(1)
    good = zlib.compress(b"".join(b"\0" + row.tobytes() for row in PIXELS))
    compared = 0
    for _ in range(5000):
        damaged = bytearray(good)
        for _ in range(rng.randint(1, 4)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        data = with_data(bytes(damaged[: rng.randint(1, len(damaged))] if rng.random() < 0.2 else damaged))
        image = load_plain(data)
        if image is None:
            continue
        compared += 1
        try:
            assert decode.load(decode.open_picture(data, 784)).tobytes() == image.tobytes()
        except RequestError:
            pytest.fail(f"the long way refuses what the short one reads: {data.hex()}")
    assert compared > 20
