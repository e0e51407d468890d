"""Adaptation: a reader of whole numbers learns from a user's own; what it gains there, and what it forgets."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits import cards
from inkdigits.confidence import MILD, PROMISES, choose_thresholds, fit_calibration
from inkdigits.crop import Crop
from inkdigits.datasets import Dataset, load_dataset, load_digits, split
from inkdigits.errors import MissingExtraError, RecipeError
from inkdigits.handwriting import Handwriting, Line
from inkdigits.ink import flatten, to_working_size
from inkdigits.line import FittedLines, LineSettings, adapt_lines, input_layers
from inkdigits.line_training import ask_both_ways, judge_lines, make_handwriting
from inkdigits.modelfile import LineModel, Metadata, open_line_model
from inkdigits.number_set import NumberSet, load_numbers
from inkdigits.numbers import NumbersEvaluation, evaluate_numbers
from inkdigits.pool import Ballot, Voice, fit_voices, pool_opinions
from inkdigits.prepare import prepare, prepare_line
from inkdigits.reader import Reader
from inkdigits.recipes import Recipe, find_recipe
from inkdigits.second import SecondOpinion
from inkdigits.shaking import shake_line, shrink_line
from inkdigits.training import Progress

FEWEST = 20  # numbers; of fewer not even five are held out
WEIGHED = 50  # held-out numbers; of fewer it cannot be told how much either way of reading counts
REHEARSED = 500  # made-up lines that are read before and after
Flat = NDArray[np.uint8]  # (h, w), a flattened line
DIGITS = "mnist-28"  # the preparation of digits that lines are made of
SURE = 0.95  # from which on no second opinion is asked for while its voice is fitted; near to most thresholds
STROKE = 110  # of 255; what of an enlarged 8x8 image is ink


@dataclass(frozen=True, eq=False)
class Standing:
    """How well a reader reads the held-out part of the user's own numbers, and lines like those it came from."""

    own: NumbersEvaluation
    made_up: NumbersEvaluation

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as JSON values."""
        return {"own": self.own.to_dict(), "made_up": self.made_up.to_dict()}


@dataclass(frozen=True, eq=False)
class AdaptationResult:
    """A reader that has learned from a user's own numbers, and what that was worth."""

    recipe: Recipe
    model: LineModel
    n_learned: int
    skipped: tuple[str, ...]  # pictures that could not be read, with the reason
    fitted: FittedLines
    before: Standing
    after: Standing
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

    @property
    def gained(self) -> int:
        """How many of the held-out numbers are read exactly that were not before."""
        return int((self.after.own.correct & ~self.before.own.correct).sum())

    @property
    def lost(self) -> int:
        """How many of the held-out numbers are no longer read exactly."""
        return int((self.before.own.correct & ~self.after.own.correct).sum())

    @property
    def improved(self) -> bool:
        """Whether the held-out numbers are read better than before."""
        return self.gained > self.lost

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON values."""
        return {
            "recipe": self.recipe.name,
            "random_state": self.random_state,
            "n_train": self.n_learned,
            "n_test": len(self.after.own.truths),
            "skipped": list(self.skipped),
            "n_iter": len(self.fitted.loss_curve),
            "loss_curve": list(self.fitted.loss_curve),
            "stopped_because": self.stopped_because,
            "seconds": self.seconds,
            "improved": self.improved,
            "gained": self.gained,
            "lost": self.lost,
            "before": self.before.to_dict(),
            "after": self.after.to_dict(),
        }


def adapt(
    start: str | Path | LineModel | None,
    data: str | NumberSet,
    *,
    recipe: str = "adapt",
    also: Sequence[str | Dataset] = (),
    n_train: int | None = None,
    random_state: int | None = None,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
) -> AdaptationResult:
    """Train a reader of whole numbers further on a user's own numbers, and judge it on those that it was not shown.

    Parameters
    ----------
    start
        The model of lines to go on from: its path, its name if it is bundled, or None for the bundled one.
    data
        The numbers, or ``numbers:DIR``. A part is held out: nothing is learned from it, and confidence and promises
        are measured on it anew, those of the old model do not hold for the new one.
    also
        Sets of digits, of whose training parts lines are made up to rehearse; without any, scikit-learn's digits.
    n_train
        How many numbers to learn from; by default the recipe's share.
    random_state, checkpoint, progress
        As in `training.train`.

    Raises
    ------
    RecipeError
        If there are too few numbers, or no lines can be made of a set of `also`. DatasetError if the data cannot be
        used, ModelFileError if the model cannot, CheckpointError if the checkpoint cannot. MissingExtraError if PyTorch
        is missing.
    """
    chosen = find_recipe(recipe)
    seed = (chosen.random_state or 0) if random_state is None else random_state
    old = open_line_model(start)
    learned, held_out = _part(load_numbers(data) if isinstance(data, str) else data, chosen, n_train, seed)
    own, skipped = _load_lines(learned)
    rehearsal = _Rehearsal.of(also, chosen, seed)
    before = _judge(old, held_out, rehearsal)
    started = time.perf_counter()
    fitted = _fit(old, own, rehearsal, chosen, seed, checkpoint, progress)
    seconds = time.perf_counter() - started
    metadata = _calibrate(_describe(old, chosen, learned, len(own), rehearsal, fitted, seed), fitted, held_out)
    after = _judge(_to_model(fitted, metadata), held_out, rehearsal)
    model = _to_model(fitted, _with_figures(metadata, before, after))
    skipped += before.own.skipped
    return AdaptationResult(chosen, model, len(own), skipped, fitted, before, after, seconds, seed)


@dataclass(frozen=True, eq=False)
class _Rehearsal:
    """Lines made up of digits: some to learn from, others by other images to be judged on."""

    learned: Handwriting
    judged: Sequence[Line]
    data: Sequence[dict[str, Any]]  # what a model file says of them

    @classmethod
    def of(cls, also: Sequence[str | Dataset], recipe: Recipe, seed: int) -> _Rehearsal:
        """Make lines of the training parts of some sets, judge on those of the first one's test part."""
        sets = [load_dataset(one, preparation=DIGITS) if isinstance(one, str) else one for one in also]
        for one in sets:
            _check_digits(one)
        parts = [split(one) for one in sets or [_bundled_digits()]]
        judged = make_handwriting([parts[0].test], recipe, seed + 1).draw_lines(REHEARSED, random_state=[seed, 1])
        learned = [part.train for part in parts]
        data = [{"name": d.name, "source": d.source, "n_train": len(d), "fingerprint": d.fingerprint} for d in learned]
        return cls(make_handwriting(learned, recipe, seed), judged, data)


