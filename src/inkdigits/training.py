"""Training: split, fit, calibrate, choose thresholds, evaluate, ready to save."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from inkdigits import cards, confidence
from inkdigits.augment import Augmentation, distort
from inkdigits.datasets import Dataset, Split, SplitMethod
from inkdigits.evaluation import UNSEEN, Evaluation, judge
from inkdigits.graph import Layer
from inkdigits.material import Material, gather
from inkdigits.modelfile import NOT_A_DIGIT, Metadata, Model
from inkdigits.negatives import draw_negatives
from inkdigits.prepare import PREPARATIONS
from inkdigits.recipes import Recipe, find_recipe
from inkdigits.redraw import redraw_digits
from inkdigits.strokes import draw_digits

if TYPE_CHECKING:
    from sklearn.neural_network import MLPClassifier

NO_DIGIT = 10  # the label of negatives while a network is fitted, after the ten digits
Progress = Callable[[int, int, float], None]  # epoch from 1, most epochs, loss
Watch = Callable[["MLPClassifier"], None]


@dataclass(frozen=True, eq=False)
class TrainingResult:
    """A trained model, how it came to be and what it is worth."""

    recipe: Recipe
    model: Model
    split: Split
    loss_curve: tuple[float, ...]
    stopped_because: str
    evaluation: Evaluation
    seconds: float
    random_state: int | None = None

    @property
    def n_iter(self) -> int:
        """How many epochs were run."""
        return len(self.loss_curve)

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C ended the training before its time."""
        return self.stopped_because.startswith("interrupted")

    @property
    def accuracy(self) -> float:
        """The share of the test part that is read rightly."""
        return self.evaluation.accuracy

    @property
    def errors(self) -> int:
        """How many of the test part are read wrongly."""
        return self.evaluation.errors

    @property
    def predictions(self) -> NDArray[np.uint8]:
        """(n_test,) what was read on the test part."""
        return self.evaluation.predictions

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON values."""
        return {
            "recipe": self.recipe.name,
            "data": self.split.train.name,
            "split": self.split.method,
            "people": self.split.people,
            "random_state": self.random_state,
            "n_train": len(self.split.train),
            "n_iter": self.n_iter,
            "loss_curve": list(self.loss_curve),
            "stopped_because": self.stopped_because,
            "seconds": self.seconds,
            **self.evaluation.to_dict(),
        }


@dataclass(frozen=True)
class _Examples:
    """What is learned from: images (n, size, size) uint8 and labels (n,), where NO_DIGIT is one of them."""

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    preparation: str
    made_up: Mapping[str, Any]  # how many of the images are drawn, redrawn, and of no digit, as the recipe names them


@dataclass(frozen=True)
class _Fitted:
    layers: list[Layer]
    labels: str
    image_size: int
    loss_curve: tuple[float, ...]
    stopped_because: str

    def to_model(self, metadata: Metadata) -> Model:
        return Model.from_layers(self.layers, metadata, image_size=self.image_size)


def train(
    recipe: str | Recipe = "tutorial",
    data: str | Dataset = "digits",
    *,
    also: Sequence[str | Dataset] = (),
    n_train: int | None = None,
    split_method: SplitMethod = "first",
    random_state: int | None = None,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
    watch: Watch | None = None,
) -> TrainingResult:
    """Train a reader and judge it on the part of the data it has not seen.

    Parameters
    ----------
    recipe
        A name in recipes.RECIPES, or a recipe of your own.
    data
        A data set, or the word that names one (see `datasets.load_dataset`).
    also
        Data sets to train on besides: their training part, or all where they do not come in parts by different people.
        The figures are those of `data` alone.
    n_train
        Images to train on; by default what is customary for the set (the tutorial's 1,000).
    split_method
        See `datasets.split`.
    random_state
        Seed; by default the recipe's own.
    checkpoint
        A file that a convolutional network is saved to after each epoch. Where it exists, training goes on from it and
        ends where an uninterrupted one would.
    progress
        Called after each epoch with its number, the most epochs there can be, and its loss.
    watch
        Called after each epoch of scikit-learn's network with the network as it is then.

    Raises
    ------
    RecipeError
        If there is no such recipe, or a set of `also` does not go with the first. DatasetError if the data cannot be
        used, CheckpointError if the checkpoint cannot.
        MissingExtraError if it needs PyTorch.

    Examples
    --------
    >>> import inkdigits
    >>> inkdigits.train(recipe="tutorial", data="digits").errors
    68
    """
    chosen = recipe if isinstance(recipe, Recipe) else find_recipe(recipe)
    seed = chosen.random_state if random_state is None else random_state
    material = gather(chosen, data, also, n_train=n_train, split_method=split_method, random_state=seed or 0)
    fitted_on = _enrich(material, chosen, seed or 0)
    started = time.perf_counter()
    fitted = _fit(chosen, fitted_on, seed, progress or _ignore, checkpoint, watch)
    seconds = time.perf_counter() - started
    followed = replace(chosen, **fitted_on.made_up, random_state=seed)
    metadata = cards.describe(followed, fitted, material, preparation=material.kept.preparation, labels=fitted.labels)
    metadata = _calibrate(fitted, metadata, material.held_out, seed or 0)
    parts = material.parts
    evaluation = judge(fitted.to_model(metadata), parts.test, index=parts.test_index, seen=UNSEEN)
    metadata = cards.with_figures(metadata, _figures(evaluation))
    return TrainingResult(
        recipe=chosen,
        model=fitted.to_model(metadata),
        split=parts,
        loss_curve=fitted.loss_curve,
        stopped_because=fitted.stopped_because,
        evaluation=evaluation,
        seconds=seconds,
        random_state=seed,
    )


def _ignore(epoch: int, epochs: int, loss: float) -> None:
    """Show nothing."""


def _enrich(material: Material, recipe: Recipe, seed: int) -> _Examples:
    """Return the images to learn from: those of the sets and, for MNIST's size, what the recipe makes up besides."""
    kept, more = material.kept, material.more
    fits = kept.preparation == "mnist-28"
    n_drawn, n_redrawn, n_negatives = (recipe.drawn, recipe.redrawn, recipe.negatives) if fits else (0, 0, 0)
    parts = [(d.images, d.labels) for d in (kept, *more)]
    if n_drawn:
        parts.append(draw_digits(n_drawn, random_state=seed))
    if n_redrawn:
        again = np.random.default_rng(seed).permutation(len(kept))[:n_redrawn]
        n_redrawn = len(again)
        parts.append((redraw_digits(kept.images[again], random_state=seed), kept.labels[again]))
    if n_negatives:
        negatives, _ = draw_negatives(n_negatives, kept.images, random_state=seed)
        parts.append((negatives, np.full(n_negatives, NO_DIGIT, np.uint8)))
    images, labels = (np.concatenate(several) for several in zip(*parts, strict=True))
    made_up = {"drawn": n_drawn, "redrawn": n_redrawn, "negatives": n_negatives}
    return _Examples(images, labels, kept.preparation, made_up)


def _fit(
    recipe: Recipe,
    part: _Examples,
    seed: int | None,
    progress: Progress,
    checkpoint: Path | None,
    watch: Watch | None,
) -> _Fitted:
    def on_epoch(epoch: int, loss: float) -> None:
        progress(epoch, recipe.max_epochs, loss)

    if recipe.network == "mlp":
        return _fit_mlp(recipe, part, seed, on_epoch, watch)
    return _fit_convnet(recipe, part, seed, on_epoch, checkpoint)


def _fit_mlp(
    recipe: Recipe,
    part: _Examples,
    seed: int | None,
    on_epoch: Callable[[int, float], None],
    watch: Watch | None,
) -> _Fitted:
    from inkdigits import mlp

    size, full = part.images.shape[1], _scale(part.preparation)
    settings = {**recipe.settings, "max_iter": recipe.max_epochs, "random_state": seed}
    network, stopped_because = mlp.fit_mlp(
        part.images.reshape(len(part.images), -1) / full, part.labels, settings, on_epoch, watch
    )
    return _Fitted(
        layers=mlp.to_layers(network, full=full),
        labels="".join(map(str, network.classes_)),
        image_size=size,
        loss_curve=tuple(float(loss) for loss in network.loss_curve_),
        stopped_because=stopped_because,
    )


def _fit_convnet(
    recipe: Recipe,
    part: _Examples,
    seed: int | None,
    on_epoch: Callable[[int, float], None],
    checkpoint: Path | None,
) -> _Fitted:
    from inkdigits import convnet

    network = convnet.ConvNetClassifier(
        **recipe.settings, max_epochs=recipe.max_epochs, random_state=seed, checkpoint=checkpoint, on_epoch=on_epoch
    ).fit(part.images, part.labels)
    return _Fitted(
        layers=[*convnet.input_layers(network.range_[1]), *network.layers_],
        labels="".join(NOT_A_DIGIT if label == NO_DIGIT else str(label) for label in network.classes_),
        image_size=network.image_size_,
        loss_curve=tuple(network.loss_curve_),
        stopped_because=network.stopped_because_,
    )


def _scale(preparation: str) -> int:
    """Return what pixels are divided by before an MLP: nothing for 0..16, the tutorial's way; 255 for 0..255."""
    return 1 if PREPARATIONS[preparation].full == 16 else PREPARATIONS[preparation].full


def _calibrate(fitted: _Fitted, metadata: Metadata, held_out: Dataset | None, seed: int) -> Metadata:
    """Fit the temperature on held-out images, choose the thresholds on distorted ones.

    What comes in later is less tidy than the data set: thresholds from tidy images would promise too much.
    """
    if held_out is None:
        return metadata
    column = np.array([metadata.labels.find(str(label)) for label in held_out.labels])
    known = column >= 0  # a digit that chance has put into no other part cannot be read
    if known.any():
        tidy = fitted.to_model(metadata).predict_proba(held_out.images[known])
        metadata = replace(metadata, temperature=confidence.fit_temperature(tidy, column[known]))
    full = PREPARATIONS[held_out.preparation].full
    distorted = replace(held_out, images=distort(held_out.images, Augmentation(), full=full, random_state=seed))
    untidy = judge(fitted.to_model(metadata), distorted, index=np.arange(len(held_out)), seen=UNSEEN)
    promises = confidence.choose_thresholds(untidy.confidences, untidy.correct)
    return metadata.with_promises(promises)


def _figures(evaluation: Evaluation) -> dict[str, float]:
    return {
        "n_test": len(evaluation.predictions),
        "accuracy": evaluation.accuracy,
        "errors": evaluation.errors,
        "expected_calibration_error": evaluation.trust.expected_calibration_error,
    }
