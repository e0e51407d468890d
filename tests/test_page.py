"""A page's ink falls apart into lines, numbers and digits."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from inkdigits.page import _boxed_anew, _Part, find_digit, find_numbers
from inkdigits.readings import Box

Draw = Callable[..., NDArray[np.uint8]]


def layout(ink: NDArray[np.uint8]) -> list[int]:
    """How many digits each number has, in reading order."""
    return [len(number) for number in find_numbers(ink).numbers]


def boxes(ink: NDArray[np.uint8]) -> list[Box]:
    """Where each digit of a page stands, in reading order."""
    return [digit.box for number in find_numbers(ink).numbers for digit in number]


def test_lines_and_numbers_come_in_reading_order(draw: Draw) -> None:
    """Two lines, three numbers: top to bottom, left to right."""
    top, bottom = 255 - draw("305"), 255 - draw("41")
    gap = np.zeros((top.shape[0], 80), np.uint8)
    page = np.vstack(
        [np.hstack([top, gap, top]), np.pad(bottom, ((0, 0), (0, 2 * top.shape[1] + 80 - bottom.shape[1])))]
    )
    numbers = find_numbers(page).numbers
    assert [len(number) for number in numbers] == [3, 3, 2]
    lefts = [[digit.box[0] for digit in number] for number in numbers]
    assert all(left == sorted(left) for left in lefts)
    assert lefts[0][-1] < lefts[1][0]


def test_a_sloping_line_is_one_line(draw: Draw) -> None:
    """Digits that climb by a quarter of their height each still stand on one line."""
    ink = 255 - draw("12345", gap=24)
    climb = np.float32([[1, 0, 0], [-0.2, 1, 0.2 * ink.shape[1]]])
    sloping = cv2.warpAffine(ink, climb, (ink.shape[1], ink.shape[0] + int(0.2 * ink.shape[1])))
    assert layout(sloping) == [5]


def test_the_bar_of_a_five_belongs_to_it() -> None:
    """A detached stroke right above a digit is part of it."""
    ink = np.zeros((120, 100), np.uint8)
    cv2.line(ink, (40, 20), (65, 20), 255, 5)
    cv2.polylines(ink, [np.array([[38, 34], [38, 50], [62, 55], [64, 80], [36, 95]])], False, 255, 5)
    assert layout(ink) == [1]


def test_dots_and_specks_are_not_digits(draw: Draw) -> None:
    """A decimal point, dust and a comma do not become digits."""
    ink = 255 - draw("31", gap=40)
    height, width = ink.shape
    for x, y in ((width // 2, height - 62), (10, 10), (width - 12, 20)):
        ink[y - 3 : y + 3, x - 3 : x + 3] = 255
    assert layout(ink) == [2]


def test_each_digit_is_cut_out_without_its_neighbours() -> None:
    """Where boxes overlap, the ink of the neighbour stays out."""
    ink = np.zeros((100, 120), np.uint8)
    cv2.line(ink, (20, 90), (60, 10), 255, 4)
    cv2.line(ink, (50, 90), (90, 10), 255, 4)
    first, second = find_numbers(ink).numbers[0]
    assert abs(int((first.ink > 0).sum()) - int((second.ink > 0).sum())) < 40
    assert (first.ink > 0).sum() + (second.ink > 0).sum() == (ink > 0).sum()


def test_a_digit_at_the_edge_is_marked(draw: Draw) -> None:
    """Ink that reaches the edge of the picture may be cut off."""
    ink = (255 - draw("8"))[100:]
    [[digit]] = find_numbers(ink).numbers
    assert digit.touches_border


@pytest.mark.parametrize(
    ("ink", "reason"),
    [
        (np.zeros((50, 50), np.uint8), "nothing to read: no ink stands out from the paper"),
        (np.pad(np.full((2, 3), 255, np.uint8), 20), "too small: the largest mark is 3 px, a digit needs 5"),
        (np.pad(np.full((40, 40), 255, np.uint8), 20), "not handwriting: a solid patch without strokes"),
    ],
)
def test_what_is_not_a_digit_has_a_reason(ink: NDArray[np.uint8], reason: str) -> None:
    """Blank, too small, a patch: declined in words."""
    page = find_numbers(ink)
    assert page.numbers == ()
    assert page.reason.startswith(reason)
    assert find_digit(ink) == page.reason


@pytest.mark.parametrize(("gap", "digits"), [(0.8, [2]), (1.3, [1, 1])])
def test_a_gap_wider_than_a_digit_is_high_parts_numbers(gap: float, digits: list[int]) -> None:
    """Digits 0.8 heights apart are one number, 1.3 heights apart two."""
    ink = np.zeros((120, 240), np.uint8)
    second = 48 + round(gap * 50)
    ink[30:80, 40:48] = ink[30:80, second : second + 8] = 255
    assert layout(ink) == digits


def test_a_shadow_is_left_out(draw: Draw) -> None:
    """A dark wedge, as a thumb or a folded corner, reaches in from the border: not a digit, nor do others suffer."""
    ink = 255 - draw("305")
    shadowed = ink.copy()
    top = ink.shape[1] - 32
    cv2.fillPoly(shadowed, [np.array([[top - 28, 0], [top + 28, 0], [top + 18, 88], [top - 18, 88]])], 255)
    assert [boxes(ink), layout(ink)] == [boxes(shadowed), [3]]


def test_a_margin_line_is_left_out(draw: Draw) -> None:
    """A thin line from the top to the bottom of the page, beside small digits, is not a digit."""
    ink = np.pad(255 - draw("305"), ((200, 200), (200, 0)))
    lined = ink.copy()
    lined[:, 160:162] = 255
    assert [boxes(ink), layout(ink)] == [boxes(lined), [3]]


@pytest.mark.parametrize("width", [4, 10, 40])
def test_a_bold_one_is_a_digit(width: int) -> None:
    """A bar two and a half times as high as it is wide is a 1, thin pen or thick."""
    ink = np.zeros((200, 200), np.uint8)
    ink[40 : 40 + width * 5 // 2, 80 : 80 + width] = 255
    assert boxes(ink) == [(80, 40, width, width * 5 // 2)]


@pytest.mark.parametrize("radius", [6, 20, 60])
def test_a_disc_is_a_patch(radius: int) -> None:
    """A blot has no strokes, so it is not a digit, small or large."""
    ink = np.zeros((200, 200), np.uint8)
    cv2.circle(ink, (100, 100), radius, 255, -1)
    assert find_numbers(ink).reason == "not handwriting: a solid patch without strokes"


@pytest.mark.parametrize("distance", [2, 5, 8])
def test_a_digit_near_the_edge_is_not_marked(distance: int) -> None:
    """A bold digit with a little paper all around it is whole, and its box is exactly that of its ink."""
    ink = np.zeros((200, 200), np.uint8)
    cv2.polylines(ink, [np.array([[60, 60], [120, 60], [80, 150]])], False, 255, 14)
    x, y, width, height = cv2.boundingRect(ink)
    [[digit]] = find_numbers(np.pad(ink[y : y + height, x : x + width], distance)).numbers
    assert (digit.touches_border, digit.box) == (False, (distance, distance, width, height))


def test_a_frame_around_one_digit_is_left_out(draw: Draw) -> None:
    """Bits of a printed box along the border of a crop are not part of the digit."""
    ink = (255 - draw("3"))[40:-40, 40:-40]
    framed = ink.copy()
    framed[:2] = framed[:, :2] = 255
    alone, inside = find_digit(ink), find_digit(framed)
    assert not isinstance(alone, str)
    assert not isinstance(inside, str)
    assert inside.box == alone.box


@pytest.mark.parametrize(("top", "lines"), [(62, (0, 0, 0, 1)), (46, (0, 0, 0, 0))])
def test_a_digit_far_off_and_low_is_on_a_line_of_its_own(top: int, lines: tuple[int, ...]) -> None:
    """Two heights away from a long line it must stand in its course: nearly half a height lower it does not."""
    ink = np.zeros((200, 500), np.uint8)
    for left, start in ((40, 40), (160, 42), (280, 41), (400, top)):
        ink[start : start + 50, left : left + 8] = 255
    assert find_numbers(ink).lines == lines


def test_a_crease_is_no_digit(draw: Draw) -> None:
    """What is far finer and fainter than the pen of its line, or alone on the page, is left out."""
    ink = np.pad(255 - draw("305"), ((0, 200), (0, 200)))
    creased = ink.copy()
    cv2.line(creased, (ink.shape[1] - 150, 70), (ink.shape[1] - 140, 140), 60, 1)
    cv2.line(creased, (150, ink.shape[0] - 120), (160, ink.shape[0] - 60), 60, 1)
    assert boxes(creased) == boxes(ink)


def test_a_pencil_row_beside_a_marker_row_is_read(draw: Draw) -> None:
    """A row that is written with another pen stays, however fine."""
    marker = 255 - draw("305")
    pencil = np.zeros(marker.shape, np.uint8)
    for x in range(40, 200, 50):
        cv2.line(pencil, (x, 70), (x + 6, 130), 70, 1)
    assert layout(np.vstack([marker, pencil]))[1:] == [4]


def test_a_box_around_several_digits_is_left_out(draw: Draw) -> None:
    """What has digits within is a frame, whatever its size, and does not swallow them."""
    ink = 255 - draw("305")
    framed = ink.copy()
    cv2.ellipse(
        framed,
        (ink.shape[1] // 2, ink.shape[0] // 2),
        (ink.shape[1] // 2 - 12, ink.shape[0] // 2 - 12),
        0,
        0,
        360,
        255,
        3,
    )
    assert boxes(framed) == boxes(ink)


@settings(deadline=None, max_examples=60)
@given(arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=60), elements=st.sampled_from([0, 40, 255])))
def test_any_ink_gives_boxes_inside_the_page(ink: NDArray[np.uint8]) -> None:
    """Whatever is on the page, every box lies on it and holds ink; none at all has a reason."""
    page = find_numbers(ink)
    assert bool(page.numbers) != bool(page.reason)
    for digit in (digit for number in page.numbers for digit in number):
        x, y, width, height = digit.box
        assert 0 <= x < x + width <= ink.shape[1]
        assert 0 <= y < y + height <= ink.shape[0]
        assert digit.ink.any()


def test_a_mark_that_a_turn_leaves_nothing_of_is_left_out() -> None:
    """A single px may go; whichever its label, the others have their boxes anew."""
    labels = np.zeros((9, 9), np.int32)
    labels[2:5, 3:7] = 2
    parts = [_Part((label,), (0, 0, 1, 1), 1) for label in (1, 2, 3)]
    assert [part.box for part in _boxed_anew(parts, labels)] == [(3, 2, 4, 3)]
    labels[7, 7] = 4  # of a part that was left out before
    assert [part.box for part in _boxed_anew(parts, labels)] == [(3, 2, 4, 3)]
