import cv2
import numpy as np

from core.imaging import ink, lines, pieces
from core.imaging.canonical import canonical

RNG_SEED = 11


def photo(paper: int = 200) -> np.ndarray:
    """A sheet under light that falls off to one side, with the grain of paper: (300, 400, 3) uint8."""
    grain = np.random.default_rng(RNG_SEED).normal(0, 2, (300, 400, 1))
    light = np.linspace(1, 0.6, 400)[None, :, None]
    return np.broadcast_to((paper * light + grain).clip(0, 255), (300, 400, 3)).astype(np.uint8)


def test_a_blank_sheet_with_grain_and_shadow_has_no_digit() -> None:
    assert canonical(photo()) is None


def test_a_blank_ruled_sheet_has_no_digit() -> None:
    page = photo()
    page[40::40] = (page[40::40] * 0.8).astype(np.uint8)
    assert canonical(page) is None


def test_broad_strokes_under_uneven_light_stay_whole() -> None:
    page = np.ascontiguousarray(photo())
    cv2.ellipse(page, (200, 150), (90, 110), 0, 0, 360, (40, 40, 60), 44)
    found = canonical(page)
    assert found is not None
    count, _ = cv2.connectedComponents((found[0] > 127).astype(np.uint8))
    holes, _ = cv2.connectedComponents((found[0] <= 127).astype(np.uint8), connectivity=4)
    assert (count - 1, holes - 1) == (1, 2)  # one ring: one piece of ink, paper inside and outside


def test_the_corners_tell_ink_from_paper_in_a_tight_crop() -> None:
    page = np.full((120, 90, 1), 255, np.float32)
    cv2.ellipse(page, (45, 60), (32, 47), 0, 0, 360, 0, 26)
    paper = ink.flat_paper(page, tiny=False)
    assert paper is not None
    assert paper[0] > 250


def test_the_edge_of_a_sheet_is_not_part_of_the_digit() -> None:
    strip = np.zeros((200, 300), np.uint8)
    strip[185:192, 20:280] = 1
    strip[60:120, 140:150] = 1
    contrast = cv2.GaussianBlur(strip.astype(np.float32), (0, 0), 1)
    chosen = pieces.choose(strip, contrast, slope=0.02)
    assert chosen is not None
    assert chosen[90, 145] == 1
    assert chosen[188].sum() == 0


def test_a_remnant_of_a_line_is_told_from_a_digit() -> None:
    removed = np.zeros((200, 300), np.uint8)
    removed[50:53] = removed[100:103] = 1
    remnant, digit = np.zeros_like(removed), np.zeros_like(removed)
    remnant[150:153, 20:90] = 1
    cv2.ellipse(digit, (150, 150), (20, 30), 0, 0, 360, [1], 6)
    contrast = np.full(removed.shape, 0.2, np.float32)
    assert lines.is_rest(remnant, contrast, removed)
    assert not lines.is_rest(digit, contrast, removed)
