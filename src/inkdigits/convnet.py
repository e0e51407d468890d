"""ConvNetClassifier: a small convolutional network as an estimator; fits with PyTorch, predicts with ONNX Runtime."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from numbers import Integral, Real
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from inkdigits.augment import Augmentation
from inkdigits.errors import MissingExtraError, ModelFileError
from inkdigits.graph import Layer
from inkdigits.modelfile import NOT_A_DIGIT, Metadata, Model

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # before scikit-learn 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stand for scikit-learn's mixin where there are no callbacks yet."""

    def with_callbacks(method: Any) -> Any:
        """Return a method as it is."""
        return method


SMALLEST, LARGEST = 8, 64  # px, the side of an image
MOST_CLASSES = 11  # the digits, and what is none
INK = 255  # what pixels are scaled to before they are stored as bytes
AS_THEY_COME = [np.float32, np.uint8]  # bytes; any other numbers are made the former
SCALED_AT_ONCE = 1000  # images; their numbers are four times as large as the bytes they become


class ConvNetClassifier(CallbackSupportMixin, ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A convolutional network for small square images of digits.

    Stages of 3x3 convolutions with batch normalisation, each halving the image, and a linear layer at the end.
    Trained on freshly distorted images in every epoch, with AdamW on a one-cycle schedule (Smith and Topin, 2018);
    in bfloat16 where the CPU computes in it, on the GPU where there is one. Predicting needs no PyTorch.

    Parameters
    ----------
    stages
        The widths of the 3x3 convolutions of each stage; a stage halves the image.
    strided
        Halve with the stride of a stage's first convolution instead of a maximum at its end: much faster, less exact.
    enlarge
        Make the images twice as large first (cubic): of use where they are as small as 8x8.
    n_networks
        Networks trained side by side from different weights; their logits are averaged in one model.
    max_epochs, batch_size, learning_rate, weight_decay, beta_2, dropout
        The training schedule. learning_rate is the highest of the cycle; beta_2 is Adam's, smaller for few steps.
    augmentation
        How far the images are distorted: "default", an Augmentation, or None for not at all.
    calm_epochs
        Epochs at the end in which they are distorted half as far, half as many of them: fewer errors on tidy images,
        more on untidy ones.
    early_stopping, validation_fraction, n_iter_no_change
        As in scikit-learn's MLPClassifier: hold out a stratified part, keep the epoch that scores best on it, stop when
        none gets better for n_iter_no_change epochs.
    pad_to_square
        Fill rows that are no square image up with zeros instead of refusing them.
    warm_start
        Whether fit goes on from the network of the last fit.
    checkpoint
        A file written after each epoch. Where it exists, fit goes on from it and ends where an uninterrupted fit would.
    random_state
        Seed; on one machine the same seed gives the same network.
    on_epoch
        Called after each epoch with its number, from 1, and its mean loss.

    Attributes
    ----------
    classes_ : (k,) the labels seen in fit
    loss_curve_ : the mean training loss of each epoch
    validation_curve_ : the accuracy on the held-out part after each epoch, empty without early_stopping
    layers_ : the network as ONNX layers, from (n, 1, size, size) in 0..1 to logits
    image_size_ : the side of the images, in pixels
    range_ : the pixel values of no ink and of full ink, as the first images had them
    stopped_because_ : why the training ended, in words
    """

    loss_curve_: list[float]
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {  # scikit-learn's way to check them in fit
        "stages": [list, tuple],
        "strided": ["boolean"],
        "enlarge": ["boolean"],
        "n_networks": [Interval(Integral, 1, None, closed="left")],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "beta_2": [Interval(Real, 0, 1, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "augmentation": [Augmentation, StrOptions({"default"}), None],
        "calm_epochs": [Interval(Integral, 0, None, closed="left")],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "pad_to_square": ["boolean"],
        "warm_start": ["boolean"],
        "random_state": ["random_state"],
        "on_epoch": [callable, None],
    }

    def __init__(
        self,
        stages: tuple[tuple[int, ...], ...] = ((32, 32), (64, 64), (96, 96)),
        *,
        strided: bool = False,
        enlarge: bool = False,
        n_networks: int = 1,
        max_epochs: int = 24,
        batch_size: int = 128,
        learning_rate: float = 4e-3,
        weight_decay: float = 0.02,
        beta_2: float = 0.999,
        dropout: float = 0.2,
        augmentation: Augmentation | Literal["default"] | None = "default",
        calm_epochs: int = 0,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        pad_to_square: bool = False,
        warm_start: bool = False,
        checkpoint: Path | None = None,
        random_state: int | None = None,
        on_epoch: Callable[[int, float], None] | None = None,
    ) -> None:
        self.stages = stages
        self.strided = strided
        self.enlarge = enlarge
        self.n_networks = n_networks
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.beta_2 = beta_2
        self.dropout = dropout
        self.augmentation = augmentation
        self.calm_epochs = calm_epochs
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.pad_to_square = pad_to_square
        self.warm_start = warm_start
        self.checkpoint = checkpoint
        self.random_state = random_state
        self.on_epoch = on_epoch

    @with_callbacks  # type: ignore[untyped-decorator]
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> ConvNetClassifier:
        """Train on images X, (n, size, size) or rows (n, size * size), and labels y, (n,).

        Raises ValueError for what cannot be learned from, MissingExtraError where PyTorch is not installed.
        """
        goes_on = self.warm_start and hasattr(self, "state_")
        images, labels, weights = self._check_training(X, y, sample_weight, reset=not goes_on)
        return self._fit(images, labels, weights, start=self.state_ if goes_on else None)

    @with_callbacks  # type: ignore[untyped-decorator]
    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> ConvNetClassifier:
        """Train one epoch more, at a constant learning rate; the first call names all classes that will ever come."""
        first = not hasattr(self, "state_")
        if first and classes is None:
            raise ValueError("the first partial_fit needs classes: name all labels that will ever come")
        images, labels, weights = self._check_training(X, y, sample_weight, reset=first, classes=classes)
        losses: list[float] = [] if first else self.loss_curve_
        self._fit(images, labels, weights, start=None if first else self.state_, epochs=1)
        self.loss_curve_ = losses + self.loss_curve_
        self.n_iter_ = len(self.loss_curve_)
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the probability of each class, (n, k), for images as in fit."""
        check_is_fitted(self)
        flat = validate_data(self, _flatten(X), dtype=AS_THEY_COME, reset=False)
        return self.model_.predict_proba(self._to_images(flat))

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the most probable class of each image, (n,)."""
        best = self.predict_proba(X).argmax(axis=1)
        return np.asarray(self.classes_[best])

    def _fit(
        self,
        images: NDArray[np.uint8],
        labels: NDArray[np.int64],
        weights: NDArray[np.float32] | None,
        *,
        start: Any,
        epochs: int | None = None,
    ) -> ConvNetClassifier:
        self._check_settings()
        loop, digits = _import_torch_side()
        seed = int(check_random_state(self.random_state).randint(2**31))
        whole = digits.Part(images, labels, len(self.classes_), weights)
        whole_fit = epochs is None  # a partial one is a single epoch: nothing to stop, nothing to go on from
        stops = self.early_stopping and whole_fit
        train, validation = _hold_out(whole, self.validation_fraction, seed) if stops else (whole, None)
        made_of = digits.Architecture(
            stages=tuple(tuple(widths) for widths in self.stages),
            strided=self.strided,
            enlarge=self.enlarge,
            n_networks=self.n_networks,
            dropout=self.dropout,
        )
        self._check_network(digits, made_of, start)
        task = digits.DigitTask(
            made_of,
            train,
            batch_size=self.batch_size,
            augmentation=Augmentation() if self.augmentation == "default" else self.augmentation,
            calm_from=self.max_epochs - self.calm_epochs if whole_fit else 1,
            validation=validation,
        )
        schedule = loop.Schedule(
            max_epochs=epochs or self.max_epochs,
            learning_rate=self.learning_rate,
            one_cycle=whole_fit,
            weight_decay=self.weight_decay,
            beta_2=self.beta_2,
            n_iter_no_change=self.n_iter_no_change,
            random_state=seed,
        )
        if hasattr(self, "_skl_callbacks"):
            self._init_callback_context(max_subtasks=schedule.max_epochs).call_on_fit_task_begin(estimator=self)
        fitted = loop.fit_network(
            task,
            schedule,
            start=start,
            checkpoint=self.checkpoint if whole_fit else None,
            on_epoch=self._tell,
        )
        if hasattr(self, "_skl_callbacks"):
            self._callback_fit_ctx.call_on_fit_task_end(estimator=self)
        self.model_ = self._to_model(fitted.layers)
        self.state_ = fitted.state
        self.layers_ = list(fitted.layers)
        self.loss_curve_ = list(fitted.loss_curve)
        self.validation_curve_ = list(fitted.validation_curve)
        self.stopped_because_ = fitted.stopped_because
        self.n_iter_ = len(fitted.loss_curve)
        return self

    def _to_model(self, layers: Sequence[Layer]) -> Model:
        names = f"0123456789{NOT_A_DIGIT}"[: len(self.classes_)]
        metadata = Metadata(name="convnet", preparation="", labels=names)
        return Model.from_layers([*input_layers(INK), *layers], metadata, image_size=self.image_size_)

    def _check_settings(self) -> None:
        """Refuse settings that make no network or no training, as scikit-learn does."""
        self._validate_params()
        widths = [width for stage in self.stages for width in stage] if all(map(_is_list, self.stages)) else []
        if not widths or not all(map(len, self.stages)) or not all(_is_count(width) for width in widths):
            raise ValueError(f"stages must be lists of widths, such as ((32, 32), (64, 64)), got {self.stages!r}")
        if self.calm_epochs > self.max_epochs:
            raise ValueError(f"calm_epochs must be at most max_epochs, got {self.calm_epochs} of {self.max_epochs}")

    def _check_network(self, digits: Any, made_of: Any, start: Any) -> None:
        """Refuse before the training what could not be used after it."""
        size = self.image_size_ * (2 if self.enlarge else 1)
        network = digits.build_network(made_of, size=size, n_classes=len(self.classes_))
        shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
        if start is not None and shapes != {name: np.shape(value) for name, value in start.items()}:
            raise ValueError(
                "cannot go on from the last fit: stages, enlarge or n_networks have changed; clone it first"
            )
        try:
            self._to_model([*digits.input_layers(made_of), *digits.to_layers(network)])
        except ModelFileError as error:
            raise ValueError(f"the network is too large ({error}): narrow its stages, or fewer of them") from error

    def _tell(self, epoch: int, loss: float) -> bool:
        """Tell of an epoch to on_epoch and to scikit-learn's callbacks; return whether one of these asks to stop."""
        if self.on_epoch is not None:
            self.on_epoch(epoch, loss)
        if not hasattr(self, "_skl_callbacks"):
            return False
        task = self._callback_fit_ctx.subcontext(task_name="epoch")
        task.call_on_fit_task_begin(estimator=self)
        return bool(task.call_on_fit_task_end(estimator=self, metadata={"loss": loss}))

    def _check_training(
        self, X: Any, y: Any, sample_weight: Any, *, reset: bool, classes: Any = None
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.float32] | None]:
        """Return images (n, size, size) uint8, labels 0..k-1 and weights, or say what is wrong with them."""
        flat, y = validate_data(self, _flatten(X), y, dtype=AS_THEY_COME, reset=reset)
        check_classification_targets(y)
        if reset:
            self.classes_ = np.unique(y if classes is None else classes)
            self.image_size_ = _side(flat.shape[1], pad=self.pad_to_square)
            self.range_ = min(0.0, float(flat.min())), float(flat.max())
        _check_classes(y, self.classes_)
        weights = None if sample_weight is None else _check_sample_weight(sample_weight, flat, dtype=np.float32)
        return self._to_images(flat), np.searchsorted(self.classes_, y).astype(np.int64), weights

    def _to_images(self, flat: NDArray[Any]) -> NDArray[np.uint8]:
        """Scale rows to bytes, (n, size, size): what a model file takes, exact for images that came as bytes."""
        low, high = self.range_
        images = np.zeros((len(flat), self.image_size_**2), np.uint8)
        for start in range(0, len(flat), SCALED_AT_ONCE):
            batch = slice(start, start + SCALED_AT_ONCE)
            scaled = (flat[batch] - np.float32(low)) * np.float32(INK / max(high - low, 1e-12))
            images[batch, : flat.shape[1]] = np.clip(np.rint(scaled), 0, INK)
        return images.reshape(-1, self.image_size_, self.image_size_)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")


