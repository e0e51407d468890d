"""What is not a digit: endless variants of every kind, prepared as MNIST is."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from inkdigits.negatives import KINDS, draw_negatives
from inkdigits.prepare import EDGE
from inkdigits.strokes import draw_digits

DIGITS, _ = draw_digits(40, random_state=0)
PREPARED = ("scribble", "letter", "frame", "blot", "pair")  # the kinds that come out of a page


def draw(kind: str, n: int, *, digits: NDArray[np.uint8] = DIGITS) -> NDArray[np.uint8]:
    """Return n images of a kind, (n, 28, 28) uint8."""
    return draw_negatives(n, digits, random_state=0, kinds=(kind,))[0]


def ink_box(image: NDArray[np.uint8]) -> tuple[int, int]:
    """Return width and height of the ink."""
    _, _, width, height = cv2.boundingRect((image >= EDGE).astype(np.uint8))
    return width, height


def test_the_same_seed_draws_the_same_negatives() -> None:
    """One seed, one set of images; another seed, another set."""
    first, again, other = (draw_negatives(14, DIGITS, random_state=seed)[0] for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_every_kind_is_drawn_equally_often() -> None:
    """The kinds take turns, and each image comes with its kind."""
    images, kinds = draw_negatives(2 * len(KINDS), DIGITS, random_state=0)
    assert (images.shape, images.dtype) == ((14, 28, 28), np.uint8)
    assert kinds.tolist() == ["blank", "noise", "scribble", "letter", "frame", "blot", "pair"] * 2


def test_kinds_may_be_chosen() -> None:
    """Only those asked for are drawn, in the order they are given in."""
    _, kinds = draw_negatives(5, DIGITS, random_state=0, kinds=("pair", "blank"))
    assert kinds.tolist() == ["pair", "blank", "pair", "blank", "pair"]


@pytest.mark.parametrize("kind", KINDS)
def test_hardly_two_are_alike(kind: str) -> None:
    """Of 300 images of a kind at least 270 are different: now and then paper is blank or a rule has the same width."""
    assert len({image.tobytes() for image in draw(kind, 300)}) >= 270


@pytest.mark.parametrize("kind", PREPARED)
def test_negatives_are_prepared_as_digits_are(kind: str) -> None:
    """The longer side of the ink is that of MNIST's digits, 20 px, and its strongest ink is full."""
    images = draw(kind, 200)
    longer = np.array([max(ink_box(image)) for image in images])
    assert (longer.max(), np.median(longer), longer.min() >= 17) == (20, 20, True)
    assert (images.max(axis=(1, 2)) == 255).all()


def test_blank_paper_is_fainter_than_a_pen() -> None:
    """Smears and shades have no full ink anywhere; some paper has nothing at all."""
    blank = draw("blank", 500)
    assert blank.max() < 200
    assert blank.max(axis=(1, 2)).min() == 0


def test_noise_is_all_over() -> None:
    """On average no place has more than twice the ink of another: nothing is centred as a digit is."""
    mean = draw("noise", 500).mean(axis=0)
    assert mean.max() < 2 * mean.min()


def test_a_blot_is_no_bold_one() -> None:
    """However it lies, its shorter side is nearly half of the longer one or more."""
    assert min(min(ink_box(image)) / max(ink_box(image)) for image in draw("blot", 500)) >= 0.45


def test_a_pair_is_wider_than_its_digits() -> None:
    """Bars side by side, or one over the other's edge, are at least a fifth wider than one alone."""
    bar = np.zeros((1, 28, 28), np.uint8)
    bar[0, 4:24, 12:16] = 255
    shares = [width / height for width, height in map(ink_box, draw("pair", 200, digits=bar))]
    assert min(shares) >= 1.2 * 4 / 20


def test_a_pair_survives_blank_images() -> None:
    """Where chance picks images without ink, something is drawn all the same."""
    assert draw("pair", 20, digits=np.zeros((3, 28, 28), np.uint8)).max(axis=(1, 2)).min() == 255
