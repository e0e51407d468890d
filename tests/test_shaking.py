"""Shaken lines are the same number, written and photographed again."""

from __future__ import annotations

import numpy as np

from inkdigits.shaking import MOST_HEIGHT, shake_line, shrink_line

LINE = np.zeros((40, 90), np.uint8)
LINE[8:32, 20:24] = LINE[8:32, 60:64] = 255


def test_the_same_seed_shakes_alike() -> None:
    """One seed, one copy; another seed, another copy; the size stays."""
    once, again, other = (shake_line(LINE, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert np.array_equal(once, again)
    assert not np.array_equal(once, other)
    assert once.shape == other.shape == LINE.shape


def test_every_stroke_stays() -> None:
    """In a hundred copies both strokes are where they were, give or take a sixth of the height, and nothing between."""
    random = np.random.default_rng(0)
    columns = np.stack([shake_line(LINE, random)[16:24].mean(axis=0) for _ in range(100)])
    assert (columns[:, 12:34].max(axis=1) > 120).all()
    assert (columns[:, 50:76].max(axis=1) > 120).all()
    assert (columns[:, 40:44].max(axis=1) < 80).all()


def test_large_lines_are_made_smaller() -> None:
    """A photo of a number is shaken at the height that is needed; a small one stays as it is."""
    assert shrink_line(np.zeros((960, 2000), np.uint8)).shape == (MOST_HEIGHT, 200)
    assert shrink_line(LINE) is LINE
