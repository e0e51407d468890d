"""Reader: a picture in, a reading out. The sentence the rest exists for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inkdigits.crop import Crop
from inkdigits.digit_reader import CUT_OFF, PROMISED_ERROR, DigitReader, is_no_digit, scale_box
from inkdigits.errors import InkdigitsError
from inkdigits.ink import extract_ink, take_off_paper, to_working_size
from inkdigits.modelfile import Model, open_models
from inkdigits.number_reader import NO_NUMBER, NOWHERE, NumberReader
from inkdigits.page import find_numbers, why_nothing
from inkdigits.pictures import MAX_PAGES, Pages, Picture, load_picture, open_pages
from inkdigits.readings import Box, DigitReading, NumberReading, PageReading
from inkdigits.rules import Rule
from inkdigits.second import SecondOpinion
from inkdigits.sheet import Sheet, find_sheet
from inkdigits.tracing import erase_rules


class Reader:
    """Reads digits and numbers from pictures.

    Parameters
    ----------
    model
        The path of a model file, a loaded model, the name of a bundled one, or None for the bundled readers. A model of
        whole numbers works together with the bundled reader of digits; any other model of digits reads alone.
    max_error
        The error rate that is promised of accepted readings, one that the model file has a threshold for.
    separators
        Whether the text of a number keeps points, commas, dashes and equals signs.
    second_opinion
        Whether RapidOCR (extra `ocr`) is asked about the numbers that are not to be accepted.

    Examples
    --------
    >>> import inkdigits
    >>> reader = inkdigits.Reader()
    >>> digits = inkdigits.load_digits()
    >>> reader.read_digit(digits.images[0]).text
    '0'
    """

    def __init__(
        self,
        model: str | Path | Model | None = None,
        *,
        max_error: str = PROMISED_ERROR,
        separators: bool = False,
        second_opinion: bool = False,
    ) -> None:
        self.model, self.line = open_models(model)
        self._digits = DigitReader(self.model, max_error=max_error)
        self._numbers = NumberReader(
            self._digits,
            self.line,
            max_error=max_error,
            separators=separators,
            second=SecondOpinion() if second_opinion else None,
        )

    def read(self, picture: Picture, *, rule: Rule | None = None) -> PageReading:
        """Read all numbers on a picture; of a PDF or TIFF with several pages on the first.

        A rule says what the numbers may be, see `rules`. Raises PictureError if the picture cannot be read; a picture
        without digits is declined, with the reason.
        """
        with open_pages(picture) as pages:
            return replace(self._read_page(pages.load(1), rule), pages=pages.count)

    def read_pages(
        self, picture: Picture, *, max_pages: int = MAX_PAGES, rule: Rule | None = None
    ) -> Iterator[PageReading]:
        """Read all pages of a picture, one after the other: a PDF and a TIFF may have several.

        Raises nothing for what cannot be read: a page becomes a reading with the status `failed` and the reason, and
        the next one is read. So does a file that cannot be opened or has more than `max_pages`: as page 0 of 0.
        """
        try:
            with open_pages(picture, max_pages=max_pages) as pages:
                for number in range(1, pages.count + 1):
                    yield replace(self._try_page(pages, number, rule), page=number, pages=pages.count)
        except InkdigitsError as error:
            yield PageReading(status="failed", reason=str(error), page=0, pages=0)

    def read_number(self, crop: Picture, *, rule: Rule | None = None) -> NumberReading:
        """Read a crop that holds one number: all of its digits, left to right, however they are spaced.

        That a digit touches the border is what a crop is, and no reason for doubt.
        """
        small, scale = to_working_size(load_picture(crop))
        contrast = take_off_paper(small)
        if self.line and not why_nothing(contrast.ink):
            return self._numbers.read(Crop.whole(contrast.flat), (), scale, rule=rule, ink=contrast.ink)
        page = find_numbers(contrast.ink)
        digits = [replace(digit, touches_border=False) for number in page.numbers for digit in number]
        if not digits:
            return _no_number(page.reason)
        return self._numbers.read(Crop.whole(contrast.ink), self._digits.read(digits, scale), scale, rule=rule)

    def read_digit(self, crop: Picture) -> DigitReading:
        """Read a crop that holds one digit: all ink but dots and bits of a frame belongs to it."""
        small, scale = to_working_size(load_picture(crop))
        return self._digits.read_whole(extract_ink(small), scale)

    def _try_page(self, pages: Pages, number: int, rule: Rule | None) -> PageReading:
        try:
            return self._read_page(pages.load(number), rule)
        except InkdigitsError as error:
            return PageReading(status="failed", reason=str(error))

    def _read_page(self, gray: NDArray[np.uint8], rule: Rule | None) -> PageReading:
        small, scale = to_working_size(gray)
        sheet = find_sheet(small)
        if sheet is None:
            return self._read_paper(small, scale, rule)
        reading = self._read_paper(sheet.face(small), 1.0, rule)
        return replace(reading, numbers=tuple(_on_picture(number, sheet, scale) for number in reading.numbers))

    def _read_paper(self, small: NDArray[np.uint8], scale: float, rule: Rule | None) -> PageReading:
        contrast = take_off_paper(small)
        page = find_numbers(contrast.ink)
        if not page.numbers:
            return PageReading(status="declined", reason=page.reason)
        read = iter(self._digits.read([digit for number in page.numbers for digit in number], scale))
        boxes = [digit.box for number in page.numbers for digit in number]
        flat = erase_rules(contrast.flat, page.rules)
        numbers = []
        for found, row, slope in zip(page.numbers, page.lines, page.slopes, strict=True):
            own = [digit.box for digit in found]
            crop = Crop.around(own, [box for box in boxes if box not in own], flat, slope=slope)
            digits = [next(read) for _ in found]
            numbers.append(self._numbers.read(crop, digits, scale, rule=rule, row=row))
        return _page_of(numbers)


def _on_picture(number: NumberReading, sheet: Sheet, scale: float) -> NumberReading:
    """Return a number of a sheet's face with the boxes that it has in the picture, which was made larger by scale."""

    def moved(box: Box) -> Box:
        return box if box == NOWHERE else scale_box(sheet.box_on_picture(box), 1 / scale)

    digits = tuple(replace(digit, box=moved(digit.box)) for digit in number.digits)
    return replace(number, box=moved(number.box), digits=digits)


def _page_of(numbers: list[NumberReading]) -> PageReading:
    """Put the numbers of a page together, without the marks that neither way takes for a number."""
    kept = tuple(number for number in numbers if number.reason != NO_NUMBER)
    if not kept:
        return PageReading(status="declined", reason=NO_NUMBER)
    if not any(_is_readable(digit) for number in kept for digit in number.digits):
        return PageReading(status="declined", reason=kept[0].reason, numbers=kept)
    return PageReading(status="ok", reason="", numbers=kept)


def _is_readable(digit: DigitReading) -> bool:
    return digit.reason != CUT_OFF and not is_no_digit(digit)


def _no_number(reason: str) -> NumberReading:
    return NumberReading(text="", confidence=0.0, accepted=False, reason=reason, box=NOWHERE, digits=())
