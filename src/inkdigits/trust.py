"""Trust: whether confidence means what it says, and what accepting the sure readings only comes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

CALIBRATION_BINS = 15  # as in Guo et al., 2017


@dataclass(frozen=True)
class ReliabilityBin:
    """Readings of like confidence: how many, how sure on average, and which share is right."""

    readings: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class PromiseScore:
    """What a promised error rate comes to on these readings: how many are accepted, which share of those is wrong."""

    promised: str
    threshold: float
    coverage: float
    error_rate: float


@dataclass(frozen=True, eq=False)
class Trust:
    """Confidences and whether each reading was right, n of each, and every figure that follows.

    Attributes
    ----------
    confidences : (n,) in 0..1
    correct : (n,) bool
    thresholds : the least confidence to accept a reading with, for each promised error rate
    declined : (n,) bool, which are not accepted however sure they are; none where it is left out
    """

    confidences: NDArray[np.float64]
    correct: NDArray[np.bool_]
    thresholds: Mapping[str, float] = field(default_factory=dict)
    declined: NDArray[np.bool_] | None = None

    @cached_property
    def reliability(self) -> tuple[ReliabilityBin, ...]:
        """Confidence beside accuracy, in those of 15 equal bins of confidence that hold any reading."""
        bins = np.minimum((self.confidences * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
        return tuple(
            ReliabilityBin(int(i.sum()), float(self.confidences[i].mean()), float(self.correct[i].mean()))
            for i in (bins == b for b in np.unique(bins))
        )

    @property
    def expected_calibration_error(self) -> float:
        """The mean gap between confidence and accuracy over the bins, weighted by readings (Guo et al., 2017)."""
        return sum(abs(b.confidence - b.accuracy) * b.readings for b in self.reliability) / len(self.correct)

    @cached_property
    def risk_coverage_curve(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(n,) shares of readings, the surest first, and (n,) the error rate among them (El-Yaniv and Wiener, 2010).

        Readings of equal confidence are accepted together or not at all: the curve has one value for them.
        """
        surest_first = np.argsort(-self.confidences, kind="stable")
        accepted = np.searchsorted(-self.confidences[surest_first], -self.confidences[surest_first], side="right")
        wrong = np.cumsum(~self.correct[surest_first])[accepted - 1]
        return accepted / len(self.correct), wrong / accepted

    @property
    def area_under_risk_coverage(self) -> float:
        """The mean error rate over all coverages: 0 is best; it falls with fewer errors, and with less sure ones."""
        return float(self.risk_coverage_curve[1].mean())

    @cached_property
    def promises(self) -> tuple[PromiseScore, ...]:
        """What each error rate that the model promises comes to here."""
        return tuple(self._keep_promise(rate, threshold) for rate, threshold in self.thresholds.items())

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as JSON values."""
        return {
            "expected_calibration_error": self.expected_calibration_error,
            "area_under_risk_coverage": self.area_under_risk_coverage,
            "promises": [vars(promise) for promise in self.promises],
        }

    def _keep_promise(self, rate: str, threshold: float) -> PromiseScore:
        accepted = self.confidences >= threshold
        accepted &= True if self.declined is None else ~self.declined
        wrong = int((accepted & ~self.correct).sum())
        return PromiseScore(rate, threshold, float(accepted.mean()), wrong / max(1, int(accepted.sum())))
