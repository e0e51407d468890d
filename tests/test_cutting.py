"""A line cut into pieces and runs of pieces, one of which is each digit."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.cutting import cut_line


def line_with(*boxes: tuple[int, int, int, int], width: int = 120) -> NDArray[np.uint8]:
    """Return a line (32, width) with marks that fill their boxes, hollow as a 0 is."""
    line = np.zeros((32, width), np.uint8)
    for x, y, w, h in boxes:
        cv2.ellipse(line, (x + w // 2, y + h // 2), (w // 2 - 1, h // 2 - 1), 0, 0, 360, 255, 2)
    return line


def test_what_stands_apart_is_a_piece_each() -> None:
    """Three wide digits are three runs, from left to right, with their own boxes."""
    boxes = [(10, 4, 16, 24), (40, 4, 16, 24), (70, 4, 16, 24)]
    runs = cut_line(line_with(*boxes))
    assert [(run.first, run.last) for run in runs] == [(0, 1), (1, 2), (2, 3)]
    assert np.abs(np.array([run.box for run in runs]) - boxes).max() <= 1


def test_dots_and_dashes_are_no_pieces() -> None:
    """What is far lower than a digit is left out."""
    line = line_with((20, 4, 16, 24))
    line[25:28, 40:43] = line[14:17, 50:62] = 255
    [run] = cut_line(line)
    assert run.box[0] + run.box[2] < 40


def test_the_halves_of_a_broken_digit_can_be_one() -> None:
    """Two narrow pieces side by side are a run of their own besides."""
    line = line_with((40, 4, 16, 24))
    line[:, 47:50] = 0
    halves = cut_line(line)
    assert [(run.first, run.last) for run in halves] == [(0, 1), (1, 2), (0, 2)]
    assert np.abs(np.array(halves[2].box) - (40, 4, 16, 24)).max() <= 1


def test_two_zeros_that_touch_are_cut_where_they_do() -> None:
    """A wide part is cut at the column with the least ink, and both sides are runs."""
    left, right = cut_line(line_with((30, 4, 18, 24), (47, 4, 18, 24)))
    assert (left.first, right.first) == (0, 1)
    assert abs(left.box[0] + left.box[2] - 47) <= 2
    assert abs(right.box[0] - 47) <= 2


def test_blank_paper_has_no_pieces() -> None:
    """Nothing is cut out of nothing."""
    assert cut_line(np.zeros((32, 50), np.uint8)) == []
