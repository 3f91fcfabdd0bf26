import cv2
import numpy as np

from core.imaging import lines
from core.imaging.arrays import Floats, Pixels

RNG_SEED = 5


def ruled(*rows: int) -> Pixels:
    mask = np.zeros((200, 300), np.uint8)
    for row in rows:
        mask[row : row + 2] = 1
    return mask


def as_ink(mask: Pixels, level: float = 0.3) -> Floats:
    return np.asarray(cv2.GaussianBlur(mask.astype(np.float32) * level, (0, 0), 0.7), np.float32)


def test_lines_from_border_to_border_are_found_and_strokes_are_not() -> None:
    mask = ruled(50, 120)
    mask[20:180, 100:104] = 1
    found = lines.find_lines(mask, as_ink(mask))
    assert {min((50, 120), key=lambda row: abs(row - (line[1] + line[3]) / 2)) for line in found} == {50, 120}
    assert all(min(abs(row - (line[1] + line[3]) / 2) for row in (50, 120)) <= 2 for line in found)
    assert all(abs(line[2] - line[0]) > 280 for line in found)


def test_a_faint_line_that_the_mask_breaks_is_found() -> None:
    mask = ruled(80)
    ink = as_ink(mask) + np.random.default_rng(RNG_SEED).normal(0, 0.02, mask.shape).astype(np.float32)
    mask[80:82, ::8] = mask[80:82, 1::8] = mask[80:82, 2::8] = mask[80:82, 3::8] = 0
    assert lines.find_lines(mask, ink)


def test_a_short_stroke_is_no_line() -> None:
    mask = np.zeros((200, 300), np.uint8)
    mask[100:104, 60:240] = 1
    assert lines.find_lines(mask, as_ink(mask)) == []


def test_a_line_is_removed_but_not_the_stroke_across_it() -> None:
    mask = ruled(100)
    mask[60:140, 150:156] = 1
    cleaned = lines.remove_lines(mask, [(0, 100, 299, 100)], as_ink(mask))
    assert cleaned[100:102, :140].sum() == 0
    assert cleaned[60:140, 150:156].all()


def test_a_stroke_along_a_line_is_kept_where_it_is_stronger() -> None:
    mask = ruled(100)
    ink = np.full(mask.shape, 0.2, np.float32)
    ink[100:102, 100:160] = 0.8
    cleaned = lines.remove_lines(mask, [(0, 100, 299, 100)], ink)
    assert cleaned[100:102, 100:160].all()
    assert cleaned[100:102, :100].sum() == 0


def test_a_digit_as_long_as_its_line_spans_it() -> None:
    digit = np.zeros((200, 300), np.uint8)
    digit[20:180, 150] = 1
    assert lines.spans(digit, [(150, 0, 150, 199)])
    assert not lines.spans(digit, [(0, 100, 299, 100)])
