"""Bytes of a picture -> 8-bit pixels: the first frame, upright, without transparency.

Only the decoders of `FORMATS` are tried, the number of pixels is read from the header before anything is decoded, and
whatever a decoder raises becomes `InvalidImage`. Pillow does the decoding
(https://pillow.readthedocs.io/en/stable/handbook/image-file-formats.html).
"""

import struct
import warnings
import zlib
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from core.errors import ImageTooLarge, InvalidImage
from core.imaging.arrays import Pixels

# Pillow warns of odd metadata; a client's file must not write into the operator's log.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF")

WORKING_SIDE = 1500
"""Larger pictures are averaged down while their longest side stays above this: a digit of 5 % of a photo's height keeps
75 pixels."""

EXIF_ORIENTATION = 0x0112

_UNREADABLE = "not a readable PNG, JPEG, BMP, GIF, WebP or TIFF picture"
_DEEP_MODES = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")
_DECODER_ERRORS = (
    OSError,
    ValueError,
    SyntaxError,
    TypeError,
    LookupError,
    ArithmeticError,
    EOFError,
    MemoryError,
    AttributeError,
    RuntimeError,
    struct.error,
    zlib.error,
)
"""What Pillow 13 is known to raise, or may raise, on damaged files."""


def open_picture(data: bytes, max_pixels: int) -> Image.Image:
    """Reads the header of a picture; nothing is decoded yet.

    Raises:
        InvalidImage: the bytes are empty, or no allowed decoder knows them.
        ImageTooLarge: the header promises more than `max_pixels` pixels.
    """
    if not data:
        raise InvalidImage("the file is empty")
    try:
        image = Image.open(BytesIO(data), formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as exc:
        raise ImageTooLarge(f"the picture has more than the {max_pixels:,} pixels allowed") from exc
    except UnidentifiedImageError as exc:
        raise InvalidImage(f"{_UNREADABLE}: unknown or damaged format") from exc
    except _DECODER_ERRORS as exc:
        raise _invalid(exc) from exc
    width, height = image.size
    if width * height > max_pixels:
        raise ImageTooLarge(
            f"the picture is {width} x {height} = {width * height:,} pixels, more than the {max_pixels:,} allowed"
        )
    return image


def load(image: Image.Image) -> Image.Image:
    """Decodes the first frame; a large JPEG is decoded at a half, a quarter or an eighth of its size.

    Raises:
        InvalidImage: the decoder fails, for whatever reason.
    """
    try:
        factor = max(image.size) // WORKING_SIDE
        if image.format in ("JPEG", "MPO") and factor > 1:
            image.draft(None, (max(1, image.width // factor), max(1, image.height // factor)))
        image.load()
    except (Image.DecompressionBombError, *_DECODER_ERRORS) as exc:
        raise _invalid(exc) from exc
    return image


def _invalid(exc: BaseException) -> InvalidImage:
    """The client's message for a decoder's error, which may itself name paths, classes or objects."""
    text = str(exc).lower()
    truncated = isinstance(exc, EOFError) or "truncated" in text or "not enough" in text
    return InvalidImage(f"{_UNREADABLE}: {'truncated' if truncated else 'damaged'}")


def decode(image: Image.Image) -> tuple[Pixels, list[str]]:
    """Turns a loaded picture of any mode into grey or RGB pixels.

    Returns:
        Pixels (H, W) or (H, W, 3) RGB, uint8, longest side less than twice `WORKING_SIDE`; what was done to get there.

    Raises:
        InvalidImage: the conversion fails, for whatever reason.
    """
    try:
        orientation = read_orientation(image)
        small = shrink(image)
        pixels, flattened = to_pixels(small)
    except _DECODER_ERRORS as exc:
        raise _invalid(exc) from exc
    adjustments = ["flattened"] if flattened else []
    if orientation > 1:
        pixels = orient(pixels, orientation)
        adjustments.insert(0, "oriented")
    return pixels, adjustments


def read_orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 where there is none or where it cannot be read."""
    try:
        orientation = image.getexif().get(EXIF_ORIENTATION, 1)
    except _DECODER_ERRORS:
        return 1  # damaged metadata must not cost the client a sound picture
    return orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1


def orient(pixels: Pixels, orientation: int) -> Pixels:
    """Turns and mirrors `pixels` upright, as EXIF 2.32, tag 0x0112, defines orientations 1 to 8."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def shrink(image: Image.Image) -> Image.Image:
    """Averages whole blocks of pixels until the longest side is less than twice `WORKING_SIDE`."""
    factor = max(image.size) // WORKING_SIDE
    if factor < 2:
        return image
    if image.mode in _DEEP_MODES:
        image = Image.fromarray(np.asarray(image).astype(np.float32))
    elif image.mode == "1":
        image = image.convert("L")
    elif image.mode in ("P", "PA") or "transparency" in image.info:
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    return image.reduce((min(factor, image.width), min(factor, image.height)))


def to_pixels(image: Image.Image) -> tuple[Pixels, bool]:
    """Converts a picture of any mode to grey or RGB pixels; tells whether transparency was flattened."""
    if image.mode == "L" and "transparency" not in image.info:
        return np.asarray(image), False
    if image.mode in _DEEP_MODES:
        return from_deep(np.asarray(image).astype(np.float32)), False
    if image.has_transparency_data or image.mode in ("La", "RGBa"):
        return flatten(np.asarray(image.convert("RGBA")))
    if image.mode == "1":
        return np.asarray(image.convert("L")), False
    if image.mode == "LAB":
        return np.asarray(image.getchannel(0)), False
    return np.asarray(image.convert("RGB")), False


def from_deep(values: NDArray[np.float32]) -> Pixels:
    """Scales deep grey (16-bit, 32-bit, float) to 8 bits.

    Whole numbers are taken as 8 to 32 bits deep, by the largest of them; floats as 0 to 1 where they fit; a picture
    with negative values is stretched from its least to its greatest. NaN and infinities become the least finite value.
    """
    finite = np.isfinite(values)
    if not finite.any():
        return np.zeros(values.shape, np.uint8)
    low, high = float(values[finite].min()), float(values[finite].max())
    values = np.where(finite, values, np.float32(low))
    if low < 0:
        values, top = values - low, high - low
    else:
        top = 1.0 if high <= 1 else 2.0 ** max(8, int(np.ceil(np.log2(high + 1)))) - 1
    return (values * (255 / top)).clip(0, 255).astype(np.uint8)


def flatten(rgba: Pixels) -> tuple[Pixels, bool]:
    """Lays a transparent picture on paper of a colour that its ink stands out from.

    Args:
        rgba: (H, W, 4) uint8, alpha not multiplied in.

    Returns:
        (H, W, 3) RGB pixels, and False where the picture was opaque all over.
    """
    colours, alpha = rgba[..., :3], rgba[..., 3]
    if alpha.min() == 255:
        return colours, False
    paper = paper_colour(colours, alpha)
    share = alpha[..., None].astype(np.float32) / 255
    return (colours * share + paper * (1 - share) + 0.5).astype(np.uint8), True


def paper_colour(colours: Pixels, alpha: Pixels) -> NDArray[np.float32]:
    """The RGB colour to lay a transparent picture on.

    A picture that is mostly opaque and holds contrast of its own has its own paper: the transparent rest (rounded
    corners, a cut-out sheet) takes that paper's colour. Otherwise the opaque part is the ink, and the paper is black or
    white, whichever is farther.
    """
    opaque = colours[alpha >= 128].astype(np.float32)
    if opaque.size == 0:
        return np.full(3, 255, np.float32)
    middle = np.median(opaque, axis=0).astype(np.float32)
    differs = np.abs(opaque - middle).max(axis=1) > 64
    if len(opaque) >= alpha.size / 2 and differs.mean() > 0.005:
        return middle
    return np.full(3, 255 if middle.mean() < 128 else 0, np.float32)
