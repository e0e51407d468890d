"""ConvNetClassifier: an estimator that fits with PyTorch and predicts without it."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import inkdigits
from inkdigits.convnet import ConvNetClassifier
from inkdigits.datasets import load_digits
from inkdigits.errors import MissingExtraError

DIGITS = load_digits()
X, Y = DIGITS.images[:200], DIGITS.labels[:200]
SMALL = {"channels": (8, 16), "max_epochs": 12, "batch_size": 20, "full": 16, "augmentation": None, "random_state": 0}


@pytest.fixture
def torch() -> None:
    """PyTorch, or no test."""
    pytest.importorskip("torch", reason="PyTorch is not installed: no training of convolutional networks")


@pytest.mark.usefixtures("torch")
def test_it_learns() -> None:
    """After a few epochs it knows its training images, and the loss has fallen."""
    network = ConvNetClassifier(**SMALL).fit(X, Y)
    assert network.score(X, Y) > 0.9
    assert len(network.loss_curve_) == 12
    assert network.loss_curve_[-1] < network.loss_curve_[0] / 2


@pytest.mark.usefixtures("torch")
def test_the_same_seed_gives_the_same_network() -> None:
    """Two fits with one seed agree to the last bit."""
    a, b = (ConvNetClassifier(**SMALL).fit(X, Y).predict_proba(X) for _ in range(2))
    assert np.array_equal(a, b)


@pytest.mark.usefixtures("torch")
def test_the_layers_give_what_the_network_gave() -> None:
    """ONNX Runtime on the folded layers agrees with PyTorch on the network they came from."""
    import torch as pytorch

    from inkdigits import _torch
    from inkdigits.modelfile import Metadata, Model

    pytorch.manual_seed(0)
    network = _torch.build_network((8, 16), n_classes=10, dropout=0.2)
    images = pytorch.from_numpy(X.astype(np.float32) / 16)[:, None]
    network.train()(images)  # gives the batch normalisation statistics of its own
    expected = network.eval()(images).softmax(dim=1).detach().numpy()
    layers = ConvNetClassifier(**{**SMALL, "max_epochs": 1}).fit(X, Y).layers_[:2] + _torch._to_layers(network)
    model = Model.from_layers(layers, Metadata(name="m", preparation="uci-8"), image_size=8)
    assert np.abs(model.predict_proba(X) - expected).max() < 1e-5


@pytest.mark.usefixtures("torch")
def test_ctrl_c_keeps_what_was_learned() -> None:
    """A Ctrl-C after the second epoch gives the network of two epochs."""

    def interrupt(epoch: int, loss: float) -> None:
        if epoch == 2:
            raise KeyboardInterrupt

    network = ConvNetClassifier(**SMALL, on_epoch=interrupt).fit(X, Y)
    assert network.interrupted_
    assert len(network.loss_curve_) == 2
    assert network.predict(X).shape == (200,)


@pytest.mark.usefixtures("torch")
def test_one_class_is_refused() -> None:
    """There is nothing to tell apart, and the message says so."""
    with pytest.raises(ValueError, match="cannot learn from one class"):
        ConvNetClassifier(**SMALL).fit(X, np.zeros(200, int))


@pytest.mark.parametrize(
    ("images", "message"),
    [(X / 16, "whole numbers from 0 to 255"), (X[:, :4], "square images"), (X.reshape(200, 64), "square images")],
    ids=["fractions", "not square", "flat"],
)
def test_images_that_a_model_file_could_not_take_are_refused(images: NDArray[np.generic], message: str) -> None:
    """What would be lost on the way into a model file is refused before training, with what to do."""
    with pytest.raises(ValueError, match=message):
        ConvNetClassifier(**SMALL).fit(images, Y)


def test_it_is_an_estimator() -> None:
    """It can be cloned with its settings, and says when it is not fitted."""
    network = clone(ConvNetClassifier(**SMALL))
    assert network.get_params()["channels"] == (8, 16)
    with pytest.raises(NotFittedError):
        network.predict(X)


def test_without_torch_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fitting without PyTorch names the extra."""
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "inkdigits._torch", raising=False)
    monkeypatch.delattr(inkdigits, "_torch", raising=False)
    with pytest.raises(MissingExtraError, match=r"pip install 'inkdigits\[train\]'"):
        ConvNetClassifier(**SMALL).fit(X, Y)
