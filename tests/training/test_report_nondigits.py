"""`training.report.nondigits`: pictures of no digit, made the same way each time."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from training.errors import TrainingError
from training.pictures import generator
from training.report import fonts
from training.report.fonts import LETTERS, SYMBOLS, draw_character, font_files
from training.report.nondigits import KINDS
from training.report.scribbles import SCRIBBLES, draw_scribble

LOOK_LIKE_DIGITS = set("0123456789OoDQIl|i!jSsZzBbGgqyY$&")


def test_no_character_is_one_that_a_person_takes_for_a_digit() -> None:
    assert not LOOK_LIKE_DIGITS & set(LETTERS + SYMBOLS)
    assert len(LETTERS) == len(set(LETTERS)) > 30
    assert len(SYMBOLS) == len(set(SYMBOLS)) >= 20


def test_the_fonts_are_many_and_not_those_of_matplotlib() -> None:
    assert len(font_files()) > 50
    assert not any("dejavu" in path.name.lower() for path in font_files())


@pytest.mark.parametrize("character", LETTERS + SYMBOLS)
def test_every_character_leaves_ink_within_the_picture(character: str) -> None:
    ink = draw_character(character, np.random.default_rng(0))
    assert (ink > 128).sum() > 20
    border = np.concatenate([ink[0], ink[-1], ink[:, 0], ink[:, -1]])
    assert (border > 128).sum() < 20


def test_a_character_of_no_font_is_an_error() -> None:
    with pytest.raises(TrainingError, match="no font has"):
        draw_character("\u4e00", np.random.default_rng(0))


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "PACKAGES", ("font_that_is_not_there",))
    font_files.cache_clear()
    with pytest.raises(TrainingError, match="font_that_is_not_there"):
        font_files()
    font_files.cache_clear()


@pytest.mark.parametrize("name", KINDS)
def test_pictures_depend_on_name_and_position_only(name: str) -> None:
    make = KINDS[name].make
    assert make(generator(name, 5)) == make(generator(name, 5))
    assert len({make(generator(name, position)) for position in range(8)}) == 8


@pytest.mark.parametrize("name", KINDS)
def test_pictures_are_pictures(name: str) -> None:
    for position in range(4):
        with Image.open(BytesIO(KINDS[name].make(generator(name, position)))) as image:
            assert image.format in ("PNG", "JPEG")
            assert min(image.size) >= 100


@pytest.mark.parametrize("position", range(12))
def test_scribbles_are_no_single_stroke(position: int) -> None:
    ink = draw_scribble(np.random.default_rng(position))
    assert (ink > 128).sum() > 200
    assert len(SCRIBBLES) == 6
