"""The most expensive pictures that the limits admit, and some beyond them, made by code."""

import io
import os
import struct
import zlib
from collections.abc import Callable, Iterable
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

from core.imaging.decode import LIBJPEG_BOUND

SIDE = 7000
"""Of a picture of 49 million pixels, just under the 50 allowed."""

WORKING_SIDE = 1788
"""Of the largest picture that is not averaged down."""

PNG_START = b"\x89PNG\r\n\x1a\n"


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(
    size: tuple[int, int],
    bits: int = 8,
    depth: int = 8,
    colour: int = 0,
    before: bytes = b"",
    interlace: int = 0,
    rows: int | None = None,
) -> bytes:
    """A PNG of one repeated row, which is the sum of its neighbours (filter 4); `bits` are those of a pixel."""
    row = b"\x04" + b"\x01" * ((size[0] * bits + 7) // 8)
    packer = zlib.compressobj(1)
    data = b"".join(packer.compress(row) for _ in range(size[1] if rows is None else rows)) + packer.flush()
    header = struct.pack(">IIBBBBB", *size, depth, colour, 0, 0, interlace)
    return PNG_START + chunk(b"IHDR", header) + before + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def interlaced(size: tuple[int, int]) -> bytes:
    """A black RGB PNG in seven passes (PNG, third edition, 8.2), every byte of which is 0."""
    starts = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
    total = sum(
        len(range(top, size[1], down)) * (1 + 3 * len(range(left, size[0], across)))
        for left, top, across, down in starts
    )
    header = struct.pack(">IIBBBBB", *size, 8, 2, 0, 0, 1)
    data = zlib.compress(bytes(total), 1)
    return PNG_START + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def save(image: Image.Image, image_format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    bound = {name: os.environ.pop(name) for name in LIBJPEG_BOUND if name in os.environ}  # it holds for writing too
    image.save(buffer, image_format, **options)
    os.environ.update(bound)
    return buffer.getvalue()


def one_strip(image: Image.Image, compression: str) -> bytes:
    """A TIFF whose only strip is all of it."""
    usual = TiffImagePlugin.STRIP_SIZE
    TiffImagePlugin.STRIP_SIZE = 2**31
    try:
        return save(image, "TIFF", compression=compression)
    finally:
        TiffImagePlugin.STRIP_SIZE = usual


def tiff(tags: Iterable[tuple[int, int, int, int]], tail: bytes = b"", following: int = 0) -> bytes:
    """A little-endian TIFF of one directory: tag, type, count, value or offset."""
    entries = sorted(tags)
    directory = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II\x2a\x00\x08\x00\x00\x00" + directory + struct.pack("<I", following) + tail


SMALL_TIFF = [
    (256, 3, 1, 8),
    (257, 3, 1, 8),
    (258, 3, 1, 8),
    (259, 3, 1, 1),
    (262, 3, 1, 1),
    (273, 4, 1, 0),
    (279, 4, 1, 64),
]


def pattern(kind: str, side: int) -> NDArray[np.uint8]:
    """Drawings that make the search for a digit slow."""
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:side, :side]
    step = max(1, side // 720)
    x, y = x // step, y // step
    far = np.hypot(x - side / step / 2, y - side / step / 2)
    light = np.linspace(255, 60, side)[None].repeat(side, 0)
    drawings: dict[str, Callable[[], NDArray[np.generic]]] = {
        "noise": lambda: rng.integers(0, 256, (side, side)),
        "checkers": lambda: (x + y) % 2 * 255,
        "dots": lambda: np.where((x % 4 == 0) & (y % 4 == 0), 0, 255),
        "comb": lambda: np.where((x % 4 < 2) | (y < 36), 0, 255),
        "lines": lambda: np.where((x % 9 < 1) | (y % 9 < 1), 0, 255),
        "rings": lambda: np.where(far % 8 < 3, 0, 255),
        "dots in shadow": lambda: np.where((x % 5 < 2) & (y % 5 < 2), light * 0.5, light),
    }
    return drawings[kind]().astype(np.uint8)


PATTERNS = ("noise", "checkers", "dots", "comb", "lines", "rings", "dots in shadow")


def rgba(pixels: NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(np.dstack([pixels, pixels, pixels, 255 - pixels // 2]))


@cache
def blank(mode: str) -> Image.Image:
    return Image.new(mode, (SIDE, SIDE), 200 if mode != "1" else 1)


def many_frames(image_format: str) -> bytes:
    frames = [Image.new("P", (9, 9), number % 251) for number in range(2000)]
    return save(frames[0], image_format, save_all=True, append_images=frames[1:])


def scans(count: int) -> bytes:
    """A progressive JPEG with its last scan repeated."""
    data = save(Image.new("L", (4000, 3000), 99), "JPEG", progressive=True)
    start = data.rindex(b"\xff\xda")
    return data[:start] + data[start:-2] * count + data[-2:]


def rle(size: tuple[int, int], bits: int) -> bytes:
    """A run-length coded BMP of 4 or 8 bits."""
    palette = b"".join(bytes([value * 9 % 256, value, value, 0]) for value in range(2**bits))
    row = bytes([250, 0x12]) * (size[0] // 250) + bytes([size[0] % 250, 0x12]) * (size[0] % 250 > 0) + b"\0\0"
    runs = row * size[1]
    head = struct.pack("<IiiHHIIiiII", 40, *size, 1, bits, 1 if bits == 8 else 2, len(runs), 0, 0, 2**bits, 0)
    offset = 14 + len(head) + len(palette)
    return b"BM" + struct.pack("<IHHI", offset + len(runs), 0, 0, offset) + head + palette + runs


def _large() -> dict[str, Callable[[], bytes]]:
    palette = chunk(b"PLTE", bytes(range(256)) * 3) + chunk(b"tRNS", bytes(range(256)))
    size = (SIDE, SIDE)
    return {
        "png grey": lambda: png(size),
        "png 1 bit": lambda: png(size, 1, 1),
        "png palette": lambda: png(size, 8, 8, 3, palette),
        "png rgb": lambda: png(size, 24, 8, 2),
        "png rgba": lambda: png(size, 32, 8, 6),
        "png rgb 16": lambda: png(size, 48, 16, 2),
        "png rgba 16": lambda: png((6100, 6100), 64, 16, 6),
        "png rgba 16, more": lambda: png(size, 64, 16, 6),
        "png interlaced": lambda: interlaced((3600, 3600)),
        "png of one row": lambda: png((49_000_000, 1), 24, 8, 2),
        "png of 12000 columns": lambda: png((12_000, 4160), 24, 8, 2),
        "png of 12000 rows": lambda: png((4160, 12_000), 24, 8, 2),
        "png 50000 x 50000": lambda: png((50_000, 50_000), 1, 1, rows=99),
        "png without its rows": lambda: png(size, 24, 8, 2, rows=10),
        "jpeg": lambda: save(blank("RGB"), "JPEG"),
        "jpeg cmyk": lambda: save(blank("CMYK"), "JPEG"),
        "jpeg progressive": lambda: save(Image.new("RGB", (3650, 3650), 7), "JPEG", progressive=True),
        "jpeg progressive 4:4:4": lambda: save(Image.new("RGB", (2600, 2600)), "JPEG", progressive=True, subsampling=0),
        "jpeg progressive, more": lambda: save(blank("RGB"), "JPEG", progressive=True),
        "jpeg of 32 scans": lambda: scans(24),
        "jpeg of 10000 scans": lambda: scans(10_000),
        "webp": lambda: save(Image.new("RGB", (SIDE, 4000)), "WEBP", method=0),
        "webp lossless": lambda: save(Image.new("RGB", (2800, 2800)), "WEBP", lossless=True, method=0),
        "webp rgba": lambda: save(Image.new("RGBA", (3200, 3200), (1, 2, 3, 99)), "WEBP", method=0),
        "gif": lambda: save(Image.new("P", (6400, 6400)), "GIF"),
        "gif, more": lambda: save(blank("P"), "GIF"),
        "bmp 1 bit": lambda: save(Image.new("1", (6000, 5000)), "BMP"),
        "bmp run-length 8": lambda: rle((2000, 2000), 8),
        "bmp run-length 4": lambda: rle((2000, 2000), 4),
        "bmp run-length, more": lambda: rle(size, 4),
        "tiff lzw rgba": lambda: save(blank("RGBA"), "TIFF", compression="tiff_lzw"),
        "tiff jpeg": lambda: save(blank("RGB"), "TIFF", compression="jpeg"),
        "tiff deflate float": lambda: save(blank("F"), "TIFF", compression="tiff_adobe_deflate"),
        "tiff fax": lambda: save(blank("1"), "TIFF", compression="group4"),
        "tiff of one strip": lambda: one_strip(blank("RGB"), "tiff_adobe_deflate"),
    }


def _crafted() -> dict[str, Callable[[], bytes]]:
    return _crafted_png() | _crafted_frames() | _crafted_tiff()


def _crafted_png() -> dict[str, Callable[[], bytes]]:
    small = save(Image.new("L", (28, 28), 9), "PNG")
    zeros = zlib.compress(bytes(10**8), 1)
    after = small.index(b"IDAT") - 4

    def with_chunks(*chunks: bytes) -> bytes:
        return small[:after] + b"".join(chunks) + small[after:]

    return {
        "iCCP bomb": lambda: with_chunks(chunk(b"iCCP", b"x\0\0" + zeros)),
        "zTXt bombs": lambda: with_chunks(
            *[chunk(b"zTXt", b"%d\0\0" % n + zlib.compress(bytes(10**6))) for n in range(64)]
        ),
        "iTXt bomb": lambda: with_chunks(chunk(b"iTXt", b"x\0\1\0\0\0" + zeros)),
        "IDAT bomb": lambda: small[:after] + chunk(b"IDAT", zeros) + chunk(b"IEND", b""),
        "million chunks": lambda: with_chunks(chunk(b"tEXt", b"") * 800_000),
        "million IDATs": lambda: with_chunks(chunk(b"IDAT", b"") * 800_000),
        "second header": lambda: with_chunks(png((SIDE, SIDE), 24, 8, 2)[8:33]),
        "exif of rationals": lambda: with_chunks(chunk(b"eXIf", tiff([(274, 5, 2**20, 26)], bytes(9_000_000)))),
    }


def _crafted_frames() -> dict[str, Callable[[], bytes]]:
    photo = save(Image.new("L", (64, 64), 9), "JPEG")
    gif = save(Image.new("P", (64, 64), 9), "GIF")
    image = gif.index(b",", 13)
    return {
        "million segments": lambda: photo[:2] + b"\xff\xe4\x00\x02" * 2_000_000 + photo[2:],
        "jpeg of junk": lambda: photo[:2] + bytes(8_000_000) + photo[2:],
        "jpeg of fill": lambda: photo[:2] + b"\xff" * 8_000_000 + photo[2:],
        "gif of comments": lambda: gif[:image] + b"!\xfe" + b"\x01x" * 4_000_000 + b"\0" + gif[image:],
        "gif of junk": lambda: gif[:image] + b"x" * 8_000_000 + gif[image:],
        "gif of frames": lambda: many_frames("GIF"),
        "webp of frames": lambda: many_frames("WEBP"),
        "apng of frames": lambda: many_frames("PNG"),
    }


def _crafted_tiff() -> dict[str, Callable[[], bytes]]:
    zeros = zlib.compress(bytes(10**8), 1)

    def data_at(offset: int) -> list[tuple[int, int, int, int]]:
        return [(324, 4, 1, offset), (325, 4, 1, len(zeros))]

    return {
        "tiff of frames": lambda: save(
            Image.new("L", (8, 8)), "TIFF", save_all=True, append_images=[Image.new("L", (8, 8))] * 500
        ),
        "tiff in a circle": lambda: tiff(SMALL_TIFF, bytes(64), following=8),
        "tiff of tags": lambda: tiff([(tag, 4, 2**21, 0) for tag in range(60_000)], bytes(9_000_000)),
        "tiff of rationals": lambda: tiff([*SMALL_TIFF, (282, 5, 2**20, 200), (283, 5, 2**20, 200)], bytes(9_000_000)),
        "tiff of strips": lambda: tiff([*SMALL_TIFF[:5], (273, 4, 2**21, 200), (279, 4, 2**21, 200)], bytes(9_000_000)),
        "tiff of one tile": lambda: tiff(
            [
                *SMALL_TIFF[:3],
                (259, 3, 1, 8),
                SMALL_TIFF[4],
                *((tag, 4, 1, 30_000) for tag in (322, 323)),
                *data_at(134),
            ],
            zeros,
        ),
    }


def _drawings() -> dict[str, Callable[[], bytes]]:
    return {
        f"{kind} in colour": lambda kind=kind: save(rgba(pattern(kind, WORKING_SIDE)), "PNG", compress_level=1)
        for kind in PATTERNS
        if kind != "noise"
    } | {"noise": lambda: save(Image.fromarray(pattern("noise", WORKING_SIDE)), "PNG", compress_level=1)}


BOMBS: dict[str, Callable[[], bytes]] = _large() | _crafted() | _drawings()
"""By name, what makes them."""
