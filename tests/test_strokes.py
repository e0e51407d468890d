"""Drawn digits: national forms in endless variants, prepared as MNIST is."""

from __future__ import annotations

import numpy as np

from inkdigits.reader import Reader
from inkdigits.strokes import FORMS, draw_digits


def test_the_same_seed_draws_the_same_digits() -> None:
    """One seed, one set of images; another seed, another set."""
    first, again, other = (draw_digits(10, random_state=seed)[0] for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_every_form_is_drawn_equally_often() -> None:
    """The forms take turns: 1, 7, 7, 4, 9."""
    images, labels = draw_digits(2 * len(FORMS), random_state=0)
    assert images.shape == (10, 28, 28)
    assert labels.tolist() == [1, 7, 7, 4, 9] * 2


def test_no_two_are_alike() -> None:
    """Hundreds of digits, hundreds of images, each with ink."""
    images, _ = draw_digits(500, random_state=0)
    assert len({image.tobytes() for image in images}) == 500
    assert (images.reshape(500, -1).max(axis=1) == 255).all()


def test_the_bundled_reader_knows_these_forms() -> None:
    """New drawings, which training has not seen, are read."""
    images, labels = draw_digits(500, random_state=12345)
    assert (Reader().model.predict(images) == labels).mean() > 0.97
