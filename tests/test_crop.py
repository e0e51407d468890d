"""A number cut out of a page: level, without its neighbours, and with the way back to the page."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.crop import Crop

NO_CHANGE = np.eye(2, 3)


def page_with(*boxes: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    """Return a page (200, 400) with solid marks."""
    flat = np.zeros((200, 400), np.uint8)
    for x, y, width, height in boxes:
        flat[y : y + height, x : x + width] = 255
    return flat


def test_a_crop_has_its_digits_and_a_margin() -> None:
    """A third of the digits' height aside, a quarter above and below."""
    boxes = [(100, 80, 20, 40), (130, 80, 20, 40)]
    crop = Crop.around(boxes, [], page_with(*boxes), slope=0.0)
    assert crop.flat.shape == (60, 78)
    assert cv2.boundingRect(crop.flat) == (14, 10, 50, 40)


def test_neighbours_are_left_out() -> None:
    """What stands in others' boxes becomes paper, but not what is within the number's own."""
    own, other = (100, 80, 20, 40), (115, 60, 40, 40)
    crop = Crop.around([own], [other], page_with(own, other), slope=0.0)
    assert cv2.boundingRect(crop.flat) == (14, 10, 20, 40)
    assert (crop.flat > 0).sum() == 20 * 40


def test_a_sloping_row_becomes_level() -> None:
    """Digits that rise along a row stand beside each other in the crop."""
    boxes = [(60 + 40 * i, 60 + 8 * i, 20, 40) for i in range(5)]
    crop = Crop.around(boxes, [], page_with(*boxes), slope=0.2)
    filled = np.flatnonzero((crop.flat > 127).any(axis=1))
    assert len(filled) < 40 + 12  # level; as they stand they cover 72 rows


def test_a_box_finds_its_way_back() -> None:
    """A box in a crop that was made half as large lies where its mark lies on the page."""
    boxes = [(60 + 40 * i, 60 + 8 * i, 20, 40) for i in range(5)]
    crop = Crop.around(boxes, [], page_with(*boxes), slope=0.2)
    half = np.array([[0.5, 0, 0], [0, 0.5, 0]])
    middle = np.array([60 + 80 + 10, 60 + 16 + 20, 1.0])
    x, y = half[:, :2] @ (crop.matrix @ middle)
    found = crop.box_on_page((round(x) - 5, round(y) - 10, 10, 20), half)
    assert np.abs(np.array(found) - (140, 76, 20, 40)).max() <= 2


def test_a_whole_picture_is_its_own_crop() -> None:
    """Nothing is cut off, and boxes stay what they are."""
    crop = Crop.whole(page_with((10, 20, 30, 40)))
    assert crop.flat.shape == (200, 400)
    assert crop.box_on_page((10, 20, 30, 40), NO_CHANGE) == (10, 20, 30, 40)
