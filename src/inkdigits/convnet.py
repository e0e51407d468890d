"""ConvNetClassifier: a small convolutional network as an estimator; fits with PyTorch, predicts with ONNX Runtime."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from inkdigits.augment import Augmentation
from inkdigits.errors import MissingExtraError
from inkdigits.modelfile import Layer, Metadata, Model

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # before scikit-learn 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stand for scikit-learn's mixin where there are no callbacks yet."""

    def with_callbacks(method: Any) -> Any:
        """Return a method as it is."""
        return method


SMALLEST, LARGEST = 8, 64  # px, the side of an image
MOST_CLASSES = 10  # digits
INK = 255  # what pixels are scaled to before they are stored as bytes


class ConvNetClassifier(CallbackSupportMixin, ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A convolutional network for small square images of digits.

    Pairs of 3x3 convolutions with batch normalisation, the image halved between the pairs, averaged at the end.
    Trained on freshly distorted images in every epoch, with AdamW on a one-cycle schedule (Smith and Topin, 2018);
    in bfloat16 where the CPU computes in it, on the GPU where there is one. Predicting needs no PyTorch.

    Parameters
    ----------
    channels
        Width of each pair of convolutions.
    max_epochs, batch_size, learning_rate, weight_decay, dropout
        The training schedule; learning_rate is the highest of the cycle.
    augmentation
        How far the images are distorted: "default", an Augmentation, or None for not at all.
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

    def __init__(
        self,
        channels: tuple[int, ...] = (32, 64, 96),
        *,
        max_epochs: int = 24,
        batch_size: int = 128,
        learning_rate: float = 4e-3,
        weight_decay: float = 0.02,
        dropout: float = 0.2,
        augmentation: Augmentation | Literal["default"] | None = "default",
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        pad_to_square: bool = False,
        warm_start: bool = False,
        checkpoint: Path | None = None,
        random_state: int | None = None,
        on_epoch: Callable[[int, float], None] | None = None,
    ) -> None:
        self.channels = channels
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.dropout = dropout
        self.augmentation = augmentation
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
        flat = validate_data(self, _flatten(X), dtype=np.float32, reset=False)
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
        torch_side = _import_torch_side()
        seed = int(check_random_state(self.random_state).randint(2**31))
        whole = torch_side.Part(images.astype(np.float32) / INK, labels, len(self.classes_), weights)
        whole_fit = epochs is None  # a partial one is a single epoch: nothing to stop, nothing to go on from
        stops = self.early_stopping and whole_fit
        train, validation = _hold_out(whole, self.validation_fraction, seed) if stops else (whole, None)
        fit = torch_side.Fit(
            channels=tuple(self.channels),
            max_epochs=epochs or self.max_epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            one_cycle=whole_fit,
            weight_decay=self.weight_decay,
            dropout=self.dropout,
            augmentation=Augmentation() if self.augmentation == "default" else self.augmentation,
            n_iter_no_change=self.n_iter_no_change,
            random_state=seed,
        )
        if hasattr(self, "_skl_callbacks"):
            self._init_callback_context(max_subtasks=fit.max_epochs).call_on_fit_task_begin(estimator=self)
        fitted = torch_side.fit_network(
            train,
            fit,
            validation=validation,
            start=start,
            checkpoint=self.checkpoint if whole_fit else None,
            on_epoch=self._tell,
        )
        if hasattr(self, "_skl_callbacks"):
            self._callback_fit_ctx.call_on_fit_task_end(estimator=self)
        self.state_ = fitted.state
        self.layers_ = list(fitted.layers)
        self.loss_curve_ = list(fitted.loss_curve)
        self.validation_curve_ = list(fitted.validation_curve)
        self.stopped_because_ = fitted.stopped_because
        self.n_iter_ = len(fitted.loss_curve)
        metadata = Metadata(name="convnet", preparation="", labels="0123456789"[: len(self.classes_)])
        self.model_ = Model.from_layers([*input_layers(INK), *self.layers_], metadata, image_size=self.image_size_)
        return self

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
        flat, y = validate_data(self, _flatten(X), y, dtype=np.float32, reset=reset)
        check_classification_targets(y)
        if reset:
            self.classes_ = np.unique(y if classes is None else classes)
            self.image_size_ = _side(flat.shape[1], pad=self.pad_to_square)
            self.range_ = min(0.0, float(flat.min())), float(flat.max())
        _check_classes(y, self.classes_)
        weights = None if sample_weight is None else _check_sample_weight(sample_weight, flat, dtype=np.float32)
        return self._to_images(flat), np.searchsorted(self.classes_, y).astype(np.int64), weights

    def _to_images(self, flat: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Scale rows to bytes, (n, size, size): what a model file takes, exact for images that came as bytes."""
        low, high = self.range_
        scaled = np.rint(np.clip((flat - low) / max(high - low, 1e-12), 0, 1) * INK).astype(np.uint8)
        missing = self.image_size_**2 - flat.shape[1]
        return np.pad(scaled, ((0, 0), (0, missing))).reshape(-1, self.image_size_, self.image_size_)

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
        raise ValueError(f"y has {len(classes)} classes, there are {MOST_CLASSES} digits: are these labels?")
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


def _import_torch_side() -> Any:
    try:
        from inkdigits import _torch
    except ImportError as error:
        raise MissingExtraError(
            "cannot train a convolutional network: PyTorch is not installed; run pip install 'inkdigits[train]'"
        ) from error
    return _torch