def _check_digits(digits: Dataset) -> None:
    if digits.preparation != DIGITS:
        raise RecipeError(
            f"cannot make lines of '{digits.name}': its images are prepared as {digits.preparation}, lines are made of "
            f"digits prepared as {DIGITS}; use mnist:DIR or folder:DIR, or leave it out"
        )


def _bundled_digits() -> Dataset:
    """Return scikit-learn's 8x8 digits with smooth strokes, prepared as MNIST: what there is where nobody has more."""
    digits = load_digits()
    large = [cv2.resize(image * np.uint8(15), (64, 64), interpolation=cv2.INTER_CUBIC) for image in digits.images]
    strokes = [np.asarray(np.where(image > STROKE, 255, 0), np.uint8) for image in large]
    return replace(digits, images=np.stack([prepare(ink, DIGITS) for ink in strokes]), preparation=DIGITS)


def _part(numbers: NumberSet, recipe: Recipe, n_train: int | None, seed: int) -> tuple[NumberSet, NumberSet]:
    """Return those to learn from and those that are held out, by chance."""
    n_learned = round(len(numbers) * (1 - recipe.held_out)) if n_train is None else n_train
    if len(numbers) < FEWEST or not 0 < n_learned < len(numbers):
        raise RecipeError(
            f"cannot learn from {n_learned} of the {len(numbers)} numbers of '{numbers.name}': give at least {FEWEST}, "
            "some of them to be held out; a few hundred are better"
        )
    order = np.random.default_rng(seed).permutation(len(numbers))
    return numbers[np.sort(order[:n_learned])], numbers[np.sort(order[n_learned:])]


