import contextlib
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from core.errors import ImageTooLarge, InvalidImage, NoInk
from core.image import CanonicalDigit, encode_png, read_digit
from samples.strokes import draw_digit, to_mnist_form
from tests.hand_set import encode
from training.data import load_training

MAX_PIXELS = 4_000_000
INK_BOX = 20


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def drawing(digit: int = 5, height: int = 200, margin: int = 60) -> Image.Image:
    """A digit as one draws it on a screen: black on white, grey-valued."""
    ink = draw_digit(digit, rng(), height=height)
    page = Image.new("L", (ink.shape[1] + 2 * margin, ink.shape[0] + 2 * margin), 255)
    page.paste(0, (margin, margin), Image.fromarray(ink))
    return page


def read(image: Image.Image, image_format: str = "PNG") -> CanonicalDigit:
    return read_digit(encode(image, image_format), MAX_PIXELS)


def difference(one: CanonicalDigit, other: CanonicalDigit) -> float:
    """Mean absolute difference, as a share of the ink's mean: 0 for equal digits, about 2 for unrelated ones."""
    first, second = one.pixels.astype(float), other.pixels.astype(float)
    return float(np.abs(first - second).mean() / first.mean())


def assert_canonical(digit: CanonicalDigit) -> None:
    """The digit has MNIST's form: its type, its box, its centre, its brightness."""
    assert digit.pixels.shape == (28, 28)
    assert digit.pixels.dtype == np.uint8
    rows, columns = (np.flatnonzero(digit.pixels.any(axis=axis)) for axis in (1, 0))
    assert max(np.ptp(rows), np.ptp(columns)) + 1 == INK_BOX
    assert digit.pixels.max() == 255
    for axis in (0, 1):
        sums = digit.pixels.sum(axis=axis)
        assert (sums * np.arange(28)).sum() / sums.sum() == pytest.approx(14, abs=0.75)


@pytest.fixture(scope="module")
def plain() -> CanonicalDigit:
    return read(drawing())


def test_a_drawing_takes_mnist_form(plain: CanonicalDigit) -> None:
    assert_canonical(plain)
    assert plain.adjustments == ("inverted", "cropped", "scaled", "recentred")


def test_mnist_form_passes_bit_for_bit() -> None:
    pixels = to_mnist_form(draw_digit(3, rng()))
    digit = read(Image.fromarray(pixels))
    assert np.array_equal(digit.pixels, pixels)
    assert digit.adjustments == ()


def test_mnist_form_in_colour_passes_too() -> None:
    pixels = to_mnist_form(draw_digit(3, rng()))
    assert np.array_equal(read(Image.fromarray(pixels).convert("RGB")).pixels, pixels)


def test_inverted_mnist_form_is_turned_back() -> None:
    pixels = to_mnist_form(draw_digit(3, rng()))
    digit = read(Image.fromarray(255 - pixels))
    assert np.array_equal(digit.pixels, pixels)
    assert digit.adjustments == ("inverted",)


@pytest.mark.mnist
def test_every_training_digit_of_mnist_passes_bit_for_bit(mnist_root: Path) -> None:
    for half in load_training(mnist_root):
        for pixels in half.images.numpy():
            digit = read_digit(uncompressed_png(pixels), MAX_PIXELS)
            assert digit.adjustments == ()
            assert np.array_equal(digit.pixels, pixels)


def uncompressed_png(pixels: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=0)
    return buffer.getvalue()


