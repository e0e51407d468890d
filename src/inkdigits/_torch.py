"""The one training loop in PyTorch, and the way out: plain layers for a model file.

What is learned is a Task: `_torch_digit.py` has the one of single digits, `_torch_line.py` that of whole numbers.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim.adamw import adamw

from inkdigits.errors import CheckpointError, ModelFileError, one_line
from inkdigits.graph import Layer

WARM_UP = 0.2  # of a cycle, in which the learning rate rises
FIRST_RATE, LAST_RATE = 1 / 25, 4e-6  # of the highest
CALM_MOMENTUM, FAST_MOMENTUM = 0.95, 0.85  # Adam's beta_1 at the lowest and at the highest rate
MOMENTUM = 0.9  # at a constant rate
SHORTEST_CYCLE = 6  # steps; in a shorter one the rate has no time to rise
CHECKPOINT_FORMAT = 2  # raised when one that was written before can no longer be gone on from
State = Mapping[str, NDArray[Any]]  # a network's weights and statistics, by name


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How a network is trained, whatever it learns."""

    max_epochs: int
    learning_rate: float  # the highest
    one_cycle: bool  # up and down again over max_epochs, or the same rate throughout
    weight_decay: float
    beta_2: float
    n_iter_no_change: int  # epochs without a better validation score after which it stops
    random_state: int


class Task(Protocol):
    """What is learned: a network, batches of examples, and how wrong it is on one."""

    @property
    def identity(self) -> str:
        """A name that another task, with other data or settings, does not have."""

    @property
    def n_batches(self) -> int:
        """How many batches an epoch has."""

    def build(self) -> nn.Sequential:
        """Return the network with random weights."""

    def batches(self, epoch: int, generator: torch.Generator) -> Iterator[Any]:
        """Yield the batches of an epoch, numbered from 0."""

    def loss(self, network: nn.Module, batch: Any) -> Tensor:
        """Return the mean loss on a batch."""

    def score(self, network: nn.Module) -> float | None:
        """Return the share of a held-out part that is read rightly, None where nothing is held out."""

    def to_layers(self, network: nn.Sequential) -> list[Layer]:
        """Return the network as a model file has it."""


@dataclass(frozen=True)
class Fitted:
    """A trained network: as plain layers, as a state to go on from, and how it came to be."""

    layers: tuple[Layer, ...]
    state: State
    loss_curve: tuple[float, ...]
    validation_curve: tuple[float, ...]
    stopped_because: str


def fit_network(
    task: Task,
    schedule: Schedule,
    *,
    start: State | None = None,
    checkpoint: Path | None = None,
    on_epoch: Callable[[int, float], bool | None] | None = None,
) -> Fitted:
    """Train a network; Ctrl-C keeps the best so far.

    Parameters
    ----------
    start
        The state of an earlier network to go on from, instead of random weights.
    checkpoint
        A file that is written after each epoch; where it exists already, training goes on from it to the same result.
    on_epoch
        Called after each epoch with its number, from 1, and its mean loss; True stops the training.
    """
    run = _Run(task, schedule, start)
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


