"""The network of whole lines: it learns to spell, and predicts without PyTorch what it predicted with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from inkdigits import ctc
from inkdigits.errors import CheckpointError, ModelFileError
from inkdigits.graph import Layer
from inkdigits.line import FittedLines, LineSettings, adapt_lines, fit_lines, input_layers
from inkdigits.modelfile import LINE_LABELS, LineModel, Metadata, Model, open_model

SMALL = LineSettings(stages=((8,), (16,), (16,), (16,), (16,)), context=16, batch_size=16, n_batches=12, dropout=0.0)
LABELS = Metadata(name="line", preparation="line-32", labels=LINE_LABELS)


@pytest.fixture(scope="module")
def torch() -> Any:
    """Return PyTorch, or skip."""
    return pytest.importorskip("torch", reason="PyTorch is not installed: no training of networks of lines")


def make_bars(epoch: int, *, n: int = 192) -> list[tuple[NDArray[np.uint8], str]]:
    """Return lines in which a high bar is a 1 and a low one a 7: a hand that is learned within seconds."""
    random = np.random.default_rng([7, epoch])
    lines = []
    for _ in range(n):
        text = "".join(random.choice(["1", "7"], random.integers(1, 5)))
        image = np.zeros((32, 16 * len(text) + 8), np.uint8)
        for i, digit in enumerate(text):
            top = 4 if digit == "1" else 18
            image[top : top + 10, 16 * i + 8 : 16 * i + 14] = 255
        lines.append((image, text))
    return lines


def fit(epochs: int = 6, **more: Any) -> FittedLines:
    """Train a small network on bars."""
    given: dict[str, Any] = {"made_from": "bars", "settings": SMALL, "max_epochs": epochs, "random_state": 0}
    return fit_lines(make_bars, **given | more)


def to_model(fitted: FittedLines) -> LineModel:
    """Return the model file of a network."""
    return LineModel.from_layers([*input_layers(), *fitted.layers], LABELS)


@pytest.fixture(scope="module")
def learned(torch: Any) -> LineModel:
    """Return a network that has learned to spell bars."""
    return to_model(fit(epochs=16))


def test_it_learns_to_spell(learned: LineModel) -> None:
    """After some epochs lines that it has not seen are read, by way of the model file."""
    lines = make_bars(99, n=50)
    read = [ctc.most_probable(ctc.only_digits(learned.predict_frames(image)), n=1)[0].text for image, _ in lines]
    assert np.mean([text == truth for text, (_, truth) in zip(read, lines, strict=True)]) >= 0.9


@pytest.mark.usefixtures("torch")
def test_the_same_seed_gives_the_same_network() -> None:
    """Weights and loss are the same again, whenever the lines are ready."""
    first, again = fit(epochs=2), fit(epochs=2)
    assert first.loss_curve == again.loss_curve
    assert to_model(first).content == to_model(again).content


@pytest.mark.usefixtures("torch")
def test_a_training_goes_on_to_the_same_network(tmp_path: Path) -> None:
    """Stopped after two of four epochs and gone on: the network of an uninterrupted training."""
    checkpoint = tmp_path / "line.checkpoint"
    fit(epochs=4, checkpoint=checkpoint, on_epoch=lambda epoch, _: epoch == 2)
    went_on = fit(epochs=4, checkpoint=checkpoint)
    assert to_model(went_on).content == to_model(fit(epochs=4)).content


@pytest.mark.usefixtures("torch")
def test_a_checkpoint_of_other_lines_is_refused(tmp_path: Path) -> None:
    """What was learned from other lines is not gone on from."""
    checkpoint = tmp_path / "line.checkpoint"
    fit(epochs=2, checkpoint=checkpoint, on_epoch=lambda epoch, _: epoch == 1)
    with pytest.raises(CheckpointError, match="of other data, settings or device"):
        fit(epochs=2, checkpoint=checkpoint, made_from="other bars")


def test_the_model_file_gives_what_the_network_gave(torch: Any) -> None:
    """ONNX Runtime on the folded layers agrees with PyTorch, on a width it was not built for."""
    from inkdigits import _torch, _torch_line

    network = _torch_line.build_network(_torch_line.LineArchitecture(stages=SMALL.stages, context=SMALL.context))
    images = torch.from_numpy(np.random.default_rng(0).random((4, 1, 32, 80), np.float32))
    network.train()(images)  # gives the batch normalisation statistics of its own
    line = np.random.default_rng(1).integers(0, 256, (32, 112)).astype(np.uint8)
    expected = network.eval()(torch.from_numpy(line / np.float32(255))[None, None])[0].softmax(dim=0).T
    model = LineModel.from_layers([*input_layers(), *_torch.to_layers(network)], LABELS)
    frames = model.predict_frames(line)
    assert frames.shape == (28, 15)
    assert np.abs(frames - expected.detach().numpy()).max() < 1e-5


@pytest.fixture(scope="module")
def model(torch: Any) -> LineModel:
    """Return a network that has learned nothing."""
    return to_model(fit(epochs=1))


@pytest.mark.parametrize("width", [1, 15, 16, 512])
def test_lines_of_any_width_are_read(model: LineModel, width: int) -> None:
    """From a single column to the widest, there is a frame for every four columns, and rows sum to 1."""
    frames = model.predict_frames(np.zeros((32, width), np.uint8))
    assert len(frames) == max(16, width) // 4
    assert np.allclose(frames.sum(axis=1), 1)


@pytest.mark.parametrize("line", [np.zeros((28, 40), np.uint8), np.zeros((32, 0), np.uint8), np.zeros((32, 40))])
def test_what_is_no_prepared_line_is_refused(model: LineModel, line: NDArray[Any]) -> None:
    """Another height, no width, another type: an error says what a line is."""
    with pytest.raises(ValueError, match=r"takes a line \(32, w\) uint8"):
        model.predict_frames(line)


def test_a_model_of_lines_is_no_model_of_digits(model: LineModel) -> None:
    """Either is refused where the other is needed."""
    with pytest.raises(ModelFileError, match="not square"):
        Model(model.content)
    with pytest.raises(ModelFileError, match="not lines 32 px high"):
        LineModel(open_model("reader").content)


def test_a_model_file_gives_back_its_layers(model: LineModel) -> None:
    """Put together again they are the same file, byte by byte."""
    assert LineModel.from_layers(model.layers, model.metadata).content == model.content


def test_a_network_goes_on_from_a_model_file(torch: Any, model: LineModel) -> None:
    """Without a step of training the network in PyTorch answers as the file does."""
    from inkdigits import _torch

    line = np.random.default_rng(1).integers(0, 256, (32, 80), np.uint8)
    network = torch.nn.Sequential(*_torch.to_modules(model.layers[len(input_layers()) :])).eval()
    frames = network(torch.from_numpy(line / np.float32(255))[None, None])[0].softmax(dim=0).T
    assert np.abs(frames.detach().numpy() - model.predict_frames(line)).max() < 1e-5


def test_a_graph_that_is_none_of_ours_is_not_trained_further(model: LineModel) -> None:
    """A file may be safe to read with and still be put together in another way; that is said in words."""
    twice = [*model.layers, Layer("Relu"), Layer("Softmax", (), {"axis": 1})]
    other = LineModel.from_layers(twice, model.metadata)
    broken = LineModel.from_layers([*model.layers], model.metadata)
    broken.__dict__["predict_frames"] = other.predict_frames
    with pytest.raises(ModelFileError, match="its graph is none of ours; train a new one"):
        _ = broken.layers


def test_layers_that_are_none_of_ours_are_not_trained_further(torch: Any) -> None:
    """An operator that our networks of lines do not have, a convolution without weights: an error, no traceback."""
    from inkdigits import _torch

    for layer in (Layer("Sigmoid"), Layer("Conv", (), {"pads": [0] * 4, "strides": [1, 1], "group": 1})):
        with pytest.raises(ModelFileError, match="its layers are none of ours"):
            _torch.to_modules([layer])


def test_separators_count_as_no_new_digit(torch: Any) -> None:
    """Where only the digits are known, the network is judged by the frames that `ctc.only_digits` makes."""
    from inkdigits import _torch_line

    logits = torch.from_numpy(np.random.default_rng(0).normal(size=(1, 15, 6)))
    frames = _torch_line._only_digits(logits)[0].softmax(dim=0).T.numpy()
    assert np.allclose(frames, ctc.only_digits(logits[0].softmax(dim=0).T.numpy()))


def make_other_bars(epoch: int) -> list[tuple[NDArray[np.uint8], str]]:
    """Return lines of another hand: it writes a 2 as a low, broad bar."""
    lines = [(image.copy(), text) for image, text in make_bars(1000 + epoch, n=96)]
    for image, _ in lines:
        image[18:28] = np.maximum(image[18:28], np.roll(image[18:28], 4, axis=1))
    return [(image, text.replace("7", "2")) for image, text in lines]


def test_it_learns_another_hand_and_forgets_nothing(learned: LineModel) -> None:
    """Half of each batch another hand, half the old one: afterwards both are read, from the folded weights on."""
    adapted = to_model(
        adapt_lines(
            learned.layers[len(input_layers()) :],
            make_other_bars,
            lambda epoch: make_bars(epoch, n=96),
            made_from="other bars",
            settings=SMALL,
            max_epochs=12,
            random_state=0,
        )
    )
    for lines, least in ((make_other_bars(99), 0.9), (make_bars(99, n=96), 0.9)):
        read = [ctc.most_probable(ctc.only_digits(adapted.predict_frames(image)), n=1)[0].text for image, _ in lines]
        assert np.mean([text == truth for text, (_, truth) in zip(read, lines, strict=True)]) >= least
