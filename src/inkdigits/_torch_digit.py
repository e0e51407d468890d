"""Single digits in PyTorch: the network of ConvNetClassifier, and how it is shown its images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from inkdigits._torch import answer, content_hash, find_device, to_layers
from inkdigits.augment import Augmentation, augment
from inkdigits.graph import Layer

CALM = 0.5  # of the distortions, in the calm epochs
TRIMMED = 6  # px; larger images lose their last row and column, which are paper, where a convolution strides over them
SCORING_BATCH = 1000  # images; bounds the memory of a pass without gradients


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """What a network is made of; see `build_network`."""

    stages: tuple[tuple[int, ...], ...]  # the widths of the 3x3 convolutions of each stage
    strided: bool  # whether stages halve the image with the stride of their first convolution, or with a maximum after
    enlarge: bool  # whether images are made twice as large first
    n_networks: int  # trained side by side; their logits are averaged
    dropout: float


@dataclass(frozen=True)
class Part:
    """Images (n, size, size), ink is 255, labels (n,) 0..n_classes-1, perhaps weights (n,)."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    n_classes: int
    weights: NDArray[np.float32] | None = None


class DigitTask:
    """Learn the labels of images; see `_torch.Task`.

    Parameters
    ----------
    calm_from
        The epoch, from 0, after which the images are distorted half as far.
    """

    def __init__(
        self,
        network: Architecture,
        part: Part,
        *,
        batch_size: int,
        augmentation: Augmentation | None,
        calm_from: int,
        validation: Part | None = None,
    ) -> None:
        self.made_of, self.n_classes, self.batch_size = network, part.n_classes, batch_size
        self.augmentation, self.calm_from, self.validation = augmentation, calm_from, validation
        self.size = part.images.shape[1] * (2 if network.enlarge else 1)
        self.device = find_device()
        self.X, self.y = self._to_device(part.images[:, None]), self._to_device(part.labels)
        self.weights = None if part.weights is None else self._to_device(part.weights)
        self._parts = [one for one in (part, validation) if one is not None]
        self.n_batches = max(1, len(self.X) // batch_size)  # whole ones; a set smaller than a batch is one

    @cached_property
    def identity(self) -> str:
        """A name with a hash of all images and labels: it takes a while, and only a checkpoint needs it."""
        content = content_hash(x for part in self._parts for x in (part.images, part.labels, part.weights))
        settings = f"{self.batch_size} a batch, {self.augmentation}, calm from {self.calm_from}"
        return f"{self.made_of}, {settings}, on {content}"

    def build(self) -> nn.Sequential:
        """Return the network with random weights."""
        return build_network(self.made_of, size=self.size, n_classes=self.n_classes)

    def batches(self, epoch: int, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the images once, in a new order, each distorted anew: a batch, and where it is among the images."""
        order = torch.randperm(len(self.X), generator=generator, device=self.device)
        whole = order[: self.n_batches * self.batch_size]
        for index in torch.split(whole, self.batch_size):
            batch = self._show(self.X[index])
            if self.augmentation is not None:
                batch = augment(batch, self.augmentation.times(CALM if epoch >= self.calm_from else 1), generator)
            yield batch, index

    def loss(self, network: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        """Return the mean loss; every one of several networks learns for itself."""
        images, index = batch
        logits = self._each_network(answer(network, images))
        labels = self.y[index, None].expand(-1, self.made_of.n_networks)
        losses = functional.cross_entropy(logits, labels, reduction="none").mean(dim=1)
        if self.weights is None:
            return losses.mean()
        weights = self.weights[index]
        return (losses * weights).sum() / weights.sum().clamp_min(1e-12)

    @torch.no_grad()
    def score(self, network: nn.Module) -> float | None:
        """Return the share of the held-out part that is classified rightly."""
        if self.validation is None:
            return None
        batches = torch.split(self._to_device(self.validation.images[:, None]), SCORING_BATCH)
        logits = torch.cat([self._each_network(network(self._show(batch))).mean(dim=2) for batch in batches])
        right = logits.argmax(dim=1).cpu().numpy() == self.validation.labels
        return float(np.average(right, weights=self.validation.weights))

    def to_layers(self, network: nn.Sequential) -> list[Layer]:
        """Return the network as a model file has it."""
        return [*input_layers(self.made_of), *to_layers(network)]

    def _show(self, images: Tensor) -> Tensor:
        """Return images (n, 1, size, size), ink is 255, as the network sees them."""
        images = images.float() / 255
        return enlarge(images) if self.made_of.enlarge else images

    def _each_network(self, answers: Tensor) -> Tensor:
        """Return the logits of each network, (n, n_classes, n_networks)."""
        return answers.view(len(answers), self.made_of.n_networks, self.n_classes).transpose(1, 2)

    def _to_device(self, array: NDArray[Any]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self.device)


def build_network(made_of: Architecture, *, size: int, n_classes: int) -> nn.Sequential:
    """Stages of 3x3 convolutions, each of which halves the image, and a linear layer over what is left of it.

    Several networks stand side by side as the groups of its convolutions: images (n, 1, size, size) become logits
    (n, n_networks * n_classes, 1).
    """
    layers: list[nn.Module] = []
    groups, incoming = made_of.n_networks, 1
    for widths in made_of.stages:
        for i, width in enumerate(widths):
            stride = 2 if made_of.strided and i == 0 else 1
            padding = 0 if stride == 2 and size > TRIMMED else 1
            shared = 1 if incoming == 1 else groups  # the first convolution of all networks sees the same image
            layers += [
                nn.Conv2d(incoming, width * groups, 3, stride, padding, groups=shared, bias=False),
                nn.BatchNorm2d(width * groups),
                nn.ReLU(),
            ]
            incoming, size = width * groups, (size + 2 * padding - 3) // stride + 1
        if not made_of.strided and size > 1:
            layers.append(nn.MaxPool2d(2))
            size //= 2
    n_features = incoming * size**2
    head = nn.Conv1d(n_features, n_classes * groups, 1, groups=groups)
    layers += [nn.Flatten(), nn.Dropout(made_of.dropout), nn.Unflatten(1, (n_features, 1)), head]
    return nn.Sequential(*layers)


def enlarge(images: Tensor) -> Tensor:
    """Return images (n, 1, size, size) in 0..1 twice as large, by Keys' cubic convolution (1981)."""
    kernel = _enlarging_kernel().to(images.device)
    return functional.conv_transpose2d(images, kernel, stride=2, padding=3).clamp(0, 1)


def input_layers(made_of: Architecture) -> list[Layer]:
    """Return what happens to images (n, 1, size, size) before the network sees them."""
    if not made_of.enlarge:
        return []
    attributes = {"strides": [2, 2], "pads": [3, 3, 3, 3]}
    limits = np.array(0, np.float32), np.array(1, np.float32)
    return [Layer("ConvTranspose", (_enlarging_kernel().numpy(),), attributes), Layer("Clip", limits)]


def _enlarging_kernel() -> Tensor:
    """Return what one pixel becomes, (1, 1, 8, 8): Keys' cubic at the distances of the pixels of half its size."""
    distance = ((torch.arange(8) - 3.5) / 2).abs()
    near = 1.5 * distance**3 - 2.5 * distance**2 + 1
    far = -0.5 * distance**3 + 2.5 * distance**2 - 4 * distance + 2
    taps = torch.where(distance < 1, near, far)
    return (taps[:, None] * taps[None, :])[None, None]