class _Run:
    """A training between two epochs: everything that the next one depends on."""

    def __init__(self, task: Task, schedule: Schedule, start: State | None) -> None:
        self.task, self.settings = task, schedule
        self.device = find_device()
        self.generator = torch.Generator(self.device).manual_seed(schedule.random_state)
        torch.manual_seed(schedule.random_state)
        network = task.build()
        if start is not None:
            network.load_state_dict(_tensors(start))
        self.network = network.to(self.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.dropout = _dropout_generator(self.device)  # a GPU has one only when something is on it
        self.start = start
        self.optimizer = _AdamW(self.network.parameters(), schedule, n_steps=schedule.max_epochs * task.n_batches)
        self.loss_curve: list[float] = []
        self.validation_curve: list[float] = []
        self.best = self._state()

    @cached_property
    def identity(self) -> str:
        """A name that no other training has."""
        training = f"format {CHECKPOINT_FORMAT} on {self.device.type}, {self.settings}"
        return f"{training} of {self.task.identity} from {content_hash((self.start or {}).values())}"

    def why_stop(self) -> str:
        """Return why the training is over, or nothing."""
        epochs, patience = len(self.loss_curve), self.settings.n_iter_no_change
        if self.validation_curve and epochs - 1 - int(np.argmax(self.validation_curve)) >= patience:
            return f"stopped after {epochs} epochs: the validation score no longer rose for {patience} epochs"
        return f"finished its {epochs} epochs" if epochs >= self.settings.max_epochs else ""

    def train_epoch(self) -> None:
        """Go through the examples once."""
        self.network.train()
        losses = [self._train_batch(batch) for batch in self.task.batches(len(self.loss_curve), self.generator)]
        self.loss_curve.append(float(np.mean(losses)))
        self.network.eval()
        score = self.task.score(self.network)
        if score is not None:
            self.validation_curve.append(score)
        if score is None or score >= max(self.validation_curve):
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
            raise CheckpointError(f"checkpoint '{path}' is of other data, settings or device; remove it to begin anew")
        self.network.load_state_dict(saved["network"])
        self.optimizer.load_state(saved["optimizer"])
        self.generator.set_state(saved["generator"].cpu())
        self.dropout.set_state(saved["dropout"].cpu())
        self.loss_curve, self.validation_curve = saved["loss_curve"], saved["validation_curve"]
        self.best = {name: value.cpu().numpy() for name, value in saved["best"].items()}

    def result(self, stopped_because: str) -> Fitted:
        """Return the best network so far."""
        network = self.task.build()
        network.load_state_dict(_tensors(self.best))
        curves = tuple(self.loss_curve), tuple(self.validation_curve)
        return Fitted(tuple(self.task.to_layers(network.eval())), self.best, *curves, stopped_because)

    def _train_batch(self, batch: Any) -> float:
        """Take one step; return the mean loss."""
        loss = self.task.loss(self.network, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        return float(loss.item())

    def _state(self) -> State:
        return {name: value.detach().cpu().numpy().copy() for name, value in self.network.state_dict().items()}

    def _checkpoint(self) -> dict[str, Any]:
        return {
            "training": self.identity,
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state(),
            "generator": self.generator.get_state(),
            "dropout": self.dropout.get_state(),
            "loss_curve": self.loss_curve,
            "validation_curve": self.validation_curve,
            "best": _tensors(self.best),
        }


class _AdamW:
    """AdamW (Loshchilov and Hutter, 2019) on a schedule.

    PyTorch's function does the arithmetic. Its class of the same name would load PyTorch's compiler first, 800 modules
    in one to three seconds, though nothing is compiled here.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], schedule: Schedule, *, n_steps: int) -> None:
        self.parameters, self.schedule, self.n_steps = list(parameters), schedule, n_steps
        self.done = 0  # steps
        self.means = [torch.zeros_like(parameter) for parameter in self.parameters]  # of the gradients
        self.squares = [torch.zeros_like(parameter) for parameter in self.parameters]
        self.counts = [torch.zeros((), device=parameter.device) for parameter in self.parameters]  # of steps

    @torch.no_grad()
    def step(self) -> None:
        """Move the parameters along their gradients, which are used up."""
        rate, beta_1 = one_cycle(self.done, self.n_steps) if self.schedule.one_cycle else (1.0, MOMENTUM)
        adamw(
            [*self.parameters],
            [parameter.grad for parameter in self.parameters if parameter.grad is not None],
            self.means,
            self.squares,
            [],
            self.counts,
            fused=True,
            amsgrad=False,
            beta1=beta_1,
            beta2=self.schedule.beta_2,
            lr=self.schedule.learning_rate * rate,
            weight_decay=self.schedule.weight_decay,
            eps=1e-8,
            maximize=False,
        )
        self.done += 1
        for parameter in self.parameters:
            parameter.grad = None

    def state(self) -> dict[str, Any]:
        """Return what the next step depends on."""
        return {"done": self.done, "means": self.means, "squares": self.squares}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from another's state."""
        self.done, self.means, self.squares = state["done"], state["means"], state["squares"]
        self.counts = [torch.full_like(count, self.done) for count in self.counts]


def one_cycle(step: int, n_steps: int) -> tuple[float, float]:
    """Return the learning rate, as a share of the highest, and Adam's beta_1 at a step, from 0 (Smith and Topin, 2018).

    The rate rises and falls along cosines, beta_1 the other way round.
    """
    last = max(n_steps, SHORTEST_CYCLE) - 1
    top = WARM_UP * (last + 1) - 1
    if step <= top:
        rise = _along_cosine(step / top)
        return FIRST_RATE + (1 - FIRST_RATE) * rise, CALM_MOMENTUM + (FAST_MOMENTUM - CALM_MOMENTUM) * rise
    fall = _along_cosine((step - top) / (last - top))
    return 1 + (LAST_RATE - 1) * fall, FAST_MOMENTUM + (CALM_MOMENTUM - FAST_MOMENTUM) * fall


def _along_cosine(share: float) -> float:
    """Return how far a way is gone, slow at both ends, after a share of its time."""
    return (1 - math.cos(math.pi * share)) / 2


def find_device() -> torch.device:
    """Return the GPU where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def answer(network: nn.Module, images: Tensor) -> Tensor:
    """Return what a network answers, float32; computed in bfloat16 where the device has it."""
    device = images.device
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=_has_bfloat16(device)):
        answers: Tensor = network(images.contiguous(memory_format=torch.channels_last))
    return answers.float()


def content_hash(arrays: Iterable[NDArray[Any] | None]) -> str:
    """Return a hash of arrays, for a task's identity."""
    content = hashlib.sha256()
    for array in arrays:
        content.update(b"nothing" if array is None else np.ascontiguousarray(array).tobytes())
    return content.hexdigest()


def to_layers(network: nn.Sequential) -> list[Layer]:
    """Translate a network to ONNX layers, each batch normalisation folded into the convolution before it."""
    layers: list[Layer] = []
    for module, following in pairwise([*network.eval(), None]):
        if isinstance(module, nn.Conv2d):
            folds = isinstance(following, nn.BatchNorm2d)
            folded = nn.utils.fusion.fuse_conv_bn_eval(module, following) if folds else module
            layers.append(Layer("Conv", _arrays(folded), _convolution(module)))
        elif isinstance(module, nn.ReLU):
            layers.append(Layer("Relu"))
        elif isinstance(module, nn.MaxPool2d):
            size = list(nn.modules.utils._pair(module.kernel_size))  # noqa: SLF001 - one number stands for two
            layers.append(Layer("MaxPool", attributes={"kernel_shape": size, "strides": size}))
        elif isinstance(module, nn.Flatten) and module.end_dim == -1:
            layers.append(Layer("Flatten"))
        elif isinstance(module, nn.Flatten):  # of a height of 1
            layers.append(Layer("Squeeze", (np.array([module.end_dim], np.int64),)))
        elif isinstance(module, nn.Conv1d):
            layers.append(Layer("Gemm", _mean_of_networks(module), {"transB": 1}))
    return layers


def to_modules(layers: Iterable[Layer]) -> list[nn.Module]:
    """Translate ONNX layers of pictures back, as `to_layers` makes them: batch normalisations stay folded.

    Raises ModelFileError for layers that are none of ours.
    """
    modules: Mapping[str, Callable[[Layer], nn.Module]] = {
        "Conv": _to_convolution,
        "Relu": lambda _: nn.ReLU(),
        "MaxPool": lambda layer: nn.MaxPool2d(tuple(layer.attributes["kernel_shape"])),
        "Squeeze": lambda layer: nn.Flatten(1, int(layer.weights[0][0])),
    }
    try:
        return [modules[layer.operator](layer) for layer in layers]
    except (LookupError, TypeError, ValueError, RuntimeError) as error:
        raise ModelFileError(
            f"cannot train the model further: its layers are none of ours ({one_line(error)})"
        ) from None


def _to_convolution(layer: Layer) -> nn.Conv2d:
    weight, bias = layer.weights
    pads, strides, groups = (layer.attributes[name] for name in ("pads", "strides", "group"))
    module = nn.Conv2d(
        weight.shape[1] * groups, len(weight), weight.shape[2:], tuple(strides), tuple(pads[:2]), groups=groups
    )
    module.load_state_dict(_tensors({"weight": weight, "bias": bias}))
    return module


def _convolution(module: nn.Conv2d) -> dict[str, Any]:
    """Return the attributes that ONNX has for a convolution."""
    return {"pads": [*module.padding, *module.padding], "strides": list(module.stride), "group": module.groups}


def _mean_of_networks(head: nn.Conv1d) -> tuple[NDArray[np.float32], ...]:
    """Return weights (n_classes, n_features) and bias of the mean of all networks' logits."""
    weights, bias = _arrays(head)
    n, features = head.groups, weights.shape[1]
    weights = weights.reshape(n, -1, features).transpose(1, 0, 2).reshape(-1, n * features)
    return np.ascontiguousarray(weights / np.float32(n)), bias.reshape(n, -1).mean(axis=0)


def _has_bfloat16(device: torch.device) -> bool:
    """Whether the device computes in bfloat16 itself; emulated it would be slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())  # noqa: SLF001 - torch has no public way to ask


def _dropout_generator(device: torch.device) -> torch.Generator:
    """Return what dropout on a device draws from: it takes no other generator."""
    if device.type == "cuda":
        return torch.cuda.default_generators[torch.cuda.current_device()]
    return torch.default_generator


def _tensors(state: State) -> dict[str, Tensor]:
    return {name: torch.from_numpy(np.array(value)) for name, value in state.items()}


def _arrays(module: nn.Module) -> tuple[NDArray[np.float32], ...]:
    return tuple(value.detach().float().numpy() for value in module.parameters())
