"""Digits drawn again along the line in the middle of their strokes."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from inkdigits.prepare import prepare, stroke_width
from inkdigits.reader import Reader
from inkdigits.redraw import FINE, find_middle, redraw_digits

Drawing = Callable[..., NDArray[np.uint8]]


@pytest.fixture
def digits(draw: Drawing) -> NDArray[np.uint8]:
    """Return 0 to 9, (10, 28, 28)."""
    return np.stack([prepare(255 - draw(str(digit)), "mnist-28") for digit in range(10)])


def test_the_middle_of_a_bar_is_one_px_wide() -> None:
    """A bar of 4 px becomes a line along its middle."""
    bar = np.zeros((28, 28), np.uint8)
    bar[4:24, 12:16] = 255
    line = find_middle(bar)
    rows = line[7 * FINE : 21 * FINE]  # the line is shorter than the bar by half its width
    assert (rows.sum(axis=1) == 1).all()
    assert np.abs(rows.argmax(axis=1) - 14 * FINE).max() <= 2


def test_a_loop_that_ran_full_is_a_loop_again() -> None:
    """A stem of 3 px with a disc of 11 px: the line goes around the disc's middle."""
    image = np.zeros((28, 28), np.uint8)
    cv2.line(image, (8, 3), (8, 22), 255, 3)
    cv2.circle(image, (13, 18), 6, 255, -1)
    line = find_middle(image).astype(np.uint8)
    _, levels = cv2.findContours(line, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    assert (levels[0, :, 3] >= 0).any()  # a contour inside another: a hole


def test_nothing_has_no_middle() -> None:
    """A blank image has no line, and is drawn as a blank."""
    blank = np.zeros((1, 28, 28), np.uint8)
    assert not find_middle(blank[0]).any()
    assert not redraw_digits(blank, random_state=0).any()


def test_of_no_digits_none_are_drawn() -> None:
    """An empty set stays one."""
    assert redraw_digits(np.zeros((0, 28, 28), np.uint8), random_state=0).shape == (0, 28, 28)


def test_each_pen_is_another(digits: NDArray[np.uint8]) -> None:
    """The same digit in many widths; the same seed draws the same."""
    many = redraw_digits(digits[[7] * 20], random_state=1)
    widths = [stroke_width((image > 127).astype(np.uint8)) for image in many]
    assert max(widths) > 1.5 * min(widths)
    assert np.array_equal(many, redraw_digits(digits[[7] * 20], random_state=1))


def test_they_stay_what_they_are(digits: NDArray[np.uint8]) -> None:
    """The bundled reader reads each as it is, drawn by eight pens."""
    again = redraw_digits(np.repeat(digits, 8, axis=0), random_state=2)
    read = Reader().model.predict(again)
    assert np.mean(read == np.repeat(np.arange(10), 8)) >= 0.95
