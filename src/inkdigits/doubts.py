"""Doubts: readings that a person should look at, each with its picture cut out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.digit_reader import is_no_digit, probability_of_no_digit
from inkdigits.pictures import Picture, encode_png, open_pages
from inkdigits.readings import Box, DigitReading, NumberReading, PageReading

MARGIN = 0.1  # of a box's longer side: paper to tell the ink from, little of the neighbours
LONGEST = 640  # px; a cut-out of a larger picture is made smaller: a model sees less of it


@dataclass(frozen=True, kw_only=True)
class Doubt:
    """A reading that is not to be acted on, with its picture."""

    picture: bytes  # PNG
    text: str  # empty where it was read as no digit
    confidence: float
    reason: str


def find_doubts(reading: PageReading | NumberReading | DigitReading, picture: Picture) -> list[Doubt]:
    """Return what is doubtful in the reading of a picture: digits, and numbers that are not so for a digit's sake.

    A page that was declined has nothing to look at. Raises PictureError if the picture cannot be read.
    """
    doubtful = list(_doubtful(reading))
    if not doubtful:
        return []
    with open_pages(picture) as pages:
        gray = pages.load(reading.page if isinstance(reading, PageReading) else 1)
    return [_make_doubt(one, encode_png(_cut_out(gray, one.box))) for one in doubtful]


def _doubtful(reading: PageReading | NumberReading | DigitReading) -> Iterator[NumberReading | DigitReading]:
    if isinstance(reading, PageReading):
        for number in reading.numbers if reading.status == "ok" else ():
            yield from _doubtful(number)
    elif not reading.accepted and _text_of(reading):
        digits = [digit for digit in reading.digits if not digit.accepted] if isinstance(reading, NumberReading) else []
        yield from digits if reading.reason in {digit.reason for digit in digits} else (reading,)


def _text_of(reading: NumberReading | DigitReading) -> str:
    """Return what was read, of a number that keeps no rule what would be without."""
    return reading.text or (reading.free_text if isinstance(reading, NumberReading) else "")


def _make_doubt(reading: NumberReading | DigitReading, picture: bytes) -> Doubt:
    text, confidence = _text_of(reading), reading.confidence
    if isinstance(reading, DigitReading) and is_no_digit(reading):
        text, confidence = "", probability_of_no_digit(reading)
    return Doubt(picture=picture, text=text, confidence=confidence, reason=reading.reason)


def _cut_out(gray: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
    """Cut a box out, with a margin."""
    x, y, width, height = box
    margin = round(MARGIN * max(width, height))
    crop = gray[max(0, y - margin) : y + height + margin, max(0, x - margin) : x + width + margin]
    scale = LONGEST / max(crop.shape)
    if scale >= 1:
        return crop
    size = (max(1, round(crop.shape[1] * scale)), max(1, round(crop.shape[0] * scale)))
    return np.asarray(cv2.resize(crop, size, interpolation=cv2.INTER_AREA), np.uint8)
