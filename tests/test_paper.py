"""What else is on the paper of a made-up line."""

from __future__ import annotations

import numpy as np
import pytest

from inkdigits.paper import STAINS, Canvas, Place, photograph, print_and_stain, stroke

PLACE = Place(top=8.0, height=20.0, strength=1.0)


@pytest.fixture
def canvas() -> Canvas:
    """Return a line's paper with a bar of ink on it."""
    canvas = np.zeros((36, 120), np.float32)
    canvas[8:28, 50:56] = 0.9
    return canvas


def test_darker_ink_stays_where_a_stroke_crosses_it(canvas: Canvas) -> None:
    """A weak line is seen beside the bar, not upon it."""
    stroke(canvas, [(10, 18), (110, 18)], 1, 0.4)
    assert canvas[18, 52] == pytest.approx(0.9)
    assert canvas[18, 30] == pytest.approx(0.4, abs=0.05)


def test_what_lies_beyond_the_paper_is_not_drawn(canvas: Canvas) -> None:
    """A stroke aside leaves it as it is, one across the edge ends there."""
    before = canvas.copy()
    stroke(canvas, [(130, -20), (150, -10)], 3, 1)
    assert np.array_equal(canvas, before)
    stroke(canvas, [(100, 18), (900, 18)], 1, 1)
    assert canvas[18, -1] > 0.8


@pytest.mark.parametrize("number", range(len(STAINS)))
def test_each_stain_shows_and_takes_nothing_away(canvas: Canvas, number: int) -> None:
    """It adds to what is there: of the number nothing is lost."""
    before = canvas.copy()
    for seed in range(5):
        STAINS[number][1](canvas, PLACE, np.random.default_rng(seed))
    assert (canvas >= before).all()
    assert (canvas > before).any()


def test_the_same_seed_stains_and_photographs_alike(canvas: Canvas) -> None:
    """And what comes of it is from 0 to 1."""
    seen = []
    for seed in (3, 3, 4):
        random, paper = np.random.default_rng(seed), canvas.copy()
        print_and_stain(paper, PLACE, random)
        seen.append(photograph(paper, PLACE, random))
    assert np.array_equal(seen[0], seen[1])
    assert not np.array_equal(seen[0], seen[2])
    assert all(0 <= picture.min() <= picture.max() <= 1 for picture in seen)
