"""A reading is seen on its picture: which number, where, and whether to look at it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from inkdigits.annotate import ACCEPTED, DOUBTFUL, TEXT, annotate
from inkdigits.readings import NumberReading, PageReading


def reading(box: tuple[int, int, int, int], *, accepted: bool) -> PageReading:
    """Return a page with one number."""
    number = NumberReading(text="305", confidence=0.9, accepted=accepted, reason="", box=box, digits=())
    return PageReading(status="ok", reason="", numbers=(number,))


def where(picture: NDArray[np.uint8], color: tuple[int, int, int]) -> NDArray[np.bool_]:
    """Which pixels have a colour, (h, w)."""
    return np.asarray((picture == color).all(axis=2))


@pytest.mark.parametrize("paper", [0, 128, 255])
def test_an_accepted_number_has_a_whole_box_and_a_label(paper: int) -> None:
    """Its box is drawn through in blue, its digits stand in white on blue above it, whatever the paper."""
    drawn = annotate(np.full((400, 600), paper, np.uint8), reading((200, 200, 150, 60), accepted=True))
    blue = where(drawn, ACCEPTED)
    assert drawn.shape == (400, 600, 3)
    assert blue[200, 200:351].all()
    assert blue[200:261, 350].all()
    assert blue[185:199, 200:230].any()
    assert where(drawn, TEXT)[185:199, 200:230].any()


def test_a_doubtful_number_is_told_without_colours() -> None:
    """Its box has gaps, and its label a question mark more: longer than that of an accepted one."""
    paper = np.full((400, 600), 255, np.uint8)
    doubtful = reading((200, 200, 150, 60), accepted=False)
    drawn = annotate(paper, doubtful)
    side = where(drawn, DOUBTFUL)[260, 200:351]
    assert 0.3 < side.mean() < 0.8
    accepted = annotate(paper, replace(doubtful, numbers=(replace(doubtful.numbers[0], accepted=True),)))
    labels = [where(picture, color)[190].sum() for picture, color in ((drawn, DOUBTFUL), (accepted, ACCEPTED))]
    assert labels[0] > labels[1]


def test_a_label_covers_no_other_number() -> None:
    """In rows close together it stands right of its box."""
    rows = [reading((200, y, 150, 60), accepted=True).numbers[0] for y in (100, 165)]
    page = PageReading(status="ok", reason="", numbers=tuple(rows))
    drawn = annotate(np.full((400, 600), 255, np.uint8), page)
    assert (drawn[102:159, 202:349] == 255).all()
    assert where(drawn, ACCEPTED)[165:225, 352:380].any()


@pytest.mark.parametrize("box", [(0, 0, 40, 30), (570, 370, 30, 30), (0, 0, 600, 400)])
def test_labels_stay_inside_the_picture(box: tuple[int, int, int, int]) -> None:
    """At a corner, or where the number fills the picture, the label is on the picture, text and all."""
    drawn = annotate(np.zeros((400, 600), np.uint8), reading(box, accepted=True))
    assert where(drawn, TEXT).sum() > 20


def test_what_is_not_marked_stays_as_it_is() -> None:
    """Outside of boxes and labels the picture is the picture; without numbers it is all of it."""
    gray = np.arange(200 * 300, dtype=np.uint32).reshape(200, 300).astype(np.uint8)
    nothing = PageReading(status="declined", reason="nothing to read")
    np.testing.assert_array_equal(annotate(gray, nothing), np.repeat(gray[:, :, None], 3, axis=2))
    np.testing.assert_array_equal(annotate(gray, reading((200, 100, 40, 40), accepted=True))[:, :150, 0], gray[:, :150])
