"""Bytes of a picture -> 8-bit pixels: the first frame, upright, without transparency.

Only the decoders of `FORMATS` are tried, they see no part of the file that they do not need, the size is read from the
header before anything is decoded, and whatever a decoder raises becomes `InvalidImage`. Pillow does the decoding
(https://pillow.readthedocs.io/en/stable/handbook/image-file-formats.html), and libvips that of large pictures.
"""

import warnings
from io import BytesIO
from math import ceil

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from core.errors import ImageTooLarge, InvalidImage, RequestError
from core.heap import give_back
from core.imaging.arrays import Pixels
from core.imaging.bands import DEEP_MODES, reduce_loaded, reduce_streamed, rows_at_once
from core.imaging.limits import HELD_BYTES, check_size, file_of, is_streamed
from core.imaging.parts import MOST_META_BYTES, needed_parts

# Pillow warns of odd metadata; a client's file must not write into the operator's log.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")


FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF")

WORKING_SIDE = 1500
"""Larger pictures are averaged down while their longest side stays above this: a digit of 5 % of a photo's height keeps
75 pixels."""

WORKING_PIXELS = 3_200_000
"""More pixels than this are averaged down too, which bounds the memory that a picture takes on its way."""

WEBP_HELD_PIXELS = 2**20
"""Pillow holds a WebP four times; larger ones are decoded by libvips."""

EXIF_ORIENTATION = 0x0112

LIBJPEG_BOUND = {"JPEGMEM": f"{HELD_BYTES // 1000 + 2000}"}
"""Environment of a process in which libjpeg refuses what would take more memory, even where a header hides that from
us."""

_UNREADABLE = "not a readable PNG, JPEG, BMP, GIF, WebP or TIFF picture"


def open_picture(data: bytes, max_pixels: int) -> Image.Image:
    """Reads the header of a picture; nothing is decoded yet.

    Raises:
        InvalidImage: the bytes are empty, or no allowed decoder knows them.
        ImageTooLarge: the header promises more than `max_pixels` pixels, or more than can be decoded of its kind.
    """
    if not data:
        raise InvalidImage("the file is empty")
    try:
        image = Image.open(BytesIO(needed_parts(data)), formats=FORMATS)
        check_size(image, max_pixels)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as exc:
        raise ImageTooLarge(f"the picture has more than the {max_pixels:,} pixels allowed") from exc
    except UnidentifiedImageError as exc:
        raise InvalidImage(f"{_UNREADABLE}: unknown or damaged format") from exc
    except RequestError:
        raise
    except Exception as exc:  # Pillow raises errors of a dozen unrelated types on damaged files, assertions among them
        raise _invalid(exc) from exc
    return image


