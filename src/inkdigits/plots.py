"""Figures of data, training and judgement: the only place that knows matplotlib.

Each function returns a `matplotlib.figure.Figure` of its own: no pyplot, so nothing global and no display is needed.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from inkdigits.datasets import Dataset
from inkdigits.errors import DatasetError, InkdigitsError, reason_of
from inkdigits.evaluation import Evaluation
from inkdigits.prepare import PREPARATIONS

CHART_SIZE = (4.8, 3.4)  # inches; on a phone's width its text is still 10 px high
IMAGE_SIZE = 1.0  # inch, the side of one image in a grid
TITLE_SIZE = 0.3  # inch, the text above it
RESOLUTION = 160  # dots per inch; sharp on a phone
READ, WRONG, MUTED = "tab:blue", "#c0282d", "0.5"
MOST_NAMED_WRITERS = 30  # more names than this overlap on the axis


def plot_images(dataset: Dataset, *, start: int = 0, count: int = 16) -> Figure:
    """Show images with their labels: 16 as 4x4.

    Parameters
    ----------
    start
        The number of the first image, from 0.
    count
        How many images.

    Raises
    ------
    DatasetError
        If there are no such images.

    Examples
    --------
    >>> from inkdigits.datasets import load_digits
    >>> len(plot_images(load_digits()).axes)
    16
    """
    if start < 0 or not 0 < count <= len(dataset) - start:
        raise DatasetError(
            f"cannot show {count} images of '{dataset.name}' from {start} on: it has {len(dataset)}, "
            f"numbered 0 to {len(dataset) - 1}; choose another start or count"
        )
    figure = _figure()
    shown = range(start, start + count)
    for axes, i in zip(_grid(figure, count), shown, strict=True):
        _show_image(axes, dataset.images[i], dataset.preparation)
        axes.set_title(str(dataset.labels[i]))
    return figure


def plot_loss_curve(loss_curve: Sequence[float]) -> Figure:
    """Draw the loss after each epoch.

    Examples
    --------
    >>> plot_loss_curve([2.3, 1.1, 0.6]).axes[0].get_xlabel()
    'epoch'
    """
    figure = _figure(CHART_SIZE)
    axes = figure.add_subplot(xlabel="epoch", ylabel="loss", ylim=(0, max(loss_curve, default=1) * 1.05))
    axes.plot(range(1, len(loss_curve) + 1), loss_curve, marker="." if len(loss_curve) < 50 else "", color=READ)
    axes.locator_params(axis="x", integer=True)
    return figure


def plot_confusion_matrix(evaluation: Evaluation) -> Figure:
    """Draw the counts of each true digit (row) that were read as each digit (column)."""
    matrix = evaluation.confusion_matrix
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    figure = _figure((5.2, 5.2))
    axes = figure.add_subplot(xlabel="read as", ylabel="true digit", xticks=range(10), yticks=range(10))
    axes.imshow(
        np.sqrt(shares), cmap="Blues", vmin=0, vmax=1
    )  # the root, or a handful of mistakes would look like none
    for (row, column), count in np.ndenumerate(matrix):
        colour = "white" if shares[row, column] > 0.4 else "black" if count else MUTED
        axes.text(column, row, str(count), ha="center", va="center", color=colour, fontsize=9)
    return figure


def plot_predictions(evaluation: Evaluation, *, count: int = 50) -> Figure:
    """Show the first images with what was read; a wrong reading is red and followed by the true digit."""
    dataset, count = evaluation.dataset, min(count, len(evaluation.dataset))
    figure = _figure()
    for i, axes in enumerate(_grid(figure, count, columns=10)):
        _show_image(axes, dataset.images[i], dataset.preparation)
        if evaluation.correct[i]:
            axes.set_title(str(evaluation.predictions[i]))
        else:
            axes.set_title(f"{evaluation.predictions[i]}, is {dataset.labels[i]}", color=WRONG, weight="bold")
    return figure


def plot_mistakes(evaluation: Evaluation, *, count: int = 40) -> Figure:
    """Show the wrong readings, the surest first: what each is, was read as, how sure, and the image's number."""
    shown = evaluation.mistakes[:count]
    figure = _figure()
    for axes, mistake in zip(_grid(figure, len(shown), columns=8), shown, strict=True):
        _show_image(axes, mistake.image, evaluation.dataset.preparation)
        axes.set_title(
            f"{mistake.label} read as {mistake.read_as}\n{mistake.confidence:.2f}, #{mistake.number}", fontsize=8
        )
    return figure


def plot_hidden_weights(weights: NDArray[np.float64]) -> Figure:
    """Show what each hidden neuron looks at: ink on blue speaks for it, ink on red against it.

    Parameters
    ----------
    weights
        (neurons, size, size), as `TrainingResult.hidden_weights` holds them.
    """
    strongest = float(np.abs(weights).max(initial=0)) or 1.0
    figure = _figure()
    for axes, weight in zip(_grid(figure, len(weights), title_size=0), weights, strict=True):
        image = axes.imshow(weight, cmap="RdBu", vmin=-strongest, vmax=strongest)
    if figure.axes:
        figure.colorbar(image, ax=figure.axes, shrink=0.6, label="weight")
    return figure


