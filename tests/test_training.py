"""The tutorial's published figures, exactly; and what every recipe does."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from inkdigits import confidence, convnet, mlp
from inkdigits.augment import Augmentation
from inkdigits.datasets import Dataset, load_digits
from inkdigits.errors import RecipeError
from inkdigits.strokes import draw_digits
from inkdigits.training import RECIPES, TrainingResult, train

PUBLISHED_LOSSES = [0.01147629, 0.01142365, 0.01136608, 0.01128053, 0.01128869]
PUBLISHED_PREDICTIONS = (
    "1 4 0 5 3 6 9 6 1 7 5 4 4 7 2 8 2 2 5 7 9 5 4 4 9 0 8 9 8 0 1 2 3 4 5 6 7 8 3 0 1 2 3 4 5 6 7 8 5 0"
)


def large_digits(n: int) -> Dataset:
    """Return the first bundled digits as images of 28x28, 0..255."""
    digits = load_digits()[:n]
    images = [cv2.resize(image * np.uint8(15), (28, 28), interpolation=cv2.INTER_LINEAR) for image in digits.images]
    stretched = [np.asarray(cv2.normalize(image, None, 0, 255, cv2.NORM_MINMAX), np.uint8) for image in images]
    return replace(digits, images=np.stack(stretched), preparation="mnist-28")


def watch_fit(monkeypatch: pytest.MonkeyPatch) -> list[NDArray[np.float64]]:
    """Collect what MLPs are fitted on."""
    seen: list[NDArray[np.float64]] = []
    fit_mlp = mlp.fit_mlp

    def watched(X: NDArray[np.float64], *rest: Any) -> Any:
        seen.append(X)
        return fit_mlp(X, *rest)

    monkeypatch.setattr(mlp, "fit_mlp", watched)
    return seen


def watch_convnet(monkeypatch: pytest.MonkeyPatch) -> list[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    """Collect the images and labels that convolutional networks are fitted on."""
    seen: list[tuple[NDArray[np.uint8], NDArray[np.uint8]]] = []
    fit = convnet.ConvNetClassifier.fit

    def watched(network: convnet.ConvNetClassifier, X: NDArray[np.uint8], y: NDArray[np.uint8]) -> Any:
        seen.append((X, y))
        return fit(network, X, y)

    monkeypatch.setattr(convnet.ConvNetClassifier, "fit", watched)
    return seen


def watch_distort(monkeypatch: pytest.MonkeyPatch, *, ink: int = 1) -> list[NDArray[np.uint8]]:
    """Collect what is distorted, and distort it by a factor only: no PyTorch needed."""
    seen: list[NDArray[np.uint8]] = []

    def watched(images: NDArray[np.uint8], settings: Augmentation, **options: int) -> NDArray[np.uint8]:
        seen.append(images)
        return images * np.uint8(ink)

    monkeypatch.setattr("inkdigits.training.distort", watched)
    return seen


@pytest.fixture(scope="module")
def tutorial() -> TrainingResult:
    """Run the tutorial once."""
    return train(recipe="tutorial", data="digits")


def test_the_tutorial_stops_after_189_epochs(tutorial: TrainingResult) -> None:
    """The published number of epochs, and the reason in words."""
    assert tutorial.n_iter == 189
    assert tutorial.stopped_because == "stopped after 189 epochs: the loss no longer improved by 0.0001 for 10 epochs"


def test_the_tutorial_has_the_published_losses(tutorial: TrainingResult) -> None:
    """The losses of epochs 185 to 189, to the published eight decimals."""
    assert [round(loss, 8) for loss in tutorial.loss_curve[184:189]] == PUBLISHED_LOSSES


def test_the_tutorial_has_the_published_accuracy(tutorial: TrainingResult) -> None:
    """0.9146800501882058: 68 errors of 797."""
    assert (tutorial.accuracy, tutorial.errors, len(tutorial.predictions)) == (0.9146800501882058, 68, 797)


def test_the_tutorial_has_the_published_predictions(tutorial: TrainingResult) -> None:
    """The first 50 predictions; two of them are wrong, both are 9s."""
    assert " ".join(map(str, tutorial.predictions[:50])) == PUBLISHED_PREDICTIONS
    wrong = np.flatnonzero(~tutorial.evaluation.correct[:50])
    assert (wrong + 1).tolist() == [39, 49]
    assert tutorial.split.test.labels[wrong].tolist() == [9, 9]


def test_the_plain_network_is_scikit_learns_as_shipped() -> None:
    """Recipe `plain` does not converge in 200 epochs and gets about nine in ten right (0.894 on average)."""
    result = train("plain", "digits", random_state=0)
    assert result.stopped_because == "not converged after 200 epochs: raise max_iter or the learning rate"
    assert 0.85 < result.accuracy < 0.93


def test_the_same_seed_gives_the_same_model_file() -> None:
    """Two runs with one seed write the same bytes; another seed writes others."""
    files = [train("tutorial", "digits", random_state=seed).model.content for seed in (5, 5, 6)]
    assert files[0] == files[1] != files[2]


def test_the_result_is_json(tutorial: TrainingResult) -> None:
    """Everything the command promises for --json is there and survives JSON."""
    values = json.loads(json.dumps(tutorial.to_dict()))
    promised = {"recipe", "data", "n_train", "n_test", "n_iter", "loss_curve", "stopped_because", "accuracy", "errors"}
    assert promised | {"predictions", "seconds"} <= set(values)
    assert (values["recipe"], values["n_train"], values["n_test"]) == ("tutorial", 1000, 797)


def test_the_model_knows_where_it_comes_from(tutorial: TrainingResult) -> None:
    """The model file holds preparation, recipe, seed, data and figures, and a card for people."""
    metadata = tutorial.model.metadata
    assert metadata.preparation == "uci-8"
    assert (metadata.recipe["name"], metadata.recipe["random_state"]) == ("tutorial", 1)
    assert (metadata.data["n_train"], metadata.figures["errors"]) == (1000, 68)
    assert "91.47% of 797 test images (68 errors)" in metadata.card


def test_progress_hears_every_epoch() -> None:
    """The callback is told each epoch, the most there can be, and the loss."""
    heard: list[tuple[int, int, float]] = []
    result = train("tutorial", "digits", progress=lambda *told: heard.append(told))
    assert [epoch for epoch, _, _ in heard] == list(range(1, 190))
    assert {epochs for _, epochs, _ in heard} == {200}
    assert tuple(loss for _, _, loss in heard) == result.loss_curve


def test_an_unknown_recipe_is_refused() -> None:
    """The message names what there is."""
    with pytest.raises(RecipeError, match="no recipe 'best': use tutorial, plain, small-data, convnet"):
        train("best", "digits")


def test_too_few_different_digits_are_refused() -> None:
    """A training part with two different digits cannot make a reader, and the message says what to do."""
    with pytest.raises(RecipeError, match="cannot learn from 2 images of the digits"):
        train("tutorial", "digits", n_train=2)


def test_every_recipe_is_named_as_it_is_filed() -> None:
    """RECIPES maps each name to the recipe of that name."""
    assert {name: recipe.name for name, recipe in RECIPES.items()} == {name: name for name in RECIPES}


def test_nobody_is_both_fitted_and_held_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where writers are known, confidence is calibrated on people the network was not fitted on."""
    digits = load_digits()[:700]
    writers = np.random.default_rng(0).integers(0, 14, 700)
    digits.images[:, 0, 0] = writers  # so that each image tells whose it is
    fitted, held_out = watch_fit(monkeypatch), watch_distort(monkeypatch)
    monkeypatch.setitem(RECIPES, "brief", replace(RECIPES["plain"], name="brief", max_epochs=2, held_out=0.3))
    result = train("brief", replace(digits, writers=writers), n_train=500, split_method="writers", random_state=0)
    fitted_people, held_out_people = set(fitted[0][:, 0].tolist()), set(held_out[0][:, 0, 0].tolist())
    assert len(fitted_people) > len(held_out_people) > 1
    assert fitted_people & held_out_people == set()
    assert fitted_people | held_out_people == set(np.unique(result.split.train.writers))


