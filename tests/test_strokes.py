"""Drawn digits: national forms in endless variants, and ways of a pen in any width, prepared for a model."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from inkdigits.reader import Reader
from inkdigits.strokes import FORMS, draw_digits, draw_pen_points

ANGLE = np.array([[[0.2, y] for y in (0, 0.2, 0.4, 0.7, 1)] + [[x, 1] for x in (0.4, 0.7, 1)]])  # a way like an L
OPEN_FOUR = np.array([[[0.2, 0], [0.1, 0.3], [0.1, 0.55], [0.5, 0.55], [0.95, 0.55], [0.6, 0], [0.6, 0.5], [0.6, 1]]])
SEVEN = np.array(
    [[[0, 0.25], [0, 0], [0.4, 0], [1, 0], [0.8, 0.25], [0.6, 0.5], [0.5, 0.75], [0.5, 1]]]
)  # with a serif


def test_the_same_seed_draws_the_same_digits() -> None:
    """One seed, one set of images; another seed, another set."""
    first, again, other = (draw_digits(10, random_state=seed)[0] for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_every_form_is_drawn_equally_often() -> None:
    """The forms take turns: 1, 1, 7, 7, 4, 9, 9, 6, 7, 7, 0, 9, 5, 7, 2, 5, 3, 6, 8, 4, 9."""
    images, labels = draw_digits(2 * len(FORMS), random_state=0)
    assert images.shape == (42, 28, 28)
    assert labels.tolist() == [1, 1, 7, 7, 4, 9, 9, 6, 7, 7, 0, 9, 5, 7, 2, 5, 3, 6, 8, 4, 9] * 2


def test_no_two_are_alike() -> None:
    """Hundreds of digits, hundreds of images, each with ink."""
    images, _ = draw_digits(500, random_state=0)
    assert len({image.tobytes() for image in images}) == 500
    assert (images.reshape(500, -1).max(axis=1) == 255).all()


def test_the_bundled_reader_knows_these_forms() -> None:
    """New drawings, which training has not seen, are read."""
    images, labels = draw_digits(500, random_state=12345)
    assert (Reader().model.predict(images) == labels).mean() > 0.97


def draw_ways(points: NDArray[np.float64], label: int, *, n: int, seed: int = 0) -> NDArray[np.uint8]:
    """Return n drawings of the same way, (n, 28, 28) uint8."""
    return draw_pen_points(
        np.repeat(points, n, axis=0), np.full(n, label, np.uint8), preparation="mnist-28", random_state=seed
    )


def test_pen_points_are_drawn_the_same_with_the_same_seed() -> None:
    """One seed, one set of pens; another seed, another set."""
    first, again, other = (draw_ways(ANGLE, 2, n=5, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_every_way_has_a_pen_of_its_own() -> None:
    """One way drawn 50 times gives 50 images, the boldest with at least twice the ink of the finest."""
    images = draw_ways(ANGLE, 2, n=50)
    ink = images.sum(axis=(1, 2), dtype=int)
    assert len({image.tobytes() for image in images}) == 50
    assert ink.max() >= 2 * ink.min()


def test_pen_points_are_drawn_where_they_lie() -> None:
    """The first coordinate goes to the right, the second down: an L has its foot below, its corner at the left."""
    mean = draw_ways(ANGLE, 2, n=50).mean(axis=0)
    left_above, right_above, right_below = mean[4:14, 6:14].sum(), mean[4:14, 18:24].sum(), mean[18:26, 18:24].sum()
    assert right_above < 0.1 * min(left_above, right_below)


@pytest.mark.parametrize(("preparation", "size", "full"), [("mnist-28", 28, 255), ("uci-8", 8, 16)])
def test_pen_points_are_prepared_for_a_model(preparation: str, size: int, full: int) -> None:
    """Each preparation gives its own size and values."""
    points, labels = np.repeat(ANGLE, 30, axis=0), np.full(30, 2, np.uint8)
    images = draw_pen_points(points, labels, preparation=preparation, random_state=0)
    assert (images.shape, images.dtype, images.max()) == ((30, size, size), np.uint8, full)


@pytest.mark.parametrize("label", [4, 5, 7])
def test_the_pen_is_lifted_where_a_digit_needs_it(label: int) -> None:
    """The way up to the second stroke of a 4, 5 or 7 is not drawn: nearly all have less ink than drawn through."""
    lifted, joined = draw_ways(OPEN_FOUR, label, n=20), draw_ways(OPEN_FOUR, 6, n=20)
    assert (lifted.sum(axis=(1, 2), dtype=int) < joined.sum(axis=(1, 2), dtype=int)).mean() >= 0.9


def test_a_serif_is_not_lifted() -> None:
    """A digit that begins with a way up is one stroke."""
    assert np.array_equal(draw_ways(SEVEN, 7, n=20), draw_ways(SEVEN, 2, n=20))