def load(image: Image.Image) -> Image.Image:
    """Decodes the first frame; a large one comes averaged down, and is never held whole if its format allows that.

    Raises:
        InvalidImage: the decoder fails, for whatever reason.
    """
    try:
        factor = reduction(image.size)
        if (factor > 1 and is_streamed(image)) or (
            image.format == "WEBP" and image.width * image.height > WEBP_HELD_PIXELS
        ):
            return _load_streamed(image, factor)
        if factor > 1 and image.format == "JPEG":
            image.draft(None, (max(1, image.width // factor), max(1, image.height // factor)))
        image.load()
    except RequestError:
        raise
    except Exception as exc:
        raise _invalid(exc) from exc
    return image


def _load_streamed(image: Image.Image, factor: int) -> Image.Image:
    orientation = read_orientation(image)
    size = image.size[::-1] if image.format == "TIFF" and orientation >= 5 else image.size  # Pillow tells it upright
    small = reduce_streamed(file_of(image).getvalue(), image.format or "", size, factor)
    give_back()
    small.getexif()[EXIF_ORIENTATION] = orientation
    return small


def reduction(size: tuple[int, int]) -> int:
    """How many pixels become one on each axis, so that a picture of this size is small enough to work on."""
    width, height = size
    return max(1, max(size) // WORKING_SIDE, ceil((width * height / WORKING_PIXELS) ** 0.5))


def _invalid(exc: BaseException) -> InvalidImage:
    """The client's message for a decoder's error, which may itself name paths, classes or objects."""
    text = str(exc).lower()
    truncated = isinstance(exc, EOFError) or "truncated" in text or "not enough" in text
    return InvalidImage(f"{_UNREADABLE}: {'truncated' if truncated else 'damaged'}")


def decode(image: Image.Image) -> tuple[Pixels, list[str]]:
    """Turns a loaded picture of any mode into grey or RGB pixels, and closes it.

    Returns:
        Pixels (H, W) or (H, W, 3) RGB, uint8, longest side less than twice `WORKING_SIDE`; what was done to get there.

    Raises:
        InvalidImage: the conversion fails, for whatever reason.
    """
    try:
        orientation = read_orientation(image)
        pixels, flattened = to_pixels(shrink(image))
    except Exception as exc:
        raise _invalid(exc) from exc
    adjustments = ["flattened"] if flattened else []
    if orientation > 1:
        pixels = orient(pixels, orientation)
        adjustments.insert(0, "oriented")
    return pixels, adjustments


def read_orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 where there is none or where it cannot be read."""
    exif = image.info.get("exif", b"")
    if len(exif) > MOST_META_BYTES or (
        image.format == "PNG" and not exif
    ):  # of a PNG without, Pillow decodes the whole
        return 1
    try:
        orientation = image.getexif().get(EXIF_ORIENTATION, 1)
    except Exception:
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
    factor = reduction(image.size)
    if factor < 2:
        return image
    small = reduce_loaded(image, factor)
    image.close()  # whoever still refers to it need not hold its pixels
    return small


def to_pixels(image: Image.Image) -> tuple[Pixels, bool]:
    """Converts a picture of any mode to grey or RGB pixels; tells whether transparency was flattened."""
    if image.mode == "L" and "transparency" not in image.info:
        return np.asarray(image), False
    if image.mode in DEEP_MODES:
        return from_deep(np.asarray(image).astype(np.float32)), False
    if image.has_transparency_data or image.mode in ("La", "RGBa"):
        return flatten(_converted(image, "RGBA", 4))
    if image.mode == "1":
        return np.asarray(image.convert("L")), False
    if image.mode == "LAB":
        return np.asarray(image.getchannel(0)), False
    return _converted(image, "RGB", 3), False


def _converted(image: Image.Image, mode: str, channels: int) -> Pixels:
    """The pixels (H, W, C) of a picture in another mode, converted band by band; closes it."""
    width, height = image.size
    pixels = np.empty((height, width, channels), np.uint8)
    rows = rows_at_once(width)
    for top in range(0, height, rows):
        band = image.crop((0, top, width, min(top + rows, height)))
        pixels[top : top + rows] = np.asarray(band if band.mode == mode else band.convert(mode))
    image.close()
    return pixels


def from_deep(values: NDArray[np.float32]) -> Pixels:
    """Scales deep grey (16-bit, 32-bit, float) to 8 bits; `values` are overwritten.

    Whole numbers are taken as 8 to 32 bits deep, by the largest of them; floats as 0 to 1 where they fit; a picture
    with negative values is stretched from its least to its greatest. NaN and infinities become the least finite value.
    """
    finite = np.isfinite(values)
    if not finite.any():
        return np.zeros(values.shape, np.uint8)
    low = float(values.min(where=finite, initial=np.inf))
    high = float(values.max(where=finite, initial=-np.inf))
    values[~finite] = low
    if low < 0:
        values -= np.float32(low)
        top = high - low
    else:
        top = 1.0 if high <= 1 else 2.0 ** max(8, int(np.ceil(np.log2(high + 1)))) - 1
    values *= np.float32(255 / top)
    return values.clip(0, 255, out=values).astype(np.uint8)


def flatten(rgba: Pixels) -> tuple[Pixels, bool]:
    """Lays a transparent picture on paper of a colour that its ink stands out from.

    Args:
        rgba: (H, W, 4) uint8, alpha not multiplied in.

    Returns:
        (H, W, 3) RGB pixels, and False where the picture was opaque all over.
    """
    alpha = rgba[..., 3]
    if alpha.min() == 255:
        return np.ascontiguousarray(rgba[..., :3]), False
    paper = paper_colour(rgba)
    flat = np.empty((*alpha.shape, 3), np.uint8)
    for rows in _bands(alpha.shape):
        share = alpha[rows][..., None].astype(np.float32) / 255
        flat[rows] = rgba[rows][..., :3] * share + paper * (1 - share) + 0.5
    return flat, True


def _bands(shape: tuple[int, ...]) -> list[slice]:
    """The rows of an array (H, W), so many at a time that floats of them take little memory."""
    rows = rows_at_once(shape[1])
    return [slice(top, top + rows) for top in range(0, shape[0], rows)]


def paper_colour(rgba: Pixels) -> NDArray[np.float32]:
    """The RGB colour to lay a transparent picture (H, W, 4) on.

    A picture that is mostly opaque and holds contrast of its own has its own paper: the transparent rest (rounded
    corners, a cut-out sheet) takes that paper's colour. Otherwise the opaque part is the ink, and the paper is black or
    white, whichever is farther.
    """
    alpha = rgba[..., 3]
    counts = np.zeros((3, 256), np.int64)
    for rows in _bands(alpha.shape):
        opaque = alpha[rows] >= 128
        counts += [np.bincount(rgba[rows][..., channel][opaque], minlength=256) for channel in range(3)]
    total = int(counts[0].sum())
    if total == 0:
        return np.full(3, 255, np.float32)
    middle = np.array([_median(count) for count in counts], np.float32)
    far = np.abs(np.arange(256, dtype=np.float32) - middle[:, None]) > 64  # (3, 256), by channel and value
    differing = 0
    for rows in _bands(alpha.shape):
        red, green, blue = (far[channel][rgba[rows][..., channel]] for channel in range(3))
        differing += int(((red | green | blue) & (alpha[rows] >= 128)).sum())
    if total >= alpha.size / 2 and differing / total > 0.005:
        return middle
    return np.full(3, 255 if middle.mean() < 128 else 0, np.float32)


def _median(counts: NDArray[np.int64]) -> float:
    """The median of values that occur so many times each, by value."""
    total = int(counts.sum())
    low, high = np.searchsorted(counts.cumsum(), [(total - 1) // 2 + 1, total // 2 + 1])
    return (int(low) + int(high)) / 2
