"""Every figure follows from labels, predictions and confidences."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from inkdigits.datasets import Dataset, load_digits
from inkdigits.errors import DatasetError
from inkdigits.evaluation import DigitScore, Evaluation, WriterScore, compare, evaluate
from inkdigits.graph import Layer
from inkdigits.modelfile import Metadata, Model
from inkdigits.reader import Reader
from inkdigits.training import train
from inkdigits.trust import PromiseScore


def judged(
    labels: list[int], read: list[int], *, sure: float | list[float] = 0.9, writers: list[int] | None = None
) -> Evaluation:
    """Return an evaluation of blank images with these labels, answers and confidences."""
    confidences = np.broadcast_to(sure, len(labels))
    probabilities = np.repeat((1 - confidences)[:, None] / 9, 10, axis=1)
    probabilities[np.arange(len(labels)), read] = confidences
    dataset = Dataset(
        name="made up",
        images=np.zeros((len(labels), 8, 8), np.uint8),
        labels=np.array(labels, np.uint8),
        preparation="uci-8",
        description="",
        source="this test",
        people="nobody",
        n_train=1,
        writers=None if writers is None else np.array(writers),
    )
    return Evaluation(dataset, probabilities, np.arange(100, 100 + len(labels)))


def test_accuracy_and_errors() -> None:
    """Three of four right."""
    evaluation = judged([1, 2, 3, 4], [1, 2, 3, 9])
    assert (evaluation.accuracy, evaluation.errors) == (0.75, 1)


def test_the_confusion_matrix_has_true_digits_in_rows() -> None:
    """A 4 read as 9 is counted in row 4, column 9."""
    matrix = judged([4, 4, 9], [4, 9, 9]).confusion_matrix
    assert (matrix[4, 4], matrix[4, 9], matrix[9, 9], matrix.sum()) == (1, 1, 1, 3)


def test_precision_and_recall() -> None:
    """Of two read as 9 one is a 9; of two 4s one is found."""
    scores = judged([4, 4, 9], [4, 9, 9]).per_digit
    assert scores[4] == DigitScore(digit=4, images=2, precision=1.0, recall=0.5)
    assert scores[9] == DigitScore(digit=9, images=1, precision=0.5, recall=1.0)
    assert scores[0] == DigitScore(digit=0, images=0, precision=0.0, recall=0.0)


def test_mistakes_come_the_surest_first() -> None:
    """Each names label, answer, confidence and the number of the image in the whole set."""
    mistakes = judged([1, 2, 3], [7, 2, 8], sure=[0.6, 0.9, 0.8]).mistakes
    found = [(m.number, m.label, m.read_as, round(m.confidence, 2)) for m in mistakes]
    assert found == [(102, 3, 8, 0.8), (100, 1, 7, 0.6)]


def test_writers_come_the_worst_first() -> None:
    """Errors by writer, as shares of their images; nothing where writers are not known."""
    evaluation = judged([1, 1, 2, 2, 2, 2, 2], [1, 7, 2, 2, 2, 0, 0], writers=[5, 5, 3, 3, 3, 3, 3])
    assert evaluation.by_writer == (WriterScore(5, 2, 1), WriterScore(3, 5, 2))
    assert judged([1], [1]).by_writer == ()


@pytest.mark.parametrize(("sure", "error"), [(0.75, 0.0), (0.95, 0.2), (0.45, 0.3)])
def test_calibration_is_the_gap_between_confidence_and_accuracy(sure: float, error: float) -> None:
    """Three of four right: 75 % sure is calibrated, surer or less sure is off by the difference."""
    evaluation = judged([1, 2, 3, 4], [1, 2, 3, 9], sure=sure)
    assert evaluation.trust.expected_calibration_error == pytest.approx(error)
    assert sum(b.readings for b in evaluation.trust.reliability) == 4


def test_the_risk_coverage_curve_takes_the_surest_first() -> None:
    """The error rate among the surest image, the two surest, and so on; the area is its mean."""
    evaluation = judged([1, 2, 3, 4], [7, 2, 3, 4], sure=[0.6, 0.7, 0.9, 0.8])
    coverage, risk = evaluation.trust.risk_coverage_curve
    assert coverage.tolist() == [0.25, 0.5, 0.75, 1]
    assert risk.tolist() == [0, 0, 0, 0.25]
    assert evaluation.trust.area_under_risk_coverage == 0.0625


@pytest.mark.parametrize("read", [[1, 2, 8, 4], [1, 8, 3, 4]], ids=["last wrong", "first wrong"])
def test_equal_confidences_share_a_point_of_the_curve(read: list[int]) -> None:
    """Two images of the same confidence are accepted together, whichever of them is wrong."""
    evaluation = judged([1, 2, 3, 4], read, sure=[0.9, 0.8, 0.8, 0.7])
    coverage, risk = evaluation.trust.risk_coverage_curve
    assert coverage.tolist() == [0.25, 0.75, 0.75, 1]
    assert risk.tolist() == [0, 1 / 3, 1 / 3, 0.25]
    assert evaluation.trust.area_under_risk_coverage == pytest.approx(11 / 48)


def test_the_area_is_less_where_errors_are_less_sure() -> None:
    """The same three right and one wrong: best where the wrong one is the least sure, worst where it is the surest."""
    areas = [
        judged([1, 2, 3, 4], [7, 2, 3, 4], sure=[wrong, 0.7, 0.8, 0.9]).trust.area_under_risk_coverage
        for wrong in (0.6, 0.75, 0.95)
    ]
    assert areas == pytest.approx([1 / 16, (1 / 3 + 1 / 4) / 4, (1 + 1 / 2 + 1 / 3 + 1 / 4) / 4])


def test_promises_are_held_against_what_was_read() -> None:
    """For each promised rate: how many reach its threshold, equal counts, and which share of those is wrong."""
    evaluation = replace(
        judged([1, 2, 3, 4], [1, 2, 8, 4], sure=[0.9, 0.8, 0.8, 0.7]),
        thresholds={"0.001": 1.01, "0.005": 0.85, "0.01": 0.8},
    )
    assert evaluation.trust.promises == (
        PromiseScore(promised="0.001", threshold=1.01, coverage=0.0, error_rate=0.0),
        PromiseScore(promised="0.005", threshold=0.85, coverage=0.25, error_rate=0.0),
        PromiseScore(promised="0.01", threshold=0.8, coverage=0.75, error_rate=1 / 3),
    )
    assert judged([1], [1]).trust.promises == ()


def test_the_figures_are_json() -> None:
    """What to_dict gives can be written as it is, and holds the area and the promises."""
    evaluation = replace(judged([1, 2], [1, 8], sure=[0.9, 0.8], writers=[3, 4]), thresholds={"0.01": 0.85})
    figures = json.loads(json.dumps(evaluation.to_dict()))
    assert (figures["errors"], figures["area_under_risk_coverage"]) == (1, 0.25)
    assert figures["promises"] == [{"promised": "0.01", "threshold": 0.85, "coverage": 0.5, "error_rate": 0.0}]


def test_comparison_marks_what_is_wrong() -> None:
    """True labels above predictions, a mark below each wrong one."""
    labels, read = np.array([1, 2, 3], np.uint8), np.array([1, 7, 3], np.uint8)
    assert list(compare(read, labels)) == ["    0 true 1 2 3\n      read 1 7 3\n             ^"]
    assert list(compare(read, labels, width=1))[2] == "    2 true 3\n      read 3"


def test_a_model_is_judged_on_a_data_set() -> None:
    """`evaluate` finds the images the model has not seen, and gives the figures of the training that made it."""
    result = train("tutorial", "digits")
    again = evaluate(result.model, "digits")
    assert (again.errors, again.accuracy, again.seen) == (68, 0.9146800501882058, "none of these images")
    assert again.index.tolist() == list(range(1000, 1797))


def test_a_model_is_named_by_its_path(tmp_path: Path) -> None:
    """A model and a data set may be words, as everywhere else."""
    train("tutorial", "digits").model.save(tmp_path / "my.onnx")
    assert evaluate(str(tmp_path / "my.onnx"), load_digits()).errors == 68


def test_images_of_another_preparation_are_refused() -> None:
    """A 28x28 reader is not judged on 8x8 counts, and the message says what to use."""
    with pytest.raises(DatasetError, match="reads images prepared as mnist-28, 'digits' holds uci-8; use"):
        evaluate(Reader().model, load_digits())


def test_an_empty_data_set_is_refused() -> None:
    """There is nothing to judge on."""
    result: NDArray[np.intp] = np.array([], np.intp)
    with pytest.raises(DatasetError, match="has no images to judge on"):
        evaluate(train("tutorial", "digits").model, load_digits()[result])


def always(probabilities: list[float], labels: str, **metadata: Any) -> Model:
    """Return a model of 8x8 images that gives every image the same probabilities."""
    layers = [Layer("Flatten"), Layer("Gemm", (np.zeros((64, len(labels))), np.log(probabilities)))]
    return Model.from_layers(
        layers, Metadata(name="same", preparation="uci-8", labels=labels, **metadata), image_size=8
    )


def test_no_digit_is_no_column() -> None:
    """Each digit has its column in order; what a row lacks to 1 is the probability that it is no digit."""
    model = always([0.5, 0.2, 0.3], "72-", thresholds={"0.01": 0.5})
    evaluation = evaluate(model, load_digits()[:3])
    assert np.allclose(evaluation.probabilities, [[0, 0, 0.2, 0, 0, 0, 0, 0.5, 0, 0]] * 3)
    assert evaluation.predictions.tolist() == [7, 7, 7]
    assert evaluation.thresholds == {"0.01": 0.5}


def test_the_part_of_a_further_set_that_was_not_learned_from_is_judged() -> None:
    """A model that learned from the training part of a set besides, as its fingerprint tells, is judged on the rest."""
    also = [{"name": "other"}, {"name": "renamed", "fingerprint": load_digits()[:1000].fingerprint}]
    evaluation = evaluate(always([0.5, 0.5], "01", data={"name": "mnist", "also": also}), load_digits())
    assert evaluation.seen == "none of these images"
    assert evaluation.index.tolist() == list(range(1000, 1797))
    assert np.array_equal(evaluation.dataset.images, load_digits().images[1000:])


PERHAPS = "perhaps some of these images: it was trained on data of this name or on a folder of pictures"


@pytest.mark.parametrize(
    ("data", "seen"),
    [
        ({}, "not this set: it was trained on unknown data"),
        (
            {"name": "mnist", "also": [{"name": "semeion", "fingerprint": "0123"}, {"name": "pendigits"}]},
            "not this set: it was trained on mnist, semeion, pendigits",
        ),
        (
            {"name": "mnist", "also": ["digits", {}, {"fingerprint": []}]},
            "not this set: it was trained on mnist, unknown data, unknown data",
        ),
        ({"name": "mnist", "also": 5}, "not this set: it was trained on mnist"),
        (
            {"name": "mnist", "also": [{"name": "digits", "fingerprint": load_digits().fingerprint}]},
            "all of these images: the figures say nothing about new ones",
        ),
        ({"name": "digits"}, PERHAPS),
        ({"name": "mnist", "also": [{"name": "digits", "fingerprint": "0123"}]}, PERHAPS),
        ({"name": "mnist", "also": [{"name": "exams", "source": "a folder of pictures"}]}, PERHAPS),
    ],
    ids=["nothing known", "others", "odd", "a number", "besides", "name", "name besides", "folder besides"],
)
def test_an_evaluation_says_what_the_model_has_seen(data: Mapping[str, Any], seen: str) -> None:
    """The sentence that stands beside the figures, from what the model's file says of its training."""
    assert evaluate(always([0.5, 0.5], "01", data=data), load_digits()).seen == seen
