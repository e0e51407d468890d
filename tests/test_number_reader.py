"""Numbers are read in two ways that check each other, and say why they are not to be acted on."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from inkdigits import Reader, load_digits
from inkdigits.rules import Length, Values

Draw = Callable[..., NDArray[np.uint8]]


@pytest.fixture(scope="module")
def reader() -> Reader:
    """Open the bundled readers once."""
    return Reader()


def test_both_ways_see_a_clear_number(reader: Reader, draw: Draw) -> None:
    """It is accepted, has a box around each digit, and what the network of digits saw of each."""
    page = draw("40826")
    for number in (reader.read_number(page), reader.read(page).numbers[0]):
        assert (number.text, number.free_text, number.accepted, number.reason) == ("40826", "40826", True, "")
        assert [digit.text for digit in number.digits] == list("40826")
        lefts = [digit.box[0] for digit in number.digits]
        assert lefts == sorted(lefts)
        assert {digit.shown.shape for digit in number.digits} == {(28, 28)}


@pytest.mark.parametrize("number", [1504, 1521, 1707])
def test_one_digit_in_a_bit_of_its_box_is_seen_as_a_digit_is(reader: Reader, number: int) -> None:
    """Where the line shows one digit at most, all ink but the frame's is the other way to read it; nothing is cut."""
    digit = load_digits()[np.array([number])]
    large = cv2.resize(digit.images[0] * np.uint8(15), (48, 48), interpolation=cv2.INTER_CUBIC)
    crop = np.full((80, 70), 255, np.uint8)
    crop[16:64, 11:59] -= large
    crop[:, 2:4] = crop[-5:-3] = 90
    reading = reader.read_number(crop)
    assert (reading.text, reading.digits) == (str(digit.labels[0]), (reader.read_digit(crop),))


def test_digits_that_touch_are_read(reader: Reader) -> None:
    """Two zeros with a ligature hang together and are two zeros still."""
    page = np.full((120, 260), 255, np.uint8)
    for x in (80, 140):
        cv2.ellipse(page, (x, 60), (26, 36), 0, 0, 360, 20, 6)
    cv2.line(page, (98, 32), (122, 32), 20, 6)
    number = reader.read_number(page)
    assert number.text == "00"
    assert len(number.digits) == 2


def test_a_number_far_down_a_sloping_row_is_read_level(reader: Reader, draw: Draw) -> None:
    """A page held askew by eight degrees reads as it does level."""
    page = draw("305417", "826093")
    height, width = page.shape
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), 8, 1)
    askew = np.asarray(cv2.warpAffine(page, turn, (width, height), borderValue=255), np.uint8)
    assert reader.read(askew).text == "305417 826093"


def test_a_rule_decides_while_reading(reader: Reader, draw: Draw) -> None:
    """Of a roster the number that stands there is taken, however many others are on it."""
    number = reader.read_number(draw("40826"), rule=Values(frozenset({"40826", "40825", "10826"})))
    assert (number.text, number.free_text) == ("40826", "40826")


def test_what_no_rule_allows_is_declined(reader: Reader, draw: Draw) -> None:
    """The text is empty, the reason says what stands there, and its digits are shown."""
    number = reader.read_number(draw("305"), rule=Length(5))
    assert (number.text, number.accepted, number.free_text) == ("", False, "305")
    assert number.reason == "no number of 5 digits fits: the free reading is 305"
    assert [digit.text for digit in number.digits] == list("305")


def test_separators_are_told_where_they_are_asked_for(draw: Draw) -> None:
    """A point between two digits and a dash after them are in the text, and are no digits."""
    page = np.ascontiguousarray(np.pad(draw("30", gap=40, margin=20), ((0, 0), (0, 90)), constant_values=255))
    ink = page < 128
    foot, columns = int(np.flatnonzero(ink.any(axis=1))[-1]), np.flatnonzero(ink.any(axis=0))
    gap = int(columns[:-1][np.diff(columns) > 10][0]) + 20
    cv2.circle(page, (gap, foot - 3), 4, 20, -1)
    middle = foot - 30
    cv2.line(page, (int(columns[-1]) + 25, middle), (int(columns[-1]) + 60, middle), 20, 5)
    assert Reader(separators=True).read_number(page).text == "3.0-"
    plain = Reader().read_number(page)
    assert (plain.text, len(plain.digits)) == ("30", 2)


@pytest.mark.parametrize("max_error", ["0.05", "0.01"])
def test_a_stricter_promise_accepts_no_more(draw: Draw, max_error: str) -> None:
    """What is accepted at one error rate reaches the threshold that the model file has for it."""
    reader = Reader(max_error=max_error)
    assert reader.line is not None
    threshold = reader.line.metadata.thresholds[max_error]
    number = reader.read_number(draw("305"))
    assert number.accepted == (number.confidence >= threshold)


def test_a_model_of_digits_alone_joins_its_digits(draw: Draw) -> None:
    """With another model than the bundled one a number is what its digits are."""
    reader = Reader("tiny")
    assert reader.line is None
    number = reader.read_number(draw("305"))
    assert number.text == "305"
    assert number.confidence == pytest.approx(np.prod([digit.confidence for digit in number.digits]))


def test_a_model_of_lines_joins_the_bundled_digits(draw: Draw) -> None:
    """A file of a line model, as adapt writes, reads together with the bundled reader of digits."""
    reader = Reader("line")
    assert reader.line is not None
    assert reader.read_number(draw("305")).text == "305"