def input_layers(full: float) -> list[Layer]:
    """Return the layers that take (n, size, size) in 0..full to (n, 1, size, size) in 0..1."""
    return [Layer("Unsqueeze", (np.array([1], np.int64),)), Layer("Div", (np.array(full, np.float32),))]


def _flatten(X: Any) -> Any:
    """Return images (n, h, w) as rows (n, h * w), and anything else as it is."""
    if getattr(X, "ndim", 0) != 3:
        return X
    n, height, width = X.shape
    if height != width:
        raise ValueError(f"images must be square, got {height} x {width}: pad or crop them")
    return np.asarray(X).reshape(n, height * width)


def _is_list(stage: Any) -> bool:
    return isinstance(stage, list | tuple)


def _is_count(width: Any) -> bool:
    return isinstance(width, int | np.integer) and bool(width > 0)


def _side(n_features: int, *, pad: bool) -> int:
    """Return the side of the square images that rows of numbers hold."""
    side = math.isqrt(n_features)
    if pad:
        side = max(SMALLEST, math.isqrt(n_features - 1) + 1)
    elif side * side != n_features or side < SMALLEST:
        raise ValueError(
            f"{n_features} features are no square image of {SMALLEST} to {LARGEST} pixels a side: "
            "give images (n, size, size), or pad_to_square=True for other rows"
        )
    if side > LARGEST:
        raise ValueError(f"images of {side} x {side} are too large, at most {LARGEST} x {LARGEST}: scale them down")
    return side


