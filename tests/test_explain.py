"""What the reader saw is said in plain sentences, and what would help."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from inkdigits import Reader
from inkdigits.explain import explain

Draw = Callable[..., NDArray[np.uint8]]


@pytest.fixture(scope="module")
def reader() -> Reader:
    """Open the bundled reader once."""
    return Reader()


def notes(reader: Reader, gray: NDArray[np.uint8]) -> tuple[str, ...]:
    """Return what is said of a picture."""
    return explain(gray, reader.read(gray))


def test_of_a_good_picture_nothing_is_said(reader: Reader, draw: Draw) -> None:
    """Dark ink on white paper, level and large: no notes."""
    assert notes(reader, draw("305")) == ()


def test_light_ink_is_told(reader: Reader, draw: Draw) -> None:
    """Chalk on slate is turned over."""
    assert notes(reader, 255 - draw("305")) == ("light ink on dark paper: turned over",)


def test_faint_ink_is_told_in_gray_levels(reader: Reader, draw: Draw) -> None:
    """A pen 30 gray levels darker than its paper."""
    faint = np.where(draw("305") < 128, 170, 200).astype(np.uint8)
    [note] = notes(reader, faint)
    assert note == "ink is faint: 30 of 255 gray levels from its paper; a darker pen or light helps"


def test_the_dark_corner_is_named(reader: Reader, draw: Draw) -> None:
    """Light that falls to a fifth towards the lower right."""
    page = np.pad(draw("305"), 200, constant_values=255).astype(np.float32)
    y, x = np.mgrid[0 : 1 : page.shape[0] * 1j, 0 : 1 : page.shape[1] * 1j]
    shaded = page * (1 - 0.8 * np.clip((x + y - 1) * 1.5, 0, 1))
    assert notes(reader, shaded.astype(np.uint8)) == (
        "the picture is dark at the lower right: light that comes from all sides helps",
    )


def test_slope_and_printed_lines_are_told(reader: Reader, draw: Draw) -> None:
    """A ruled page that is held askew: how many lines, and by how much its rows rise."""
    page = np.pad(draw("3058", "4179", gap=30), 80, constant_values=255)
    page[30::60] = page[31::60] = page[32::60] = 120
    height, width = page.shape
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), 8, 1)
    askew = np.asarray(cv2.warpAffine(page, turn, (width, height), borderValue=255), np.uint8)
    said = notes(reader, askew)
    assert any(note.startswith("printed lines: ") for note in said)
    assert "rows rise by 8 degrees to the right: made level" in said


def test_a_view_from_the_side_is_told_by_the_sheet(reader: Reader, draw: Draw) -> None:
    """A sheet whose four edges are seen on a dark table, further away on the right."""
    page = np.pad(draw("3058"), 80, constant_values=255)
    height, width = page.shape
    edges = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    seen = edges * 0.85 + np.array([[20, 10], [20, 40], [20, -15], [20, 20]], np.float32)
    matrix = cv2.getPerspectiveTransform(edges, seen)
    photo = np.asarray(cv2.warpPerspective(page, matrix, (width, height), borderValue=(50,)), np.uint8)
    assert notes(reader, photo)[:2] == (
        "a sheet of paper lies in the picture: only it was read",
        "photographed from the side, corrected: the edges of the sheet are not square",
    )


def test_a_view_from_the_side_is_told_by_the_rows(reader: Reader, draw: Draw) -> None:
    """Two rows, one of which rises by 5.7 degrees and one falls, and no edge of the sheet in the picture."""
    row = np.pad(draw("305841", gap=30), 40, constant_values=255)
    height, width = row.shape
    sheared = [
        cv2.warpAffine(row, np.array([[1, 0, 0], [fall, 1, 0]]), (width, height), borderValue=(255,))
        for fall in (-0.1, 0.1)
    ]
    said = notes(reader, np.asarray(np.vstack(sheared), np.uint8))
    assert said == ("photographed from the side, corrected: rows fan out by 12 degrees",)


def test_small_digits_are_told(reader: Reader, draw: Draw) -> None:
    """Digits of 9 px."""
    small = cv2.resize(draw("305"), None, fx=9 / 64, fy=9 / 64, interpolation=cv2.INTER_AREA)
    assert any(
        note.endswith("px high: come closer, or scan finer") for note in notes(reader, np.asarray(small, np.uint8))
    )


def test_a_digit_at_the_border_is_told(reader: Reader, draw: Draw) -> None:
    """The upper part of an 8 is cut off."""
    page = np.hstack([draw("3"), draw("8")])[104:]
    assert notes(reader, page)[-1] == (
        "cut off at the border of the picture, it may be: 2 of 2 marks; leave paper around them"
    )


@pytest.mark.parametrize("gray", [np.full((200, 300), 255, np.uint8), np.zeros((1, 1), np.uint8)])
def test_an_empty_page_is_told(reader: Reader, gray: NDArray[np.uint8]) -> None:
    """Blank paper: nothing looks like digits, and why."""
    assert notes(reader, gray) == (
        "nothing here looks like written digits: nothing to read: no ink stands out from the paper",
    )
