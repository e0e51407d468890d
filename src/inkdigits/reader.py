"""Reader: a picture in, a reading out. The sentence the rest exists for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inkdigits.errors import InkdigitsError
from inkdigits.ink import extract_ink, to_working_size
from inkdigits.modelfile import Model, open_model
from inkdigits.page import DigitInk, PageInk, find_digit, find_numbers
from inkdigits.pictures import MAX_PAGES, Pages, Picture, load_picture, open_pages
from inkdigits.prepare import PREPARATIONS, prepare
from inkdigits.readings import Box, DigitReading, NumberReading, PageReading

MOST_DOUBT = 0.5  # probability from which a mark is more likely no digit than any
PROMISED_ERROR = "0.01"  # readings are accepted at the threshold that promises at most 1 % errors


class Reader:
    """Reads digits and numbers from pictures.

    Parameters
    ----------
    model
        The path of a model file, a loaded Model, the name of a bundled model, or None for the bundled reader.

    Examples
    --------
    >>> import inkdigits
    >>> reader = inkdigits.Reader()
    >>> digits = inkdigits.load_digits()
    >>> reader.read_digit(digits.images[0]).text
    '0'
    """

    def __init__(self, model: str | Path | Model | None = None) -> None:
        self.model = open_model(model)

    def read(self, picture: Picture) -> PageReading:
        """Read all numbers on a picture; of a PDF or TIFF with several pages on the first.

        Raises PictureError if the picture cannot be read; a picture without digits is declined, with the reason.
        """
        with open_pages(picture) as pages:
            return replace(self._read_page(pages.load(1)), pages=pages.count)

    def read_pages(self, picture: Picture, *, max_pages: int = MAX_PAGES) -> Iterator[PageReading]:
        """Read all pages of a picture, one after the other: a PDF and a TIFF may have several.

        Raises nothing for what cannot be read: a page becomes a reading with the status `failed` and the reason, and
        the next one is read. So does a file that cannot be opened or has more than `max_pages`: as page 0 of 0.
        """
        try:
            with open_pages(picture, max_pages=max_pages) as pages:
                for number in range(1, pages.count + 1):
                    yield replace(self._try_page(pages, number), page=number, pages=pages.count)
        except InkdigitsError as error:
            yield PageReading(status="failed", reason=str(error), page=0, pages=0)

    def _try_page(self, pages: Pages, number: int) -> PageReading:
        try:
            return self._read_page(pages.load(number))
        except InkdigitsError as error:
            return PageReading(status="failed", reason=str(error))

    def _read_page(self, gray: NDArray[np.uint8]) -> PageReading:
        page, scale = _find_numbers(gray)
        if not page.numbers:
            return PageReading(status="declined", reason=page.reason)
        found = [digit for number in page.numbers for digit in number]
        read = self._read_digits(found, scale)
        digits = iter(read)
        numbers = tuple(
            NumberReading.from_digits(tuple(next(digits) for _ in number), line=line)
            for number, line in zip(page.numbers, page.lines, strict=True)
        )
        if all(ink.touches_border or _is_no_digit(digit) for ink, digit in zip(found, read, strict=True)):
            return PageReading(status="declined", reason=numbers[0].reason, numbers=numbers)
        return PageReading(status="ok", reason="", numbers=numbers)

    def read_number(self, crop: Picture) -> NumberReading:
        """Read a crop that holds one number: all of its digits, left to right, however they are spaced.

        That a digit touches the border is what a crop is, and no reason for doubt.
        """
        page, scale = _find_numbers(load_picture(crop))
        digits = [replace(digit, touches_border=False) for number in page.numbers for digit in number]
        if not digits:
            return _no_number(page.reason)
        return NumberReading.from_digits(tuple(self._read_digits(digits, scale)))

    def read_digit(self, crop: Picture) -> DigitReading:
        """Read a crop that holds one digit: all ink but dots and bits of a frame belongs to it."""
        small, scale = to_working_size(load_picture(crop))
        found = find_digit(extract_ink(small))
        if isinstance(found, str):
            return self._no_digit(found)
        [reading] = self._read_digits([replace(found, touches_border=False)], scale)
        return reading

    def _read_digits(self, digits: Sequence[DigitInk], scale: float) -> list[DigitReading]:
        images = np.stack([prepare(digit.ink, self.model.metadata.preparation) for digit in digits])
        probabilities = self.model.predict_proba(images)
        return [
            self._judge(digit, image, row, scale)
            for digit, image, row in zip(digits, images, probabilities, strict=True)
        ]

    def _judge(
        self, digit: DigitInk, image: NDArray[np.uint8], probabilities: NDArray[np.float64], scale: float
    ) -> DigitReading:
        digits = self.model.metadata.digits
        of_digits = probabilities[: len(digits)]
        best = int(of_digits.argmax())
        confidence = float(of_digits[best])
        reading = DigitReading(
            text=digits[best],
            confidence=confidence,
            accepted=True,
            reason="",
            box=_scale_box(digit.box, 1 / scale),
            probabilities=tuple(float(p) for p in of_digits),
            shown=image,
        )
        reason = self._doubt(digit, reading)
        return replace(reading, accepted=not reason, reason=reason)

    def _doubt(self, digit: DigitInk, reading: DigitReading) -> str:
        """Return why a reading is not to be acted on, or nothing."""
        if digit.touches_border:
            return "touches the border of the picture: it may be cut off"
        if _is_no_digit(reading):
            return f"not a digit by its looks, with a probability of {_probability_of_no_digit(reading):.3f}"
        threshold = self.model.metadata.thresholds.get(PROMISED_ERROR)
        if threshold is None:
            return "the model promises no error rate: it was trained without a held-out part"
        if reading.confidence < threshold:
            return f"not sure: confidence {reading.confidence:.3f} is below {threshold:.3f}"
        return ""

    def _no_digit(self, reason: str) -> DigitReading:
        size = PREPARATIONS[self.model.metadata.preparation].size
        return DigitReading(
            text="",
            confidence=0.0,
            accepted=False,
            reason=reason,
            box=(0, 0, 0, 0),
            probabilities=(),
            shown=np.zeros((size, size), np.uint8),
        )


def _find_numbers(gray: NDArray[np.uint8]) -> tuple[PageInk, float]:
    """Return what is on a picture, and the scale at which it was found."""
    small, scale = to_working_size(gray)
    return find_numbers(extract_ink(small)), scale


def _is_no_digit(reading: DigitReading) -> bool:
    return _probability_of_no_digit(reading) > MOST_DOUBT


def _probability_of_no_digit(reading: DigitReading) -> float:
    """Return what the probabilities of the digits lack to 1: nothing, where a model knows digits only."""
    return max(0.0, 1 - sum(reading.probabilities))


def _no_number(reason: str) -> NumberReading:
    return NumberReading(text="", confidence=0.0, accepted=False, reason=reason, box=(0, 0, 0, 0), digits=())


def _scale_box(box: Box, factor: float) -> Box:
    x, y, width, height = (round(value * factor) for value in box)
    return x, y, width, height
