"""Confidence is calibrated, and a threshold keeps the error rate it promises."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import softmax
from scipy.stats import binomtest

from inkdigits.confidence import (
    apply_temperature,
    choose_thresholds,
    fit_temperature,
    threshold_for_error_rate,
)


def synthetic_logits(n: int, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return calibrated logits (n, 10) and labels drawn from the probabilities that they stand for."""
    random = np.random.default_rng(seed)
    logits = random.normal(size=(n, 10)) * 3
    labels = (softmax(logits, axis=1).cumsum(axis=1) > random.random((n, 1))).argmax(axis=1)
    return logits, labels


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0, 3.0])
def test_a_known_temperature_is_found(temperature: float) -> None:
    """Logits that were made too sure, or not sure enough, by a factor: it is found to 5 % from 5,000 images."""
    logits, labels = synthetic_logits(5000)
    assert fit_temperature(softmax(logits * temperature, axis=1), labels) == pytest.approx(temperature, rel=0.05)


def test_a_temperature_divides_the_logits() -> None:
    """What apply_temperature makes of probabilities is the softmax of divided logits."""
    logits, _ = synthetic_logits(50)
    assert np.allclose(apply_temperature(softmax(logits, axis=1), 1.7), softmax(logits / 1.7, axis=1), atol=1e-9)


def test_a_probability_of_zero_survives_a_temperature() -> None:
    """A model in float32 may be so sure that the rest is 0: the result is finite, and what was sure stays so."""
    scaled = apply_temperature(np.array([[1.0, 0.0, 0.0]]), 2.0)
    assert np.allclose(scaled, [[1, 0, 0]], atol=1e-5)
    assert scaled.min() > 0


def upper_bound(errors: int, n: int) -> float:
    """Return Clopper and Pearson's bound by SciPy: at 95 %, divided among the 100 coverages that are looked at."""
    one_sided = 0.05 / 100
    return float(binomtest(errors, n).proportion_ci(1 - 2 * one_sided, method="exact").high)


@pytest.mark.parametrize(("errors", "n"), [(0, 1000), (1, 1000), (3, 2000), (17, 3000)])
def test_the_promise_is_clopper_pearsons_bound(errors: int, n: int) -> None:
    """All images are accepted exactly when the bound of scipy.stats.binomtest is within the rate."""
    confidences = np.linspace(1.0, 0.5, n)
    correct = np.ones(n, bool)
    correct[:errors] = False  # the most confident are wrong: a smaller part would do worse
    assert threshold_for_error_rate(confidences, correct, upper_bound(errors, n) * 1.0001) == 0.5
    assert threshold_for_error_rate(confidences, correct, upper_bound(errors, n) * 0.9999) is None


def test_a_threshold_leaves_the_errors_below_it() -> None:
    """Errors among the unsure cost coverage, not the promise: the largest part that keeps it is accepted."""
    confidences = np.linspace(1.0, 0.0, 2001)
    correct = confidences >= 0.5
    threshold = threshold_for_error_rate(confidences, correct, 0.01)
    assert threshold == 0.5
    assert upper_bound(0, int((confidences >= threshold).sum())) <= 0.01


def test_equal_confidences_are_accepted_together() -> None:
    """Among 2,000 equally sure readings, half of them wrong, none can be told apart: nothing is promised."""
    correct = np.repeat([True, False], 1000)
    assert threshold_for_error_rate(np.ones(2000), correct, 0.01) is None


def test_few_images_promise_little() -> None:
    """Without a single error, 757 images support 1 % and 756 do not."""
    assert threshold_for_error_rate(np.full(757, 0.9), np.ones(757, bool), 0.01) == 0.9
    assert threshold_for_error_rate(np.full(756, 0.9), np.ones(756, bool), 0.01) is None
    assert threshold_for_error_rate(np.empty(0), np.empty(0, bool), 0.01) is None


def test_only_wrong_readings_promise_nothing() -> None:
    """Where all are wrong, no threshold helps."""
    assert threshold_for_error_rate(np.linspace(0, 1, 900), np.zeros(900, bool), 0.01) is None


def test_only_supported_promises_are_made() -> None:
    """2,000 images without an error support 1 % and 0.5 %, not 0.1 %."""
    probabilities = np.tile([0.8, 0.2], (2000, 1))
    assert choose_thresholds(probabilities, np.zeros(2000, np.intp)) == {"0.005": 0.8, "0.01": 0.8}


def test_thresholds_rise_with_the_promise() -> None:
    """A lower error rate needs a higher confidence."""
    probabilities, labels = confident_readings(200_000, seed=0)
    thresholds = choose_thresholds(probabilities, labels)
    assert list(thresholds) == ["0.001", "0.005", "0.01"]
    assert thresholds["0.001"] > thresholds["0.005"] > thresholds["0.01"]


@pytest.mark.parametrize("informative", [True, False], ids=["confidence tells errors", "confidence tells nothing"])
def test_the_promise_holds_on_new_readings(informative: bool) -> None:
    """Of 200 readers with thresholds from 3,000 images each, at most one in twenty lets over 1 % errors through."""
    new, labels = confident_readings(200_000, seed=10_000, informative=informative)
    confidences, wrong = new.max(axis=1), new.argmax(axis=1) != labels
    thresholds = [
        choose_thresholds(*confident_readings(3000, seed=seed, informative=informative)).get("0.01")
        for seed in range(200)
    ]
    broken = sum(wrong[confidences >= threshold].mean() > 0.01 for threshold in thresholds if threshold is not None)
    assert broken <= 10


def confident_readings(n: int, seed: int, *, informative: bool = True) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return probabilities (n, 2) of a reader that is right in 98.8 % of cases, and the true labels.

    They are calibrated, or they say nothing of where the errors are.
    """
    random = np.random.default_rng(seed)
    doubt = random.beta(0.25, 18, n) * 0.9
    labels = (random.random(n) < (doubt if informative else doubt.mean())).astype(np.intp)
    return np.stack([1 - doubt, doubt], axis=1), labels
