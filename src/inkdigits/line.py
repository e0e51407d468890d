"""The network that reads a whole number at once: fits with PyTorch on made-up lines, predicts with ONNX Runtime."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkdigits.errors import MissingExtraError
from inkdigits.graph import Layer

INK = 255  # of full ink
Lines = Sequence[tuple[NDArray[np.uint8], str]]  # images (LINE_HEIGHT, w) uint8, and their digits


@dataclass(frozen=True, kw_only=True)
class LineSettings:
    """The network of lines and its training schedule; see `ConvNetClassifier` for what they mean."""

    stages: tuple[tuple[int, ...], ...] = ((16, 16), (32, 32), (64, 64), (96,), (128,))
    context: int = 160
    dropout: float = 0.2
    batch_size: int = 64
    n_batches: int = 100  # of an epoch
    learning_rate: float = 3e-3
    weight_decay: float = 0.02


@dataclass(frozen=True)
class FittedLines:
    """A trained network of lines as plain layers, and how it came to be."""

    layers: tuple[Layer, ...]
    loss_curve: tuple[float, ...]
    validation_curve: tuple[float, ...]
    stopped_because: str

    @classmethod
    def of(cls, fitted: Any) -> FittedLines:
        """Return what the training loop returned, without what only PyTorch can go on from."""
        return cls(fitted.layers, fitted.loss_curve, fitted.validation_curve, fitted.stopped_because)


def fit_lines(
    make_lines: Callable[[int], Lines],
    *,
    made_from: str,
    settings: LineSettings,
    max_epochs: int,
    random_state: int,
    start: Sequence[Layer] = (),
    validation: Lines = (),
    checkpoint: Path | None = None,
    on_epoch: Callable[[int, float], bool | None] | None = None,
) -> FittedLines:
    """Train a network to spell the digits of lines, by connectionist temporal classification (Graves et al., 2006).

    Parameters
    ----------
    make_lines
        Returns the lines of an epoch, numbered from 0: the same number, the same lines.
    made_from
        Tells these lines from others, so that a checkpoint is not gone on from with those.
    start
        The layers of a trained network to go on from, instead of random weights.
    validation
        Held-out lines, read after each epoch to show how it goes; nothing is chosen by them.
    checkpoint, on_epoch
        As in `ConvNetClassifier`.

    Raises
    ------
    MissingExtraError
        Where PyTorch is not installed.
    """
    loop, lines = _import_torch_side()
    network = lines.LineArchitecture(stages=settings.stages, context=settings.context, dropout=settings.dropout)
    batches = lines.LineBatches(make_lines, n_batches=settings.n_batches, batch_size=settings.batch_size)
    task = lines.LineTask(network, batches, made_from=made_from, start=start, validation=validation)
    schedule = _schedule(loop, settings, max_epochs, random_state)
    return FittedLines.of(loop.fit_network(task, schedule, checkpoint=checkpoint, on_epoch=on_epoch))


def adapt_lines(
    layers: Sequence[Layer],
    make_own: Callable[[int], Lines],
    make_rehearsed: Callable[[int], Lines],
    *,
    made_from: str,
    settings: LineSettings,
    max_epochs: int,
    random_state: int,
    checkpoint: Path | None = None,
    on_epoch: Callable[[int, float], bool | None] | None = None,
) -> FittedLines:
    """Train a network further on lines of a new kind, without letting it forget.

    Parameters
    ----------
    layers
        What `fit_lines` gave, or a model file has.
    make_own
        Returns the new lines of an epoch with their digits alone: what else stands there is not to be read.
    make_rehearsed
        Returns as many lines like those that it was trained on, with all marks.
    settings
        Half of each batch is rehearsed; the network is what it is.
    made_from, checkpoint, on_epoch
        As in `fit_lines`.
    """
    loop, lines = _import_torch_side()
    own, rehearsed = (
        lines.LineBatches(make, n_batches=settings.n_batches, batch_size=settings.batch_size // 2)
        for make in (make_own, make_rehearsed)
    )
    task = lines.AdaptTask(layers, own, rehearsed, dropout=settings.dropout, made_from=made_from)
    schedule = _schedule(loop, settings, max_epochs, random_state)
    return FittedLines.of(loop.fit_network(task, schedule, checkpoint=checkpoint, on_epoch=on_epoch))


def input_layers() -> list[Layer]:
    """Return the layers that take (n, LINE_HEIGHT, w) in 0..255 to (n, 1, LINE_HEIGHT, w) in 0..1."""
    return [Layer("Unsqueeze", (np.array([1], np.int64),)), Layer("Div", (np.array(INK, np.float32),))]


def _schedule(loop: Any, settings: LineSettings, max_epochs: int, random_state: int) -> Any:
    return loop.Schedule(
        max_epochs=max_epochs,
        learning_rate=settings.learning_rate,
        one_cycle=True,
        weight_decay=settings.weight_decay,
        beta_2=0.999,
        n_iter_no_change=max_epochs,
        random_state=random_state,
    )


def _import_torch_side() -> tuple[Any, Any]:
    """Return the training loop and what it learns."""
    try:
        from inkdigits import _torch, _torch_line
    except ImportError as error:
        raise MissingExtraError(
            "cannot train a reader of lines: PyTorch is not installed; run pip install 'inkdigits[train]'"
        ) from error
    return _torch, _torch_line
