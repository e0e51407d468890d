"""Recipes: split, fit, calibrate, choose thresholds, evaluate, ready to save."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from inkdigits import confidence
from inkdigits.augment import Augmentation, distort
from inkdigits.datasets import Dataset, Split, SplitMethod, load_dataset, split
from inkdigits.errors import RecipeError
from inkdigits.evaluation import UNSEEN, Evaluation, judge
from inkdigits.modelfile import Layer, Metadata, Model
from inkdigits.prepare import PREPARATIONS

MIN_DIGITS = 3  # with two scikit-learn's network has one output, and nobody reads two digits
Progress = Callable[[int, int, float], None]  # epoch from 1, most epochs, loss


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a reader is made: which network, with which settings."""

    name: str
    network: Literal["mlp", "convnet"]
    summary: str
    settings: Mapping[str, Any]
    max_epochs: int
    preparation: str  # of a folder's pictures; the other data sets come prepared
    held_out: float = 0.0  # share of the training part kept back to calibrate confidence
    random_state: int | None = None


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="tutorial",
            network="mlp",
            summary="scikit-learn's tutorial: 15 logistic neurons, plain gradient descent; 0.9147 on 8x8 digits",
            settings={
                "hidden_layer_sizes": (15,),
                "activation": "logistic",
                "alpha": 1e-4,
                "solver": "sgd",
                "tol": 1e-4,
                "learning_rate_init": 0.1,
            },
            max_epochs=200,  # scikit-learn's own
            preparation="uci-8",
            random_state=1,
        ),
        Recipe(
            name="plain",
            network="mlp",
            summary="MLPClassifier(hidden_layer_sizes=(15,)), everything else as scikit-learn ships it",
            settings={"hidden_layer_sizes": (15,)},
            max_epochs=200,  # scikit-learn's own
            preparation="uci-8",
        ),
        Recipe(
            name="small-data",
            network="convnet",
            summary="about a thousand 8x8 images: six convolutions, poses only are distorted; ten seconds on two cores",
            settings={
                "channels": (32, 64, 96),
                "batch_size": 50,
                "learning_rate": 3e-3,
                "dropout": 0.3,
                "augmentation": Augmentation(
                    rotation=14, scale=0.2, shear=0.3, shift=0.075, elastic=0, pen=0, blur=0, clutter=0, noise=0
                ),
            },
            max_epochs=48,
            preparation="uci-8",
            random_state=0,
        ),
        Recipe(
            name="convnet",
            network="convnet",
            summary="the bundled reader: six convolutions, 203,000 parameters, distorted images; minutes on two cores",
            settings={"channels": (32, 64, 96), "augmentation": Augmentation(), "n_drawn": 3000},
            max_epochs=24,
            preparation="mnist-28",
            held_out=0.05,
            random_state=0,
        ),
    )
}


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
class _Fitted:
    layers: list[Layer]
    labels: str
    image_size: int
    loss_curve: tuple[float, ...]
    stopped_because: str

    def to_model(self, metadata: Metadata) -> Model:
        return Model.from_layers(self.layers, metadata, image_size=self.image_size)


def train(
    recipe: str = "tutorial",
    data: str | Dataset = "digits",
    *,
    n_train: int | None = None,
    split_method: SplitMethod = "first",
    random_state: int | None = None,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
) -> TrainingResult:
    """Train a reader and judge it on the part of the data it has not seen.

    Parameters
    ----------
    recipe
        A name in RECIPES.
    data
        A data set, or the word that names one (see `datasets.load_dataset`).
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

    Raises
    ------
    RecipeError
        If there is no such recipe. DatasetError if the data cannot be used, CheckpointError if the checkpoint cannot.
        MissingExtraError if it needs PyTorch.

    Examples
    --------
    >>> import inkdigits
    >>> inkdigits.train(recipe="tutorial", data="digits").errors
    68
    """
    chosen = _find_recipe(recipe)
    seed = chosen.random_state if random_state is None else random_state
    dataset = load_dataset(data, preparation=chosen.preparation) if isinstance(data, str) else data
    parts = split(dataset, split_method, n_train=n_train, random_state=seed or 0)
    _check_digits(parts.train)
    fitted_on, held_out = _hold_out(parts.train, chosen.held_out, seed or 0)
    started = time.perf_counter()
    fitted = _fit(chosen, fitted_on, seed, progress or _ignore, checkpoint)
    seconds = time.perf_counter() - started
    metadata = _calibrate(fitted, _describe(chosen, fitted, parts, seed), held_out, seed or 0)
    evaluation = judge(fitted.to_model(metadata), parts.test, index=parts.test_index, seen=UNSEEN)
    return TrainingResult(
        recipe=chosen,
        model=fitted.to_model(_with_figures(metadata, evaluation, parts)),
        split=parts,
        loss_curve=fitted.loss_curve,
        stopped_because=fitted.stopped_because,
        evaluation=evaluation,
        seconds=seconds,
        random_state=seed,
    )


def _ignore(epoch: int, epochs: int, loss: float) -> None:
    """Show nothing."""


def _find_recipe(name: str) -> Recipe:
    if name not in RECIPES:
        raise RecipeError(f"no recipe '{name}': use {', '.join(RECIPES)}")
    return RECIPES[name]


def _check_digits(part: Dataset) -> None:
    digits = np.unique(part.labels)
    if len(digits) < MIN_DIGITS:
        raise RecipeError(
            f"cannot learn from {len(part)} images of the digits {digits.tolist()}: "
            f"give at least {MIN_DIGITS} different digits, or a larger --train"
        )


