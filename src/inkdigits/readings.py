"""What a reading is: digits, the numbers they form, the picture they stand on.

Each keeps apart the raw answer (`text`, `confidence`, `probabilities`), the final one (`accepted`) and the `reason`
why it is not accepted. Boxes are (x, y, width, height) in pixels of the upright picture.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Box = tuple[int, int, int, int]  # x, y, width, height; px of the upright picture
SEPARATORS = ".,-="  # what may stand between and around the digits of a number
Status = Literal["ok", "declined", "failed"]


@dataclass(frozen=True, kw_only=True)
class DigitReading:
    """One digit: the best label, how sure, and whether one may act on it."""

    text: str
    confidence: float
    accepted: bool
    reason: str
    box: Box
    probabilities: tuple[float, ...]
    shown: NDArray[np.uint8] = field(compare=False, repr=False)  # what the model was shown, as its preparation made it

    @property
    def shown_picture(self) -> NDArray[np.uint8]:
        """What the model was shown, bright enough to look at: 8x8 counts go from 0 to 16."""
        return self.shown if self.shown.max() > 16 else self.shown * np.uint8(15)

    def to_dict(self) -> dict[str, Any]:
        """Return the reading as JSON values; the image that was shown stays out."""
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "shown"}
        return values | {"box": list(self.box), "probabilities": list(self.probabilities)}


@dataclass(frozen=True, kw_only=True)
class NumberReading:
    """Digits that belong together, how sure all of them are, and whether one may act on it.

    Where a rule says what the number may be, `text` is the most probable of the allowed ones, and `confidence` is among
    these.
    """

    text: str
    confidence: float
    accepted: bool
    reason: str
    box: Box
    digits: tuple[DigitReading, ...]
    line: int = 0  # the written line it stands on, from the top of the page; numbers far apart may share one
    runner_up: str = ""  # the next best number, empty where there is none
    margin: float = 0.0  # how far the confidence is ahead of the runner-up's
    free_text: str = ""  # what would be read without the rule

    @classmethod
    def from_digits(cls, digits: tuple[DigitReading, ...], *, line: int = 0) -> NumberReading:
        """Join digits that were read one by one, left to right; accepted when each of them is.

        The confidence of all is the product of each.
        """
        text = "".join(digit.text for digit in digits)
        return cls(
            text=text,
            confidence=math.prod(digit.confidence for digit in digits),
            accepted=all(digit.accepted for digit in digits),
            reason=next((digit.reason for digit in digits if digit.reason), ""),
            box=union([digit.box for digit in digits]),
            digits=digits,
            line=line,
            free_text=text,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the reading as JSON values."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return values | {"box": list(self.box), "digits": [digit.to_dict() for digit in self.digits]}


@dataclass(frozen=True, kw_only=True)
class PageReading:
    """All numbers of one page, line by line; `reason` says why there are none, or why it failed.

    A picture is page 1 of 1. Both are 0 of a file that cannot be opened.
    """

    status: Status
    reason: str
    numbers: tuple[NumberReading, ...] = ()
    page: int = 1
    pages: int = 1

    @property
    def text(self) -> str:
        """The numbers in reading order, separated by spaces."""
        return " ".join(number.text for number in self.numbers if number.text)

    def to_dict(self) -> dict[str, Any]:
        """Return the reading as JSON values."""
        numbers = [number.to_dict() for number in self.numbers]
        return {
            "status": self.status,
            "reason": self.reason,
            "text": self.text,
            "page": self.page,
            "pages": self.pages,
            "numbers": numbers,
        }


def union(boxes: list[Box]) -> Box:
    """Return the smallest box around several."""
    left, top = min(box[0] for box in boxes), min(box[1] for box in boxes)
    right, bottom = max(box[0] + box[2] for box in boxes), max(box[1] + box[3] for box in boxes)
    return left, top, right - left, bottom - top
