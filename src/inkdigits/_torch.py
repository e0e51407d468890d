"""The networks in PyTorch, the one training loop, and the way out: plain layers for a model file."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from inkdigits.augment import Augmentation, augment
from inkdigits.errors import CheckpointError
from inkdigits.modelfile import Layer

State = Mapping[str, NDArray[Any]]  # a network's weights and statistics, by name
CALM = 0.5  # of the distortions, in the calm epochs
SCORING_BATCH = 1000  # images; bounds the memory of a pass without gradients


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """What a network is made of; see `build_network`."""

    stages: tuple[tuple[int, ...], ...]  # the widths of the 3x3 convolutions of each stage
    strided: bool  # whether stages halve the image with the stride of their first convolution, or with a maximum after
    enlarge: bool  # whether images are made twice as large first
    n_networks: int  # trained side by side; their logits are averaged
    dropout: float


@dataclass(frozen=True, kw_only=True)
class Fit:
    """The settings of one training run."""

    network: Architecture
    max_epochs: int
    batch_size: int
    learning_rate: float
    one_cycle: bool  # up and down again over max_epochs, or the same rate throughout
    weight_decay: float
    beta_2: float
    augmentation: Augmentation | None
    calm_epochs: int  # at the end, in which the images are distorted half as far
    n_iter_no_change: int  # epochs without a better validation score after which it stops
    random_state: int


@dataclass(frozen=True)
class Part:
    """Images (n, size, size) float32 in 0..1, labels (n,) 0..n_classes-1, perhaps weights (n,)."""

    images: NDArray[np.float32]
    labels: NDArray[np.int64]
    n_classes: int
    weights: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Fitted:
    """A trained network: as plain layers, as a state to go on from, and how it came to be."""

    layers: tuple[Layer, ...]
    state: State
    loss_curve: tuple[float, ...]
    validation_curve: tuple[float, ...]
    stopped_because: str


def fit_network(
    part: Part,
    fit: Fit,
    *,
    validation: Part | None = None,
    start: State | None = None,
    checkpoint: Path | None = None,
    on_epoch: Callable[[int, float], bool | None] | None = None,
) -> Fitted:
    """Train a network; Ctrl-C keeps the best so far.

    Parameters
    ----------
    validation
        A held-out part: the epoch that scores best on it is kept, and training stops when none gets better.
    start
        The state of an earlier network to go on from, instead of random weights.
    checkpoint
        A file that is written after each epoch; where it exists already, training goes on from it to the same result.
    on_epoch
        Called after each epoch with its number, from 1, and its mean loss; True stops the training.
    """
    run = _Run(part, fit, validation, start)
    if checkpoint is not None and checkpoint.exists():
        run.load(checkpoint)
    try:
        while not (stopped_because := run.why_stop()):
            run.train_epoch()
            if checkpoint is not None:
                run.save(checkpoint)
            epochs = len(run.loss_curve)
            if on_epoch is not None and on_epoch(epochs, run.loss_curve[-1]):
                return run.result(f"stopped after {epochs} epochs: a callback asked for it")
    except KeyboardInterrupt:
        if not run.loss_curve:
            raise  # nothing was learned, nothing to keep
        stopped_because = f"interrupted after {len(run.loss_curve)} epochs: the network is the best until then"
    return run.result(stopped_because)


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
            shared = 1 if incoming == 1 else groups  # the first convolution of all networks sees the same image
            layers += [
                nn.Conv2d(incoming, width * groups, 3, stride, padding=1, groups=shared, bias=False),
                nn.BatchNorm2d(width * groups),
                nn.ReLU(),
            ]
            incoming, size = width * groups, (size - 1) // stride + 1
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


class _Run:
    """A training between two epochs: everything that the next one depends on."""

    def __init__(self, part: Part, fit: Fit, validation: Part | None, start: State | None) -> None:
        self.fit, self.n_classes = fit, part.n_classes
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.generator = torch.Generator(self.device).manual_seed(fit.random_state)
        torch.manual_seed(fit.random_state)
        self.size = part.images.shape[1] * (2 if fit.network.enlarge else 1)
        network = self._build()
        if start is not None:
            network.load_state_dict(_tensors(start))
        self.network = network.to(self.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.X, self.y = self._to_device(part.images[:, None]), self._to_device(part.labels)
        self.weights = None if part.weights is None else self._to_device(part.weights)
        self.validation = validation
        self.identity = _identity(fit, part, validation, start)
        self.batches = max(1, len(self.X) // fit.batch_size)  # whole ones; a set smaller than a batch is one
        rate, decay = fit.learning_rate, fit.weight_decay
        self.optimizer = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=decay, betas=(0.9, fit.beta_2))
        steps = max(6, fit.max_epochs * self.batches)  # the one cycle divides by zero where there are five
        self.schedule: torch.optim.lr_scheduler.LRScheduler = (
            torch.optim.lr_scheduler.OneCycleLR(self.optimizer, rate, total_steps=steps, pct_start=0.2)
            if fit.one_cycle
            else torch.optim.lr_scheduler.ConstantLR(self.optimizer, factor=1.0)
        )
        self.loss_curve: list[float] = []
        self.validation_curve: list[float] = []
        self.best = self._state()

    def why_stop(self) -> str:
        """Return why the training is over, or nothing."""
        epochs, patience = len(self.loss_curve), self.fit.n_iter_no_change
        if self.validation_curve and epochs - 1 - int(np.argmax(self.validation_curve)) >= patience:
            return f"stopped after {epochs} epochs: the validation score no longer rose for {patience} epochs"
        return f"finished its {epochs} epochs" if epochs >= self.fit.max_epochs else ""

    def train_epoch(self) -> None:
        """Go through the images once, in a new order, each distorted anew."""
        self.network.train()
        total, seen = 0.0, 0
        order = torch.randperm(len(self.X), generator=self.generator, device=self.device)
        whole = order[: self.batches * self.fit.batch_size]
        for index in torch.split(whole, self.fit.batch_size):
            total, seen = total + self._train_batch(index) * len(index), seen + len(index)
        self.loss_curve.append(total / seen)
        if self.validation is not None:
            self.validation_curve.append(self._score(self.validation))
        if self.validation is None or self.validation_curve[-1] >= max(self.validation_curve):
            self.best = self._state()

    def save(self, path: Path) -> None:
        """Write everything the next epoch depends on: whole or not at all."""
        unfinished = path.with_name(path.name + ".part")
        try:
            torch.save(self._checkpoint(), unfinished)
            unfinished.replace(path)
        except OSError as error:
            unfinished.unlink(missing_ok=True)
            raise CheckpointError(f"cannot write checkpoint '{path}': {error.strerror}; make room") from error

    def load(self, path: Path) -> None:
        """Go on from a checkpoint of the same training; raise CheckpointError if it is of another."""
        try:
            saved = torch.load(path, weights_only=True, map_location=self.device)  # weights_only: runs no code
        except Exception as error:
            raise CheckpointError(f"cannot read checkpoint '{path}': it is damaged; remove it to begin anew") from error
        if not isinstance(saved, dict) or saved.get("training") != self.identity:
            raise CheckpointError(f"checkpoint '{path}' is of other data or settings; remove it to begin anew")
        self.network.load_state_dict(saved["network"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.schedule.load_state_dict(saved["schedule"])
        self.generator.set_state(saved["generator"].cpu())
        torch.set_rng_state(saved["dropout"].cpu())
        self.loss_curve, self.validation_curve = saved["loss_curve"], saved["validation_curve"]
        self.best = {name: value.cpu().numpy() for name, value in saved["best"].items()}

    def result(self, stopped_because: str) -> Fitted:
        """Return the best network so far."""
        network = self._build()
        network.load_state_dict(_tensors(self.best))
        curves = tuple(self.loss_curve), tuple(self.validation_curve)
        return Fitted((*input_layers(self.fit.network), *to_layers(network)), self.best, *curves, stopped_because)

    def _build(self) -> nn.Sequential:
        return build_network(self.fit.network, size=self.size, n_classes=self.n_classes)

    def _show(self, images: Tensor) -> Tensor:
        """Return images (n, 1, size, size) as the network sees them."""
        return enlarge(images) if self.fit.network.enlarge else images

    def _train_batch(self, index: Tensor) -> float:
        """Take one step; return the mean loss."""
        batch = self._show(self.X[index])
        if self.fit.augmentation is not None:
            calm = len(self.loss_curve) >= self.fit.max_epochs - self.fit.calm_epochs
            batch = augment(batch, self.fit.augmentation.times(CALM if calm else 1), self.generator)
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=_has_bfloat16(self.device)):
            answers = self.network(batch.contiguous(memory_format=torch.channels_last))
        loss = self._loss(self._each_network(answers.float()), index)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self.schedule.step()
        return float(loss.item())

    def _each_network(self, answers: Tensor) -> Tensor:
        """Return the logits of each network, (n, n_classes, n_networks)."""
        return answers.view(len(answers), self.fit.network.n_networks, self.n_classes).transpose(1, 2)

    def _loss(self, logits: Tensor, index: Tensor) -> Tensor:
        """Return the mean loss; every network learns for itself."""
        labels = self.y[index, None].expand(-1, self.fit.network.n_networks)
        losses = functional.cross_entropy(logits, labels, reduction="none").mean(dim=1)
        if self.weights is None:
            return losses.mean()
        weights = self.weights[index]
        return (losses * weights).sum() / weights.sum().clamp_min(1e-12)

    @torch.no_grad()
    def _score(self, part: Part) -> float:
        """Return the share of a part that is classified rightly."""
        self.network.eval()
        batches = torch.split(self._to_device(part.images[:, None]), SCORING_BATCH)
        logits = torch.cat([self._each_network(self.network(self._show(batch))).mean(dim=2) for batch in batches])
        right = logits.argmax(dim=1).cpu().numpy() == part.labels
        return float(np.average(right, weights=part.weights))

    def _to_device(self, array: NDArray[Any]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self.device)

    def _state(self) -> State:
        return {name: value.detach().cpu().numpy().copy() for name, value in self.network.state_dict().items()}

    def _checkpoint(self) -> dict[str, Any]:
        return {
            "training": self.identity,
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "generator": self.generator.get_state(),
            "dropout": torch.get_rng_state(),
            "loss_curve": self.loss_curve,
            "validation_curve": self.validation_curve,
            "best": _tensors(self.best),
        }


def input_layers(made_of: Architecture) -> list[Layer]:
    """Return what happens to images (n, 1, size, size) before the network sees them."""
    if not made_of.enlarge:
        return []
    attributes = {"strides": [2, 2], "pads": [3, 3, 3, 3]}
    limits = np.array(0, np.float32), np.array(1, np.float32)
    return [Layer("ConvTranspose", (_enlarging_kernel().numpy(),), attributes), Layer("Clip", limits)]


def to_layers(network: nn.Sequential) -> list[Layer]:
    """Translate a network to ONNX layers, each batch normalisation folded into the convolution before it."""
    layers: list[Layer] = []
    for previous, module in pairwise([None, *network.eval()]):
        if isinstance(module, nn.BatchNorm2d) and isinstance(previous, nn.Conv2d):
            folded = nn.utils.fusion.fuse_conv_bn_eval(previous, module)
            attributes = {
                "pads": [1, 1, 1, 1],
                "strides": list(previous.stride),
                "group": previous.groups,
            }
            layers.append(Layer("Conv", _arrays(folded), attributes))
        elif isinstance(module, nn.ReLU):
            layers.append(Layer("Relu"))
        elif isinstance(module, nn.MaxPool2d):
            layers.append(Layer("MaxPool", attributes={"kernel_shape": [2, 2], "strides": [2, 2]}))
        elif isinstance(module, nn.Flatten):
            layers.append(Layer("Flatten"))
        elif isinstance(module, nn.Conv1d):
            layers.append(Layer("Gemm", _mean_of_networks(module), {"transB": 1}))
    return layers


def _mean_of_networks(head: nn.Conv1d) -> tuple[NDArray[np.float32], ...]:
    """Return weights (n_classes, n_features) and bias of the mean of all networks' logits."""
    weights, bias = _arrays(head)
    n, features = head.groups, weights.shape[1]
    weights = weights.reshape(n, -1, features).transpose(1, 0, 2).reshape(-1, n * features)
    return np.ascontiguousarray(weights / np.float32(n)), bias.reshape(n, -1).mean(axis=0)