def _load_lines(numbers: NumberSet) -> tuple[list[tuple[Flat, str]], tuple[str, ...]]:
    """Return the pictures as flattened lines with their readings, and why some are missing."""
    lines, skipped = [], []
    for picture, text in zip(numbers.pictures(), numbers.readings, strict=True):
        if isinstance(picture, str):
            skipped.append(picture)
        else:
            lines.append((shrink_line(flatten(to_working_size(picture)[0])), text))
    if not lines:
        raise RecipeError(f"none of the {len(numbers)} pictures of '{numbers.name}' can be read: {skipped[0]}")
    return lines, tuple(skipped)


def _fit(
    old: LineModel,
    own: Sequence[tuple[Flat, str]],
    rehearsal: _Rehearsal,
    recipe: Recipe,
    seed: int,
    checkpoint: Path | None,
    progress: Progress | None,
) -> FittedLines:
    settings = LineSettings(**recipe.settings)
    half = settings.n_batches * (settings.batch_size // 2)

    def shake(epoch: int) -> list[tuple[Flat, str]]:
        random = np.random.default_rng([seed, epoch])
        chosen = [own[i] for i in random.integers(0, len(own), half)]
        return [(prepare_line(shake_line(flat, random)), text) for flat, text in chosen]

    return adapt_lines(
        old.layers[len(input_layers()) :],
        shake,
        lambda epoch: [
            (line.image, line.written) for line in rehearsal.learned.draw_lines(half, random_state=[seed, epoch, 0])
        ],
        made_from=f"{_fingerprint(own)} and {rehearsal.data} from {old.sha256}",
        settings=settings,
        max_epochs=recipe.max_epochs,
        random_state=seed,
        checkpoint=checkpoint,
        on_epoch=lambda epoch, loss: progress(epoch, recipe.max_epochs, loss) if progress else None,
    )


def _fingerprint(own: Sequence[tuple[Flat, str]]) -> str:
    """Return a hash of lines and readings."""
    content = hashlib.sha256()
    for flat, text in own:
        content.update(f"{flat.shape} {text}".encode() + flat.tobytes())
    return content.hexdigest()[:16]


def _judge(model: LineModel, held_out: NumberSet, rehearsal: _Rehearsal) -> Standing:
    return Standing(evaluate_numbers(Reader(model), held_out), judge_lines(model, rehearsal.judged))


def _to_model(fitted: FittedLines, metadata: Metadata) -> LineModel:
    return LineModel.from_layers([*input_layers(), *fitted.layers], metadata)


def _calibrate(metadata: Metadata, fitted: FittedLines, held_out: NumberSet) -> Metadata:
    """Weigh the two ways of reading by the held-out numbers, calibrate them, then choose the thresholds.

    They are too few for a part each. Weights and calibration, which stay as they are where even all are few, hardly
    change which of them are the surest, and it is by their rank that thresholds are chosen.
    """
    lines, _ = _load_lines(held_out)
    if len(lines) >= WEIGHED:
        flats, texts = zip(*lines, strict=True)
        metadata = replace(metadata, voices=_weigh_voices(_to_model(fitted, metadata), flats, texts), calibration={})
        judged = evaluate_numbers(Reader(_to_model(fitted, metadata)), held_out)
        metadata = replace(metadata, calibration=asdict(fit_calibration(judged.confidences, judged.correct)))
    judged = evaluate_numbers(Reader(_to_model(fitted, metadata)), held_out)
    confidences = np.where(judged.declined, 0.0, judged.confidences)
    return metadata.with_promises(choose_thresholds(confidences, judged.correct, rates=(*PROMISES, *MILD)))


def _weigh_voices(model: LineModel, flats: Iterable[NDArray[np.uint8]], texts: Sequence[str]) -> list[dict[str, float]]:
    """Return how much each way of reading counts, as a model file has it, from held-out lines and what they say.

    Lines are (h, w) uint8, flattened as `ink.flatten` does.
    """
    opinions = list(ask_both_ways(model, flats))
    voices = fit_voices([Ballot.of(two, None) for two, _ in opinions], texts)
    return [asdict(voice) for voice in _with_second_opinion(voices, opinions, texts)]


def _with_second_opinion(
    voices: tuple[Voice, ...], opinions: Sequence[tuple[list[NDArray[np.float64]], Crop]], truths: Sequence[str]
) -> tuple[Voice, ...]:
    """Add the voice of a second opinion, where it can be asked, from the numbers that it is asked about."""
    try:
        second = SecondOpinion()
    except MissingExtraError:
        return voices
    sure = [pool_opinions(two, voices).probability for two, _ in opinions]
    asked = [i for i in np.argsort(sure) if sure[i] < SURE]
    if not asked:
        return voices
    ballots = [Ballot.of([*opinions[i][0], second.see(opinions[i][1].flat)], None) for i in asked]
    return fit_voices(ballots, [truths[i] for i in asked], fitted=voices)


def _describe(
    old: LineModel,
    recipe: Recipe,
    numbers: NumberSet,
    n_learned: int,
    rehearsal: _Rehearsal,
    fitted: FittedLines,
    seed: int,
) -> Metadata:
    """Return the metadata of the new model; nothing that the old one promises is kept."""
    return replace(
        old.metadata,
        name=recipe.name,
        temperature=1.0,
        recipe={
            "name": recipe.name,
            "summary": recipe.summary,
            "settings": asdict(LineSettings(**recipe.settings)),
            "max_epochs": recipe.max_epochs,
            "drawn": recipe.drawn,
            "held_out": recipe.held_out,
            "random_state": seed,
            "stopped_because": fitted.stopped_because,
            "loss_curve": list(fitted.loss_curve),
            "from": cards.origin(old),
        },
        data={
            "name": numbers.name,
            "source": "pictures of a user's own numbers",
            "n_train": n_learned,
            "also": [*rehearsal.data],
            "from": dict(old.metadata.data),
        },
    ).with_promises({})


def _with_figures(metadata: Metadata, before: Standing, after: Standing) -> Metadata:
    own = after.own
    figures = {
        "n_test": len(own.truths),
        "exact": own.exact,
        "expected_calibration_error": own.trust.expected_calibration_error,
        "exact_before": before.own.exact,
        "exact_made_up": after.made_up.exact,
        "exact_made_up_before": before.made_up.exact,
    }
    metadata = replace(metadata, figures=figures)
    return replace(metadata, card=_card(metadata))


def _card(metadata: Metadata) -> str:
    recipe, data, figures = metadata.recipe, metadata.data, metadata.figures
    promises = "; ".join(
        f"at most {float(rate):.1%} errors from confidence {threshold:.3f}, which {metadata.coverages[rate]:.1%} reach"
        for rate, threshold in metadata.thresholds.items()
    )
    rehearsed = ", ".join(one["name"] for one in data["also"])
    return f"""# A reader of whole numbers, adapted to {data["name"]}

Went on from a model of recipe {recipe["from"]["recipe"].get("name", "unknown")} ({recipe["from"]["sha256"][:16]}).

- Data: {data["n_train"]} numbers of {data["name"]}; rehearsed: lines made of {rehearsed}.
- Recipe: {recipe["name"]}, seed {recipe["random_state"]}; {recipe["stopped_because"]}.
- Figures: {figures["exact"]:.2%} of {figures["n_test"]} held-out numbers of the same kind exactly
  ({figures["exact_before"]:.2%} before), {figures["exact_made_up"]:.2%} of made-up lines
  ({figures["exact_made_up_before"]:.2%} before).
- Confidence: of this network and the bundled one of single digits together, weighed by the held-out numbers.
- Promises, from the same: {promises or "nothing, there are too few"}.
- Fails on: other kinds of numbers may be read worse than before; the promises hold for numbers of this kind.
"""