def plot_reliability(evaluation: Evaluation) -> Figure:
    """Draw confidence against accuracy in the bins of the calibration error; on the diagonal it is what it says."""
    figure = _figure(CHART_SIZE)
    axes = figure.add_subplot(xlabel="confidence", ylabel="share read rightly", xlim=(0, 1.02), ylim=(0, 1.05))
    axes.plot([0, 1], [0, 1], linestyle="--", color=MUTED)
    bins = evaluation.trust.reliability
    confidence, accuracy = [b.confidence for b in bins], [b.accuracy for b in bins]
    images = np.array([b.readings for b in bins])
    axes.plot(confidence, accuracy, color=READ, linewidth=1, alpha=0.4)
    axes.scatter(confidence, accuracy, s=10 + 190 * images / images.max(), color=READ, alpha=0.6)
    for x, y, n in zip(confidence, accuracy, images, strict=True):
        axes.annotate(f"{n}", (x, y), (0, -12), textcoords="offset points", ha="center", fontsize=8)
    axes.text(0.02, 1.02, "numbers: images", fontsize=8, va="top")
    return figure


def plot_risk_coverage(evaluation: Evaluation) -> Figure:
    """Draw the error rate among the surest readings against their share; dots are the model's promises."""
    coverage, risk = evaluation.trust.risk_coverage_curve
    figure = _figure(CHART_SIZE)
    axes = figure.add_subplot(xlabel="share of the images accepted", ylabel="error rate among them", xlim=(0, 1.02))
    axes.plot(coverage, risk, color=READ)
    for i, promise in enumerate(evaluation.trust.promises):
        axes.plot(promise.coverage, promise.error_rate, marker="o", color=READ)
        label = f"promised {float(promise.promised):.1%}"
        axes.annotate(
            label, (promise.coverage, promise.error_rate), (-6, 8 + 14 * i), textcoords="offset points", ha="right"
        )
    axes.set_ylim(0, max(float(risk.max()), 0.001) * 1.15)
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    return figure


def plot_writers(evaluation: Evaluation) -> Figure:
    """Draw each writer's error rate, the worst first.

    Raises
    ------
    DatasetError
        If the writers are not known.
    """
    scores = evaluation.by_writer
    if not scores:
        raise DatasetError(f"cannot show the writers of '{evaluation.dataset.name}': they are not known")
    figure = _figure(CHART_SIZE)
    axes = figure.add_subplot(xlabel=f"{len(scores)} writers, the worst first", ylabel="error rate")
    axes.stairs([score.errors / score.images for score in scores], fill=True, color=READ)
    axes.margins(x=0.01)
    named = scores if len(scores) <= MOST_NAMED_WRITERS else ()
    axes.set_xticks(np.arange(len(named)) + 0.5, [str(score.writer) for score in named], rotation=90, fontsize=8)
    return figure


def figures_of(
    evaluation: Evaluation, loss_curve: Sequence[float] = (), hidden_weights: NDArray[np.float64] | None = None
) -> dict[str, Figure]:
    """Return every figure that applies, by the stem of its file.

    Parameters
    ----------
    loss_curve, hidden_weights
        Of the training, where there was one and it has them.
    """
    figures = {}
    if loss_curve:
        figures["loss_curve"] = plot_loss_curve(loss_curve)
    if hidden_weights is not None:
        figures["hidden_weights"] = plot_hidden_weights(hidden_weights)
    figures["confusion_matrix"] = plot_confusion_matrix(evaluation)
    figures["reliability"] = plot_reliability(evaluation)
    figures["risk_coverage"] = plot_risk_coverage(evaluation)
    figures["predictions"] = plot_predictions(evaluation)
    if evaluation.mistakes:
        figures["mistakes"] = plot_mistakes(evaluation)
    if evaluation.by_writer:
        figures["writers"] = plot_writers(evaluation)
    return figures


def save_figures(figures: Mapping[str, Figure], folder: Path) -> list[Path]:
    """Write each figure as STEM.png, in a folder that is made where it is missing; return the paths.

    Raises
    ------
    InkdigitsError
        If the folder cannot be made or written to.
    """
    paths = [folder / f"{stem}.png" for stem in figures]
    for path, figure in zip(paths, figures.values(), strict=True):
        save_figure(figure, path)
    return paths


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure; the path's ending says in which format. Its folder is made where it is missing.

    Raises
    ------
    InkdigitsError
        If the file cannot be written, or matplotlib does not know the format.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=RESOLUTION)
    except (OSError, ValueError) as error:
        raise InkdigitsError(f"cannot write figure '{path}': {reason_of(error)}; choose another file") from error


def encode_figure(figure: Figure) -> bytes:
    """Return a figure as the bytes of a PNG file, transparent where nothing is drawn."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=RESOLUTION, transparent=True)
    return buffer.getvalue()


def _figure(size: tuple[float, float] | None = None) -> Figure:
    return Figure(figsize=size, layout="constrained")


def _grid(figure: Figure, count: int, *, columns: int | None = None, title_size: float = TITLE_SIZE) -> Iterator[Axes]:
    """Yield the axes of a grid as square as can be, or with the columns given; the figure grows with it."""
    columns = min(count, columns or math.ceil(math.sqrt(count))) or 1
    rows = math.ceil(count / columns) or 1
    figure.set_size_inches(columns * IMAGE_SIZE, rows * (IMAGE_SIZE + title_size))
    for i in range(count):
        axes = figure.add_subplot(rows, columns, i + 1)
        axes.set_axis_off()
        yield axes


def _show_image(axes: Axes, image: NDArray[np.uint8], preparation: str) -> None:
    axes.imshow(image, cmap="binary", vmin=0, vmax=PREPARATIONS[preparation].full)
