import cv2
import numpy as np

from core.imaging import sheet
from core.imaging.arrays import Pixels


def test_frames_in_frames_are_stripped() -> None:
    page = np.full((100, 80), 255, np.uint8)
    cv2.rectangle(page, (5, 5), (74, 94), [0], 3)
    page[40:60, 38:42] = 0
    bare = sheet.strip_frames(page)
    assert bare.shape[0] < 90
    assert bare[0].min() == 255
    assert (bare == 0).sum() == 80


def test_a_solid_block_is_no_frame() -> None:
    page = np.full((100, 80), 255, np.uint8)
    page[20:80, 30:50] = 0
    assert sheet.strip_frames(page) is page


def mask() -> Pixels:
    return np.zeros((300, 300), np.uint8)


def test_a_solid_square_is_a_sheet() -> None:
    note = cv2.fillConvexPoly(mask(), np.array([[80, 60], [220, 80], [200, 220], [60, 200]]), [1])
    cv2.circle(note, (140, 140), 25, [0], 5)
    around = sheet.surround(note)
    assert around is not None
    assert around.adjustment == "background_removed"


def test_a_hollow_square_is_a_box() -> None:
    around = sheet.surround(cv2.rectangle(mask(), (80, 80), (220, 220), [1], 4))
    assert around is not None
    assert around.adjustment == "frame_removed"
    assert around.depth >= 4


def test_digits_are_neither() -> None:
    nought = cv2.ellipse(mask(), (150, 150), (70, 100), 0, 0, 360, [1], 20)
    disc = cv2.ellipse(mask(), (150, 150), (70, 100), 0, 0, 360, [1], -1)
    one = cv2.rectangle(mask(), (130, 40), (170, 260), [1], -1)
    assert sheet.surround(nought) is None
    assert sheet.surround(disc) is None
    assert sheet.surround(one) is None


def test_the_inside_of_a_sheet_shows_nothing_of_the_desk() -> None:
    page = np.full((300, 300), 40, np.uint8)
    corners = np.array([[80, 60], [220, 80], [200, 220], [60, 200]])
    cv2.fillConvexPoly(page, corners, [230])
    page[120:160, 138:142] = 20
    inside = sheet.cut_inside(page, cv2.fillConvexPoly(mask(), corners, [1]), 4)
    assert inside.shape[0] < 160
    assert (inside == 20).sum() == 160
    assert ((inside > 30) & (inside < 200)).mean() < 0.01
