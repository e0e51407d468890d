"""Digits one by one: each digit's ink in, what it is and whether to act on it out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from inkdigits.ctc import BLANK
from inkdigits.modelfile import Model
from inkdigits.page import DigitInk, find_digit
from inkdigits.prepare import PREPARATIONS, prepare
from inkdigits.readings import Box, DigitReading

PROMISED_ERROR = "0.01"  # readings are accepted at the threshold that promises at most 1 % errors
CUT_OFF = "touches the border of the picture: it may be cut off"
NO_PROMISE = "the model promises no error rate: it was trained without a held-out part"
MOST_DOUBT = 0.5  # probability from which a mark is more likely no digit than any


class DigitReader:
    """Reads digits that were cut out, with a model of single digits; accepts them at a promised error rate."""

    def __init__(self, model: Model, *, max_error: str = PROMISED_ERROR) -> None:
        self.model = model
        self._threshold = model.metadata.thresholds.get(max_error)

    def read(self, digits: Sequence[DigitInk], scale: float) -> list[DigitReading]:
        """Read digits of a picture that was made larger by scale; boxes are those of the picture as it was given."""
        if not digits:
            return []
        images = np.stack([prepare(digit.ink, self.model.metadata.preparation) for digit in digits])
        probabilities = self.model.predict_proba(images)
        return [
            self._judge(digit, image, row, scale)
            for digit, image, row in zip(digits, images, probabilities, strict=True)
        ]

    def read_whole(self, ink: NDArray[np.uint8], scale: float) -> DigitReading:
        """Read the ink of a crop, (h, w) uint8, that holds one digit: all of it but dots and bits of a frame."""
        found = find_digit(ink)
        if isinstance(found, str):
            return self.nothing(found)
        [reading] = self.read([replace(found, touches_border=False)], scale)
        return reading

    def nothing(self, reason: str) -> DigitReading:
        """Return the reading of a crop without a digit."""
        size = PREPARATIONS[self.model.metadata.preparation].size
        return DigitReading(
            text="",
            confidence=0.0,
            accepted=False,
            reason=reason,
            box=(0, 0, 0, 0),
            probabilities=(),
            shown=np.zeros((size, size), np.uint8),
        )

    def as_frames(self, readings: Sequence[DigitReading]) -> NDArray[np.float64]:
        """Return what digits side by side spell, as the frames (t, 11) of `ctc`: what is no digit is a blank."""
        frames = np.zeros((2 * len(readings) + 1, BLANK + 1))
        frames[::2, BLANK] = 1
        columns = [int(label) for label in self.model.metadata.digits]
        for frame, reading in zip(frames[1::2], readings, strict=True):
            frame[columns] = reading.probabilities
            frame[BLANK] = probability_of_no_digit(reading)
        return np.asarray(frames / frames.sum(axis=1, keepdims=True))

    def _judge(
        self, digit: DigitInk, image: NDArray[np.uint8], probabilities: NDArray[np.float64], scale: float
    ) -> DigitReading:
        digits = self.model.metadata.digits
        of_digits = probabilities[: len(digits)]
        best = int(of_digits.argmax())
        reading = DigitReading(
            text=digits[best],
            confidence=float(of_digits[best]),
            accepted=True,
            reason="",
            box=scale_box(digit.box, 1 / scale),
            probabilities=tuple(float(p) for p in of_digits),
            shown=image,
        )
        reason = self._doubt(digit, reading)
        return replace(reading, accepted=not reason, reason=reason)

    def _doubt(self, digit: DigitInk, reading: DigitReading) -> str:
        """Return why a reading is not to be acted on, or nothing."""
        if digit.touches_border:
            return CUT_OFF
        if is_no_digit(reading):
            return f"not a digit by its looks, with a probability of {probability_of_no_digit(reading):.3f}"
        if self._threshold is None:
            return NO_PROMISE
        if reading.confidence < self._threshold:
            return f"not sure: confidence {reading.confidence:.3f} is below {self._threshold:.3f}"
        return ""


def is_no_digit(reading: DigitReading) -> bool:
    """Whether a mark is more likely no digit than any."""
    return probability_of_no_digit(reading) > MOST_DOUBT


def probability_of_no_digit(reading: DigitReading) -> float:
    """Return what the probabilities of the digits lack to 1: nothing, where a model knows digits only."""
    return max(0.0, 1 - sum(reading.probabilities))


def scale_box(box: Box, factor: float) -> Box:
    """Return a box in a picture that is larger by a factor."""
    x, y, width, height = (round(value * factor) for value in box)
    return x, y, width, height
