"""A digit becomes a model's input the way the model's training data was made."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from inkdigits.datasets import load_digits
from inkdigits.prepare import PREPARATIONS, crop_to_ink, percentile, place_line, prepare

Draw = Callable[..., NDArray[np.uint8]]


def mean_difference(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Mean absolute difference of two images, in gray levels."""
    return float(np.abs(a.astype(int) - b.astype(int)).mean())


def test_mnist_digits_are_20_px_high_and_centred(draw: Draw) -> None:
    """The longer side is 20 px and the centre of mass is in the middle of 28 x 28, as MNIST was made."""
    image = prepare(255 - draw("4"), "mnist-28")
    _, _, width, height = cv2.boundingRect((image > 0).astype(np.uint8))
    moments = cv2.moments(image)
    assert image.shape == (28, 28)
    assert max(width, height) == 20
    assert abs(moments["m10"] / moments["m00"] - 14) <= 0.5
    assert abs(moments["m01"] / moments["m00"] - 14) <= 0.5


def test_preparing_twice_changes_little(draw: Draw) -> None:
    """An image that is prepared already, as MNIST's are, stays as it is."""
    once = prepare(255 - draw("5"), "mnist-28")
    assert mean_difference(prepare(once, "mnist-28"), once) < 3


def test_place_and_margins_do_not_matter(draw: Draw) -> None:
    """The same ink anywhere on a larger canvas gives the same image, to the last bit."""
    ink = 255 - draw("2")
    elsewhere = np.pad(ink, ((40, 3), (0, 77)))
    for name in PREPARATIONS:
        assert np.array_equal(prepare(ink, name), prepare(elsewhere, name))


@pytest.mark.parametrize("height", [24, 48, 200, 600])
def test_size_hardly_matters(draw: Draw, height: int) -> None:
    """A digit drawn at a third or at nine times the size gives nearly the same image."""
    assert (
        mean_difference(prepare(255 - draw("3", height=height), "mnist-28"), prepare(255 - draw("3"), "mnist-28")) < 10
    )


def test_a_hairline_stays_visible() -> None:
    """A line of 2 px in a digit of 400 px is not averaged away."""
    canvas = np.zeros((500, 500), np.uint8)
    cv2.polylines(canvas, [np.array([[120, 60], [360, 60], [200, 440]])], False, 255, 2)
    image = prepare(canvas, "mnist-28")
    assert image.max() == 255
    assert (image > 127).sum() > 30


def test_uci_counts_look_like_uci(draw: Draw) -> None:
    """Counts are 0..16, the digit fills the height, and the ink has the share that UCI's bitmaps have."""
    for digit in "0123456789":
        image = prepare(255 - draw(digit, height=120), "uci-8")
        assert image.shape == (8, 8)
        assert image.max() <= 16
        assert image[0].any()
        assert image[7].any()
        assert 0.2 < image.sum() / 1024 < 0.42


def test_uci_digits_come_back() -> None:
    """Bundled digits enlarged to pictures are prepared to images close to the ones they came from."""
    digits = load_digits()
    images = digits.images[:200]
    enlarged = [cv2.resize(image * np.uint8(15), (128, 128), interpolation=cv2.INTER_CUBIC) for image in images]
    again = np.stack([prepare(np.asarray(picture, np.uint8), "uci-8") for picture in enlarged])
    assert np.abs(again.astype(int) - images.astype(int)).mean() < 2.0  # of 16


@pytest.mark.parametrize("name", PREPARATIONS)
def test_no_ink_gives_zeros(name: str) -> None:
    """A blank is prepared to a blank."""
    assert not prepare(np.zeros((30, 20), np.uint8), name).any()


def test_crop_to_ink_cuts_the_margins() -> None:
    """Only the box of the ink is left, stretched to full strength."""
    ink = np.zeros((30, 40), np.uint8)
    ink[5:15, 10:13] = 100
    assert crop_to_ink(ink).tolist() == [[255] * 3] * 10


@settings(deadline=None, max_examples=60)
@given(arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=70), elements=st.integers(0, 255)))
@pytest.mark.parametrize("name", PREPARATIONS)
def test_any_ink_is_prepared(name: str, ink: NDArray[np.uint8]) -> None:
    """Whatever the ink, the image has the preparation's size and range."""
    image = prepare(ink, name)
    assert image.shape == (PREPARATIONS[name].size,) * 2
    assert image.dtype == np.uint8
    assert image.max() <= PREPARATIONS[name].full


@pytest.mark.parametrize("q", [0, 5, 37.3, 98, 99.5, 100])
def test_a_percentile_is_numpys(q: float) -> None:
    """Counted, the percentile of bytes is what numpy gives, between two values too."""
    values = np.random.default_rng(0).integers(0, 256, (17, 31), dtype=np.uint8) // 3
    assert percentile(values, q) == pytest.approx(np.percentile(values, q))


def test_a_large_crop_of_a_line_is_the_same_line() -> None:
    """A number photographed from close by is shown to the network as one from further away is, at its own place."""
    small = np.zeros((60, 200), np.uint8)
    for x in (40, 90, 140):
        cv2.ellipse(small, (x, 30), (12, 18), 0, 0, 360, 255, 4)
    large = np.asarray(cv2.resize(small, None, fx=8, fy=8, interpolation=cv2.INTER_LINEAR), np.uint8)
    (image, matrix), (same, larger) = place_line(small), place_line(large)
    assert abs(image.shape[1] - same.shape[1]) <= 1
    assert mean_difference(image[:, :110], same[:, :110]) < 12
    assert np.abs(matrix @ (90, 30, 1) - larger @ (720, 240, 1)).max() < 1
