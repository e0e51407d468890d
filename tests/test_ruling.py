"""Printed lines are taken out of the ink; what is written on them stays."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from inkdigits.page import find_numbers
from inkdigits.ruling import find_rules, slope_of
from inkdigits.tracing import erase_rules

Draw = Callable[..., NDArray[np.uint8]]


def turned(ink: NDArray[np.uint8], degrees: float) -> NDArray[np.uint8]:
    """Turn a page about its middle, against the clock."""
    height, width = ink.shape
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    return np.asarray(cv2.warpAffine(ink, matrix, (width, height)), np.uint8)


def ruled(ink: NDArray[np.uint8], *, every: int, thickness: int, down: bool = False) -> NDArray[np.uint8]:
    """Rule a page across, or down as well, in ink two thirds as strong as the pen."""
    page = ink.copy()
    for start in range(every // 2, ink.shape[0], every):
        page[start : start + thickness] = np.maximum(page[start : start + thickness], 160)
    for start in range(every // 2, ink.shape[1] if down else 0, every):
        page[:, start : start + thickness] = np.maximum(page[:, start : start + thickness], 160)
    return page


def likeness(ink: NDArray[np.uint8], written: NDArray[np.uint8]) -> float:
    """Intersection over union of what is left and what was written."""
    left, true = ink > 64, written > 64
    return float((left & true).sum() / (left | true).sum())


@pytest.fixture
def writing(draw: Draw) -> NDArray[np.uint8]:
    """Two rows of four digits with paper around them."""
    return np.pad(255 - draw("3058", "4179", gap=30), ((20, 20), (80, 80)))


@pytest.mark.parametrize("thickness", [2, 4])
@pytest.mark.parametrize("degrees", [0, 6, -14])
@pytest.mark.parametrize("down", [False, True])
def test_ruled_and_squared_paper_leaves_the_writing(
    writing: NDArray[np.uint8], thickness: int, degrees: float, down: bool
) -> None:
    """Thin lines or bold, level or askew: they go, and nine tenths of what is left and what was written agree."""
    page = turned(ruled(writing, every=56, thickness=thickness, down=down), degrees)
    assert likeness(erase_rules(page, find_rules(page)), turned(writing, degrees)) > 0.85


@pytest.mark.parametrize("degrees", [0, 6, -14])
def test_the_lines_tell_how_the_page_slopes(writing: NDArray[np.uint8], degrees: float) -> None:
    """A page turned against the clock has lines that fall by the tangent less."""
    slope = slope_of(find_rules(turned(ruled(writing, every=56, thickness=2), degrees)))
    assert slope == pytest.approx(-np.tan(np.radians(degrees)), abs=0.01)


def test_what_is_written_upon_a_line_stays() -> None:
    """The foot of a 2 that runs along a line half as strong is not taken for the line."""
    ink = np.zeros((200, 400), np.uint8)
    ink[100:103] = 120
    cv2.line(ink, (150, 101), (210, 101), 255, 3)
    left = erase_rules(ink, find_rules(ink))
    assert left[101, 155:205].min() == 255
    assert not left[:, :140].any()


def test_a_stroke_across_a_line_stays_one_piece() -> None:
    """A thin stroke that crosses a bolder line aslant is not cut where it is hidden in the line."""
    ink = np.zeros((200, 400), np.uint8)
    cv2.line(ink, (120, 50), (240, 150), 200, 3)
    ink[98:103] = 200
    n, _ = cv2.connectedComponents((erase_rules(ink, find_rules(ink)) > 0).astype(np.uint8))
    assert n == 2  # the paper and the stroke


def test_printed_boxes_are_taken_out(writing: NDArray[np.uint8]) -> None:
    """Digits in boxes, some of them across the sides, are found one by one."""
    page = writing.copy()
    for x in range(100, 500, 95):
        cv2.rectangle(page, (x, 90), (x + 95, 195), 160, 2)
    numbers = find_numbers(page).numbers
    alone = find_numbers(writing).numbers
    assert [len(number) for number in numbers] == [len(number) for number in alone]


def test_a_line_goes_on_behind_what_is_written_on_it(draw: Draw) -> None:
    """Squared paper full of digits: of its lines less than a thirtieth is left, wherever digits cut them to pieces."""
    written = 255 - draw("635184", "877270", "549190", "658296", gap=27)
    page = ruled(written, every=44, thickness=4, down=True)
    printed = (page > 64) & (written == 0)
    left = erase_rules(page, find_rules(page)) > 64
    assert (left & printed).sum() < printed.sum() / 30


def test_a_hairline_does_not_hide_bolder_lines() -> None:
    """The edge of a sheet is longer and thinner than the lines printed on it: all are found."""
    ink = np.zeros((300, 600), np.uint8)
    for top in range(40, 280, 60):
        ink[top : top + 4, 5:595] = 160
    ink[298] = 160
    assert not erase_rules(ink, find_rules(ink))[:290].any()


@pytest.mark.parametrize("digits", ["77777", "11111", "55555", "4"])
@pytest.mark.parametrize("gap", [4, 16])
def test_rows_of_like_digits_are_no_lines(draw: Draw, digits: str, gap: int) -> None:
    """The bars of 7s in a row and the stems of 1s are strokes: nothing is found where nothing is printed."""
    assert find_rules(255 - draw(digits, gap=gap)) == []


def test_a_lone_one_is_no_line() -> None:
    """A thin upright stroke as high as its picture is a 1, not a line."""
    ink = np.zeros((300, 60), np.uint8)
    cv2.line(ink, (30, 5), (33, 295), 255, 2)
    assert find_rules(ink) == []


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (30, 2000)])
def test_any_shape_is_survived(shape: tuple[int, int]) -> None:
    """Pictures that are all ink, however narrow, keep their shape."""
    ink = np.full(shape, 255, np.uint8)
    assert erase_rules(ink, find_rules(ink)).shape == shape
