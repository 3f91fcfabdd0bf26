import io

import numpy as np
import pytest
from PIL import Image

from core.errors import ImageTooLarge, InvalidImage
from core.imaging import decode
from core.imaging.bands import reduce_loaded, reduce_streamed
from tests.fuzz.bombs import png, rle, save

MAX_PIXELS = 50_000_000
SIZE = (3100, 70)
"""Wide enough to be averaged down, in more than one band."""


def gradient(mode: str) -> Image.Image:
    grey = Image.fromarray(np.random.default_rng(5).integers(0, 256, (SIZE[1], SIZE[0]), dtype=np.uint8))
    if mode == "I;16":
        return Image.fromarray(np.asarray(grey).astype(np.uint16) * 200)
    if mode == "P":
        return grey.quantize(64)
    if mode in ("LA", "RGBA"):
        colour = Image.merge("RGB", (grey, grey.rotate(180), grey)).convert(mode)
        colour.putalpha(grey.rotate(180))
        return colour
    return grey.convert(mode)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_a_streamed_png_is_what_pillow_makes_of_it(mode: str) -> None:
    image = gradient(mode)
    streamed = reduce_streamed(save(image, "PNG"), "PNG", SIZE, 2)
    assert np.array_equal(np.asarray(streamed.convert("RGBA")), np.asarray(reduce_loaded(image, 2).convert("RGBA")))


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"])
@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK", "I;16", "F"])
def test_a_streamed_tiff_is_what_pillow_makes_of_it(mode: str, compression: str) -> None:
    image = gradient(mode)
    streamed = reduce_streamed(save(image, "TIFF", compression=compression), "TIFF", SIZE, 2)
    expected = reduce_loaded(image, 2)
    assert np.array_equal(np.asarray(streamed.convert(expected.mode)), np.asarray(expected))


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("lossless", [False, True])
def test_a_streamed_webp_is_what_pillow_makes_of_it(mode: str, lossless: bool) -> None:
    data = save(gradient(mode), "WEBP", lossless=lossless)
    opened = decode.open_picture(data, MAX_PIXELS)
    assert np.array_equal(np.asarray(reduce_streamed(data, "WEBP", SIZE, 1)), np.asarray(opened))


def test_bands_are_averaged_as_the_whole_would_be() -> None:
    image = gradient("RGB")
    assert np.array_equal(np.asarray(reduce_loaded(image, 3)), np.asarray(image.reduce(3)))


@pytest.mark.parametrize("image_format", ["PNG", "TIFF", "WEBP"])
def test_a_cut_file_is_invalid(image_format: str) -> None:
    data = save(gradient("RGB"), image_format, **({"compression": "tiff_lzw"} if image_format == "TIFF" else {}))
    with pytest.raises(InvalidImage):
        decode.load(decode.open_picture(data[: len(data) // 2], MAX_PIXELS))


def test_a_header_that_contradicts_itself_is_invalid() -> None:
    with pytest.raises(InvalidImage, match="contradicts"):
        reduce_streamed(save(gradient("L"), "PNG"), "PNG", (3100, 71), 2)


@pytest.mark.parametrize("image_format", ["PNG", "TIFF", "WEBP"])
def test_a_streamed_picture_is_turned_upright(image_format: str) -> None:
    exif = Image.Exif()
    exif[decode.EXIF_ORIENTATION] = 6
    data = save(gradient("RGB"), image_format, exif=exif)
    pixels, adjustments = decode.decode(decode.load(decode.open_picture(data, MAX_PIXELS)))
    assert pixels.shape == (1550, 35, 3)
    assert adjustments == ["oriented"]


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (save(Image.new("L", (12_001, 1)), "PNG"), "no side may be longer"),
        (png((6200, 6200), 64, 16, 6, rows=1), "a PNG of this depth"),
        (png((4000, 4000), 24, 8, 2, interlace=1, rows=1), "an interlaced PNG"),
        (save(Image.new("RGB", (4000, 4000)), "JPEG", progressive=True), "a progressive JPEG"),
        (save(Image.new("RGB", (3000, 3000)), "WEBP", lossless=True), "a lossless WebP"),
        (save(Image.new("P", (6600, 6600)), "GIF"), "a GIF"),
        (rle((2100, 2000), 8), "a run-length coded BMP"),
        (save(Image.new("L", (2100, 2000)), "TIFF", compression="lzma"), "a TIFF with lzma compression"),
    ],
    ids=["side", "depth", "interlaced", "progressive", "lossless", "gif", "run-length", "lzma"],
)
def test_what_cannot_be_decoded_in_little_memory_is_too_large(data: bytes, kind: str) -> None:
    with pytest.raises(ImageTooLarge, match=kind):
        decode.open_picture(data, MAX_PIXELS)


def test_libjpeg_itself_refuses_to_hold_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow is asked by itself, as if our own look at the header had been deceived."""
    for name, value in decode.LIBJPEG_BOUND.items():
        monkeypatch.setenv(name, value)
    data = save(Image.new("RGB", (4500, 4500)), "JPEG", progressive=True)
    with pytest.raises(OSError, match="broken data stream"):
        Image.open(io.BytesIO(data)).load()
