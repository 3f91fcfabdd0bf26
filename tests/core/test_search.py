import cv2
import numpy as np

from core.imaging import lines, paper, pieces, search
from core.imaging.canonical import canonical
from core.imaging.found import Found
from core.imaging.ink import Contrast
from samples.strokes import draw_digit

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
    colour = paper.flat_paper(page, tiny=False)
    assert colour is not None
    assert colour[0] > 250


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


def test_a_shadows_edge_across_the_digit_is_not_read() -> None:
    page = np.ascontiguousarray(photo())
    page[:, 190:] = (page[:, 190:] * 0.55).astype(np.uint8)
    page = cv2.GaussianBlur(page, (0, 0), 1.5)
    cv2.line(page, (200, 90), (200, 210), (30, 30, 50), 6)
    found = canonical(page)
    assert found is not None
    assert np.ptp(np.flatnonzero(found[0].any(axis=0))) < 6  # an upright stroke, not the half of the sheet


def test_a_printed_box_around_the_digit_is_removed() -> None:
    page = np.ascontiguousarray(photo())
    cv2.rectangle(page, (150, 90), (250, 210), (60, 60, 60), 2)
    cv2.line(page, (200, 110), (200, 210), (30, 30, 50), 6)  # down to the box's lower edge
    found = canonical(page)
    assert found is not None
    assert "frame_removed" in found[1]
    assert np.ptp(np.flatnonzero(found[0].any(axis=0))) < 6


def test_a_note_on_a_desk_is_cut_out() -> None:
    page = np.full((300, 400, 3), 40, np.uint8)
    cv2.fillConvexPoly(page, np.array([[150, 80], [260, 95], [245, 205], [135, 190]]), (120, 230, 240))
    cv2.line(page, (195, 110), (195, 170), (60, 20, 20), 6)
    found = canonical(page)
    assert found is not None
    assert "background_removed" in found[1]
    assert np.ptp(np.flatnonzero(found[0].any(axis=0))) < 6


def test_a_small_digit_is_looked_at_more_closely() -> None:
    page = np.full((1400, 1800), 240, np.uint8)
    cv2.ellipse(page, (900, 700), (20, 30), 0, 0, 360, [30], 6)
    far = search.search(page)
    assert far is not None
    close = search.look_closer(page, far)
    assert cv2.boundingRect(close.mask)[3] > 1.5 * cv2.boundingRect(far.mask)[3]


def test_a_tiny_picture_is_all_digit() -> None:
    page = np.zeros((8, 8), np.uint8)
    page[0, 2:6] = page[7, 2:6] = page[2:6, 1] = page[2:6, 6] = 224
    page[1, 1] = page[1, 6] = page[6, 1] = page[6, 6] = 112
    found = canonical(page)
    assert found is not None
    assert found[0][14, 14] < 64  # the hole of the nought
    assert "inverted" not in found[1]


def test_a_tiny_blank_picture_has_no_digit() -> None:
    assert canonical(np.full((8, 8), 200, np.uint8)) is None


def test_soft_ink_at_the_border_is_no_shadow_where_the_paper_is_even() -> None:
    drawn = draw_digit(7, np.random.default_rng(4), height=100)
    small = np.full((28, 28), 255, np.uint8)
    small[4:, 5:22] -= cv2.resize(drawn, (17, 24), interpolation=cv2.INTER_AREA)
    found = search.search(cv2.resize(small, (840, 840), interpolation=cv2.INTER_CUBIC))
    assert found is not None
    ink = cv2.resize(small, found.mask.shape[::-1], interpolation=cv2.INTER_CUBIC) < 128
    assert (ink & (found.mask > 0)).sum() > 0.9 * ink.sum()


def test_a_tiny_picture_that_was_enlarged_smoothly_is_read_as_a_tiny_one() -> None:
    ring = np.array([[0, 9, 9, 0], [9, 0, 0, 9], [9, 0, 0, 9], [9, 0, 0, 9], [9, 0, 0, 9], [0, 9, 9, 0]], np.uint8) * 25
    tiny = np.pad(ring, ((0, 0), (1, 1)))  # cropped to its ink, so that no border is all paper
    large = cv2.resize(tiny, (100, 100), interpolation=cv2.INTER_CUBIC)
    found = search.search(large)
    assert found is not None
    assert found.tiny
    assert not found.contrast.dark
    ink = cv2.resize(large, found.mask.shape[::-1], interpolation=cv2.INTER_CUBIC) > 128
    assert (found.mask[ink] > 0).all()


def test_ink_without_any_paper_is_not_even() -> None:
    ink = np.ones((20, 20), np.float32)
    full = Found(np.ones((20, 20), np.uint8), Contrast(ink, dark=True, flat=True))
    assert not search.is_even(full)
