"""Every figure follows from labels, predictions and confidences."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from inkdigits.datasets import Dataset, load_digits
from inkdigits.errors import DatasetError
from inkdigits.evaluation import DigitScore, Evaluation, WriterScore, compare, evaluate
from inkdigits.reader import Reader
from inkdigits.training import train


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
    assert evaluation.expected_calibration_error == pytest.approx(error)
    assert sum(b.images for b in evaluation.reliability) == 4


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
