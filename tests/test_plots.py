"""Figures show what they promise, by the text and the axes they hold."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from inkdigits import plots
from inkdigits.datasets import Dataset, load_digits
from inkdigits.errors import DatasetError, InkdigitsError
from inkdigits.evaluation import Evaluation


def make_dataset(n: int = 60, *, writers: bool = False) -> Dataset:
    """Return noise with the labels 0, 1, 2, ... by three writers in turn."""
    return Dataset(
        name="made up",
        images=np.random.default_rng(0).integers(0, 17, (n, 8, 8)).astype(np.uint8),
        labels=(np.arange(n) % 10).astype(np.uint8),
        preparation="uci-8",
        description="",
        source="",
        people="not known",
        n_train=n // 2,
        writers=np.arange(n) % 3 if writers else None,
    )


def make_evaluation(wrong: tuple[int, ...] = (2, 5), *, writers: bool = False) -> Evaluation:
    """Return 60 answers with confidence 0.9, of which the given ones read a digit one too high."""
    dataset = make_dataset(writers=writers)
    read = dataset.labels.copy()
    read[list(wrong)] = (read[list(wrong)] + 1) % 10
    probabilities = np.full((60, 10), 0.1 / 9)
    probabilities[np.arange(60), read] = 0.9
    return Evaluation(dataset, probabilities, np.arange(1000, 1060))


def titles(figure: Figure) -> list[str]:
    """Return what stands above each image."""
    return [axes.get_title() for axes in figure.axes]


def test_sixteen_images_make_a_grid_of_four_by_four_with_their_labels() -> None:
    """Sixteen images stand four by four, each under its label."""
    figure = plots.plot_images(load_digits())
    figure.draw_without_rendering()
    corners = [axes.get_position() for axes in figure.axes]
    assert len({round(corner.x0, 3) for corner in corners}) == len({round(corner.y0, 3) for corner in corners}) == 4
    assert titles(figure) == list("0123456789012345")


def test_one_image_can_be_shown() -> None:
    """One image is shown with its label, from any start."""
    assert titles(plots.plot_images(load_digits(), start=1796, count=1)) == ["8"]


@pytest.mark.parametrize(("start", "count"), [(-1, 4), (0, 0), (58, 3), (60, 1)])
def test_images_outside_the_set_are_refused(start: int, count: int) -> None:
    """Asking for images that are not there says how many there are."""
    with pytest.raises(DatasetError, match=r"'made up' .* it has 60, numbered 0 to 59; choose another start or count"):
        plots.plot_images(make_dataset(), start=start, count=count)


def test_images_are_drawn_dark_on_light_over_the_whole_range() -> None:
    """Full ink is black and none is white, whatever the images hold."""
    image = plots.plot_images(make_dataset(), count=1).axes[0].get_images()[0]
    assert (image.get_cmap().name, image.get_clim()) == ("binary", (0, 16))


def test_loss_curve_counts_epochs_from_one() -> None:
    """The loss of the first epoch stands at 1."""
    (line,) = plots.plot_loss_curve([2.0, 1.0, 0.5]).axes[0].get_lines()
    np.testing.assert_array_equal(np.asarray(line.get_xydata()), [(1, 2.0), (2, 1.0), (3, 0.5)])


def test_confusion_matrix_holds_every_count() -> None:
    """Each cell shows its count: row the true digit, column what was read."""
    evaluation = make_evaluation()
    axes = plots.plot_confusion_matrix(evaluation).axes[0]
    assert [int(text.get_text()) for text in axes.texts] == evaluation.confusion_matrix.ravel().tolist()
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("read as", "true digit")


def test_wrong_predictions_are_marked_by_colour_and_words() -> None:
    """A wrong reading is red and names the true digit; a right one stands alone."""
    figure = plots.plot_predictions(make_evaluation(), count=6)
    assert titles(figure) == ["0", "1", "3, is 2", "3", "4", "6, is 5"]
    assert [axes.title.get_color() == plots.WRONG for axes in figure.axes] == [False, False, True, False, False, True]


def test_predictions_end_with_the_data_set() -> None:
    """Asking for more predictions than there are shows all."""
    assert len(plots.plot_predictions(make_evaluation(), count=500).axes) == 60


def test_mistakes_name_label_reading_confidence_and_number() -> None:
    """A mistake says what it is, what it was read as, how sure, and where in the data set to find it."""
    assert titles(plots.plot_mistakes(make_evaluation())) == ["2 read as 3\n0.90, #1002", "5 read as 6\n0.90, #1005"]


def test_no_mistakes_make_an_empty_figure() -> None:
    """A faultless evaluation has a gallery with nothing in it."""
    assert plots.plot_mistakes(make_evaluation(wrong=())).axes == []


def test_hidden_weights_are_centred_on_zero() -> None:
    """Each neuron has its image, and weight 0 the middle colour of one scale for all."""
    weights = np.linspace(-0.5, 2.0, 3 * 64).reshape(3, 8, 8)
    images = [axes.get_images()[0] for axes in plots.plot_hidden_weights(weights).axes[:3]]
    assert [image.get_clim() for image in images] == [(-2.0, 2.0)] * 3


def test_reliability_shows_confidence_against_accuracy() -> None:
    """Sixty answers at confidence 0.9 with two wrong are one point at (0.9, 58/60)."""
    (points,) = plots.plot_reliability(make_evaluation()).axes[0].collections
    np.testing.assert_allclose(np.asarray(points.get_offsets()), [(0.9, 58 / 60)])


def test_reliability_uses_the_bins_of_the_calibration_error() -> None:
    """The gaps of the drawn points, weighted by their images, add up to the calibration error."""
    probabilities = np.random.default_rng(1).dirichlet(np.full(10, 0.2), 60)
    evaluation = replace(make_evaluation(), probabilities=probabilities)
    axes = plots.plot_reliability(evaluation).axes[0]
    confidence, accuracy = np.asarray(axes.collections[0].get_offsets()).T
    images = np.array([int(text.get_text()) for text in axes.texts if text.get_text().isdigit()])
    gap = float((images * np.abs(confidence - accuracy)).sum() / images.sum())
    assert gap == pytest.approx(evaluation.trust.expected_calibration_error)


def test_risk_and_coverage_are_drawn_with_the_promises() -> None:
    """The curve is that of the evaluation; a dot stands at the coverage and error rate of each promise."""
    evaluation = replace(make_evaluation(), thresholds={"0.01": 0.5})
    curve, dot = plots.plot_risk_coverage(evaluation).axes[0].lines
    np.testing.assert_array_equal(np.asarray(curve.get_xydata()).T, evaluation.trust.risk_coverage_curve)
    np.testing.assert_allclose(np.asarray(dot.get_xydata()), [(1.0, 2 / 60)])


def test_writers_stand_the_worst_first() -> None:
    """Images 2 and 5 are by writer 2 of three: that one comes first."""
    axes = plots.plot_writers(make_evaluation(writers=True)).axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["2", "0", "1"]


def test_unknown_writers_are_refused() -> None:
    """Without writers there is no such figure, and the error says why."""
    with pytest.raises(DatasetError, match="cannot show the writers of 'made up': they are not known"):
        plots.plot_writers(make_evaluation())


def test_figures_are_those_that_apply() -> None:
    """Every figure that the evaluation and the training allow is given, and no other."""
    always = ["confusion_matrix", "reliability", "risk_coverage", "predictions"]
    assert list(plots.figures_of(make_evaluation(wrong=()))) == always
    everything = plots.figures_of(
        make_evaluation(writers=True), loss_curve=[1.0, 0.5], hidden_weights=np.zeros((2, 8, 8))
    )
    assert list(everything) == ["loss_curve", "hidden_weights", *always, "mistakes", "writers"]


def test_figures_are_saved_by_name_in_a_new_folder(tmp_path: Path) -> None:
    """Each figure becomes STEM.png, in a folder made for them."""
    paths = plots.save_figures({"loss_curve": plots.plot_loss_curve([1.0])}, tmp_path / "new" / "figures")
    assert paths == [tmp_path / "new" / "figures" / "loss_curve.png"]
    with Image.open(paths[0]) as picture:
        assert picture.size == (768, 544)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """Where a file is in the way, the error names the figure and what to do."""
    (tmp_path / "taken").write_text("")
    with pytest.raises(InkdigitsError, match=r"cannot write figure '.*loss.png': File exists; choose another file"):
        plots.save_figures({"loss": plots.plot_loss_curve([1.0])}, tmp_path / "taken")


def test_an_unknown_format_is_named(tmp_path: Path) -> None:
    """An ending that matplotlib does not know is refused with those it knows."""
    with pytest.raises(InkdigitsError, match=r"cannot write figure '.*loss.docx': Format 'docx' is not supported"):
        plots.save_figure(plots.plot_loss_curve([1.0]), tmp_path / "loss.docx")


def test_figures_need_no_pyplot() -> None:
    """Making figures leaves nothing global and needs no display: pyplot is never imported."""
    code = (
        "import sys; from inkdigits import plots; plots.plot_loss_curve([1]); print('matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
