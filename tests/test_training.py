"""The tutorial's published figures, exactly; and what every recipe does."""

from __future__ import annotations

import json

import numpy as np
import pytest

from inkdigits.datasets import Dataset, load_digits
from inkdigits.errors import RecipeError
from inkdigits.training import RECIPES, TrainingResult, train

PUBLISHED_LOSSES = [0.01147629, 0.01142365, 0.01136608, 0.01128053, 0.01128869]
PUBLISHED_PREDICTIONS = (
    "1 4 0 5 3 6 9 6 1 7 5 4 4 7 2 8 2 2 5 7 9 5 4 4 9 0 8 9 8 0 1 2 3 4 5 6 7 8 3 0 1 2 3 4 5 6 7 8 5 0"
)


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
    with pytest.raises(RecipeError, match="no recipe 'best': use tutorial, plain, convnet"):
        train("best", "digits")


def test_too_few_different_digits_are_refused() -> None:
    """A training part with two different digits cannot make a reader, and the message says what to do."""
    with pytest.raises(RecipeError, match="cannot learn from 2 images of the digits"):
        train("tutorial", "digits", n_train=2)


def test_every_recipe_is_named_as_it_is_filed() -> None:
    """RECIPES maps each name to the recipe of that name."""
    assert {name: recipe.name for name, recipe in RECIPES.items()} == {name: name for name in RECIPES}


@pytest.mark.slow
def test_the_convnet_learns_and_calibrates() -> None:
    """The convnet recipe on a few 8x8 digits beats the tutorial, and is calibrated on images it kept back."""
    pytest.importorskip("torch", reason="PyTorch is not installed: no training of convolutional networks")
    digits: Dataset = load_digits()
    result = train("convnet", digits)
    assert result.accuracy > 0.95
    assert result.model.metadata.temperature != 1.0
    assert result.split.test.images.shape == (797, 8, 8)
