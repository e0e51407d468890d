"""ConvNetClassifier: a small convolutional network as an estimator; fits with PyTorch, predicts with ONNX Runtime."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from inkdigits.augment import Augmentation
from inkdigits.errors import MissingExtraError
from inkdigits.modelfile import Layer, Metadata, Model


class ConvNetClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A convolutional network for small square images of digits.

    Pairs of 3x3 convolutions with batch normalisation, the image halved between the pairs, averaged at the end.
    Trained on freshly distorted images in every epoch, with AdamW on a one-cycle schedule (Smith and Topin, 2018).

    Parameters
    ----------
    channels
        Width of each pair of convolutions.
    max_epochs, batch_size, learning_rate, weight_decay, dropout
        The training schedule; learning_rate is the highest of the cycle.
    augmentation
        How far the images are distorted, None for not at all.
    full
        The pixel value of full ink: 255, or 16 for 8x8 counts.
    random_state
        Seed; on one machine the same seed gives the same network.
    on_epoch
        Called after each epoch with its number, from 1, and its mean loss.

    Attributes
    ----------
    classes_ : (k,) the labels seen in fit
    loss_curve_ : the mean training loss of each epoch
    layers_ : the network as ONNX layers
    image_size_ : the side of the images, in pixels
    interrupted_ : whether Ctrl-C ended the training early
    """

    def __init__(
        self,
        channels: tuple[int, ...] = (32, 64, 96),
        *,
        max_epochs: int = 24,
        batch_size: int = 128,
        learning_rate: float = 4e-3,
        weight_decay: float = 0.02,
        dropout: float = 0.2,
        augmentation: Augmentation | None = Augmentation(),  # noqa: B008 - frozen
        full: int = 255,
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
        self.full = full
        self.random_state = random_state
        self.on_epoch = on_epoch

    def fit(self, X: NDArray[Any], y: NDArray[Any]) -> ConvNetClassifier:
        """Train on images X (n, size, size) and labels y (n,).

        Raises MissingExtraError where PyTorch is not installed.
        """
        torch_side = _import_torch_side()
        self.classes_, indices = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"cannot learn from one class ({self.classes_[0]}): give images of several digits")
        fit = torch_side.Fit(
            channels=self.channels,
            max_epochs=self.max_epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            dropout=self.dropout,
            augmentation=self.augmentation,
            random_state=int(check_random_state(self.random_state).randint(2**31)),
        )
        images = _whole_numbers(X).astype(np.float32) / self.full
        self.image_size_ = images.shape[1]
        fitted = torch_side.fit_network(images, indices, fit, self.on_epoch)
        self.layers_ = [*_input_layers(self.full), *fitted.layers]
        self.loss_curve_ = list(fitted.loss_curve)
        self.interrupted_ = fitted.interrupted
        return self

    def predict_proba(self, X: NDArray[Any]) -> NDArray[np.float64]:
        """Return the probability of each class, (n, k), for images X (n, size, size) in 0..full."""
        check_is_fitted(self)
        labels = "".join(str(label) for label in self.classes_)
        metadata = Metadata(name="convnet", preparation="", labels=labels)
        model = Model.from_layers(self.layers_, metadata, image_size=self.image_size_)
        return model.predict_proba(_whole_numbers(X))

    def predict(self, X: NDArray[Any]) -> NDArray[Any]:
        """Return the most probable class of each image, (n,)."""
        best = self.predict_proba(X).argmax(axis=1)
        return np.asarray(self.classes_[best])

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "layers_")


def _whole_numbers(X: NDArray[Any]) -> NDArray[np.uint8]:
    """Return images as bytes, which is what a model file takes; raise ValueError where that would lose anything."""
    images = np.asarray(X)
    if images.ndim != 3 or images.shape[1] != images.shape[2]:
        raise ValueError(f"X must hold square images (n, size, size), got {images.shape}: reshape, pad or crop them")
    if not np.array_equal(images, images.astype(np.uint8)):
        raise ValueError("X must hold whole numbers from 0 to 255: scale it, and give the value of full ink as `full`")
    return images.astype(np.uint8)


def _input_layers(full: int) -> list[Layer]:
    """(n, size, size) in 0..full -> (n, 1, size, size) in 0..1."""
    return [Layer("Unsqueeze", (np.array([1], np.int64),)), Layer("Div", (np.array(full, np.float32),))]


def _import_torch_side() -> Any:
    try:
        from inkdigits import _torch
    except ImportError as error:
        raise MissingExtraError(
            "cannot train a convolutional network: PyTorch is not installed; run pip install 'inkdigits[train]'"
        ) from error
    return _torch
