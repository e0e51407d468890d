"""A sheet on a table is found by its edges, seen from above, and boxes find their way back."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from inkdigits import Reader
from inkdigits.sheet import find_sheet

Draw = Callable[..., NDArray[np.uint8]]
FROM_ABOVE = [(100, 60), (700, 60), (700, 460), (100, 460)]  # px; upper left, upper right, lower right, lower left
FROM_THE_SIDE = [(60, 70), (720, 40), (690, 430), (130, 500)]


def on_table(paper: NDArray[np.uint8], corners: list[tuple[int, int]]) -> NDArray[np.uint8]:
    """Lay a sheet with some corners on a dark table, (560, 800) uint8."""
    height, width = paper.shape
    edges = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    matrix = cv2.getPerspectiveTransform(edges, np.array(corners, np.float32))
    return np.asarray(cv2.warpPerspective(paper, matrix, (800, 560), borderValue=(60,)), np.uint8)


@pytest.fixture
def paper(draw: Draw) -> NDArray[np.uint8]:
    """Return a sheet of 600 by 400 px with a number on it."""
    number = np.where(draw("4179", gap=20, margin=20) < 128, 30, 220).astype(np.uint8)
    page = np.full((400, 600), 220, np.uint8)
    page[120 : 120 + number.shape[0], 80 : 80 + number.shape[1]] = number
    return page


@pytest.mark.parametrize("corners", [FROM_ABOVE, FROM_THE_SIDE, [(220, 30), (760, 210), (600, 540), (60, 350)]])
def test_the_corners_of_a_sheet_are_found(paper: NDArray[np.uint8], corners: list[tuple[int, int]]) -> None:
    """From above, from the side, or turned: within 1 % of the picture's width."""
    sheet = find_sheet(on_table(paper, corners))
    assert sheet is not None
    assert np.abs(sheet.corners - corners).max() <= 8


def test_a_corner_may_lie_beyond_the_picture(paper: NDArray[np.uint8]) -> None:
    """Where the picture cuts one off, the sides that are seen tell where it is, to 3 % of the picture's width."""
    corners = [(-60, 90), (720, 40), (690, 430), (130, 500)]
    sheet = find_sheet(on_table(paper, corners))
    assert sheet is not None
    assert np.abs(sheet.corners - corners).max() <= 24


def test_only_a_sheet_that_is_not_square_was_seen_from_the_side(paper: NDArray[np.uint8]) -> None:
    """One that lies straight, and one that lies aslant."""
    straight, aslant = find_sheet(on_table(paper, FROM_ABOVE)), find_sheet(on_table(paper, FROM_THE_SIDE))
    assert straight is not None
    assert aslant is not None
    assert (straight.is_aslant, aslant.is_aslant) == (False, True)


def test_a_box_on_the_sheet_is_a_box_in_the_picture(paper: NDArray[np.uint8]) -> None:
    """What stands on the sheet is found at its place in the picture as it was given."""
    marked = np.full_like(paper, 220)
    marked[200:260, 300:340] = 0
    picture = on_table(marked, FROM_THE_SIDE)
    sheet = find_sheet(picture)
    assert sheet is not None
    on_face = cv2.boundingRect((sheet.face(picture) < 100).astype(np.uint8))
    inside = cv2.fillConvexPoly(np.zeros_like(picture), np.array(FROM_THE_SIDE), (1,))
    inside = np.asarray(cv2.erode(inside, np.ones((15, 15), np.uint8)))
    in_picture = cv2.boundingRect(((picture < 100) & (inside > 0)).astype(np.uint8))
    x, y, width, height = on_face
    assert np.abs(np.array(sheet.box_on_picture((x, y, width, height))) - in_picture).max() <= 5


@pytest.mark.parametrize(
    "picture",
    [
        pytest.param(np.full((400, 600), 220, np.uint8), id="nothing but paper"),
        pytest.param(np.zeros((400, 600), np.uint8), id="nothing but a table"),
        pytest.param(cv2.circle(np.zeros((400, 600), np.uint8), (300, 200), 180, (220,), -1), id="a plate"),
        pytest.param(cv2.rectangle(np.zeros((400, 600), np.uint8), (60, 60), (540, 340), (220,), 12), id="a frame"),
        pytest.param(cv2.rectangle(np.zeros((60, 40), np.uint8), (12, 8), (26, 50), (220,), -1), id="a light 1"),
        pytest.param(np.repeat(np.linspace(40, 240, 600).astype(np.uint8)[None], 400, 0), id="a shadow"),
        pytest.param(np.zeros((1, 1), np.uint8), id="a pixel"),
    ],
)
def test_what_is_no_sheet_on_a_table_stays_as_it_is(picture: NDArray[np.uint8]) -> None:
    """Nothing is straightened that has no four edges before something darker."""
    assert find_sheet(picture) is None


@pytest.mark.parametrize("corners", [FROM_ABOVE, FROM_THE_SIDE])
def test_a_sheet_on_a_table_is_read(paper: NDArray[np.uint8], corners: list[tuple[int, int]]) -> None:
    """The number on it, with its box in the picture that was given, and that of each digit in it."""
    [number] = Reader().read(on_table(paper, corners)).numbers
    [alone] = Reader().read(paper).numbers
    assert number.text == alone.text == "4179"
    x, y, width, height = alone.box
    edges = np.array([[0, 0], [600, 0], [600, 400], [0, 400]], np.float32)
    matrix = cv2.getPerspectiveTransform(edges, np.array(corners, np.float32))
    middle = cv2.perspectiveTransform(np.array([[[x + width / 2, y + height / 2]]]), np.asarray(matrix, np.float64))
    left, top, wide, high = number.box
    assert np.abs(middle[0, 0] - (left + wide / 2, top + high / 2)).max() <= 12
    assert all(left - 8 <= digit.box[0] <= left + wide and top - 8 <= digit.box[1] for digit in number.digits)
