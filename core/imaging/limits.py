"""What a picture may cost to decode, told from its header: memory that its decoder holds, and slow ways of coding."""

from io import BytesIO
from math import ceil
from typing import cast

from PIL import Image
from PIL.ImageFile import ImageFile

from core.errors import ImageTooLarge, InvalidImage
from core.imaging.parts import count_scans, is_lossless_webp

MOST_SIDE, MOST_JPEG_SIDE = 12_000, 65_535
"""Of a picture in pixels, so that a band of a few rows is never large; a JPEG is decoded at a fraction of its size."""

HELD_BYTES = 40 * 2**20
"""Of what a decoder holds of a picture at once, with the file itself; its answer and its other pictures come on top."""

SLOW_PIXELS = 4_000_000
"""Of pictures whose decoder needs 100 ns for a pixel, or as much memory as it likes."""

MOST_SCANS = 32
"""Of a progressive JPEG, which is read again at each; encoders write about 10."""

MOST_TILE_PIXELS = 2**20
"""Of a TIFF's tile, which decoders hold whole; most have 256 x 256."""

NO_LIMIT = MOST_JPEG_SIDE**2
"""Pixels of kinds that `MAX_IMAGE_PIXELS` alone limits."""

RAW_BYTES = 300_000_000
"""Of a PNG's pixels before they are compressed, 8,000 x 6,000 of 16-bit RGB: more would take seconds."""

STREAMED = ("PNG", "TIFF", "WEBP")
"""Formats of which a large picture is read band by band (`core.imaging.bands`)."""

_QUICK_TIFFS = (
    "raw",
    "tiff_ccitt",
    "group3",
    "group4",
    "tiff_lzw",
    "jpeg",
    "tiff_adobe_deflate",
    "packbits",
    "tiff_deflate",
)
_STREAMED_TIFF_MODES = ("1", "L", "P", "RGB", "RGBA", "CMYK", "I;16", "I;16B", "F")
_PNG_CHANNELS = {0: 1, 2: 3, 3: 4, 4: 2, 6: 4}
"""By colour type (PNG, third edition, 11.2.1); a palette may become four channels."""

_TILE_WIDTH, _TILE_LENGTH, _PLANAR, _PHOTOMETRIC, _YCBCR = 322, 323, 284, 262, 6


def check_size(image: Image.Image, max_pixels: int) -> None:
    """Refuses a picture, opened and not decoded, that is too large for its kind.

    Raises:
        ImageTooLarge: it has more pixels than `max_pixels`, or than can be decoded in little time and memory.
        InvalidImage: it is coded as no sound picture is.
    """
    width, height = image.size
    pixels = width * height
    what = f"the picture is {width} x {height}"
    if pixels > max_pixels:
        raise ImageTooLarge(f"{what} = {pixels:,} pixels, more than the {max_pixels:,} allowed")
    most_side = MOST_JPEG_SIDE if image.format == "JPEG" else MOST_SIDE
    if max(width, height) > most_side:
        raise ImageTooLarge(f"{what} pixels, and no side may be longer than {most_side:,}")
    kind, most = _limit(image)
    if pixels > most:
        raise ImageTooLarge(f"{what} = {pixels:,} pixels, more than the {most:,} allowed of {kind}")


def is_streamed(image: Image.Image) -> bool:
    """Whether a large picture of this kind is read band by band."""
    if image.format != "TIFF":
        return image.format in STREAMED
    tags, compression = image.tag_v2, image.info["compression"]  # type: ignore[attr-defined]  # of TiffImageFile
    plain = tags.get(_PHOTOMETRIC) != _YCBCR or compression == "jpeg"
    interleaved = tags.get(_PLANAR, 1) == 1
    return image.mode in _STREAMED_TIFF_MODES and compression in _QUICK_TIFFS and plain and interleaved


def file_of(image: Image.Image) -> BytesIO:
    """The file that a picture was opened from."""
    return cast(BytesIO, cast(ImageFile, image).fp)


def _limit(image: Image.Image) -> tuple[str, int]:
    """The kind of a picture, for a message, and the most pixels allowed of it."""
    data = file_of(image).getvalue()
    return _LIMITS[image.format or ""](image, data, max(0, HELD_BYTES - len(data)))


def _jpeg(image: Image.Image, data: bytes, held: int) -> tuple[str, int]:
    scans = count_scans(data, file_of(image).tell())
    if scans > MOST_SCANS:
        raise InvalidImage("not a readable JPEG picture: it has too many scans")
    if scans == 1 and "progressive" not in image.info:
        return "a JPEG", NO_LIMIT
    factors = [(max(1, across), max(1, down)) for _, across, down, _ in image.layer]  # type: ignore[attr-defined]
    samples = sum(across * down for across, down in factors)
    most = max(across for across, _ in factors) * max(down for _, down in factors)
    return "a progressive JPEG with its colours in this detail", held * most // (2 * samples)


def _png(image: Image.Image, data: bytes, held: int) -> tuple[str, int]:
    depth, colour = data[24:26]
    size = _PNG_CHANNELS.get(colour, 4) * ceil(depth / 8)
    if image.info.get("interlace"):
        return "an interlaced PNG of this depth", held // size
    return "a PNG of this depth", RAW_BYTES // size


def _webp(image: Image.Image, data: bytes, held: int) -> tuple[str, int]:
    if is_lossless_webp(data):
        return "a lossless WebP", held // 5
    return ("a WebP with transparency", held // 4) if image.mode == "RGBA" else ("a WebP", NO_LIMIT)


def _tiff(image: Image.Image, _data: bytes, held: int) -> tuple[str, int]:
    tags = image.tag_v2  # type: ignore[attr-defined]
    width, length = tags.get(_TILE_WIDTH, 0), tags.get(_TILE_LENGTH, 0)
    if not isinstance(width, int) or not isinstance(length, int) or width * length > MOST_TILE_PIXELS:
        raise InvalidImage("not a readable TIFF picture: its tiles are too large")
    if image.info["compression"] not in _QUICK_TIFFS:
        return f"a TIFF with {image.info['compression']} compression", SLOW_PIXELS
    return ("a TIFF", NO_LIMIT) if is_streamed(image) else ("a TIFF of this mode", held // 8)


def _bmp(image: Image.Image, _data: bytes, held: int) -> tuple[str, int]:
    if image.tile[0][0] == "bmp_rle":  # type: ignore[attr-defined]
        return "a run-length coded BMP", SLOW_PIXELS
    return "a BMP", held // (1 if image.mode in ("1", "L", "P") else 4)


def _gif(_image: Image.Image, _data: bytes, held: int) -> tuple[str, int]:
    return "a GIF", held


_LIMITS = {"JPEG": _jpeg, "PNG": _png, "WEBP": _webp, "TIFF": _tiff, "BMP": _bmp, "GIF": _gif}