def _hold_out(part: Dataset, share: float, seed: int) -> tuple[Dataset, Dataset | None]:
    """Keep back a share of the training part: whole writers where they are known."""
    if not share:
        return part, None
    method: SplitMethod = "random" if part.writers is None else "writers"
    n_kept = min(round(len(part) * (1 - share)), len(part) - 1)
    kept = split(part, method, n_train=n_kept, random_state=seed)
    return kept.train, kept.test


def _fit(recipe: Recipe, part: Dataset, seed: int | None, progress: Progress, checkpoint: Path | None) -> _Fitted:
    def on_epoch(epoch: int, loss: float) -> None:
        progress(epoch, recipe.max_epochs, loss)

    if recipe.network == "mlp":
        return _fit_mlp(recipe, part, seed, on_epoch)
    return _fit_convnet(recipe, part, seed, on_epoch, checkpoint)


def _fit_mlp(recipe: Recipe, part: Dataset, seed: int | None, on_epoch: Callable[[int, float], None]) -> _Fitted:
    from inkdigits import mlp

    size, full = part.images.shape[1], _scale(part.preparation)
    settings = {**recipe.settings, "max_iter": recipe.max_epochs, "random_state": seed}
    network, stopped_because = mlp.fit_mlp(part.flat / full, part.labels, settings, on_epoch)
    return _Fitted(
        layers=mlp.to_layers(network, full=full),
        labels="".join(map(str, network.classes_)),
        image_size=size,
        loss_curve=tuple(float(loss) for loss in network.loss_curve_),
        stopped_because=stopped_because,
    )


def _fit_convnet(
    recipe: Recipe,
    part: Dataset,
    seed: int | None,
    on_epoch: Callable[[int, float], None],
    checkpoint: Path | None,
) -> _Fitted:
    from inkdigits import convnet, strokes

    settings = dict(recipe.settings)
    n_drawn = settings.pop("n_drawn", 0)
    images, labels = part.images, part.labels
    if n_drawn and part.preparation == "mnist-28":
        drawn_images, drawn_labels = strokes.draw_digits(n_drawn, random_state=seed or 0)
        images, labels = np.concatenate([images, drawn_images]), np.concatenate([labels, drawn_labels])
    network = convnet.ConvNetClassifier(
        **settings, max_epochs=recipe.max_epochs, random_state=seed, checkpoint=checkpoint, on_epoch=on_epoch
    ).fit(images, labels)
    return _Fitted(
        layers=[*convnet.input_layers(network.range_[1]), *network.layers_],
        labels="".join(map(str, network.classes_)),
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
    tidy = _answers(fitted.to_model(metadata), held_out)
    metadata = replace(metadata, temperature=confidence.fit_temperature(tidy, held_out.labels))
    full = PREPARATIONS[held_out.preparation].full
    distorted = replace(held_out, images=distort(held_out.images, Augmentation(), full=full, random_state=seed))
    untidy = _answers(fitted.to_model(metadata), distorted)
    return replace(metadata, thresholds=confidence.choose_thresholds(untidy, held_out.labels))


def _answers(model: Model, held_out: Dataset) -> NDArray[np.float64]:
    """Return the probabilities of held-out images, (n, 10), a column per digit."""
    return judge(model, held_out, index=np.arange(len(held_out)), seen=UNSEEN).probabilities


def _describe(recipe: Recipe, fitted: _Fitted, parts: Split, seed: int | None) -> Metadata:
    settings = json.loads(json.dumps(dict(recipe.settings), default=asdict))
    return Metadata(
        name=recipe.name,
        preparation=parts.train.preparation,
        labels=fitted.labels,
        recipe={
            "name": recipe.name,
            "summary": recipe.summary,
            "settings": settings,
            "max_epochs": recipe.max_epochs,
            "random_state": seed,
            "stopped_because": fitted.stopped_because,
            "loss_curve": list(fitted.loss_curve),
        },
        data={
            "name": parts.train.name,
            "source": parts.train.source,
            "split": parts.method,
            "people": parts.people,
            "n_train": len(parts.train),
            "fingerprint": parts.train.fingerprint,
        },
    )


def _with_figures(metadata: Metadata, evaluation: Evaluation, parts: Split) -> Metadata:
    figures = {
        "n_test": len(parts.test),
        "accuracy": evaluation.accuracy,
        "errors": evaluation.errors,
        "expected_calibration_error": evaluation.expected_calibration_error,
    }
    metadata = replace(metadata, figures=figures)
    return replace(metadata, card=_card(metadata))


def _card(metadata: Metadata) -> str:
    recipe, data, figures = metadata.recipe, metadata.data, metadata.figures
    promises = ", ".join(f"{float(rate):.1%} errors from confidence {t:.3f}" for rate, t in metadata.thresholds.items())
    return f"""# A reader of digits, recipe {metadata.name}

Reads one digit, prepared as {metadata.preparation}, as one of {" ".join(metadata.labels)}.

- Data: {data["name"]} ({data["source"]}), {data["n_train"]} training images, fingerprint {data["fingerprint"]}.
- Recipe: {recipe["name"]}, seed {recipe["random_state"]}; {recipe["stopped_because"]}.
- Figures: {figures["accuracy"]:.2%} of {figures["n_test"]} test images ({figures["errors"]} errors).
- The split {data["people"]}.
- Confidence: temperature {metadata.temperature:.3f}; promises {promises or "nothing (no held-out part)"}.
- Fails on: what is not a digit. It always answers with one of its labels.
"""