@pytest.mark.parametrize("image_format", ["PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF"])
def test_every_format(plain: CanonicalDigit, image_format: str) -> None:
    assert difference(plain, read(drawing(), image_format)) < 0.1


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I", "I;16", "F"])
def test_every_mode(plain: CanonicalDigit, mode: str) -> None:
    image = drawing()
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image).astype(np.uint16) * 257)
    elif mode == "1":
        image = image.convert("1", dither=Image.Dither.NONE)
    else:
        image = image.convert(mode)
    digit = read(image, "PNG" if mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16") else "TIFF")
    assert_canonical(digit)
    assert difference(plain, digit) < 0.15


@pytest.mark.parametrize("height", [40, 100, 400, 1000])
def test_size_does_not_matter(plain: CanonicalDigit, height: int) -> None:
    assert difference(plain, read(drawing(height=height, margin=height // 3))) < 0.35


@pytest.mark.parametrize(
    ("ink", "paper"),
    [
        ((255, 255, 255), (0, 0, 0)),
        ((240, 220, 0), (255, 255, 255)),
        ((200, 30, 30), (30, 140, 30)),
        ((0, 0, 160), (240, 230, 200)),
    ],
    ids=["white on black", "yellow on white", "red on green", "blue on cream"],
)
def test_colour_does_not_matter(plain: CanonicalDigit, ink: tuple[int, ...], paper: tuple[int, ...]) -> None:
    grey = drawing()
    image = Image.composite(Image.new("RGB", grey.size, paper), Image.new("RGB", grey.size, ink), grey)
    assert difference(plain, read(image)) < 0.15


@pytest.mark.parametrize(("ink", "hidden"), [(0, 0), (0, 255), (255, 255), (255, 0)])
def test_transparent_paper_with_either_ink(plain: CanonicalDigit, ink: int, hidden: int) -> None:
    alpha = Image.fromarray(255 - np.asarray(drawing()))
    grey = Image.fromarray(np.where(np.asarray(alpha) > 0, ink, hidden).astype(np.uint8))
    digit = read(Image.merge("LA", (grey, alpha)))
    assert difference(plain, digit) < 0.15
    assert "flattened" in digit.adjustments


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(plain: CanonicalDigit, orientation: int) -> None:
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    image = drawing()
    stored = image.transpose(undo[orientation]) if orientation > 1 else image
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    stored.save(buffer, "JPEG", quality=95, exif=exif)
    digit = read_digit(buffer.getvalue(), MAX_PIXELS)
    assert difference(plain, digit) < 0.1
    assert ("oriented" in digit.adjustments) == (orientation > 1)


def test_only_the_first_frame_is_read(plain: CanonicalDigit) -> None:
    buffer = io.BytesIO()
    drawing().save(buffer, "GIF", save_all=True, append_images=[Image.new("L", drawing().size, 255)])
    assert difference(plain, read_digit(buffer.getvalue(), MAX_PIXELS)) < 0.1


def shadow(image: Image.Image) -> Image.Image:
    """Light that falls off to a third across the picture."""
    light = np.linspace(1, 0.33, image.width)
    return Image.fromarray((np.asarray(image) * light * 0.9).astype(np.uint8))


def grain(image: Image.Image) -> Image.Image:
    noise = rng().normal(0, 9, (image.height, image.width))
    return Image.fromarray((np.asarray(image) * 0.85 + 10 + noise).clip(0, 255).astype(np.uint8))


def specks(image: Image.Image) -> Image.Image:
    draw = ImageDraw.Draw(image)
    for x, y in rng().integers(5, min(image.size) - 5, (12, 2)).tolist():
        if np.asarray(image)[y - 4 : y + 5, x - 4 : x + 5].min() == 255:
            draw.rectangle((x, y, x + 1, y + 1), fill=0)
    return image


def frame(image: Image.Image) -> Image.Image:
    ImageDraw.Draw(image).rectangle((0, 0, image.width - 1, image.height - 1), outline=0, width=5)
    return image


def ruled(image: Image.Image) -> Image.Image:
    draw = ImageDraw.Draw(image)
    for y in range(25, image.height, 45):
        draw.line((0, y, image.width, y), fill=120, width=2)
    return image


@pytest.mark.parametrize("spoil", [shadow, grain, specks, frame, ruled], ids=lambda spoil: spoil.__name__)
def test_paper_is_told_from_ink(plain: CanonicalDigit, spoil: Callable[[Image.Image], Image.Image]) -> None:
    assert difference(plain, read(spoil(drawing()))) < 0.4


def test_a_small_digit_in_a_corner(plain: CanonicalDigit) -> None:
    page = Image.new("L", (1200, 900), 255)
    page.paste(drawing(height=45, margin=2), (20, 830))
    assert difference(plain, read(page)) < 0.45


def test_ink_that_touches_every_edge(plain: CanonicalDigit) -> None:
    assert difference(plain, read(drawing(margin=0))) < 0.35


@pytest.mark.parametrize("width", [0.01, 0.3])
def test_strokes_are_brought_to_a_pens_width(width: float) -> None:
    image = Image.new("L", (300, 300), 255)
    ImageDraw.Draw(image).line((150, 40, 150, 260), fill=0, width=round(width * 220))
    digit = read(image)
    across = digit.pixels[14].sum() / 255
    assert 1.5 <= across <= 5.5


@pytest.mark.parametrize(
    "blank",
    [
        Image.new("L", (28, 28), 0),
        Image.new("L", (28, 28), 255),
        Image.new("RGB", (640, 480), (200, 190, 170)),
        Image.new("RGBA", (100, 100), (0, 0, 0, 0)),
        Image.new("1", (1, 1)),
        Image.new("L", (3000, 1), 255),
    ],
    ids=["black", "white", "beige", "transparent", "one pixel", "one row"],
)
def test_a_blank_picture_has_no_ink(blank: Image.Image) -> None:
    with pytest.raises(NoInk, match="blank"):
        read(blank)


@pytest.mark.parametrize("spoil", [grain, shadow], ids=lambda spoil: spoil.__name__)
def test_blank_paper_has_no_ink(spoil: Callable[[Image.Image], Image.Image]) -> None:
    with pytest.raises(NoInk):
        read(spoil(Image.new("L", (400, 300), 255)))


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (2, 2), (3, 5), (7, 7), (2000, 3)])
def test_noise_of_any_size_is_a_digit_or_no_ink(size: tuple[int, int]) -> None:
    for channels in ((), (3,), (4,)):
        pixels = rng().integers(0, 256, (size[1], size[0], *channels), dtype=np.uint8)
        with contextlib.suppress(NoInk):
            assert read(Image.fromarray(pixels)).pixels.shape == (28, 28)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("image_format", ["PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF"])
def test_a_damaged_file_is_an_invalid_image_or_still_readable(image_format: str) -> None:
    data = bytearray(encode(drawing(height=60, margin=10), image_format))
    generator = rng()
    for _ in range(150):
        damaged = bytearray(data)
        for position in generator.integers(0, len(data), 4):
            damaged[position] = generator.integers(0, 256)
        with contextlib.suppress(InvalidImage, ImageTooLarge, NoInk):
            digit = read_digit(bytes(damaged[: generator.integers(1, len(data) + 1)]), MAX_PIXELS)
            assert digit.pixels.shape == (28, 28)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_truncated_file_says_so(share: float) -> None:
    data = encode(drawing())
    with pytest.raises(InvalidImage, match=r"^not a readable PNG, JPEG, BMP, GIF, WebP or TIFF picture: "):
        read_digit(data[: int(share * len(data))], MAX_PIXELS)


@pytest.mark.parametrize("image_format", ["PPM", "ICO", "PCX", "TGA"])
def test_other_formats_are_not_decoded(image_format: str) -> None:
    with pytest.raises(InvalidImage, match="unknown or damaged format"):
        read(drawing(height=60, margin=10), image_format)


def test_size_is_checked_before_decoding() -> None:
    with pytest.raises(ImageTooLarge, match=r"100 x 41 = 4,100 pixels, more than the 4,000 allowed"):
        read_digit(encode(Image.new("L", (100, 41))), 4000)
    assert_canonical(read_digit(encode(drawing()), drawing().width * drawing().height))


def test_seen_is_a_png_of_the_pixels(plain: CanonicalDigit) -> None:
    image = Image.open(io.BytesIO(encode_png(plain.pixels)))
    assert (image.format, image.mode) == ("PNG", "L")
    assert np.array_equal(np.asarray(image), plain.pixels)
