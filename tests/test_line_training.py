"""Training of a reader of whole numbers, from a data set to a model file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from inkdigits import line_training, recipes
from inkdigits.cli import main
from inkdigits.datasets import Dataset
from inkdigits.errors import RecipeError
from inkdigits.line_training import LineTrainingResult, train_lines
from inkdigits.modelfile import open_line_model
from inkdigits.strokes import draw_digits

TINY = {
    "stages": ((8,), (8,), (8,), (8,), (8,)),
    "context": 8,
    "batch_size": 8,
    "n_batches": 2,
}


@pytest.fixture(scope="module")
def drawn() -> Dataset:
    """Return drawn digits of ten writers."""
    images, labels = draw_digits(400, random_state=0)
    return Dataset(
        name="drawn",
        images=images,
        labels=labels,
        preparation="mnist-28",
        description="",
        source="made up",
        people="ten",
        n_train=300,
        writer_order="runs",
        writers=np.repeat(np.arange(10), 40),
    )


@pytest.fixture(scope="module")
def small() -> Any:
    """Make the recipe, its calibration and its test small."""
    pytest.importorskip("torch", reason="PyTorch is not installed: no training of networks of lines")
    with pytest.MonkeyPatch.context() as patch:
        recipe = replace(recipes.RECIPES["line"], settings=TINY, max_epochs=2, drawn=16)
        patch.setitem(recipes.RECIPES, "line", recipe)
        for name in ("WATCHED", "CALIBRATED", "TESTED"):
            patch.setattr(line_training, name, 8)
        yield


@pytest.fixture(scope="module")
def result(small: Any, drawn: Dataset) -> LineTrainingResult:
    """Train a reader for a moment."""
    return train_lines("line", drawn, split_method="writers", n_train=300)


def test_the_model_file_tells_how_it_was_made(result: LineTrainingResult) -> None:
    """Recipe, seed, data and figures are in the file, and a card for people."""
    metadata = result.model.metadata
    assert (metadata.name, metadata.preparation, metadata.labels) == ("line", "line-32", "0123456789.,-=_")
    assert (metadata.recipe["random_state"], metadata.recipe["max_epochs"]) == (0, 2)
    assert (metadata.data["name"], metadata.figures["n_test"]) == ("drawn", 8)
    assert "lines made of drawn" in metadata.card


def test_the_model_is_read_back(result: LineTrainingResult, tmp_path: Path) -> None:
    """Saved and opened it gives the same frames."""
    result.model.save(tmp_path / "line.onnx")
    line = np.zeros((32, 40), np.uint8)
    opened = open_line_model(tmp_path / "line.onnx")
    assert np.array_equal(opened.predict_frames(line), result.model.predict_frames(line))


def test_nobody_is_on_both_sides(result: LineTrainingResult) -> None:
    """Learned from, held out and tested are different people."""
    material = result.material
    assert material.held_out is not None
    people = [set(part.writers.tolist()) for part in (material.kept, material.held_out, material.parts.test)]
    assert not people[0] & people[1]
    assert not (people[0] | people[1]) & people[2]


def test_without_a_held_out_part_there_is_no_confidence(drawn: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such a recipe is refused before anything is trained."""
    monkeypatch.setitem(recipes.RECIPES, "line", replace(recipes.RECIPES["line"], held_out=0.0))
    with pytest.raises(RecipeError, match="holds nothing out"):
        train_lines("line", drawn)


def test_small_digits_make_no_lines() -> None:
    """The bundled 8x8 images are refused by name, with what to use instead."""
    with pytest.raises(RecipeError, match=r"cannot make lines of 'digits'.*use mnist:DIR"):
        train_lines("line", "digits")


@pytest.mark.usefixtures("small")
def test_the_command_refuses_a_report_of_lines(tmp_path: Path) -> None:
    """The report shows single digits; that is said before the training."""
    done = CliRunner().invoke(main, ["train", "--recipe", "line", "--report", str(tmp_path / "r.html")])
    assert done.exit_code == 2
    assert "has no --report or --figures" in done.output


@pytest.mark.usefixtures("small")
def test_lines_that_cannot_be_made_are_refused_before_the_training(drawn: Dataset) -> None:
    """Nobody in the test part has written a 9: that does not show when all is done."""
    tested = np.arange(len(drawn)) >= 300
    without = drawn[~(tested & (drawn.labels == 9))]
    with pytest.raises(RecipeError, match=r"cannot make lines of \d+ digits: nobody has written a 9"):
        train_lines("line", without, split_method="writers", n_train=300, progress=lambda *_: pytest.fail("it trained"))


def test_what_a_reader_went_on_from_is_told(result: LineTrainingResult, drawn: Dataset) -> None:
    """Its hash and its recipe are in the new file."""
    further = train_lines("line", drawn, start=result.model, split_method="writers", n_train=300).model
    assert "from" not in result.model.metadata.recipe
    assert further.metadata.recipe["from"]["sha256"] == result.model.sha256
    assert further.metadata.recipe["from"]["recipe"]["name"] == "line"
