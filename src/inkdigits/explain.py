"""What the reader saw of a picture and what would help, in plain sentences."""

from __future__ import annotations

import math
from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.ink import extract_ink, to_working_size
from inkdigits.page import PageInk, find_numbers
from inkdigits.readings import DigitReading, PageReading
from inkdigits.sheet import Sheet, find_sheet
from inkdigits.tilt import LEVEL

PLACES = (("upper left", "top", "upper right"), ("left", "middle", "right"), ("lower left", "bottom", "lower right"))
DARK = 0.5  # of the brightest ninth's paper; the ink of a darker one may be lost
INK = 128  # of full ink; surely a stroke
FAINT_CONTRAST = 40  # gray levels between paper and ink; grain and shadows come close to less
SMALL = 12  # px; MNIST's digits are 20 px high, and what is enlarged shows no more
FANNED_OUT = 4.0  # degrees; so much rows differ that one hand writes on a sheet seen from above
NO_DIGIT = 0.5  # as Reader has it: from this probability on a mark is more likely no digit than any


def explain(gray: NDArray[np.uint8], reading: PageReading) -> tuple[str, ...]:
    """Say what was seen of a picture, and what would help to read it better.

    Parameters
    ----------
    gray
        (h, w) uint8, upright, as `load_picture` returns it.
    reading
        What `Reader.read` made of it.

    Returns
    -------
    notes
        A sentence each; none where there is nothing to say.
    """
    small, _ = to_working_size(gray)
    sheet = find_sheet(small)
    paper = sheet.face(small) if sheet else small
    ink = extract_ink(paper)
    page = find_numbers(ink)
    digits = [digit for number in reading.numbers for digit in number.digits]
    return (*_of_view(sheet, page), *_of_light(paper, ink), *_of_layout(page), *_of_digits(digits, reading))


def _of_view(sheet: Sheet | None, page: PageInk) -> Iterator[str]:
    """Yield from where the paper was photographed, by its edges or else by its rows."""
    if sheet:
        yield "a sheet of paper lies in the picture: only it was read"
    if sheet and sheet.is_aslant:
        yield "photographed from the side, corrected: the edges of the sheet are not square"
    degrees = np.degrees(np.arctan(page.slopes or [0.0]))
    if np.ptp(degrees) >= FANNED_OUT:
        yield f"photographed from the side, corrected: rows fan out by {np.ptp(degrees):.0f} degrees"


def _of_light(gray: NDArray[np.uint8], ink: NDArray[np.uint8]) -> Iterator[str]:
    """Yield what light, polarity and pen look like; without ink the light alone."""
    paper, pen = gray[ink == 0], gray[ink >= INK]
    if pen.size and paper.size:
        contrast = float(np.median(paper)) - float(np.median(pen))
        if contrast < 0:
            yield "light ink on dark paper: turned over"
        if abs(contrast) < FAINT_CONTRAST:
            yield f"ink is faint: {abs(contrast):.0f} of 255 gray levels from its paper; a darker pen or light helps"
    dark = _dark_places(gray)
    if dark:
        yield f"the picture is dark at the {' and the '.join(dark)}: light that comes from all sides helps"


def _dark_places(gray: NDArray[np.uint8]) -> list[str]:
    """Return the ninths of a picture whose paper is much darker than that of the brightest."""
    overview = cv2.resize(gray, (90, 90), interpolation=cv2.INTER_AREA)
    ninths = overview.reshape(3, 30, 3, 30).transpose(0, 2, 1, 3).reshape(3, 3, 900)
    brightness = np.median(ninths, axis=2)
    dark = brightness < DARK * brightness.max()
    return [PLACES[row][column] for row, column in np.argwhere(dark)] if dark.sum() <= len(PLACES) else []


def _of_layout(page: PageInk) -> Iterator[str]:
    """Yield what was done to the page before its digits were found."""
    if page.rules:
        yield f"printed lines: {len(page.rules)} taken out; a stroke that lies exactly on one may go with it"
    if abs(page.slope) >= LEVEL:
        way = "fall" if page.slope > 0 else "rise"
        yield f"rows {way} by {abs(math.degrees(math.atan(page.slope))):.0f} degrees to the right: made level"


def _of_digits(digits: list[DigitReading], reading: PageReading) -> Iterator[str]:
    """Yield what ails the marks that were found."""
    written = [digit for digit in digits if 1 - sum(digit.probabilities) <= NO_DIGIT]
    if not written:
        yield f"nothing here looks like written digits: {reading.reason or 'no mark was found'}"
        return
    heights = [digit.box[3] for digit in written]
    if np.median(heights) < SMALL:
        yield f"digits are only {np.median(heights):.0f} px high: come closer, or scan finer"
    others = len(digits) - len(written)
    if others:
        yield f"no digit by their looks: {others} of {len(digits)} marks; so look digits that touch: write them apart"
    cut = sum("border" in digit.reason for digit in digits)
    if cut:
        yield f"cut off at the border of the picture, it may be: {cut} of {len(digits)} marks; leave paper around them"
