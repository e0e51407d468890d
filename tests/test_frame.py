"""The sides of a box are taken out of a crop; a digit that fills its crop stays whole."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from inkdigits.frame import erase_frame

Draw = Callable[..., NDArray[np.uint8]]


@pytest.fixture
def three(draw: Draw) -> NDArray[np.uint8]:
    """Draw a 3 in the middle of a cell of 128 px."""
    ink = 255 - draw("3", height=80, margin=0)
    x, y, width, height = cv2.boundingRect(ink)
    cell = np.zeros((128, 128), np.uint8)
    cell[24 : 24 + height, 40 : 40 + width] = ink[y : y + height, x : x + width]
    return cell


@pytest.mark.parametrize("inset", [0, 6, 14])
@pytest.mark.parametrize("rise", [0, 5])
def test_the_sides_of_a_cell_go(three: NDArray[np.uint8], inset: int, rise: int) -> None:
    """Two sides of a printed cell, at the border or a little inside, level or askew: the digit alone is left."""
    framed = three.copy()
    cv2.line(framed, (0, inset + rise), (127, inset), 200, 4)
    cv2.line(framed, (inset, 0), (inset + rise, 127), 200, 4)
    np.testing.assert_array_equal(erase_frame(framed) > 0, three > 0)


@pytest.mark.parametrize("digit", "0123456789")
def test_a_digit_that_fills_its_crop_stays(draw: Draw, digit: str) -> None:
    """Bars, feet and stems along the border are strokes."""
    ink = 255 - draw(digit, margin=0, gap=2)
    x, y, width, height = cv2.boundingRect(ink)
    tight = ink[y : y + height, x : x + width]
    np.testing.assert_array_equal(erase_frame(tight), tight)


def test_an_empty_frame_stays() -> None:
    """With nothing inside there is no digit to free."""
    ink = np.zeros((100, 100), np.uint8)
    cv2.rectangle(ink, (0, 0), (99, 99), 255, 3)
    np.testing.assert_array_equal(erase_frame(ink), ink)
