"""The tutorial's networks: scikit-learn's MLPClassifier, watched epoch by epoch, and its way into a model file."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from inkdigits.graph import Layer

ACTIVATIONS = {"logistic": "Sigmoid", "tanh": "Tanh", "relu": "Relu"}  # scikit-learn's name -> ONNX operator


def fit_mlp(
    X: NDArray[np.float64],
    y: NDArray[np.integer],
    settings: Mapping[str, Any],
    on_epoch: Callable[[int, float], None],
    watch: Callable[[MLPClassifier], None] | None = None,
) -> tuple[MLPClassifier, str]:
    """Fit scikit-learn's MLPClassifier; return it and why it stopped, in words. Ctrl-C keeps what was learned so far.

    Parameters
    ----------
    X, y
        (n, n_pixels) values and (n,) labels.
    settings
        MLPClassifier's parameters.
    on_epoch
        Called with the number of the epoch, from 1, and its loss.
    watch
        Called after each epoch with the network as it is then.
    """
    network = _WatchedClassifier(**settings)
    network.on_epoch, network.watch = on_epoch, watch
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        network.fit(X, y)
    if not network.loss_curve_:
        raise KeyboardInterrupt  # nothing was learned, nothing to keep
    return network, _why_stopped(network, [warning.category for warning in caught])


def to_layers(network: MLPClassifier, *, full: int) -> list[Layer]:
    """Translate a fitted network to ONNX layers, in the precision it was fitted in; images are divided by `full`."""
    layers = [Layer("Flatten"), Layer("Div", (np.array(full, network.coefs_[0].dtype),))]
    for weights, bias in zip(network.coefs_, network.intercepts_, strict=True):
        layers += [Layer("Gemm", (weights, bias)), Layer(ACTIVATIONS[network.activation])]
    return layers[:-1]  # the last activation is the model file's softmax


class _WatchedClassifier(MLPClassifier):  # type: ignore[misc]  # scikit-learn has no types
    """MLPClassifier that tells of each epoch; its fit is untouched.

    scikit-learn's callbacks (1.9) do not reach this estimator yet. The method below runs once an epoch in all of
    1.7 to 1.9; were it renamed, the progress would stay silent and a test would tell.
    """

    on_epoch: Callable[[int, float], None]
    watch: Callable[[MLPClassifier], None] | None

    def _update_no_improvement_count(self, *args: Any) -> None:
        super()._update_no_improvement_count(*args)
        self.on_epoch(len(self.loss_curve_), self.loss_)
        if self.watch is not None:
            self.watch(self)


def _why_stopped(network: MLPClassifier, warned: list[type[Warning]]) -> str:
    epochs = f"{network.n_iter_} epochs"
    if any(issubclass(category, ConvergenceWarning) for category in warned):
        return f"not converged after {epochs}: raise max_iter or the learning rate"
    if UserWarning in warned:  # how scikit-learn says Ctrl-C
        return f"interrupted after {epochs}: the network is what it was then"
    return (
        f"stopped after {epochs}: the loss no longer improved by {network.tol:g} for {network.n_iter_no_change} epochs"
    )
