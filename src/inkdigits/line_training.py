"""Training of a reader of whole numbers: made-up lines, fit, calibrate, choose thresholds, evaluate."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkdigits import cards, confidence, ctc
from inkdigits.crop import Crop
from inkdigits.datasets import Dataset, SplitMethod
from inkdigits.digit_reader import DigitReader
from inkdigits.errors import RecipeError
from inkdigits.handwriting import Digits, Handwriting, Line
from inkdigits.line import FittedLines, LineSettings, fit_lines, input_layers
from inkdigits.material import Material, gather
from inkdigits.modelfile import LINE_LABELS, LineModel, Metadata, open_line_model, open_model
from inkdigits.number_reader import NumberReader, see
from inkdigits.numbers import NumbersEvaluation
from inkdigits.pool import pool_opinions, to_voices, weigh
from inkdigits.prepare import LINE
from inkdigits.recipes import Recipe, find_recipe
from inkdigits.strokes import draw_digits
from inkdigits.training import Progress

WATCHED = 300  # held-out lines read after each epoch
CALIBRATED = 4000  # held-out lines for the thresholds
TESTED = 2000  # lines of the test part's digits


@dataclass(frozen=True, eq=False)
class LineTrainingResult:
    """A trained reader of whole numbers, how it came to be and what it is worth on made-up lines."""

    recipe: Recipe
    model: LineModel
    material: Material
    fitted: FittedLines
    evaluation: NumbersEvaluation
    seconds: float
    random_state: int

    @property
    def stopped_because(self) -> str:
        """Why the training ended."""
        return self.fitted.stopped_because

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C ended the training before its time."""
        return self.stopped_because.startswith("interrupted")

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON values."""
        return {
            "recipe": self.recipe.name,
            "data": self.material.parts.train.name,
            "random_state": self.random_state,
            "n_iter": len(self.fitted.loss_curve),
            "loss_curve": list(self.fitted.loss_curve),
            "validation_curve": list(self.fitted.validation_curve),
            "stopped_because": self.stopped_because,
            "seconds": self.seconds,
            **self.evaluation.to_dict(),
        }


def train_lines(
    recipe: str,
    data: str | Dataset,
    *,
    also: Sequence[str | Dataset] = (),
    start: str | Path | LineModel | None = None,
    n_train: int | None = None,
    split_method: SplitMethod = "first",
    random_state: int | None = None,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
) -> LineTrainingResult:
    """Train a reader of whole numbers on lines made of a data set's digits, and judge it on lines of its test part.

    Parameters and errors are those of `training.train`; `start` is a reader to go on from. Lines are made of the digits
    of one writer each; no writer of the lines that calibrate it, or that it is judged on, is among those it learns
    from.
    """
    chosen = find_recipe(recipe)
    seed = (chosen.random_state or 0) if random_state is None else random_state
    material = gather(chosen, data, also, n_train=n_train, split_method=split_method, random_state=seed)
    if material.kept.preparation != chosen.preparation:
        raise RecipeError(
            f"cannot make lines of '{material.kept.name}': its images are prepared as {material.kept.preparation}, "
            f"lines are made of digits prepared as {chosen.preparation}; use mnist:DIR or folder:DIR"
        )
    if material.held_out is None:
        raise RecipeError(f"recipe '{recipe}' holds nothing out: its confidence could not be calibrated")
    settings, old = LineSettings(**chosen.settings), None if start is None else open_line_model(start)
    learned = make_handwriting([material.kept, *material.more], chosen, seed)
    unseen, tested = (  # the latter, too, is refused now, not after the training, where it cannot be made
        make_handwriting([part], chosen, seed + i)
        for i, part in enumerate((material.held_out, material.parts.test), start=1)
    )
    n_lines = settings.n_batches * settings.batch_size
    started = time.perf_counter()
    fitted = fit_lines(
        lambda epoch: _pairs(learned.draw_lines(n_lines, random_state=[seed, epoch])),
        made_from=f"{material.to_dict()} {chosen.drawn} {old.sha256 if old else ''}",
        start=old.layers[len(input_layers()) :] if old else (),
        settings=settings,
        max_epochs=chosen.max_epochs,
        random_state=seed,
        validation=_pairs(unseen.draw_lines(WATCHED, random_state=[seed, 0])),
        checkpoint=checkpoint,
        on_epoch=lambda epoch, loss: progress(epoch, chosen.max_epochs, loss) if progress else None,
    )
    seconds = time.perf_counter() - started
    followed = replace(chosen, settings=asdict(settings), random_state=seed)
    metadata = cards.describe(followed, fitted, material, preparation=LINE, labels=LINE_LABELS)
    if old is not None:
        metadata = replace(metadata, recipe={**metadata.recipe, "from": cards.origin(old)})
    metadata = _calibrate(fitted, metadata, unseen.draw_lines(CALIBRATED, random_state=[seed, 1]))
    evaluation = judge_lines(_to_model(fitted, metadata), tested.draw_lines(TESTED, random_state=[seed, 2]))
    metadata = cards.with_figures(metadata, _figures(evaluation))
    return LineTrainingResult(chosen, _to_model(fitted, metadata), material, fitted, evaluation, seconds, seed)


def judge_lines(model: LineModel, lines: Sequence[Line]) -> NumbersEvaluation:
    """Read lines in both ways and compare."""
    voices, flats = to_voices(model.metadata.voices)[:2], (line.picture for line in lines)  # nothing to flatten
    answers = []
    for opinions, _ in ask_both_ways(model, flats):
        spelled = [ctc.most_probable(frames, n=1)[0].text for frames in opinions]
        answers.append(pool_opinions(opinions, weigh(voices, spelled), spelled=spelled))
    calibration = confidence.Calibration(**model.metadata.calibration)
    confidences = np.array([calibration.apply(answer.probability) for answer in answers])
    texts = [answer.text for answer in answers]
    return NumbersEvaluation([line.text for line in lines], texts, confidences, model.metadata.thresholds)


def ask_both_ways(
    model: LineModel, flats: Iterable[NDArray[np.uint8]]
) -> Iterator[tuple[list[NDArray[np.float64]], Crop]]:
    """Yield what both ways make of each line, (h, w) uint8 flattened as `ink.flatten` does, and its crop."""
    numbers = NumberReader(DigitReader(open_model(None)), model)
    for flat in flats:
        crop = Crop.whole(flat)
        sight = see(model, crop)
        yield numbers.opinions(sight, numbers.cut(sight, crop, 1.0)), crop


def make_handwriting(sets: Sequence[Dataset], recipe: Recipe, seed: int) -> Handwriting:
    """Return the hands of some sets, with the drawn digits of a recipe."""
    national = Digits(*draw_digits(recipe.drawn, random_state=seed)) if recipe.drawn else None
    return Handwriting([Digits(d.images, d.labels, d.writers) for d in sets], national=national)


def _pairs(lines: Sequence[Line]) -> list[tuple[NDArray[np.uint8], str]]:
    return [(line.image, line.written) for line in lines]


def _to_model(fitted: FittedLines, metadata: Metadata) -> LineModel:
    return LineModel.from_layers([*input_layers(), *fitted.layers], metadata)


def _calibrate(fitted: FittedLines, metadata: Metadata, lines: Sequence[Line]) -> Metadata:
    """Calibrate the confidence of both ways together on held-out lines, and choose the thresholds."""
    lines = [line for line in lines if line.text]  # that nothing is read where nothing stands has no confidence
    judged = judge_lines(_to_model(fitted, metadata), lines)
    metadata = replace(metadata, calibration=asdict(confidence.fit_calibration(judged.confidences, judged.correct)))
    judged = judge_lines(_to_model(fitted, metadata), lines)
    rates = (*confidence.PROMISES, *confidence.MILD)
    return metadata.with_promises(confidence.choose_thresholds(judged.confidences, judged.correct, rates=rates))


def _figures(evaluation: NumbersEvaluation) -> dict[str, float]:
    return {
        "n_test": len(evaluation.truths),
        "exact": evaluation.exact,
        "expected_calibration_error": evaluation.trust.expected_calibration_error,
    }