def _enlarging_kernel() -> Tensor:
    """Return what one pixel becomes, (1, 1, 8, 8): Keys' cubic at the distances of the pixels of half its size."""
    distance = ((torch.arange(8) - 3.5) / 2).abs()
    near = 1.5 * distance**3 - 2.5 * distance**2 + 1
    far = -0.5 * distance**3 + 2.5 * distance**2 - 4 * distance + 2
    taps = torch.where(distance < 1, near, far)
    return (taps[:, None] * taps[None, :])[None, None]


def _identity(fit: Fit, part: Part, validation: Part | None, start: State | None) -> str:
    """Name a training by its settings and a hash of everything it learns from."""
    content = hashlib.sha256()
    parts = [one for one in (part, validation) if one is not None]
    for array in [x for p in parts for x in (p.images, p.labels, p.weights)] + list((start or {}).values()):
        content.update(b"nothing" if array is None else np.ascontiguousarray(array).tobytes())
    return f"{fit} on {content.hexdigest()}"


def _has_bfloat16(device: torch.device) -> bool:
    """Whether the device computes in bfloat16 itself; emulated it would be slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())  # noqa: SLF001 - torch has no public way to ask


def _tensors(state: State) -> dict[str, Tensor]:
    return {name: torch.from_numpy(np.array(value)) for name, value in state.items()}


def _arrays(module: nn.Module) -> tuple[NDArray[np.float32], ...]:
    return tuple(value.detach().float().numpy() for value in module.parameters())
