"""Doubts: what a person should look at, cut out of its picture."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inkdigits import Reader
from inkdigits.doubts import find_doubts
from inkdigits.pictures import encode_png
from inkdigits.readings import DigitReading, NumberReading, PageReading
from inkdigits.rules import Values

WHITE = np.full((100, 200), 255, np.uint8)


def digit(text: str, x: int, *, reason: str = "", probability: float = 0.9) -> DigitReading:
    """Return a digit of 20 x 40 px, doubtful for a reason or not."""
    shown = np.zeros((28, 28), np.uint8)
    box = (x, 30, 20, 40)
    return DigitReading(
        text=text,
        confidence=0.5,
        accepted=not reason,
        reason=reason,
        box=box,
        probabilities=(probability,),
        shown=shown,
    )


def page(*numbers: NumberReading) -> PageReading:
    """Return the reading of a page."""
    return PageReading(status="ok", reason="", numbers=numbers)


def size(picture: bytes) -> tuple[int, int]:
    """Return width and height of a PNG."""
    return Image.open(io.BytesIO(picture)).size


def test_a_doubtful_digit_is_cut_out_with_a_margin() -> None:
    """Of a number with one doubtful digit it alone is to be looked at, a tenth of its height around it."""
    number = NumberReading.from_digits((digit("3", 20), digit("5", 60, reason="not sure")))
    picture = WHITE.copy()
    picture[30:70, 60:80] = 7
    [doubt] = find_doubts(page(number), picture)
    assert (doubt.text, doubt.confidence, doubt.reason) == ("5", 0.5, "not sure")
    expected = np.full((48, 28), 255, np.uint8)
    expected[4:44, 4:24] = 7
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(doubt.picture))), expected)


def test_a_number_that_is_doubtful_for_itself_is_looked_at_as_a_whole() -> None:
    """Where it is not for a digit's sake, as where it was read as a whole, its box is cut out."""
    for reason in ("", "read as part of the whole number only"):
        number = NumberReading.from_digits((digit("3", 20), digit("5", 60, reason=reason)))
        [doubt] = find_doubts(replace(number, accepted=False, reason="readers disagree"), WHITE)
        assert (doubt.text, doubt.reason, size(doubt.picture)) == ("35", "readers disagree", (60 + 2 * 6, 40 + 2 * 6))


def test_a_number_that_keeps_no_rule_is_looked_at_as_it_would_be_without(
    draw: Callable[..., NDArray[np.uint8]],
) -> None:
    """Nothing that the rule allows fits: what would be read without it is what a person is asked about."""
    picture = draw("305")
    [doubt] = find_doubts(Reader().read(picture, rule=Values(frozenset(["1"]))), picture)
    assert (doubt.text, doubt.confidence) == ("305", 0.0)
    assert doubt.reason.startswith("no number")


def test_a_mark_that_is_no_digit_was_read_as_none() -> None:
    """Its text is empty, with the probability that it is no digit."""
    [doubt] = find_doubts(digit("4", 20, reason="not a digit by its looks", probability=0.25), WHITE)
    assert (doubt.text, doubt.confidence) == ("", 0.75)


def test_what_is_sure_or_nothing_is_no_doubt() -> None:
    """Accepted readings, declined pages and pictures without a number have nothing to look at; they are not opened."""
    sure = NumberReading.from_digits((digit("3", 20),))
    doubtful = NumberReading.from_digits((digit("3", 20, reason="not a digit by its looks"),))
    blank = Reader().read_number(WHITE)
    declined = PageReading(status="declined", reason="not a digit by its looks", numbers=(doubtful,))
    for reading in (page(sure), page(), declined, sure, blank):
        assert find_doubts(reading, "no such file") == []


def test_a_large_cut_out_is_made_smaller() -> None:
    """A digit that fills a photo is kept at 640 px; a margin stays within the picture."""
    large = replace(digit("3", 0, reason="not sure"), box=(0, 0, 1000, 2000))
    [doubt] = find_doubts(large, np.full((2000, 1500), 255, np.uint8))
    assert size(doubt.picture) == (round(1200 * 640 / 2000), 640)


def test_the_page_of_a_file_that_was_read_is_cut() -> None:
    """A reading of the second page takes its picture from there."""
    file = io.BytesIO()
    Image.fromarray(WHITE).save(file, "TIFF", save_all=True, append_images=[Image.fromarray(WHITE // 2)])
    reading = replace(page(NumberReading.from_digits((digit("3", 20, reason="not sure"),))), page=2, pages=2)
    [doubt] = find_doubts(reading, file.getvalue())
    assert np.asarray(Image.open(io.BytesIO(doubt.picture))).max() == 127


def test_a_cut_out_digit_reads_as_on_its_page(draw: Callable[..., NDArray[np.uint8]]) -> None:
    """What is kept is enough to read the digit again, and to learn from it."""
    reading = Reader().read(draw("305", "9174"))
    doubtful = [
        replace(digit, accepted=False, reason="not sure") for number in reading.numbers for digit in number.digits
    ]
    doubts = find_doubts(page(NumberReading.from_digits(tuple(doubtful))), encode_png(draw("305", "9174")))
    assert "".join(Reader().read_digit(doubt.picture).text for doubt in doubts) == "3059174"
