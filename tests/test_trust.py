"""Trust: confidence beside correctness, whatever was read."""

from __future__ import annotations

import numpy as np
import pytest

from inkdigits.trust import PromiseScore, Trust


def test_confidence_that_says_what_it_means_has_no_error() -> None:
    """Half of the readings of confidence one half are right."""
    assert Trust(np.full(4, 0.5), np.array([True, False] * 2)).expected_calibration_error == pytest.approx(0)


def test_confidence_that_means_nothing_shows() -> None:
    """Sure and always wrong: an error of the whole confidence."""
    assert Trust(np.full(4, 0.9), np.zeros(4, bool)).expected_calibration_error == pytest.approx(0.9)


def test_a_promise_that_nobody_reaches_accepts_nothing() -> None:
    """No reading reaches the threshold: nothing accepted, nothing wrong."""
    [promise] = Trust(np.full(4, 0.5), np.ones(4, bool), {"0.01": 0.6}).promises
    assert promise == PromiseScore(promised="0.01", threshold=0.6, coverage=0.0, error_rate=0.0)


def test_what_is_declined_is_not_accepted() -> None:
    """However sure a reader is that there is nothing, no promise counts it as accepted."""
    [promise] = Trust(np.full(4, 0.9), np.ones(4, bool), {"0.01": 0.6}, np.array([True, False] * 2)).promises
    assert (promise.coverage, promise.error_rate) == (0.5, 0.0)
