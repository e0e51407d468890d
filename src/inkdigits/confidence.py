"""Confidence one can act on: a temperature that calibrates it, a threshold that keeps a promised error rate."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ASSURANCE = 0.95  # probability with which a promise holds, given the held-out images
COVERAGES = 100  # shares of the images, from all down to a hundredth, among which a threshold is chosen
PROMISES = ("0.001", "0.005", "0.01")  # error rates among the accepted


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


def threshold_for_error_rate(
    confidences: NDArray[np.float64], correct: NDArray[np.bool_], error_rate: float
) -> float | None:
    """Return the least confidence from which on held-out readings are wrong at most at the promised rate.

    The rate is not the one seen but its exact upper binomial bound (Clopper and Pearson, 1934), so that few images
    promise little. The largest of 100 coverages that keeps the promise is taken; that one may choose among 100 is paid
    for (Bonferroni), so the promise holds with a probability of 95 %. None where no threshold keeps it.
    """
    from scipy.stats import beta

    if not confidences.size:
        return None
    candidates = np.quantile(confidences, np.arange(COVERAGES) / COVERAGES, method="lower")
    for threshold in candidates:  # from the one that accepts all
        reached = confidences >= threshold
        accepted, errors = int(reached.sum()), int((reached & ~correct).sum())
        bound = beta.ppf(1 - (1 - ASSURANCE) / COVERAGES, errors + 1, accepted - errors) if errors < accepted else 1.0
        if bound <= error_rate:
            return float(threshold)
    return None


def choose_thresholds(probabilities: NDArray[np.float64], labels: NDArray[np.integer]) -> dict[str, float]:
    """Return the threshold for each promised error rate that held-out images (n, k) can support."""
    confidences, correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    found = {promise: threshold_for_error_rate(confidences, correct, float(promise)) for promise in PROMISES}
    return {promise: threshold for promise, threshold in found.items() if threshold is not None}
