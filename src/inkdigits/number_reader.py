"""Numbers, in two ways that check each other: as a whole, by the network of lines, and digit by digit."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits import ctc
from inkdigits.confidence import Calibration
from inkdigits.crop import Crop
from inkdigits.cutting import Run, cut_line
from inkdigits.digit_reader import (
    CUT_OFF,
    NO_PROMISE,
    PROMISED_ERROR,
    DigitReader,
    is_no_digit,
    probability_of_no_digit,
    scale_box,
)
from inkdigits.modelfile import LINE_LABELS, LineModel
from inkdigits.page import DigitInk
from inkdigits.pool import ALONE, Answer, pool_opinions, to_voices, weigh
from inkdigits.prepare import LINE_INK, percentile, place_line, prepare
from inkdigits.readings import SEPARATORS, DigitReading, NumberReading, union
from inkdigits.rules import Rule
from inkdigits.second import SecondOpinion

FAINT = 0.3  # of the darkest ink of the picture; what is weaker is easily taken for something else
WIDTH = 0.7  # of a line's height; how wide a digit is that has no neighbour
MANY = 0.75  # of each digit on a path: among paths that look alike, the one of fewer digits is likelier
NO_DIGIT = 0.1  # how probable no digit is beside a digit, before a run is looked at: halves of digits look like none
NOTHING = 0.4  # confidence below which marks that are hardly digits are none, as letters of print are
NO_NUMBER = "not a number: nothing in it looks like a digit"
ONLY_TOGETHER = "read as part of the whole number only"
NOWHERE = (0, 0, 0, 0)  # the box of what was not found

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Sight:
    """A crop as the network of lines is shown it, (LINE_HEIGHT, w) uint8, and the frames (t, k) it makes of that."""

    image: NDArray[np.uint8]
    matrix: Floats  # (2, 3), takes px of the crop to those of the image
    frames: Floats


class NumberReader:
    """Reads numbers from their crop and from their digits.

    Parameters
    ----------
    digits
        What reads digits one by one.
    line
        The network of lines; without one, a number is what its digits are.
    max_error
        The promised error rate at which numbers are accepted, as the model file names it.
    separators
        Whether the text keeps points, commas, dashes and equals signs.
    second
        Who is asked about the numbers that are not to be accepted.
    """

    def __init__(
        self,
        digits: DigitReader,
        line: LineModel | None,
        *,
        max_error: str = PROMISED_ERROR,
        separators: bool = False,
        second: SecondOpinion | None = None,
    ) -> None:
        self.digits, self.line, self.separators, self.second = digits, line, separators, second
        self._threshold = line.metadata.thresholds.get(max_error) if line else None
        self._voices = to_voices(line.metadata.voices) if line else ()
        self._calibration = Calibration(**line.metadata.calibration) if line else Calibration()

    def read(
        self,
        crop: Crop,
        digits: Sequence[DigitReading],
        scale: float,
        *,
        rule: Rule | None,
        row: int = 0,
        ink: NDArray[np.uint8] | None = None,
    ) -> NumberReading:
        """Read a number of a picture that was made larger by scale.

        Its digits may have been found and read already; if not, all of its `ink` may be one. Where they do not spell
        what the line does, it is cut anew, and the likelier digits are the second way.
        """
        if self.line is None:
            return self._join(tuple(digits), rule, row)
        sight = see(self.line, crop)
        of_line = ctc.most_probable(ctc.only_digits(sight.frames), n=1)[0].text
        if ink is not None and len(of_line) <= 1:
            whole = self.digits.read_whole(ink, scale)
            digits = (whole,) if whole.text else ()
        if not digits or _text_of(digits) != of_line:
            cut = self.cut(sight, crop, scale, cut_off=any(digit.reason == CUT_OFF for digit in digits))
            digits = max(digits, cut, key=_log_likelihood)
        answer = self._answer(self.opinions(sight, digits), of_line, crop, rule)
        reason = self._doubt(answer, digits, crop)
        if reason == NO_NUMBER:
            answer = Answer(text="", probability=0.0, runner_up="", margin=0.0, free_text="")
        spelled = self._spell(answer.text, sight, self.line.frame_width, crop, digits, scale)
        return NumberReading(
            text=_punctuate(answer.text, sight.frames) if self.separators else answer.text,
            confidence=answer.probability,
            accepted=not reason,
            reason=reason,
            box=union([digit.box for digit in spelled or digits]) if spelled or digits else NOWHERE,
            digits=spelled,
            line=row,
            runner_up=answer.runner_up,
            margin=answer.margin,
            free_text=answer.free_text,
        )

    def cut(self, sight: Sight, crop: Crop, scale: float, *, cut_off: bool = False) -> list[DigitReading]:
        """Cut a line into digits, by the network of single digits: the best path through all runs of pieces."""
        runs = cut_line(sight.image)
        read = self.digits.read([DigitInk(run.ink, run.box, cut_off) for run in runs], 1.0)
        return [
            replace(digit, box=scale_box(crop.box_on_page(digit.box, sight.matrix), 1 / scale))
            for digit in _best_path(runs, read)
        ]

    def opinions(self, sight: Sight, digits: Sequence[DigitReading]) -> list[Floats]:
        """Return what both ways make of a number: the line first, then its digits."""
        return [ctc.only_digits(sight.frames), self.digits.as_frames(digits)]

    def _answer(self, opinions: list[Floats], of_line: str, crop: Crop, rule: Rule | None) -> Answer:
        """Pool what both ways make of a number, and a second opinion where that is not enough."""
        spelled = of_line, ctc.most_probable(opinions[1], n=1)[0].text
        voices = weigh(self._voices, spelled)
        answer = self._calibrated(pool_opinions(opinions, voices[:2], rule=rule, spelled=spelled))
        if self.second is None or answer.probability >= (self._threshold or 1.0):
            return answer
        opinions = [*opinions, self.second.see(crop.flat)]
        return self._calibrated(pool_opinions(opinions, voices, rule=rule, spelled=spelled))

    def _calibrated(self, answer: Answer) -> Answer:
        behind = self._calibration.apply(answer.probability - answer.margin)
        probability = self._calibration.apply(answer.probability)
        return replace(answer, probability=probability, margin=probability - behind)

    def _spell(
        self, text: str, sight: Sight, step: float, crop: Crop, digits: Sequence[DigitReading], scale: float
    ) -> tuple[DigitReading, ...]:
        """Return the digits of the answer: those read one by one where they agree, else those that the line shows."""
        if not text:
            return tuple(digits)
        cut = tuple(digit for digit in digits if not is_no_digit(digit))
        if _text_of(cut) == text:
            return cut
        try:
            spans = ctc.align(ctc.only_digits(sight.frames), text)
        except ValueError:  # only the digits, or a rule, made it this
            return cut if len(cut) == len(text) else ()
        reason = CUT_OFF if any(digit.reason == CUT_OFF for digit in digits) else ONLY_TOGETHER
        return tuple(
            self._show(digit, sight, span, place, crop, scale, reason=reason)
            for digit, span, place in zip(text, spans, _places(spans, step, sight.image), strict=True)
        )

    def _show(
        self,
        digit: str,
        sight: Sight,
        span: tuple[int, int],
        place: tuple[int, int],
        crop: Crop,
        scale: float,
        *,
        reason: str,
    ) -> DigitReading:
        """Return a digit of a line with what the network of digits would be shown of it."""
        ink, frames = sight.image[:, slice(*place)], sight.frames[slice(*span)]
        x, y, width, height = cv2.boundingRect((ink > LINE_INK * 255).astype(np.uint8))
        box = crop.box_on_page((place[0] + x, y, max(width, 1), max(height, 1)), sight.matrix)
        columns = [LINE_LABELS.index(label) for label in self.digits.model.metadata.digits]
        surest = frames[frames[:, int(digit)].argmax(), columns]
        confidence = float(surest[columns.index(int(digit))])
        return DigitReading(
            text=digit,
            confidence=confidence,
            accepted=False,
            reason=reason,
            box=scale_box(box, 1 / scale),
            probabilities=tuple(surest.tolist()),
            shown=prepare(ink[y : y + height], self.digits.model.metadata.preparation),
        )

    def _doubt(self, answer: Answer, digits: Sequence[DigitReading], crop: Crop) -> str:
        """Return why a number is not to be acted on, or nothing."""
        if answer.reason:
            return answer.reason
        if not answer.text or (answer.probability < NOTHING and _are_hardly_digits(digits)):
            return NO_NUMBER
        if any(digit.reason == CUT_OFF for digit in digits):
            return CUT_OFF
        if self._threshold is None:
            return NO_PROMISE
        if answer.probability >= self._threshold:
            return ""
        return f"{_weakness(answer, digits, crop)}: confidence {answer.probability:.3f} is below {self._threshold:.3f}"

    def _join(self, digits: tuple[DigitReading, ...], rule: Rule | None, row: int) -> NumberReading:
        """Return the number that digits form without a network of lines."""
        reading = NumberReading.from_digits(digits, line=row)
        answer = pool_opinions([self.digits.as_frames(digits)], [ALONE], rule=rule)
        reading = replace(reading, runner_up=answer.runner_up, margin=answer.margin)
        if rule is None or answer.text == reading.text:
            return reading
        reason = answer.reason or f"not sure: without the rules it is {reading.text}"
        return replace(reading, text=answer.text, confidence=answer.probability, accepted=False, reason=reason)


def see(line: LineModel, crop: Crop) -> Sight:
    """Show the network of lines a crop."""
    image, matrix = place_line(crop.flat)
    return Sight(image, matrix, line.predict_frames(image))


def _best_path(runs: Sequence[Run], readings: Sequence[DigitReading]) -> list[DigitReading]:
    """Return the readings of the runs that cover a line from its first piece to its last and are likeliest digits."""
    scores, ways = {0: 0.0}, {0: list[DigitReading]()}
    for run, reading in sorted(zip(runs, readings, strict=True), key=lambda pair: (pair[0].last, pair[0].first)):
        score = scores[run.first] + _log_likelihood([reading])
        if score > scores.get(run.last, -math.inf):
            scores[run.last], ways[run.last] = score, [*ways[run.first], reading]
    return ways[max(ways)]


def _are_hardly_digits(digits: Sequence[DigitReading]) -> bool:
    """Whether marks that are no digits by their looks cover at least half of what all cover."""
    areas = [(digit.box[2] * digit.box[3], is_no_digit(digit)) for digit in digits]
    return 2 * sum(area for area, no_digit in areas if no_digit) >= sum(area for area, _ in areas)


def _weakness(answer: Answer, digits: Sequence[DigitReading], crop: Crop) -> str:
    """Return what makes a number doubtful."""
    strongest = percentile(crop.flat, 99.5) / 255
    if strongest < FAINT:
        return f"too faint, {strongest:.0%} as dark as the darkest ink here"
    cut = _text_of(digit for digit in digits if not is_no_digit(digit))
    return "not sure" if cut == answer.text else f"readers disagree, digit by digit it is {cut or 'nothing'}"


def _log_likelihood(digits: Sequence[DigitReading]) -> float:
    """Return how likely some marks are digits, or marks between them; of none at all, minus infinity."""
    likely = [MANY * max(digit.confidence, NO_DIGIT * probability_of_no_digit(digit)) for digit in digits]
    return sum(map(math.log, likely)) if likely else -math.inf


def _text_of(digits: Iterable[DigitReading]) -> str:
    return "".join(digit.text for digit in digits)


def _places(spans: Sequence[tuple[int, int]], step: float, image: NDArray[np.uint8]) -> list[tuple[int, int]]:
    """Return from where to where each digit reaches in a line, in px: half way to its neighbours."""
    height, width = image.shape
    middles = [step * (start + stop) / 2 for start, stop in spans]
    gap = float(np.median(np.diff(middles))) if len(middles) > 1 else WIDTH * height
    edges = [middles[0] - gap / 2, *((a + b) / 2 for a, b in pairwise(middles)), middles[-1] + gap / 2]
    limits = np.clip(np.rint(edges), 0, width).astype(int).tolist()
    return [(min(left, width - 1), max(left + 1, right)) for left, right in pairwise(limits)]


def _punctuate(text: str, frames: Floats) -> str:
    """Return a number with the separators that stand between and around its digits."""
    try:
        spans = ctc.align(ctc.only_digits(frames), text)
    except ValueError:
        return text
    edges = [0, *(edge for span in spans for edge in span), len(frames)]
    gaps = [_separators(frames[start:stop]) for start, stop in zip(edges[::2], edges[1::2], strict=True)]
    return gaps[0] + "".join(digit + gap for digit, gap in zip(text, gaps[1:], strict=True))


def _separators(frames: Floats) -> str:
    """Return the separators that the best way through some frames without a digit names."""
    best = frames[:, ctc.BLANK :].argmax(axis=1)
    changes = np.diff(best, prepend=-1) != 0
    return "".join(f"{SEPARATORS} "[i] for i in best[changes]).replace(" ", "")
