"""Confidence one can act on: a temperature that calibrates it, a threshold that keeps a promised error rate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ASSURANCE = 0.95  # probability with which a promise holds, given the held-out images
STEPS = 100  # of coverage, from none to all of the readings
LEAST_COVERAGE = 0.5  # a promise that leaves more than half of the readings to people is of little use
PROMISES = ("0.001", "0.005", "0.01")  # error rates among the accepted
MILD = ("0.02", "0.05")  # for what has only a few hundred held-out readings, which support none of these


def fit_temperature(probabilities: NDArray[np.float64], labels: NDArray[np.integer]) -> float:
    """Return the temperature that makes the probabilities of held-out images most likely.

    Logits divided by it are calibrated (Guo et al., On Calibration of Modern Neural Networks, 2017).

    Parameters
    ----------
    probabilities
        (n, k), as the model gives them at temperature 1.
    labels
        (n,) the index of the true label in each row.
    """
    from scipy.optimize import minimize_scalar

    def loss(log_temperature: float) -> float:
        scaled = np.log(apply_temperature(probabilities, float(np.exp(log_temperature))))
        return -float(scaled[np.arange(len(labels)), labels].mean())

    best = minimize_scalar(loss, bounds=(np.log(0.2), np.log(5.0)), method="bounded")
    return float(np.exp(best.x))


def apply_temperature(probabilities: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    """Return the probabilities (n, k) that the same logits give when divided by the temperature."""
    logits = np.log(np.clip(probabilities, 1e-12, 1)) / temperature
    scaled = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(np.clip(scaled / scaled.sum(axis=1, keepdims=True), 1e-12, 1))


@dataclass(frozen=True)
class Calibration:
    """What makes a probability mean what it says: its log odds, stretched and shifted (Platt, 1999)."""

    slope: float = 1.0
    offset: float = 0.0

    def apply(self, probability: float) -> float:
        """Return the calibrated probability; 0 and 1 stay what they are."""
        if not 0 < probability < 1:
            return float(probability)
        return 1 / (1 + math.exp(-self.slope * math.log(probability / (1 - probability)) - self.offset))


def fit_calibration(probabilities: NDArray[np.float64], correct: NDArray[np.bool_]) -> Calibration:
    """Return the calibration that makes it most likely which of some held-out readings, (n,) each, are right."""
    from scipy.optimize import minimize

    clipped = np.clip(probabilities, 1e-4, 1 - 1e-4)  # a few that are sure and wrong shall not decide alone
    odds = np.log(clipped / (1 - clipped))

    def loss(parameters: NDArray[np.float64]) -> float:
        scaled = parameters[0] * odds + parameters[1]
        return float(np.logaddexp(0, np.where(correct, -scaled, scaled)).mean())

    slope, offset = minimize(loss, [1.0, 0.0], bounds=[(0.1, 10.0), (-10.0, 10.0)]).x
    return Calibration(float(slope), float(offset))


@dataclass(frozen=True)
class Promise:
    """The least confidence of readings to accept, and the share of the held-out readings that reach it."""

    threshold: float
    coverage: float


def threshold_for_error_rate(
    confidences: NDArray[np.float64], correct: NDArray[np.bool_], error_rate: float
) -> Promise | None:
    """Return the least confidence from which on readings are wrong at most at the promised rate.

    The rate is not the one seen on the held-out readings but its exact upper binomial bound (Clopper and Pearson,
    1934), so that few images promise little. Coverage grows in steps of a hundredth, from half of the readings or the
    fewest that can support the promise, until the bound first breaks it: tested in a fixed sequence that ends with the
    first failure, all steps together keep the promise with a probability of 95 % (Angelopoulos et al., Learn then
    Test, 2021): each rate for itself, for readings that are independent of each other and come from such writers and
    pens. None where already the first step breaks it.
    """
    from scipy.stats import beta

    surest_first = np.argsort(-confidences, kind="stable")
    ranked, errors = confidences[surest_first], np.cumsum(~correct[surest_first])
    reached = np.searchsorted(-ranked, -ranked, side="right")  # how many are as sure as each, or surer
    fewest = math.ceil(math.log(1 - ASSURANCE) / math.log(1 - error_rate))  # accepted without an error
    kept = None
    for step in np.linspace(0, len(confidences), STEPS + 1).round().astype(int):
        if step < max(fewest, LEAST_COVERAGE * len(confidences)):
            continue
        accepted = int(reached[step - 1])
        wrong = int(errors[accepted - 1])
        if wrong == accepted or beta.ppf(ASSURANCE, wrong + 1, accepted - wrong) > error_rate:
            break
        kept = Promise(float(ranked[accepted - 1]), accepted / len(confidences))
    return kept


def choose_thresholds(
    confidences: NDArray[np.float64], correct: NDArray[np.bool_], *, rates: Sequence[str] | None = None
) -> dict[str, Promise]:
    """Return the threshold for each promised error rate that held-out readings, (n,) each, can support."""
    found = {rate: threshold_for_error_rate(confidences, correct, float(rate)) for rate in rates or PROMISES}
    return {rate: promise for rate, promise in found.items() if promise is not None}
