"""Rows that slope are made level, and boxes find their way back."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from inkdigits.page import find_numbers
from inkdigits.readings import Box
from inkdigits.tilt import Turn, slope_of_row, slope_of_rows


def rows(slope: float, *, gap: int = 60) -> list[Box]:
    """Return the boxes of four rows of eight digits, 40 px high, that fall by slope px a px."""
    return [(x, round(100 * row + slope * x), 24, 40) for row in range(4) for x in range(0, 8 * gap, gap)]


@pytest.mark.parametrize("degrees", [-15, -6, 0, 4, 15])
@pytest.mark.parametrize("gap", [60, 200])
def test_rows_tell_their_slope(degrees: float, gap: int) -> None:
    """Close together or far apart, digits in rows tell by how much they slope, within a degree."""
    found = np.degrees(np.arctan(slope_of_rows(rows(np.tan(np.radians(degrees)), gap=gap), 40)))
    assert found == pytest.approx(degrees, abs=1)


def test_a_few_digits_have_no_rows() -> None:
    """Four digits lie on some line by chance: they are taken to be level."""
    assert slope_of_rows([(x, x // 4, 24, 40) for x in (0, 90, 180, 270)], 40) == 0


@pytest.mark.parametrize("slope", [-0.2, -0.05, 0.1])
def test_a_row_tells_its_own_slope(slope: float) -> None:
    """By most of its digits: one that is half as high and stands on the line changes nothing."""
    row = rows(slope)[:8]
    x, y, width, height = row[3]
    row[3] = (x, y + height // 2, width, height // 2)
    assert slope_of_row(row) == pytest.approx(slope, abs=0.01)


def test_a_row_is_level_unless_it_clearly_slopes() -> None:
    """Digits that are a third of their height off tell nothing, nor do four."""
    assert slope_of_row([(60 * i, 12 * (i % 2), 24, 40) for i in range(8)]) == 0
    assert slope_of_row(rows(0.2)[:4]) == 0


def test_rows_that_fan_out_have_a_slope_each() -> None:
    """The upper row rises, the lower one falls: each number is cut out along its own."""
    ink = np.zeros((500, 700), np.uint8)
    for x in range(40, 660, 60):
        for y in (150 - x // 8, 300 + x // 8):
            cv2.line(ink, (x, y), (x + 4, y + 40), 255, 5)
    page = find_numbers(ink)
    assert page.slopes == pytest.approx([0.125 if line else -0.125 for line in page.lines], abs=0.02)


@pytest.mark.parametrize("slope", [-0.25, 0.1, 0.27])
def test_a_box_comes_back_to_its_place(slope: float) -> None:
    """The box of a mark in the turned page is that of the mark in the picture, to 2 px."""
    ink = np.zeros((300, 500), np.uint8)
    cv2.line(ink, (100, 80), (130, 140), 255, 5)
    turn = Turn.level(ink.shape, slope)
    box = turn.box_of(turn.apply(ink) > 127, 0, 0)
    assert np.abs(np.array(box) - cv2.boundingRect(ink)).max() <= 2


@pytest.mark.parametrize("slope", [-0.25, 0.25])
def test_single_digits_far_apart_on_a_sloping_line_are_one_line(slope: float) -> None:
    """Each is a number of its own, they share a line, and each box lies on its digit."""
    ink = np.zeros((700, 1000), np.uint8)
    places = [(x, round(330 + 130 * row + slope * (x - 500))) for row in (-1, 0, 1) for x in (80, 300, 520, 740, 920)]
    for x, y in places:
        cv2.line(ink, (x, y), (x + 4, y + 40), 255, 5)
    page = find_numbers(ink)
    assert page.lines == (0,) * 5 + (1,) * 5 + (2,) * 5
    assert [len(number) for number in page.numbers] == [1] * 15
    assert all(
        abs(number[0].box[0] - x) <= 5 and abs(number[0].box[1] - y) <= 5
        for number, (x, y) in zip(page.numbers, places, strict=True)
    )
