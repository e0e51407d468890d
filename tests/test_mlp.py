"""The tutorial's networks are scikit-learn's own, watched epoch by epoch."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier

from inkdigits.datasets import load_digits
from inkdigits.mlp import fit_mlp, to_layers
from inkdigits.modelfile import Metadata, Model

DIGITS = load_digits()
SETTINGS = {"hidden_layer_sizes": (15,), "max_iter": 12, "random_state": 3}


def ignore(epoch: int, loss: float) -> None:
    """Watch nothing."""


def test_watching_changes_nothing() -> None:
    """Weights and losses are those of scikit-learn's MLPClassifier.fit, to the last bit."""
    X, y = DIGITS.flat[:300], DIGITS.labels[:300]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = MLPClassifier(**SETTINGS).fit(X, y)
    ours, _ = fit_mlp(X, y, SETTINGS, ignore)
    assert ours.loss_curve_ == theirs.loss_curve_
    assert all(np.array_equal(a, b) for a, b in zip(ours.coefs_, theirs.coefs_, strict=True))


def test_every_epoch_is_told() -> None:
    """The progress hears each epoch's number and loss, in order."""
    heard: list[tuple[int, float]] = []
    network, _ = fit_mlp(DIGITS.flat[:300], DIGITS.labels[:300], SETTINGS, lambda *told: heard.append(told))
    assert heard == list(enumerate(network.loss_curve_, start=1))


def test_the_network_can_be_watched_while_it_learns() -> None:
    """After each epoch its weights can be seen, and they change."""
    seen = []
    fit_mlp(DIGITS.flat[:300], DIGITS.labels[:300], SETTINGS, ignore, lambda now: seen.append(now.coefs_[0].copy()))
    assert len(seen) == 12
    assert not np.array_equal(seen[0], seen[-1])


def test_a_network_that_did_not_converge_says_what_to_do() -> None:
    """What scikit-learn calls a ConvergenceWarning is said in words."""
    _, stopped_because = fit_mlp(DIGITS.flat[:300], DIGITS.labels[:300], SETTINGS, ignore)
    assert stopped_because == "not converged after 12 epochs: raise max_iter or the learning rate"


def test_a_network_that_stopped_says_why() -> None:
    """The words name the epochs, the tolerance and the patience."""
    settings = {**SETTINGS, "max_iter": 200, "tol": 10.0}
    _, stopped_because = fit_mlp(DIGITS.flat[:300], DIGITS.labels[:300], settings, ignore)
    assert stopped_because == "stopped after 12 epochs: the loss no longer improved by 10 for 10 epochs"


def test_ctrl_c_keeps_what_was_learned() -> None:
    """A Ctrl-C in the fifth epoch gives the network of five epochs, and says so."""

    def interrupt(epoch: int, loss: float) -> None:
        if epoch == 5:
            raise KeyboardInterrupt

    network, stopped_because = fit_mlp(DIGITS.flat[:300], DIGITS.labels[:300], SETTINGS, interrupt)
    assert stopped_because == "interrupted after 5 epochs: the network is what it was then"
    assert network.predict(DIGITS.flat[:10]).shape == (10,)


@pytest.mark.parametrize("activation", ["logistic", "tanh", "relu"])
def test_the_model_file_gives_scikit_learns_probabilities(activation: str) -> None:
    """ONNX Runtime's probabilities agree with scikit-learn's to 1e-6, for each activation and two hidden layers."""
    settings = {**SETTINGS, "hidden_layer_sizes": (15, 12), "activation": activation}
    network, _ = fit_mlp(DIGITS.flat[:300], DIGITS.labels[:300], settings, ignore)
    model = Model.from_layers(to_layers(network, full=1), Metadata(name="m", preparation="uci-8"), image_size=8)
    difference = model.predict_proba(DIGITS.images) - network.predict_proba(DIGITS.flat)
    assert np.abs(difference).max() < 1e-6