def _check_classes(y: NDArray[Any], classes: NDArray[Any]) -> None:
    if len(classes) < 2:
        raise ValueError(f"cannot learn from one class ({classes[0]}): give images of several digits")
    if len(classes) > MOST_CLASSES:
        raise ValueError(f"y has {len(classes)} classes, there are ten digits: are these labels?")
    unknown = np.setdiff1d(y, classes)
    if unknown.size:
        raise ValueError(f"y has labels {unknown.tolist()} that are not among the classes {classes.tolist()}")


def _hold_out(part: Any, fraction: float, seed: int) -> tuple[Any, Any]:
    """Split a part in two, with equal shares of each class."""
    positions = np.arange(len(part.labels))
    train, held_out = train_test_split(positions, test_size=fraction, random_state=seed, stratify=part.labels)
    return tuple(
        type(part)(
            part.images[index],
            part.labels[index],
            part.n_classes,
            None if part.weights is None else part.weights[index],
        )
        for index in (train, held_out)
    )


def _import_torch_side() -> tuple[Any, Any]:
    """Return the training loop and what it learns."""
    try:
        from inkdigits import _torch, _torch_digit
    except ImportError as error:
        raise MissingExtraError(
            "cannot train a convolutional network: PyTorch is not installed; run pip install 'inkdigits[train]'"
        ) from error
    return _torch, _torch_digit
