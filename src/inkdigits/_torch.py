"""The networks in PyTorch, the one training loop, and the way out: plain layers for a model file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from inkdigits.augment import Augmentation, augment
from inkdigits.modelfile import Layer


@dataclass(frozen=True, kw_only=True)
class Fit:
    """The settings of one training run."""

    channels: tuple[int, ...]
    max_epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    dropout: float
    augmentation: Augmentation | None
    random_state: int


@dataclass(frozen=True)
class Fitted:
    """A trained network as plain layers, with the mean training loss of each epoch."""

    layers: tuple[Layer, ...]
    loss_curve: tuple[float, ...]
    interrupted: bool


def fit_network(
    images: NDArray[np.float32], labels: NDArray[np.intp], fit: Fit, on_epoch: Callable[[int, float], None] | None
) -> Fitted:
    """Train on images (n, size, size) in 0..1 and labels 0..k-1; Ctrl-C keeps the epochs done so far."""
    generator = torch.Generator().manual_seed(fit.random_state)
    torch.manual_seed(fit.random_state)
    network = build_network(fit.channels, n_classes=int(labels.max()) + 1, dropout=fit.dropout)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's types
    X, y = torch.from_numpy(images)[:, None], torch.from_numpy(labels)
    steps = fit.max_epochs * _batches(len(X), fit.batch_size)
    optimizer = torch.optim.AdamW(network.parameters(), lr=fit.learning_rate, weight_decay=fit.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, fit.learning_rate, total_steps=steps, pct_start=0.2)
    loss_curve: list[float] = []
    interrupted = False
    try:
        for epoch in range(1, fit.max_epochs + 1):
            loss_curve.append(_train_epoch(network, X, y, fit, optimizer, schedule, generator))
            if on_epoch is not None:
                on_epoch(epoch, loss_curve[-1])
    except KeyboardInterrupt:
        if not loss_curve:
            raise  # nothing was learned, nothing to keep
        interrupted = True
    return Fitted(tuple(_to_layers(network)), tuple(loss_curve), interrupted)


def build_network(channels: tuple[int, ...], *, n_classes: int, dropout: float) -> nn.Sequential:
    """Pairs of 3x3 convolutions, halved between them, averaged over the image at the end."""
    layers: list[nn.Module] = []
    incoming = 1
    for width in channels:
        if layers:
            layers.append(nn.MaxPool2d(2))
        for _ in range(2):
            layers += [nn.Conv2d(incoming, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
            incoming = width
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout), nn.Linear(incoming, n_classes)]
    return nn.Sequential(*layers)


def _train_epoch(
    network: nn.Sequential,
    X: Tensor,
    y: Tensor,
    fit: Fit,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    generator: torch.Generator,
) -> float:
    network.train()
    total, seen = 0.0, 0
    order = torch.randperm(len(X), generator=generator)
    for start in range(0, _batches(len(X), fit.batch_size) * fit.batch_size, fit.batch_size):
        index = order[start : start + fit.batch_size]
        batch = X[index]
        if fit.augmentation is not None:
            batch = augment(batch, fit.augmentation, generator)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=_has_bfloat16()):
            logits = network(batch.contiguous(memory_format=torch.channels_last))
        loss = functional.cross_entropy(logits.float(), y[index])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        total += loss.item() * len(index)
        seen += len(index)
    return total / seen


def _batches(n_images: int, batch_size: int) -> int:
    """Return the number of whole batches in an epoch; a set smaller than a batch is one batch."""
    return max(1, n_images // batch_size)


def _has_bfloat16() -> bool:
    """Whether this CPU computes in bfloat16 itself; emulated it would be slower than float32."""
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())  # noqa: SLF001 - torch has no public way to ask


def _to_layers(network: nn.Sequential) -> list[Layer]:
    """Translate the network to ONNX layers, each batch normalisation folded into the convolution before it."""
    layers: list[Layer] = []
    for previous, module in pairwise([None, *network.eval()]):
        if isinstance(module, nn.BatchNorm2d) and isinstance(previous, nn.Conv2d):
            folded = nn.utils.fusion.fuse_conv_bn_eval(previous, module)
            layers.append(Layer("Conv", _arrays(folded), {"pads": [1, 1, 1, 1]}))
        elif isinstance(module, nn.ReLU):
            layers.append(Layer("Relu"))
        elif isinstance(module, nn.MaxPool2d):
            layers.append(Layer("MaxPool", attributes={"kernel_shape": [2, 2], "strides": [2, 2]}))
        elif isinstance(module, nn.AdaptiveAvgPool2d):
            layers += [Layer("GlobalAveragePool"), Layer("Flatten")]
        elif isinstance(module, nn.Linear):
            layers.append(Layer("Gemm", _arrays(module), {"transB": 1}))
    return layers


def _arrays(module: nn.Module) -> tuple[NDArray[np.float32], ...]:
    return tuple(value.detach().float().numpy() for value in module.parameters())
