"""Confidence is calibrated, and a threshold keeps the error rate it promises."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import softmax
from scipy.stats import binomtest

from inkdigits.confidence import (
    Calibration,
    Promise,
    apply_temperature,
    choose_thresholds,
    fit_calibration,
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
    """Return Clopper and Pearson's one-sided bound at 95 %, by SciPy."""
    return float(binomtest(errors, n, alternative="less").proportion_ci(0.95, method="exact").high)


def test_few_images_promise_little() -> None:
    """Without a single error, 299 images support 1 % and 298 do not."""
    assert threshold_for_error_rate(np.full(299, 0.9), np.ones(299, bool), 0.01) == Promise(0.9, 1.0)
    assert threshold_for_error_rate(np.full(298, 0.9), np.ones(298, bool), 0.01) is None
    assert threshold_for_error_rate(np.empty(0), np.empty(0, bool), 0.01) is None


@pytest.mark.parametrize(("errors", "n"), [(1, 1000), (3, 2000), (17, 3000)])
def test_the_promise_is_clopper_pearsons_bound(errors: int, n: int) -> None:
    """All readings are accepted exactly where the bound of scipy.stats.binomtest is within the rate, else 99 %."""
    confidences = np.linspace(1.0, 0.0, n)
    correct = np.arange(n) < n - errors  # the least sure are wrong
    bound = upper_bound(errors, n)
    assert threshold_for_error_rate(confidences, correct, bound * 1.0001) == Promise(0.0, 1.0)
    less = threshold_for_error_rate(confidences, correct, bound * 0.9999)
    assert less == Promise(confidences[n * 99 // 100 - 1], 0.99)


def test_a_threshold_leaves_the_errors_below_it() -> None:
    """Errors among the unsure cost coverage, not the promise: the last step without one is the last that keeps it."""
    confidences = np.linspace(1.0, 0.0, 2000)
    correct = np.arange(2000) < 1400
    assert threshold_for_error_rate(confidences, correct, 0.01) == Promise(confidences[1399], 0.7)


def test_coverage_is_the_share_that_reaches_the_threshold() -> None:
    """Rounded confidences are often equal: whoever accepts from the threshold on accepts the coverage, in any order."""
    confidences, correct = confident_readings(3000, np.random.default_rng(5))
    confidences = confidences.round(3)
    promise = threshold_for_error_rate(confidences, correct, 0.01)
    assert promise is not None
    assert promise.coverage == (confidences >= promise.threshold).mean()
    for by in (correct, ~correct):  # among the equally sure, the wrong come first or last
        order = np.argsort(by, kind="stable")
        assert threshold_for_error_rate(confidences[order], correct[order], 0.01) == promise


@pytest.mark.parametrize("order", [1, -1], ids=["right first", "wrong first"])
def test_equal_confidences_are_accepted_together(order: int) -> None:
    """Among 2,000 equally sure readings, half of them wrong, none can be told apart: nothing is promised."""
    correct = np.repeat([True, False], 1000)[::order]
    assert threshold_for_error_rate(np.ones(2000), correct, 0.01) is None


def test_less_than_half_is_not_promised() -> None:
    """Where only the surest 40 % are right, a threshold that leaves the rest to people is of little use."""
    correct = np.arange(10_000) < 4000
    assert threshold_for_error_rate(np.linspace(1.0, 0.0, 10_000), correct, 0.01) is None


def test_coverage_ends_with_the_first_failure() -> None:
    """Errors in the middle end the search, though all readings together would keep the promise."""
    confidences, correct = np.linspace(1.0, 0.0, 10_000), np.ones(10_000, bool)
    correct[6000:6080] = False
    assert upper_bound(80, 10_000) < 0.01 < upper_bound(80, 6100)
    assert threshold_for_error_rate(confidences, correct, 0.01) == Promise(confidences[5999], 0.6)


def test_only_wrong_readings_promise_nothing() -> None:
    """Where all are wrong, no threshold helps."""
    assert threshold_for_error_rate(np.linspace(0, 1, 900), np.zeros(900, bool), 0.01) is None


def test_only_supported_promises_are_made() -> None:
    """2,000 images without an error support 1 % and 0.5 %, not 0.1 %."""
    all_of_them = Promise(threshold=0.8, coverage=1.0)
    assert choose_thresholds(np.full(2000, 0.8), np.ones(2000, bool)) == {"0.005": all_of_them, "0.01": all_of_them}


def test_thresholds_rise_with_the_promise() -> None:
    """A lower error rate needs a higher confidence, and accepts less."""
    promises = choose_thresholds(*confident_readings(200_000, np.random.default_rng(0)))
    assert list(promises) == ["0.001", "0.005", "0.01"]
    assert promises["0.001"].threshold > promises["0.005"].threshold > promises["0.01"].threshold
    assert promises["0.001"].coverage < promises["0.005"].coverage < promises["0.01"].coverage


def test_the_promise_holds_on_new_readings() -> None:
    """Of 400 readers with thresholds from 3,000 readings each, hardly 5 % let more than 1 % errors through."""
    random = np.random.default_rng(1)
    made = [threshold_for_error_rate(*confident_readings(3000, random), 0.01) for _ in range(400)]
    thresholds = np.array([promise.threshold for promise in made if promise is not None])
    confidences, correct = confident_readings(1_000_000, random)
    surest_first = np.argsort(-confidences)
    accepted = np.searchsorted(-confidences[surest_first], -thresholds, side="right")
    errors = np.cumsum(~correct[surest_first])[accepted - 1]
    assert len(thresholds) == 400
    assert (errors > 0.01 * accepted).sum() <= AT_MOST


def test_a_promise_that_cannot_be_kept_is_hardly_ever_made() -> None:
    """Where confidence tells nothing and 1.01 % are wrong, hardly 5 % of 400 readers promise 1 %."""
    random = np.random.default_rng(2)
    made = [threshold_for_error_rate(random.random(3000), random.random(3000) > 0.0101, 0.01) for _ in range(400)]
    assert sum(promise is not None for promise in made) <= AT_MOST


AT_MOST = 28  # of 400; binomial at 5 % is 20, with a standard deviation of 4.4


def confident_readings(n: int, random: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return calibrated confidences of a reader that is right in 98.8 % of cases, and where it is right."""
    confidences = 1 - random.beta(0.25, 18, n) * 0.9
    return confidences, random.random(n) < confidences


def test_a_calibration_makes_doubt_mean_what_it_says() -> None:
    """Readings that are right more often than they say are surer afterwards, in the same order, ends included."""
    random = np.random.default_rng(0)
    probabilities = random.uniform(0.05, 0.95, 4000)
    odds = 2 * np.log(probabilities / (1 - probabilities)) + 0.5
    correct = random.random(4000) < 1 / (1 + np.exp(-odds))
    calibration = fit_calibration(probabilities, correct)
    assert (calibration.slope, calibration.offset) == (pytest.approx(2, abs=0.2), pytest.approx(0.5, abs=0.2))
    assert [calibration.apply(p) for p in (0.0, 1.0)] == [0.0, 1.0]
    calibrated = [calibration.apply(p) for p in sorted(probabilities)]
    assert calibrated == sorted(calibrated)
    assert Calibration().apply(0.3) == pytest.approx(0.3)
