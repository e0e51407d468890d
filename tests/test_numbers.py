"""Judging whole numbers: exact ones, digits misread, dropped, invented."""

from __future__ import annotations

import json

import numpy as np
import pytest

from inkdigits.numbers import NumbersEvaluation, count_edits


@pytest.mark.parametrize(
    ("truth", "text", "edits"),
    [
        ("1500", "1500", (0, 0, 0)),
        ("1500", "1600", (1, 0, 0)),
        ("1500", "150", (0, 1, 0)),
        ("1500", "11500", (0, 0, 1)),
        ("1500", "", (0, 4, 0)),
        ("", "7", (0, 0, 1)),
        ("12", "345", (2, 0, 1)),
    ],
)
def test_digits_are_misread_dropped_or_invented(truth: str, text: str, edits: tuple[int, int, int]) -> None:
    """Each way of going wrong is counted by itself."""
    assert count_edits(truth, text) == edits


def test_the_figures_of_a_set() -> None:
    """Two of four exact, one digit misread, one dropped; the surest half keeps its promise. All of it is JSON."""
    judged = NumbersEvaluation(
        ["12", "345", "6", "70"], ["12", "346", "6", "7"], np.array([0.9, 0.4, 0.8, 0.5]), {"0.01": 0.8}
    )
    figures = json.loads(json.dumps(judged.to_dict()))
    assert (figures["numbers"], figures["exact"]) == (4, 0.5)
    assert (figures["misread_digits"], figures["dropped_digits"], figures["invented_digits"]) == (1, 1, 0)
    assert figures["promises"] == [{"promised": "0.01", "threshold": 0.8, "coverage": 0.5, "error_rate": 0.0}]
