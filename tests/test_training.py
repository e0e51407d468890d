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
from inkdigits.evaluation import evaluate
from inkdigits.recipes import RECIPES, find_recipe
from inkdigits.redraw import redraw_digits
from inkdigits.strokes import draw_digits
from inkdigits.training import NO_DIGIT, TrainingResult, train

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
    known = "tutorial, plain, small-data, small-data-average, fast, tiny, reader, line, line-further, adapt, convnet"
    with pytest.raises(RecipeError, match=f"no recipe 'best': use {known}"):
        train("best", "digits")


def test_too_few_different_digits_are_refused() -> None:
    """A training part with two different digits cannot make a reader, and the message says what to do."""
    with pytest.raises(RecipeError, match="cannot learn from 2 images of the digits"):
        train("tutorial", "digits", n_train=2)


def test_every_recipe_is_named_as_it_is_filed() -> None:
    """RECIPES maps each name to the recipe of that name."""
    assert {name: recipe.name for name, recipe in RECIPES.items()} == {name: name for name in RECIPES}


def test_the_first_name_of_the_readers_recipe_still_works() -> None:
    """`convnet` is what `reader` was called first."""
    assert find_recipe("convnet") is RECIPES["reader"]


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
    assert 0.5 <= as_they_are.coverages["0.3"] <= 1
    assert blank.thresholds == {}
    assert as_they_are.temperature == blank.temperature != 1.0


def test_held_out_digits_that_nobody_else_wrote_calibrate_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the held-out writer wrote 9s only and the others none, the temperature stays 1 and nothing is promised."""
    digits = load_digits()[:400]
    held_out = watch_distort(monkeypatch)
    monkeypatch.setitem(RECIPES, "held", replace(RECIPES["plain"], name="held", max_epochs=2, held_out=0.5))
    by_two = replace(digits, writers=(digits.labels == 9).astype(np.int64))
    metadata = train("held", by_two, n_train=300, random_state=0).model.metadata
    assert len(held_out[0]) == int((digits.labels[:300] == 9).sum())
    assert (metadata.labels, metadata.temperature, metadata.thresholds) == ("012345678", 1.0, {})


def shorten(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> list[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    """Make the reader's recipe a matter of a second; collect what is fitted."""
    pytest.importorskip("torch", reason="PyTorch is not installed: no training of convolutional networks")
    settings = {"stages": ((4,),), "augmentation": None}
    brief = {"settings": settings, "max_epochs": 1, "held_out": 0.0, "drawn": 0, "redrawn": 0, "negatives": 0}
    monkeypatch.setitem(RECIPES, "reader", replace(RECIPES["reader"], **{**brief, **changes}))
    return watch_convnet(monkeypatch)


