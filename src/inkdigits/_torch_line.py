"""Whole lines in PyTorch: a convolutional network that is trained with connectionist temporal classification.

CTC (Graves et al., 2006): the network names a digit or none in each frame from left to right; a number is likely as far
as all ways to spell it are, and nobody needs to say where a digit stands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from inkdigits._torch import answer, find_device, to_layers, to_modules
from inkdigits.graph import Layer
from inkdigits.modelfile import LINE_LABELS

BLANK = len(LINE_LABELS) - 1  # the output that stands for no new mark
DIGITS = 10  # outputs, the first ones
WIDTH_STEP = 16  # px; batches are padded to a multiple, so that few shapes occur
Lines = Sequence[tuple[NDArray[np.uint8], str]]  # images (height, w), ink is 255, and what is written there


@dataclass(frozen=True, kw_only=True)
class LineArchitecture:
    """What a network of lines is made of: stages of 3x3 convolutions, each ends with a maximum."""

    stages: tuple[tuple[int, ...], ...] = ((16, 16), (32, 32), (64, 64), (96,), (128,))
    halved: int = 2  # stages that halve the width too; the others halve the height only
    context: int = 160  # width of the last convolution, which sees five frames
    dropout: float = 0.2


class LineBatches:
    """The lines of a training, epoch by epoch in batches; while one is learned the lines of the next are made.

    Parameters
    ----------
    make_lines
        Returns the lines of an epoch, numbered from 0: the same number, the same lines.
    """

    def __init__(self, make_lines: Callable[[int], Lines], *, n_batches: int, batch_size: int) -> None:
        self.make_lines, self.n_batches, self.batch_size = make_lines, n_batches, batch_size
        self._maker = ThreadPoolExecutor(1)
        self._ahead: dict[int, Future[Lines]] = {}

    def batches(self, epoch: int, generator: torch.Generator) -> Iterator[tuple[Tensor, list[str]]]:
        """Yield the lines of an epoch, those of about the same width together, in random order."""
        lines = self._lines(epoch)
        by_width = sorted(range(len(lines)), key=lambda i: lines[i][0].shape[1])
        groups = [by_width[i * self.batch_size : (i + 1) * self.batch_size] for i in range(self.n_batches)]
        for i in torch.randperm(self.n_batches, generator=generator, device=generator.device).tolist():
            chosen = [lines[j] for j in groups[i]]
            yield to_tensor([image for image, _ in chosen], generator.device), [text for _, text in chosen]

    def _lines(self, epoch: int) -> Lines:
        """Return the lines of an epoch, and let those of the next be made."""
        for number in (epoch, epoch + 1):
            if number not in self._ahead:
                self._ahead[number] = self._maker.submit(self.make_lines, number)
        return self._ahead.pop(epoch).result()


class LineTask:
    """Learn to spell lines; see `_torch.Task`.

    Parameters
    ----------
    made_from
        Tells these lines from those of others.
    start
        The layers of a trained network to go on from.
    validation
        Lines that are held out.
    """

    def __init__(
        self,
        network: LineArchitecture,
        lines: LineBatches,
        *,
        made_from: str,
        start: Sequence[Layer] = (),
        validation: Lines = (),
    ) -> None:
        self.made_of, self.start, self.batches, self.validation = network, start, lines.batches, validation
        self.n_batches, self.device = lines.n_batches, find_device()
        self.identity = f"{network}, {lines.n_batches} batches of {lines.batch_size}, lines {made_from}"

    def build(self) -> nn.Sequential:
        """Return the network with random weights, or the one to go on from."""
        if self.start:
            return rebuild_network(self.start, dropout=self.made_of.dropout)
        return build_network(self.made_of)

    def loss(self, network: nn.Module, batch: tuple[Tensor, list[str]]) -> Tensor:
        """Return the mean loss of the lines."""
        images, texts = batch
        return _spelling_loss(answer(network, images), texts)

    @torch.no_grad()
    def score(self, network: nn.Module) -> float | None:
        """Return the share of the held-out lines whose digits are read without a mistake."""
        if not self.validation:
            return None
        right = [
            _digits(_spell(network(to_tensor([image], self.device))[0])) == _digits(text)
            for image, text in self.validation
        ]
        return float(np.mean(right))

    def to_layers(self, network: nn.Sequential) -> list[Layer]:
        """Return the network as a model file has it."""
        return to_layers(network)


class AdaptTask:
    """Go on with a trained network: half of each batch are lines of a new kind, the other half is rehearsed.

    Of the new lines the digits are known, and not what stands between them; see `_torch.Task`.
    """

    def __init__(
        self, layers: Sequence[Layer], own: LineBatches, rehearsed: LineBatches, *, dropout: float, made_from: str
    ) -> None:
        self.layers, self.own, self.rehearsed, self.dropout = layers, own, rehearsed, dropout
        self.n_batches, self.device = own.n_batches, find_device()
        self.identity = f"{own.n_batches} batches of {own.batch_size} and {rehearsed.batch_size}, lines {made_from}"

    def build(self) -> nn.Sequential:
        """Return the trained network."""
        return rebuild_network(self.layers, dropout=self.dropout)

    def batches(self, epoch: int, generator: torch.Generator) -> Iterator[Any]:
        """Yield batches in two halves."""
        return zip(self.own.batches(epoch, generator), self.rehearsed.batches(epoch, generator), strict=True)

    def loss(self, network: nn.Module, batch: Any) -> Tensor:
        """Return the mean loss of both halves."""
        (own, digits), (rehearsed, texts) = batch
        of_own = _spelling_loss(_only_digits(answer(network, own)), digits)
        return (of_own + _spelling_loss(answer(network, rehearsed), texts)) / 2

    def score(self, network: nn.Module) -> None:
        """Return nothing: what is held out is for the judgement, the last network is kept."""

    def to_layers(self, network: nn.Sequential) -> list[Layer]:
        """Return the network as a model file has it."""
        return to_layers(network)


def build_network(made_of: LineArchitecture) -> nn.Sequential:
    """Return a network that takes (n, 1, 32, w) to logits (n, 15, t), one frame for every four columns."""
    layers: list[nn.Module] = []
    incoming = 1
    for i, widths in enumerate(made_of.stages):
        for width in widths:
            layers += [nn.Conv2d(incoming, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
            incoming = width
        layers.append(nn.MaxPool2d((2, 2) if i < made_of.halved else (2, 1)))
    layers += [
        nn.Conv2d(incoming, made_of.context, (1, 5), padding=(0, 2), bias=False),
        nn.BatchNorm2d(made_of.context),
        nn.ReLU(),
        nn.Dropout(made_of.dropout),
        nn.Conv2d(made_of.context, BLANK + 1, (1, 3), padding=(0, 1)),
        nn.Flatten(1, 2),
    ]
    return nn.Sequential(*layers)


def rebuild_network(layers: Sequence[Layer], *, dropout: float) -> nn.Sequential:
    """Return a trained network to go on with; its batch normalisation stays part of the convolutions."""
    modules = to_modules(layers)
    return nn.Sequential(*modules[:-2], nn.Dropout(dropout), *modules[-2:])


def to_tensor(images: Sequence[NDArray[np.uint8]], device: torch.device) -> Tensor:
    """Return lines, filled up with paper to the same width, (n, 1, height, w) in 0..1."""
    width = -(-max(image.shape[1] for image in images) // WIDTH_STEP) * WIDTH_STEP
    padded = np.stack([np.pad(image, ((0, 0), (0, width - image.shape[1]))) for image in images])
    return torch.from_numpy(padded).to(device).float()[:, None] / 255


def _spelling_loss(logits: Tensor, texts: Sequence[str]) -> Tensor:
    """Return the mean loss of CTC, logits (n, k, t); the last of the k outputs is the blank."""
    frames = logits.permute(2, 0, 1).log_softmax(dim=2)  # (t, n, k)
    n_frames = torch.full((len(texts),), len(frames), dtype=torch.long)
    lengths = torch.tensor([len(text) for text in texts])
    marks = [LINE_LABELS.index(mark) for text in texts for mark in text]
    targets = torch.tensor(marks, dtype=torch.long, device=logits.device)
    return functional.ctc_loss(frames, targets, n_frames, lengths, blank=logits.shape[1] - 1, zero_infinity=True)


def _only_digits(logits: Tensor) -> Tensor:
    """Return logits (n, 11, t) of (n, k, t): a separator is no new digit, as in `ctc.only_digits`."""
    return torch.cat([logits[:, :DIGITS], logits[:, DIGITS:].logsumexp(dim=1, keepdim=True)], dim=1)


def _spell(logits: Tensor) -> str:
    """Return the marks of the best way through the frames, logits (k, t)."""
    best = torch.unique_consecutive(logits.argmax(dim=0))
    return "".join(LINE_LABELS[label] for label in best.tolist() if label != BLANK)


def _digits(marks: str) -> str:
    return "".join(filter(str.isdigit, marks))
