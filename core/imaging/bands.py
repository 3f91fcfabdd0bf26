"""Large pictures, averaged down band by band, so that only a part of them is held at a time.

libvips decodes PNG, TIFF and WebP row by row (https://www.libvips.org/API/current/how-it-opens-files.html); of other
formats Pillow has decoded the whole. It is imported where it is needed, as training and other tools never do.
"""

import logging
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.errors import InvalidImage

if TYPE_CHECKING:
    import pyvips

BAND_PIXELS = 2**16
"""Of a band, about; a quarter of a million bytes in most modes."""

_DTYPES = {"uchar": np.uint8, "ushort": np.uint16, "uint": np.uint32, "float": np.float32, "double": np.float64}
_DTYPES |= {"char": np.int8, "short": np.int16, "int": np.int32}

DEEP_MODES = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")


def rows_at_once(width: int, factor: int = 1) -> int:
    """The height of a band: some whole blocks of `factor` rows."""
    return max(1, BAND_PIXELS // (width * factor)) * factor


def reduce_loaded(image: Image.Image, factor: int) -> Image.Image:
    """Averages blocks of `factor` x `factor` pixels of a picture that is decoded."""
    width, height = image.size
    rows = rows_at_once(width, factor)
    bands = (image.crop((0, top, width, min(top + rows, height))) for top in range(0, height, rows))
    return _join(bands, image.size, factor)


def reduce_streamed(data: bytes, image_format: str, size: tuple[int, int], factor: int) -> Image.Image:
    """Decodes a PNG, TIFF or WebP and averages blocks of `factor` x `factor` pixels.

    Args:
        data: the file.
        image_format: Pillow's name of its format.
        size: width and height by its header.
        factor: 1 or more.

    Raises:
        InvalidImage: libvips cannot decode it, or finds another size.
    """
    pyvips = import_vips()
    try:
        if image_format == "WEBP":  # libwebp averages by itself
            source = pyvips.Image.webpload_buffer(data, scale=1 / factor, fail_on="truncated")
            factor, size = 1, (source.width, source.height)
        elif image_format == "PNG":
            source = pyvips.Image.pngload_buffer(data, access="sequential", fail_on="truncated")
        else:
            source = pyvips.Image.tiffload_buffer(data, access="sequential", fail_on="truncated")
        if source.format == "ushort" and source.bands > 1:
            source = source.cast("uchar", shift=True)  # of deep colours Pillow too keeps the high byte
        if (source.width, source.height) != size:
            raise InvalidImage("not a readable picture: its header contradicts itself")
        return _join(_fetch(source, factor), size, factor)
    except pyvips.Error as exc:
        raise InvalidImage("not a readable PNG, JPEG, BMP, GIF, WebP or TIFF picture: damaged or truncated") from exc


def import_vips() -> Any:
    """libvips, on one thread, as processes share the cores among themselves, keeping nothing and silent."""
    logging.getLogger("pyvips").setLevel(logging.CRITICAL + 1)  # a client's file must not write into the operator's log
    import pyvips

    pyvips.concurrency_set(1)
    pyvips.cache_set_max(0)
    return pyvips


def _fetch(source: "pyvips.Image", factor: int) -> Iterator[Image.Image]:
    """Bands of a picture that libvips decodes, in Pillow's modes."""
    import pyvips

    region = pyvips.Region.new(source)
    rows = rows_at_once(source.width, factor)
    dtype = _DTYPES[source.format]
    for top in range(0, source.height, rows):
        height = min(rows, source.height - top)
        fetched = np.frombuffer(region.fetch(0, top, source.width, height), dtype)
        yield _as_image(fetched.reshape(height, source.width, source.bands), cmyk=source.interpretation == "cmyk")


def _as_image(pixels: NDArray[Any], cmyk: bool) -> Image.Image:
    """A band (h, w, C) as Pillow would have decoded it."""
    channels = pixels.shape[2]
    if channels == 1:
        grey = pixels[..., 0]
        return Image.fromarray(grey if grey.dtype == np.uint8 else grey.astype(np.float32))
    if pixels.dtype != np.uint8 or channels > 4:
        raise InvalidImage("not a readable picture: its colours are of an unusual kind")
    mode = {2: "LA", 3: "RGB", 4: "CMYK" if cmyk else "RGBA"}[channels]
    return Image.frombuffer(mode, pixels.shape[1::-1], np.ascontiguousarray(pixels), "raw", mode, 0, 1)


def _join(bands: Iterable[Image.Image], size: tuple[int, int], factor: int) -> Image.Image:
    """Averages bands and puts them below each other."""
    width, height = size
    across, down = min(factor, width), min(factor, height)
    joined: Image.Image | None = None
    top = 0
    for band in bands:
        small = _reducible(band).reduce((across, down)) if factor > 1 else band
        if joined is None:
            joined = Image.new(small.mode, (-(-width // across), -(-height // down)))
        joined.paste(small, (0, top))
        top += small.height
    if joined is None:
        raise InvalidImage("not a readable picture: it has no pixels")
    return joined


def _reducible(band: Image.Image) -> Image.Image:
    """The band in a mode in which pixels can be averaged."""
    if band.mode in DEEP_MODES:
        return band if band.mode == "F" else Image.fromarray(np.asarray(band).astype(np.float32))
    if band.mode == "1":
        return band.convert("L")
    if band.mode in ("P", "PA") or "transparency" in band.info:
        return band.convert("RGBA" if band.has_transparency_data else "RGB")
    return band
