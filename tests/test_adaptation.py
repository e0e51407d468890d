"""A reader of whole numbers learns from a user's own, and says what that was worth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result

from inkdigits import adaptation, recipes
from inkdigits.adaptation import AdaptationResult, adapt
from inkdigits.errors import RecipeError
from inkdigits.line import input_layers
from inkdigits.modelfile import LINE_LABELS, LineModel, Metadata
from inkdigits.number_set import load_numbers
from inkdigits.pictures import save_picture
from inkdigits.reader import Reader

TINY = {"batch_size": 4, "n_batches": 2, "learning_rate": 1e-2}


@pytest.fixture(scope="module")
def start() -> LineModel:
    """Return a network of lines that has learned nothing, leaves all to the reader of digits, and promises much."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing can be adapted")
    from inkdigits import _torch, _torch_line

    torch.manual_seed(0)
    network = _torch_line.build_network(_torch_line.LineArchitecture(stages=((8,), (8,), (8,), (8,), (8,)), context=8))
    metadata = Metadata(
        name="line",
        preparation="line-32",
        labels=LINE_LABELS,
        temperature=2.5,
        voices=[{"weight": 0.0, "floor": 0.0}, {"weight": 1.0, "floor": 0.0}],
        thresholds={"0.001": 0.0, "0.01": 0.0},
        coverages={"0.001": 1.0, "0.01": 1.0},
        recipe={"name": "line"},
        data={"name": "mnist"},
    )
    return LineModel.from_layers([*input_layers(), *_torch.to_layers(network)], metadata)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write 24 pictures of bars, one of which is broken, with a labels.csv."""
    folder = tmp_path_factory.mktemp("own")
    random, rows = np.random.default_rng(0), ["file,reading"]
    for i in range(24):
        picture = np.full((40, 60), 230, np.uint8)
        for x in (15, 40)[: 1 + i % 2]:
            picture[8:32, x : x + 4] = random.integers(0, 60)
        save_picture(folder / f"{i}.png", picture)
        rows.append(f"{i}.png,{'1' * (1 + i % 2)}")
    (folder / "3.png").write_bytes(b"no picture")
    (folder / "labels.csv").write_text("\n".join(rows), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def small() -> Any:
    """Make the recipe and what is rehearsed small."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(
            recipes.RECIPES, "adapt", replace(recipes.RECIPES["adapt"], settings=TINY, max_epochs=3, drawn=11)
        )
        patch.setattr(adaptation, "REHEARSED", 6)
        patch.setattr(adaptation, "WEIGHED", 6)
        yield


@pytest.fixture(scope="module")
def result(small: Any, start: LineModel, folder: Path) -> AdaptationResult:
    """Adapt for a moment."""
    return adapt(start, f"numbers:{folder}")


def test_every_number_is_learned_from_or_held_out(result: AdaptationResult) -> None:
    """A quarter is held out, the rest learned from; the broken picture is in neither and named."""
    assert (result.n_learned, len(result.after.own.truths)) == (17, 6)
    assert ["3.png" in reason for reason in result.skipped] == [True]


def test_before_and_after_are_read_alike(result: AdaptationResult, start: LineModel, folder: Path) -> None:
    """The table sets the readings of two readers beside each other, of the same numbers and the same lines."""
    assert result.before.own.truths == result.after.own.truths
    assert result.before.made_up.truths == result.after.made_up.truths
    assert len(result.after.made_up.truths) == 6
    assert result.before.own.thresholds == start.metadata.thresholds
    reader = Reader(result.model)
    held_out = adaptation._part(load_numbers(folder), result.recipe, None, 0)[1]
    assert [reader.read_number(picture).text for picture in held_out.pictures()] == result.after.own.texts


def test_no_promise_is_kept(result: AdaptationResult) -> None:
    """Six held-out numbers support no promise: what the old model promised is gone, and how much it counted."""
    metadata = result.model.metadata
    assert (metadata.thresholds, metadata.coverages, result.after.own.thresholds) == ({}, {}, {})
    assert metadata.temperature == 1.0
    assert [voice["weight"] for voice in metadata.voices] != [0.0, 1.0]
    assert not Reader(result.model).read_number(np.full((40, 60), 230, np.uint8)).accepted