def test_thresholds_are_chosen_on_distorted_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """Held-out images set the temperature as they are, the thresholds once distorted: blank ones promise nothing."""
    monkeypatch.setattr(confidence, "PROMISES", ("0.3",))  # few images promise little
    monkeypatch.setitem(RECIPES, "held", replace(RECIPES["tutorial"], name="held", held_out=0.2))
    watch_distort(monkeypatch)
    as_they_are = train("held", "digits").model.metadata
    held_out = watch_distort(monkeypatch, ink=0)
    blank = train("held", "digits").model.metadata
    assert held_out[0].shape == (200, 8, 8)
    assert 0 < as_they_are.thresholds["0.3"] < 1
    assert blank.thresholds == {}
    assert as_they_are.temperature == blank.temperature != 1.0


def test_the_convnet_sees_national_forms(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawn digits are added to images of 28x28, which they look like, and to no others."""
    pytest.importorskip("torch", reason="PyTorch is not installed: no training of convolutional networks")
    settings = {"channels": (4,), "augmentation": None, "n_drawn": 25}
    brief = replace(RECIPES["convnet"], settings=settings, max_epochs=1, held_out=0.0)
    monkeypatch.setitem(RECIPES, "convnet", brief)
    fitted = watch_convnet(monkeypatch)
    train("convnet", large_digits(60), n_train=40, random_state=7)
    train("convnet", load_digits()[:60], n_train=40, random_state=7)
    drawn, labels = draw_digits(25, random_state=7)
    assert [len(images) for images, _ in fitted] == [40 + 25, 40]
    assert np.array_equal(fitted[0][0][40:], drawn)
    assert np.array_equal(fitted[0][1][40:], labels)


def test_an_mlp_learns_from_large_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """Images of 28x28 reach an MLP as values 0..1, so that it learns; the model file divides by 255 itself."""
    fitted = watch_fit(monkeypatch)
    result = train("tutorial", large_digits(700), n_train=500)
    assert (fitted[0].min(), fitted[0].max()) == (0, 1)
    assert result.split.test.images.max() == 255
    assert result.accuracy > 0.8


@pytest.mark.slow
def test_the_convnet_learns_and_calibrates() -> None:
    """The convnet recipe on a few 8x8 digits beats the tutorial, and is calibrated on images it kept back."""
    pytest.importorskip("torch", reason="PyTorch is not installed: no training of convolutional networks")
    digits: Dataset = load_digits()
    result = train("convnet", digits)
    assert result.accuracy > 0.95
    assert result.model.metadata.temperature != 1.0
    assert result.split.test.images.shape == (797, 8, 8)
