"""A model is one .onnx file: the graph, and in its metadata what the graph needs to be used and trusted.

The graph takes prepared images (n, h, w) uint8 and returns probabilities (n, k), of a line (n, k, t), temperature
included, so that any ONNX runtime gives the probabilities that inkdigits gives. Nothing in a model file can run code: a
file that holds what we would never write is refused (see `graph`). Only the files that come with inkdigits, byte for
byte, are opened without that check: whoever can change them can change this code.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from inkdigits.errors import ModelFileError, one_line, reason_of
from inkdigits.graph import (
    BATCH,
    FRAMES,
    METADATA_KEY,
    WIDTH,
    Layer,
    build_graph,
    check_graph,
    open_session,
    parse_graph,
    read_layers,
    read_metadata,
)
from inkdigits.prepare import LINE, LINE_HEIGHT, MAX_LINE_WIDTH, PREPARATIONS
from inkdigits.readings import SEPARATORS

if TYPE_CHECKING:
    from inkdigits.confidence import Promise
    from inkdigits.graph import Session

    _Opened = tuple["Metadata", Session]

DEFAULT_MODEL = "reader"  # the bundled one
FORMAT = 1  # raised when a reader of the older format could not use the file
MAX_BYTES = 64_000_000  # our largest model has 1 MB; a file far beyond that is not one of ours
PREDICTION_BATCH = 512  # images; bounds the memory of one call to the runtime
ROUNDING = 1e-3  # how far from 1 the probabilities of a float16 softmax may add up
LINE_MODEL = "line"  # the bundled one that reads whole numbers
MOST_WEIGHT = 100  # of a reader in a pool; far beyond any that was fitted
NARROWEST = 16  # px; shorter lines are filled up with paper
NOT_A_DIGIT = "-"  # the label of the last output of a model that knows what is no digit
LINE_LABELS = f"0123456789{SEPARATORS}_"  # the labels of a line's outputs; the last is CTC's blank, no new mark


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """What a model file says about itself."""

    name: str
    preparation: str  # how a digit becomes the model's input: a name in prepare.PREPARATIONS
    labels: str = (
        "0123456789"  # the label of each output, in order; at the end perhaps NOT_A_DIGIT; LINE_LABELS of lines
    )
    temperature: float = 1.0  # logits are divided by it; already part of the graph
    thresholds: Mapping[str, float] = field(default_factory=dict)  # promised error rate -> least confidence
    coverages: Mapping[str, float] = field(default_factory=dict)  # promised error rate -> share that reached it
    calibration: Mapping[str, float] = field(default_factory=dict)  # of lines: slope and offset of the log odds
    voices: Sequence[Mapping[str, float]] = field(
        default_factory=list
    )  # of lines: how much this reader counts, and that of single digits
    recipe: Mapping[str, Any] = field(default_factory=dict)  # name, settings, random_state
    data: Mapping[str, Any] = field(default_factory=dict)  # source, number of images, fingerprint
    figures: Mapping[str, Any] = field(default_factory=dict)  # what was measured, and on what
    card: str = ""  # Markdown for people

    @property
    def digits(self) -> str:
        """The digits among the labels, which come first."""
        return "".join(label for label in self.labels if label in "0123456789")

    def with_promises(self, promises: Mapping[str, Promise]) -> Metadata:
        """Return the metadata with what is promised of each error rate."""
        return replace(
            self,
            thresholds={rate: promise.threshold for rate, promise in promises.items()},
            coverages={rate: promise.coverage for rate, promise in promises.items()},
        )

    def to_json(self) -> str:
        """Return the metadata as one JSON object."""
        return json.dumps({"format": FORMAT, **asdict(self)}, sort_keys=True, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str, *, source: str) -> Metadata:
        """Read metadata back; raise ModelFileError when it is damaged or of a later format."""
        try:
            values = json.loads(text)
            file_format = values.pop("format")
            known = {f.name for f in fields(cls)}
            metadata = cls(**{key: value for key, value in values.items() if key in known})
            metadata._check()
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise ModelFileError(
                f"cannot use {source}: its metadata is damaged ({one_line(error)}); train the model again"
            ) from None
        if file_format != FORMAT:
            raise ModelFileError(
                f"cannot use {source}: it is of model format {file_format!r} and this inkdigits reads {FORMAT}; "
                "upgrade inkdigits or train the model again"
            )
        return metadata

    def _check(self) -> None:
        texts = (self.name, self.preparation, self.labels, self.card)
        mappings = (self.thresholds, self.coverages, self.calibration, self.recipe, self.data, self.figures)
        if not all(isinstance(text, str) for text in texts) or not all(isinstance(m, dict) for m in mappings):
            raise TypeError("a field has the wrong type")
        if not self._has_known_labels():
            raise ValueError(f"labels {self.labels!r} are not digits")
        shares = [*self.thresholds.values(), *self.coverages.values()]
        shares += [value for voice in self.voices for value in (voice["weight"] / MOST_WEIGHT, voice["floor"])]
        if not all(isinstance(value, int | float) and 0 <= value <= 1.01 for value in shares):
            raise ValueError("a threshold is not a probability")
        if not all(0 < float(rate) < 1 for rate in (*self.thresholds, *self.coverages)):
            raise ValueError("a promised error rate is not between 0 and 1")
        finite = all(isinstance(value, int | float) and math.isfinite(value) for value in self.calibration.values())
        if not finite or not set(self.calibration) <= {"slope", "offset"}:
            raise ValueError("the calibration is not a slope and an offset")
        if not isinstance(self.temperature, int | float) or not 0 < self.temperature < math.inf:
            raise ValueError("the temperature is not a positive number")

    def _has_known_labels(self) -> bool:
        if self.preparation == LINE:
            return self.labels == LINE_LABELS
        digits = self.labels.removesuffix(NOT_A_DIGIT)
        return bool(digits) and digits == self.digits and len(set(digits)) == len(digits)


class Model:
    """A trained reader of prepared images of one digit: the bytes of its file, opened.

    Parameters
    ----------
    content
        The bytes of an .onnx file written by inkdigits.
    source
        How error messages name it, usually the path.
    opened
        What `open_content` found when it checked and opened the bytes, so that it is not done twice.

    Raises
    ------
    ModelFileError
        If the bytes are not a whole, safe model written by inkdigits.
    """

    _dimensions = 2  # of the answer: (n, k)

    def __init__(self, content: bytes, *, source: str = "the model", opened: _Opened | None = None) -> None:
        self.content = content
        self.source = source
        self.metadata, self._session = opened or _open(content, source)
        self._check_signature()

    @classmethod
    def load(cls, path: str | Path) -> Model:
        """Open a model file."""
        return cls(_read_bytes(Path(path)), source=f"model file '{path}'")

    @classmethod
    def from_layers(cls, layers: Sequence[Layer], metadata: Metadata, *, image_size: int) -> Model:
        """Put a trained network and its metadata together."""
        shapes = [BATCH, image_size, image_size], [BATCH, len(metadata.labels)]
        return cls(_build(layers, metadata, *shapes), source=f"the new model '{metadata.name}'")

    def __reduce__(self) -> tuple[type[Model], tuple[bytes]]:
        """Let a model travel between processes as the bytes of its file."""
        return type(self), (self.content,)

    def save(self, path: str | Path) -> None:
        """Write the model file: whole or not at all. A link is followed, a device or pipe written to."""
        unfinished = Path(f"{path}.part")
        try:
            path = Path(path).resolve()
            if path.exists() and not path.is_file():
                path.write_bytes(self.content)
                return
            unfinished = path.with_name(path.name + ".part")
            unfinished.write_bytes(self.content)
            unfinished.replace(path)
        except (OSError, ValueError) as error:  # ValueError: a path with a NUL in it
            with contextlib.suppress(OSError, ValueError):
                unfinished.unlink()
            raise ModelFileError(
                f"cannot write model file '{path}': {reason_of(error)}; choose another --out"
            ) from error

    @cached_property
    def image_size(self) -> int:
        """The side of the square images the model takes, in pixels."""
        return int(self._session.get_inputs()[0].shape[-1])

    @cached_property
    def hidden_weights(self) -> NDArray[np.float64] | None:
        """What each hidden neuron of an MLP looks at, (neurons, image_size, image_size); None for other networks."""
        layers = read_layers(parse_graph(self.content, self.source))
        if [layer.operator for layer in layers[:3]] != ["Flatten", "Div", "Gemm"]:
            return None
        weights = layers[2].weights[0]  # (pixels, neurons)
        return np.asarray(weights.T.reshape(-1, self.image_size, self.image_size), np.float64)

    @cached_property
    def sha256(self) -> str:
        """The hash of the file, which names this model for good."""
        return hashlib.sha256(self.content).hexdigest()

    def predict_proba(self, images: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return the probability of each label for prepared images.

        Parameters
        ----------
        images
            (n, image_size, image_size) uint8, as the model's preparation makes them.

        Returns
        -------
        probabilities
            (n, k) float64, in the order of `metadata.labels`, of which the last may be that it is no digit; each row
            sums to 1.

        Raises
        ------
        ValueError
            If the images have another shape or type. ModelFileError if the model answers with anything but
            probabilities, as one with a damaged weight may.
        """
        images = np.asarray(images)
        size, k = self.image_size, len(self.metadata.labels)
        if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1:] != (size, size):
            raise ValueError(
                f"{self.source} takes images (n, {size}, {size}) uint8, got {images.shape} {images.dtype}; "
                f"prepare them with inkdigits.prepare.prepare(ink, {self.metadata.preparation!r})"
            )
        batches = [self._run(batch) for batch in _in_batches(images)]
        probabilities = np.concatenate(batches) if batches else np.empty((0, k))
        return np.asarray(probabilities / probabilities.sum(axis=1, keepdims=True))  # float32 sums miss 1 by 1e-7

    def predict(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the most probable digit of each prepared image, (n,) uint8."""
        digits = np.array([int(label) for label in self.metadata.digits], dtype=np.uint8)
        return np.asarray(digits[self.predict_proba(images)[:, : len(digits)].argmax(axis=1)])

    def _run(self, images: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return the model's answer; the shapes it declares may be anything, what counts is what it answers."""
        k = len(self.metadata.labels)
        answer = self._answer(images)
        if (
            answer.shape[:2] != (len(images), k)
            or answer.ndim != self._dimensions
            or not (answer >= 0).all()
            or (abs(answer.sum(axis=1) - 1) > ROUNDING).any()
        ):
            raise ModelFileError(f"cannot use {self.source}: it does not return {k} probabilities; train it again")
        return answer

    def _answer(self, images: NDArray[np.uint8]) -> NDArray[np.float64]:
        try:
            return np.asarray(self._session.run(None, {"images": images})[0], dtype=np.float64)
        except Exception as error:  # noqa: BLE001 - ONNX Runtime raises classes of its own, none public
            raise ModelFileError(f"cannot use {self.source}: it fails on an image ({one_line(error)})") from None

    def _check_signature(self) -> None:
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        if [i.name for i in inputs] != ["images"] or len(outputs) != 1 or inputs[0].type != "tensor(uint8)":
            raise ModelFileError(f"cannot use {self.source}: it does not take images and return probabilities")
        self._check_input(inputs[0].shape)

    def _check_input(self, shape: list[Any]) -> None:
        if len(shape) != 3 or shape[1] != shape[2] or not isinstance(shape[1], int) or not 4 <= shape[1] <= 64:
            raise ModelFileError(
                f"cannot use {self.source}: its images are {shape}, not square with 4 to 64 pixels a side"
            )
        self._run(np.zeros((2, shape[1], shape[1]), np.uint8))


class LineModel(Model):
    """A trained reader of prepared lines: what it sees, frame by frame, from left to right."""

    _dimensions = 3  # of the answer: (n, k, t)

    @classmethod
    def from_layers(cls, layers: Sequence[Layer], metadata: Metadata, *, image_size: int = LINE_HEIGHT) -> LineModel:
        """Put a trained network and its metadata together."""
        shapes = [BATCH, image_size, WIDTH], [BATCH, len(metadata.labels), FRAMES]
        return cls(_build(layers, metadata, *shapes), source=f"the new model '{metadata.name}'")

    def predict_frames(self, line: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return the probability of each label in each frame of a line.

        Parameters
        ----------
        line
            (LINE_HEIGHT, w) uint8, as `prepare.prepare_line` makes it.

        Returns
        -------
        frames
            (t, k) float64, each row sums to 1; the last label is that no new mark begins (the blank of CTC).
        """
        line = np.asarray(line)
        if line.dtype != np.uint8 or line.ndim != 2 or len(line) != LINE_HEIGHT or not line.shape[1]:
            raise ValueError(
                f"{self.source} takes a line ({LINE_HEIGHT}, w) uint8, got {line.shape} {line.dtype}; "
                "prepare it with inkdigits.prepare.prepare_line(ink)"
            )
        if line.shape[1] < NARROWEST:
            line = np.pad(line, ((0, 0), (0, NARROWEST - line.shape[1])))
        frames = self._run(line[None])[0].T
        return np.asarray(frames / frames.sum(axis=1, keepdims=True))

    @cached_property
    def frame_width(self) -> float:
        """How many px of a prepared line a frame is wide."""
        return MAX_LINE_WIDTH / len(self.predict_frames(np.zeros((LINE_HEIGHT, MAX_LINE_WIDTH), np.uint8)))

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """The layers that it was put together from, to train it further.

        Raises ModelFileError where the file holds another graph than we write.
        """
        layers = read_layers(parse_graph(self.content, self.source))
        if not self._answers_like(layers):
            raise ModelFileError(f"cannot train {self.source} further: its graph is none of ours; train a new one")
        return tuple(layers)

    def _answers_like(self, layers: Sequence[Layer]) -> bool:
        probe = np.random.default_rng(0).integers(0, 256, (LINE_HEIGHT, 2 * LINE_HEIGHT), np.uint8)
        try:
            rebuilt = LineModel.from_layers(layers, self.metadata)
            return np.allclose(rebuilt.predict_frames(probe), self.predict_frames(probe), atol=1e-5)
        except Exception:  # noqa: BLE001 - onnx raises classes of its own
            return False

    def _check_input(self, shape: list[Any]) -> None:
        if len(shape) != 3 or shape[1] != LINE_HEIGHT or self.metadata.preparation != LINE:
            raise ModelFileError(f"cannot use {self.source}: its images are {shape}, not lines {LINE_HEIGHT} px high")
        self._run(np.zeros((1, LINE_HEIGHT, NARROWEST), np.uint8))


def open_models(model: str | Path | Model | None) -> tuple[Model, LineModel | None]:
    """Open what reads digits, and what reads whole numbers where there is one that belongs to it.

    A model of lines, given as `open_model` takes models, belongs to the bundled reader of digits, and the bundled one
    of lines to that, too. Raises ModelFileError.
    """
    model = model if isinstance(model, Model) else open_any(model)
    if isinstance(model, LineModel):
        return open_model(None), model
    bundled = LINE_MODEL in bundled_models() and model.content == _read_bytes(_find(None))
    return open_model(model), open_line_model(None) if bundled else None


def open_any(model: str | Path | None) -> Model:
    """Open a model file, of digits or of lines, by its path or as a bundled one; raises ModelFileError."""
    path = _find(model)
    return open_content(_read_bytes(path), source=f"model file '{path}'")


def open_content(content: bytes, *, source: str) -> Model:
    """Open the bytes of a model file, a LineModel where it reads lines; raises ModelFileError."""
    opened = _open(content, source)
    return (LineModel if opened[0].preparation == LINE else Model)(content, source=source, opened=opened)


def open_line_model(model: str | Path | LineModel | None) -> LineModel:
    """Open a model file that reads whole numbers; None is the bundled one. Raises ModelFileError."""
    if isinstance(model, LineModel):
        return model
    name = LINE_MODEL if model is None else str(model)
    path = bundled_models().get(name, Path(name))
    return LineModel(_read_bytes(path), source=f"model file '{path}'")


def open_model(model: str | Path | Model | None) -> Model:
    """Open a model file; a bundled model may be given by its name, None is the bundled reader.

    Raises ModelFileError if it cannot be used, or prepares digits in a way that this inkdigits does not know.
    """
    if not isinstance(model, Model):
        model = Model.load(_find(model))
    preparation = PREPARATIONS.get(model.metadata.preparation)
    if preparation is None or preparation.size != model.image_size:
        raise ModelFileError(
            f"cannot use {model.source}: it needs digits prepared as {model.metadata.preparation!r} in "
            f"{model.image_size} px, we know {', '.join(PREPARATIONS)}; upgrade inkdigits"
        )
    return model


def read_model(model: str | Path | Model | None) -> bytes:
    """Return the content of the file that open_model would open; whether it can be used is not looked at.

    Raises ModelFileError if it cannot be read.
    """
    return model.content if isinstance(model, Model) else _read_bytes(_find(model))


def bundled_models() -> dict[str, Path]:
    """Return the model files that come with inkdigits, by name."""
    folder = Path(str(resources.files("inkdigits") / "models"))
    return {path.stem: path for path in sorted(folder.glob("*.onnx"))}


def _find(model: str | Path | None) -> Path:
    name = DEFAULT_MODEL if model is None else model
    return bundled_models().get(str(name), Path(name))


def _read_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)  # a device or a pipe may have no end
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL in it
        raise ModelFileError(f"cannot read model file '{path}': {reason_of(error)}; check the path") from error
    if len(content) > MAX_BYTES:
        raise ModelFileError(
            f"cannot use model file '{path}': it has more than the {MAX_BYTES:,} bytes of any inkdigits model; "
            "is it another program's?"
        )
    return content


def _build(layers: Sequence[Layer], metadata: Metadata, takes: list[Any], gives: list[Any]) -> bytes:
    known, temperature = metadata.to_json(), metadata.temperature
    return build_graph(layers, name=metadata.name, temperature=temperature, metadata=known, takes=takes, gives=gives)


def _open(content: bytes, source: str) -> _Opened:
    """Check a file unless it is bundled, and open it; importing what checks takes as long as the runtime itself."""
    if _is_bundled(content):
        session = open_session(content, source)
        text = session.get_modelmeta().custom_metadata_map.get(METADATA_KEY, "")
        return Metadata.from_json(text, source=source), session
    model = parse_graph(content, source)
    metadata = Metadata.from_json(read_metadata(model, source), source=source)
    check_graph(model, source)
    return metadata, open_session(content, source)


def _is_bundled(content: bytes) -> bool:
    """Whether these are the bytes of a file that came with inkdigits, which is as safe as the code beside it."""
    return any(
        path.stat().st_size == len(content) and _read_bytes(path) == content for path in bundled_models().values()
    )


def _in_batches(images: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    for start in range(0, len(images), PREDICTION_BATCH):
        yield images[start : start + PREDICTION_BATCH]
