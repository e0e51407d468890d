"""Judging the readings of whole numbers: exact ones, digits dropped and invented, what was accepted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkdigits.errors import DatasetError
from inkdigits.number_set import NumberSet
from inkdigits.reader import Reader
from inkdigits.rules import Rule
from inkdigits.trust import Trust


@dataclass(frozen=True, eq=False)
class NumbersEvaluation:
    """Numbers as they are and as they were read, n of each, and every figure that follows.

    Attributes
    ----------
    truths : what stands there
    texts : what was read
    confidences : (n,) how sure
    thresholds : the least confidence to accept a reading with, for each promised error rate
    skipped : pictures that could not be read, with the reason; they are not among the n
    """

    truths: Sequence[str]
    texts: Sequence[str]
    confidences: NDArray[np.float64]
    thresholds: Mapping[str, float] = field(default_factory=dict)
    skipped: tuple[str, ...] = ()

    @cached_property
    def correct(self) -> NDArray[np.bool_]:
        """(n,) whether each number is read exactly."""
        return np.array([truth == text for truth, text in zip(self.truths, self.texts, strict=True)], bool)

    @property
    def exact(self) -> float:
        """The share of numbers that are read exactly."""
        return float(self.correct.mean())

    @cached_property
    def edits(self) -> tuple[int, int, int]:
        """How many digits were misread, dropped and invented in all."""
        counts = [count_edits(truth, text) for truth, text in zip(self.truths, self.texts, strict=True)]
        misread, dropped, invented = np.sum(counts, axis=0, dtype=int)
        return int(misread), int(dropped), int(invented)

    @cached_property
    def trust(self) -> Trust:
        """How far the confidences can be trusted."""
        return Trust(self.confidences, self.correct, self.thresholds, self.declined)

    @cached_property
    def declined(self) -> NDArray[np.bool_]:
        """(n,) whether there was nothing to read: a reader may be sure of that, but accepts no such number."""
        return np.array([not text for text in self.texts], bool)

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as JSON values."""
        misread, dropped, invented = self.edits
        return {
            "numbers": len(self.truths),
            "skipped": list(self.skipped),
            "exact": self.exact,
            "misread_digits": misread,
            "dropped_digits": dropped,
            "invented_digits": invented,
            **self.trust.to_dict(),
        }


def evaluate_numbers(reader: Reader, numbers: NumberSet, *, rule: Rule | None = None) -> NumbersEvaluation:
    """Read pictures of one number each, as a user's program would, and compare with what is written there.

    Parameters
    ----------
    rule
        What the numbers may be, see `rules`.

    Raises
    ------
    DatasetError
        If none of the pictures can be read; single ones are skipped.
    """
    truths, readings, skipped = [], [], []
    for picture, truth in zip(numbers.pictures(), numbers.readings, strict=True):
        if isinstance(picture, str):
            skipped.append(picture)
            continue
        truths.append(truth)
        readings.append(reader.read_number(picture, rule=rule))
    if not readings:
        raise DatasetError(f"none of the {len(numbers)} pictures of '{numbers.name}' can be read: {skipped[0]}")
    return NumbersEvaluation(
        truths,
        [reading.text for reading in readings],
        np.array([reading.confidence for reading in readings]),
        (reader.line or reader.model).metadata.thresholds,
        tuple(skipped),
    )


def count_edits(truth: str, text: str) -> tuple[int, int, int]:
    """Return how many digits of a number were misread, dropped and invented.

    Examples
    --------
    >>> count_edits("1500", "150")
    (0, 1, 0)
    """
    misread = dropped = invented = 0
    for _, start, stop, other_start, other_stop in SequenceMatcher(None, truth, text, autojunk=False).get_opcodes():
        gone, come = stop - start, other_stop - other_start
        if truth[start:stop] == text[other_start:other_stop]:
            continue
        misread += min(gone, come)
        dropped += max(0, gone - come)
        invented += max(0, come - gone)
    return misread, dropped, invented