def test_the_model_file_tells_where_it_comes_from(result: AdaptationResult, start: LineModel) -> None:
    """The old model, the numbers and the figures are in the file, and a card for people."""
    metadata = result.model.metadata
    assert (metadata.name, metadata.recipe["from"]["sha256"], metadata.data["n_train"]) == ("adapt", start.sha256, 17)
    assert metadata.figures["exact_before"] == result.before.own.exact
    assert "nothing, there are too few" in metadata.card


def test_the_same_seed_gives_the_same_model(result: AdaptationResult, start: LineModel, folder: Path) -> None:
    """Twice the same, byte by byte."""
    assert adapt(start, load_numbers(folder)).model.content == result.model.content


def test_an_interrupted_adaptation_keeps_what_it_has(small: Any, start: LineModel, folder: Path) -> None:
    """Ctrl-C in the second epoch: there is a model, and it is judged."""

    def stop(epoch: int, epochs: int, loss: float) -> None:
        if epoch == 2:
            raise KeyboardInterrupt

    result = adapt(start, load_numbers(folder), progress=stop)
    assert (result.interrupted, len(result.fitted.loss_curve), len(result.after.own.truths)) == (True, 2, 6)


def test_few_numbers_are_refused(start: LineModel, folder: Path) -> None:
    """Nothing is learned from ten numbers; the message says how many it takes."""
    with pytest.raises(RecipeError, match=r"cannot learn from 8 of the 10 numbers.*at least 20"):
        adapt(start, load_numbers(folder)[np.arange(10)])


def test_small_digits_make_no_lines(start: LineModel, folder: Path) -> None:
    """Asked for by name, the bundled 8x8 images are refused with what to use instead."""
    with pytest.raises(RecipeError, match=r"cannot make lines of 'digits'.*use mnist:DIR"):
        adapt(start, load_numbers(folder), also=["digits"])


def test_none_held_out_is_refused(start: LineModel, folder: Path) -> None:
    """Without a held-out part nobody would know what it was worth."""
    with pytest.raises(RecipeError, match=r"cannot learn from 24 of the 24 numbers"):
        adapt(start, load_numbers(folder), n_train=24)


@pytest.mark.usefixtures("small")
def test_the_command_says_when_it_is_no_better(
    run: Callable[..., Result], start: LineModel, folder: Path, tmp_path: Path
) -> None:
    """Where all was right before, nothing can be gained: the words are plain, the file is there."""
    start.save(tmp_path / "start.onnx")
    out = tmp_path / "own.onnx"
    done = run(
        "train", "--recipe", "adapt", "--from", tmp_path / "start.onnx", "--data", f"numbers:{folder}", "--out", out
    )
    assert done.exit_code == 0, done.output
    assert "your numbers, 6 held out      1.0000" in done.stdout
    assert "NO BETTER: 0 of the held-out numbers are read exactly that were not before" in done.stdout
    assert "6 held-out numbers are too few, or too often wrong, to promise 0.1%, 0.5%, 1.0%, 2.0%, 5.0%" in done.stdout
    assert LineModel.load(out).metadata.name == "adapt"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--recipe", "adapt"), "--recipe adapt and --data numbers:DIR belong together"),
        (("--recipe", "adapt", "--from", "line"), "--recipe adapt and --data numbers:DIR belong together"),
        (("--recipe", "line", "--data", "numbers:x"), "--recipe adapt and --data numbers:DIR belong together"),
        (("--recipe", "tutorial", "--from", "line"), "--from MODEL goes with --recipe adapt or line-further"),
    ],
)
def test_the_command_refuses_half_of_it(run: Callable[..., Result], words: tuple[str, ...], complaint: str) -> None:
    """Recipe, model and numbers belong together; that is said before anything is loaded."""
    done = run("train", *words)
    assert done.exit_code == 2
    assert complaint in done.stderr
