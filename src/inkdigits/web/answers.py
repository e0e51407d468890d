"""What the API answers, as OpenAPI describes it: the readings' own JSON, and besides what the network saw."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from pydantic import BaseModel, Field

from inkdigits.modelfile import Model
from inkdigits.pictures import encode_png
from inkdigits.readings import DigitReading, NumberReading, PageReading, Status


class _Answer(BaseModel):
    text: str = Field(description="what was read; empty where there is nothing to read")
    confidence: float = Field(ge=0, le=1)
    accepted: bool = Field(description="whether one may act on it")
    reason: str = Field(description="why it is not accepted, else empty")
    box: list[int] = Field(min_length=4, max_length=4, description="x, y, width, height in px of the upright picture")


class DigitAnswer(_Answer):
    """One digit."""

    probabilities: list[float] = Field(description="of each digit; what they lack to 1 is that of no digit")
    shown: str | None = Field(None, description="with ?shown=true: what the network saw, a PNG in base64")


class NumberAnswer(_Answer):
    """Digits that belong together."""

    digits: list[DigitAnswer]
    line: int = Field(description="the written line it stands on, from the top, from 0")
    runner_up: str = Field(description="the next best number, empty where there is none")
    margin: float = Field(description="how far the confidence is ahead of the runner-up's")
    free_text: str = Field(description="what would be read without rules")


class PageAnswer(BaseModel):
    """All numbers of one page."""

    status: Status
    reason: str = Field(description="why nothing was read, else empty")
    text: str = Field(description="the numbers in reading order, separated by spaces")
    page: int = Field(description="which page of the file, from 1")
    pages: int = Field(description="how many pages it has; the first is read")
    numbers: list[NumberAnswer]


class ModelAnswer(BaseModel):
    """A model that reads here."""

    name: str = Field(description="what ?model= takes")
    sha256: str = Field(description="the hash of its file")
    preparation: str
    labels: str = Field(description="the label of each output; '-' is no digit")
    thresholds: dict[str, float] = Field(description="promised error rate: least confidence")
    figures: dict[str, Any]
    card: str = Field(description="Markdown")


def answer_of(reading: PageReading | NumberReading | DigitReading, *, shown: bool) -> dict[str, Any]:
    """Return a reading as JSON values; on request each digit comes with the picture that the network was shown."""
    values = reading.to_dict()
    if shown:
        numbers = reading.numbers if isinstance(reading, PageReading) else (reading,)
        for number, number_values in zip(numbers, values.get("numbers", [values]), strict=True):
            digits = number.digits if isinstance(number, NumberReading) else (number,)
            for digit, digit_values in zip(digits, number_values.get("digits", [number_values]), strict=True):
                digit_values["shown"] = b64encode(encode_png(digit.shown_picture)).decode()
    return values


def describe_model(name: str, model: Model) -> ModelAnswer:
    """Return what a model's file says of itself."""
    metadata = model.metadata
    return ModelAnswer(
        name=name,
        sha256=model.sha256,
        preparation=metadata.preparation,
        labels=metadata.labels,
        thresholds=dict(metadata.thresholds),
        figures=dict(metadata.figures),
        card=metadata.card,
    )