def test_the_reader_sees_national_forms(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawn digits are added to images of 28x28, which they look like, and to no others."""
    fitted = shorten(monkeypatch, drawn=25)
    train("reader", large_digits(60), n_train=40, random_state=7)
    train("reader", load_digits()[:60], n_train=40, random_state=7)
    drawn, labels = draw_digits(25, random_state=7)
    assert [len(images) for images, _ in fitted] == [40 + 25, 40]
    assert np.array_equal(fitted[0][0][40:], drawn)
    assert np.array_equal(fitted[0][1][40:], labels)


def test_the_reader_sees_what_other_pens_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some of the digits to learn from, at most all, are drawn again with labels of their own."""
    fitted = shorten(monkeypatch, redrawn=25)
    result = train("reader", large_digits(60), n_train=40, random_state=7)
    shorten(monkeypatch, redrawn=100)
    assert train("reader", large_digits(60), n_train=40).model.metadata.recipe["redrawn"] == 40
    images, labels = fitted[0]
    again = np.random.default_rng(7).permutation(40)[:25]
    assert np.array_equal(images[40:], redraw_digits(images[again], random_state=7))
    assert np.array_equal(labels[40:], labels[again])
    assert "25 training digits that another pen draws" in result.model.metadata.card


def test_the_reader_learns_what_is_no_digit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Made-up negatives get a label of their own, the last of the model's; the figures are those of digits."""
    fitted = shorten(monkeypatch, negatives=30)
    result = train("reader", large_digits(60), n_train=40)
    assert fitted[0][1].tolist().count(NO_DIGIT) == 30
    assert result.model.metadata.labels == "0123456789-"
    assert result.model.predict_proba(result.split.test.images).shape == (20, 11)
    assert result.evaluation.probabilities.shape == (20, 10)
    assert "30 images of no digit" in result.model.metadata.card


def test_a_reader_of_counts_learns_digits_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is drawn besides is 28x28: an 8x8 model says that nothing was made up, though its recipe would have it."""
    shorten(monkeypatch, drawn=25, negatives=30)
    metadata = train("reader", load_digits()[:60], n_train=40).model.metadata
    assert (metadata.recipe["drawn"], metadata.recipe["negatives"], metadata.labels) == (0, 0, "0123456789")
    assert "\n- Made up: nothing.\n" in metadata.card
    assert "- Fails on: what is not a digit. It always answers with one of its labels." in metadata.card


def test_more_sets_are_learned_from_besides(monkeypatch: pytest.MonkeyPatch) -> None:
    """All images of the other sets are fitted on; the model file names them, and is judged on the first set alone."""
    fitted = shorten(monkeypatch)
    more = replace(large_digits(100)[60:100], name="more", source="elsewhere")
    result = train("reader", large_digits(60), also=[more], n_train=40)
    assert np.array_equal(fitted[0][0], np.concatenate([large_digits(40).images, more.images]))
    assert len(result.split.test) == 20
    [one] = result.model.metadata.data["also"]
    assert one == {"name": "more", "source": "elsewhere", "n_train": 40, "fingerprint": more.fingerprint}
    assert evaluate(result.model, more).seen == "all of these images: the figures say nothing about new ones"


def test_sets_of_another_form_cannot_be_learned_from_besides() -> None:
    """8x8 images do not go with 28x28 ones, and the message names both."""
    message = (
        "cannot train on 'digits' besides 'digits': its images are prepared as uci-8, the others as mnist-28; "
        "leave it out"
    )
    with pytest.raises(RecipeError) as caught:
        train("reader", large_digits(60), also=["digits"], n_train=40)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("part", "n", "name"),
    [(slice(35, 45), 5, "test"), (slice(40), 10, "held-out")],
    ids=["of the test part", "of the held-out part"],
)
def test_what_a_reader_is_judged_on_cannot_be_learned_from_besides(
    monkeypatch: pytest.MonkeyPatch, part: slice, n: int, name: str
) -> None:
    """A further set with images that are kept for the figures or the promises is refused; the message counts them."""
    monkeypatch.setitem(RECIPES, "held", replace(RECIPES["tutorial"], name="held", held_out=0.25))
    more = replace(load_digits()[part], name="more")
    with pytest.raises(RecipeError) as caught:
        train("held", load_digits()[:60], also=[more], n_train=40)
    assert str(caught.value) == (
        f"cannot train on 'more' besides: {n} of the {name} part's images are among it, "
        "so that the figures would be flattered; leave it out"
    )


def test_of_a_further_set_in_parts_the_training_part_is_learned_from(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where other people wrote the test part it is left for judging on, and the model file says how many were taken."""
    fitted = watch_fit(monkeypatch)
    more = replace(load_digits()[60:100], name="more", writer_order="parts", n_train=30)
    result = train("tutorial", load_digits()[:60], also=[more], n_train=40)
    assert np.array_equal(fitted[0], np.concatenate([load_digits()[:40].flat, load_digits()[60:90].flat]))
    assert result.model.metadata.data["also"][0]["n_train"] == 30
    assert evaluate(result.model, more).index.tolist() == list(range(30, 40))


def test_an_mlp_learns_from_large_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """Images of 28x28 reach an MLP as values 0..1, so that it learns; the model file divides by 255 itself."""
    fitted = watch_fit(monkeypatch)
    result = train("tutorial", large_digits(700), n_train=500)
    assert (fitted[0].min(), fitted[0].max()) == (0, 1)
    assert result.split.test.images.max() == 255
    assert result.accuracy > 0.8


@pytest.mark.slow
def test_the_convnet_learns_and_calibrates() -> None:
    """The reader's recipe on a few 8x8 digits beats the tutorial, and is calibrated on images it kept back."""
    pytest.importorskip("torch", reason="PyTorch is not installed: no training of convolutional networks")
    digits: Dataset = load_digits()
    result = train("reader", digits)
    assert result.accuracy > 0.95
    assert result.model.metadata.temperature != 1.0
    assert result.split.test.images.shape == (797, 8, 8)
