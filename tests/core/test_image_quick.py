"""Pictures that pass as they are: what is looked at twice is decoded once."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from core import image as image_module
from core.errors import ImageTooLarge
from core.image import MOST_QUICK_BYTES, is_quick, read_digit
from samples.strokes import draw_digit, to_mnist_form
from tests.core.test_image import MAX_PIXELS, drawing, rng
from tests.hand_set import encode


def test_what_has_mnist_form_is_quick_and_nothing_else() -> None:
    digit = encode(Image.fromarray(to_mnist_form(draw_digit(3, rng()))))
    assert is_quick(digit)
    assert is_quick(bytes(digit))
    for other in (encode(drawing()), encode(Image.new("L", (28, 28))), digit[:60], digit[:8] + bytes(40), b""):
        assert not is_quick(other)


def test_a_quick_picture_is_read_once_and_again() -> None:
    digit = encode(Image.fromarray(to_mnist_form(draw_digit(4, rng()))))
    assert is_quick(digit)
    first, second = read_digit(digit, MAX_PIXELS), read_digit(digit, MAX_PIXELS)
    assert first is not second
    assert np.array_equal(first.pixels, second.pixels)


def test_a_quick_picture_too_is_held_to_the_limit() -> None:
    digit = encode(Image.fromarray(to_mnist_form(draw_digit(4, rng()))))
    assert is_quick(digit)
    with pytest.raises(ImageTooLarge):
        read_digit(digit, 28 * 28 - 1)


def test_a_long_file_is_not_quick_whatever_it_holds() -> None:
    """It would be kept for long where its request is refused."""
    digit = to_mnist_form(draw_digit(3, rng()))
    for size, quick in ((1000, True), (MOST_QUICK_BYTES, False)):
        words, file = PngInfo(), BytesIO()
        words.add_text("Comment", "x" * size)
        Image.fromarray(digit).save(file, "PNG", pnginfo=words)
        assert is_quick(file.getvalue()) == quick


def test_digits_that_nobody_asks_for_are_not_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_module, "MOST_READY", 2)
    for label in range(5):
        assert is_quick(encode(Image.fromarray(to_mnist_form(draw_digit(label, rng())))))
    assert len(image_module._ready) <= 2
