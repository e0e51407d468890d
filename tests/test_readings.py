"""Readings: what an answer is, and how digits become numbers and pages."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest

from inkdigits.readings import DigitReading, NumberReading, PageReading, union


def digit(text: str, *, x: int = 0, confidence: float = 0.9, reason: str = "") -> DigitReading:
    """Return a reading of a digit 10 px wide and 20 high."""
    return DigitReading(
        text=text,
        confidence=confidence,
        accepted=not reason,
        reason=reason,
        box=(x, 5, 10, 20),
        probabilities=(confidence, 1 - confidence),
        shown=np.zeros((28, 28), np.uint8),
    )


def test_a_number_is_its_digits_in_order() -> None:
    """Text, product of confidences and the box around all."""
    number = NumberReading.from_digits((digit("4", x=10), digit("2", x=30, confidence=0.5)))
    assert (number.text, number.confidence, number.box) == ("42", pytest.approx(0.45), (10, 5, 30, 20))
    assert (number.accepted, number.reason) == (True, "")


def test_one_doubtful_digit_makes_a_number_doubtful() -> None:
    """The number gives the reason of its first doubtful digit."""
    number = NumberReading.from_digits((digit("4"), digit("2", reason="not sure"), digit("1", reason="cut off")))
    assert (number.accepted, number.reason) == (False, "not sure")


def test_the_text_of_a_page_is_its_numbers() -> None:
    """Numbers are separated by spaces; one that a rule declined leaves no gap."""
    numbers = tuple(NumberReading.from_digits(tuple(map(digit, text))) for text in ("305", "41"))
    declined = replace(numbers[0], text="")
    assert PageReading(status="ok", reason="", numbers=(numbers[0], declined, numbers[1])).text == "305 41"


def test_a_reading_as_json_has_the_keys_of_the_contract() -> None:
    """What `to_dict` returns is JSON, with the contract's keys and without the image that was shown."""
    page = PageReading(status="ok", reason="", numbers=(NumberReading.from_digits((digit("7"),)),))
    values = page.to_dict()
    assert json.loads(json.dumps(values)) == values
    assert values == {
        "status": "ok",
        "reason": "",
        "text": "7",
        "page": 1,
        "pages": 1,
        "numbers": [
            {
                "text": "7",
                "confidence": 0.9,
                "accepted": True,
                "reason": "",
                "box": [0, 5, 10, 20],
                "digits": [
                    {
                        "text": "7",
                        "confidence": 0.9,
                        "accepted": True,
                        "reason": "",
                        "box": [0, 5, 10, 20],
                        "probabilities": [0.9, pytest.approx(0.1)],
                    }
                ],
                "line": 0,
                "runner_up": "",
                "margin": 0.0,
                "free_text": "7",
            }
        ],
    }


def test_readings_are_frozen_and_comparable() -> None:
    """An answer cannot be changed, and two equal answers are equal whatever array they carry."""
    assert digit("7") == digit("7")
    with pytest.raises(FrozenInstanceError):
        digit("7").text = "1"  # type: ignore[misc]


def test_a_union_holds_all_boxes() -> None:
    """The smallest box around several."""
    assert union([(5, 5, 10, 10), (0, 8, 3, 20)]) == (0, 5, 15, 23)
