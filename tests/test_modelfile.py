"""A model file keeps what it was given, and one that is not ours, not whole or not safe is refused in one line."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from inkdigits import mlp, modelfile
from inkdigits.confidence import apply_temperature
from inkdigits.datasets import load_digits
from inkdigits.errors import ModelFileError
from inkdigits.graph import Layer
from inkdigits.modelfile import DEFAULT_MODEL, Metadata, Model, bundled_models, open_any, open_content

STEADY = settings(max_examples=150, deadline=None, derandomize=True, database=None)

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 17, (7, 8, 8), np.uint8)
MLP_LAYERS = (
    Layer("Flatten"),
    Layer("Div", (np.array(16.0, np.float32),)),
    Layer("Gemm", (RANDOM.normal(size=(64, 5)).astype(np.float32), np.zeros(5, np.float32))),
    Layer("Sigmoid"),
    Layer("Gemm", (RANDOM.normal(size=(5, 10)).astype(np.float32), np.zeros(10, np.float32))),
)
CONVNET_LAYERS = (
    Layer("Unsqueeze", (np.array([1], np.int64),)),
    Layer("Div", (np.array(16.0, np.float32),)),
    Layer("Conv", (RANDOM.normal(size=(2, 1, 3, 3)).astype(np.float32),), {"pads": [1, 1, 1, 1]}),
    Layer("Relu"),
    Layer("MaxPool", attributes={"kernel_shape": [2, 2], "strides": [2, 2]}),
    Layer("GlobalAveragePool"),
    Layer("Flatten"),
    Layer("Gemm", (RANDOM.normal(size=(2, 10)).astype(np.float32),)),
)
METADATA = Metadata(
    name="small",
    preparation="uci-8",
    temperature=1.25,
    thresholds={"0.01": 0.9},
    coverages={"0.01": 0.95},
    card="# Ä model\n",
    data={"n": 3},
)
MODEL = Model.from_layers(MLP_LAYERS, METADATA, image_size=8)
CONVNET = Model.from_layers(CONVNET_LAYERS, METADATA, image_size=8)


def changed(change: Callable[[Any], object]) -> bytes:
    """Return the small model's file after a change to its ONNX."""
    proto = onnx.load_model_from_string(MODEL.content)
    change(proto)
    return bytes(proto.SerializeToString())


def with_metadata(text: str) -> bytes:
    """Return the small model's file with other metadata."""
    return changed(lambda proto: helper.set_model_props(proto, {"inkdigits": text}))


def with_layers(*layers: Layer) -> Model:
    """Return a model of 8x8 images with these layers."""
    return Model.from_layers(layers, METADATA, image_size=8)


def test_a_saved_model_comes_back(tmp_path: Path) -> None:
    """Bytes, hash, metadata and probabilities are those that were saved; no other file is left behind."""
    path = tmp_path / "small.onnx"
    MODEL.save(path)
    loaded = Model.load(path)
    assert [p.name for p in tmp_path.iterdir()] == ["small.onnx"]
    assert (loaded.content, loaded.sha256, loaded.metadata) == (MODEL.content, MODEL.sha256, METADATA)
    assert np.array_equal(loaded.predict_proba(IMAGES), MODEL.predict_proba(IMAGES))


def test_saving_replaces_an_older_file(tmp_path: Path) -> None:
    """The same path may be written again."""
    path = tmp_path / "model.onnx"
    MODEL.save(path)
    CONVNET.save(path)
    assert path.read_bytes() == CONVNET.content


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
MAPPINGS = st.dictionaries(st.text(max_size=5), JSON_VALUES, max_size=3)


@STEADY
@given(
    st.builds(
        Metadata,
        name=st.text(min_size=1, max_size=10),
        preparation=st.sampled_from(["mnist-28", "uci-8"]),
        labels=st.permutations("0123456789").map("".join)
        | st.permutations("012345678").map(lambda d: "".join(d) + "-"),
        temperature=st.floats(0.1, 10),
        thresholds=st.dictionaries(st.sampled_from(["0.001", "0.005", "0.01"]), st.floats(0, 1)),
        coverages=st.dictionaries(st.sampled_from(["0.001", "0.005", "0.01"]), st.floats(0, 1)),
        recipe=MAPPINGS,
        data=MAPPINGS,
        figures=MAPPINGS,
        card=st.text(),
    )
)
def test_metadata_comes_back_from_a_model_file(metadata: Metadata) -> None:
    """Names, thresholds, settings and the card survive the file whatever is written in them."""
    assert Model(Model.from_layers(MLP_LAYERS, metadata, image_size=8).content).metadata == metadata


@pytest.mark.parametrize("activation", ["logistic", "tanh", "relu"])
def test_the_probabilities_are_those_of_scikit_learn(activation: str) -> None:
    """Probabilities computed in float64 agree with MLPClassifier's to 1e-12, on all 1,797 digits."""
    digits = load_digits()
    theirs = MLPClassifier((15,), activation=activation, random_state=0, max_iter=3)
    with pytest.warns(ConvergenceWarning):
        theirs.fit(digits.flat, digits.labels)
    ours = Model.from_layers(mlp.to_layers(theirs, full=1), METADATA_AT_1, image_size=8)
    assert np.abs(ours.predict_proba(digits.images) - theirs.predict_proba(digits.flat)).max() < 1e-12
    assert np.array_equal(ours.predict(digits.images), theirs.predict(digits.flat))


METADATA_AT_1 = dataclasses.replace(METADATA, temperature=1.0)


@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_the_temperature_is_part_of_the_graph(temperature: float) -> None:
    """Any ONNX runtime gives what confidence.apply_temperature makes of the probabilities at temperature 1."""
    at_1 = Model.from_layers(MLP_LAYERS, METADATA_AT_1, image_size=8).predict_proba(IMAGES)
    scaled = Model.from_layers(MLP_LAYERS, dataclasses.replace(METADATA, temperature=temperature), image_size=8)
    assert np.allclose(scaled.predict_proba(IMAGES), apply_temperature(at_1, temperature), atol=1e-6)


def test_predict_answers_with_labels() -> None:
    """The most probable output's label is the answer, not its position."""
    metadata = dataclasses.replace(METADATA, labels="9876543210")
    model = Model.from_layers(MLP_LAYERS, metadata, image_size=8)
    assert model.predict(IMAGES).tolist() == (9 - MODEL.predict(IMAGES)).tolist()


@pytest.mark.parametrize(
    ("labels", "digits"), [("0123456789-", "0123456789"), ("71-", "71"), ("0123456789", "0123456789")]
)
def test_the_digits_are_the_labels_without_the_last_that_is_none(labels: str, digits: str) -> None:
    """A model may know what is no digit: its last label, `-`, which is not among its digits."""
    assert dataclasses.replace(METADATA, labels=labels).digits == digits


def no_digit_knower(probabilities: list[float]) -> Model:
    """Return a model of two digits, 7 and 1, and of what is none, that gives every image the same probabilities."""
    metadata = dataclasses.replace(METADATA_AT_1, labels="71-")
    layers = [Layer("Flatten"), Layer("Gemm", (np.zeros((64, 3)), np.log(probabilities)))]
    return Model.from_layers(layers, metadata, image_size=8)


def test_that_it_is_no_digit_has_a_probability_of_its_own() -> None:
    """The probabilities have a column more than there are digits, the last, and sum to 1 with it."""
    probabilities = no_digit_knower([0.1, 0.3, 0.6]).predict_proba(IMAGES)
    assert np.allclose(probabilities, [[0.1, 0.3, 0.6]] * 7, atol=1e-9)


def test_predict_answers_with_a_digit() -> None:
    """Where it is most likely none, the most probable digit is the answer all the same."""
    assert no_digit_knower([0.1, 0.3, 0.6]).predict(IMAGES).tolist() == [1] * 7


def test_a_file_without_coverages_can_be_read() -> None:
    """Files of an older inkdigits promise error rates without the coverage."""
    older = {key: value for key, value in json.loads(METADATA.to_json()).items() if key != "coverages"}
    assert Model(with_metadata(json.dumps(older))).metadata == dataclasses.replace(METADATA, coverages={})


def test_many_images_are_as_good_as_one() -> None:
    """A set larger than a batch gives each image the probabilities it has alone."""
    images = np.random.default_rng(1).integers(0, 17, (1100, 8, 8), np.uint8)
    together = MODEL.predict_proba(images)
    assert together.shape == (1100, 10)
    assert np.allclose(
        together[[0, 511, 512, 1099]], [MODEL.predict_proba(images[i : i + 1])[0] for i in (0, 511, 512, 1099)]
    )
    assert np.allclose(together[::-2], MODEL.predict_proba(images[::-2]))


def test_no_images_give_no_probabilities() -> None:
    """An empty batch is no error."""
    nothing = np.zeros((0, 8, 8), np.uint8)
    assert (MODEL.predict_proba(nothing).shape, MODEL.predict(nothing).shape) == ((0, 10), (0,))


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((2, 8, 9), np.uint8),
        np.zeros((8, 8), np.uint8),
        np.zeros((2, 64), np.uint8),
        np.zeros((2, 8, 8)),
        [[1]],
    ],
    ids=["other size", "one image", "flat", "float", "list"],
)
def test_images_of_another_form_are_refused(images: Any) -> None:
    """The error says what the model takes, what it got and which function prepares it."""
    array = np.asarray(images)
    with pytest.raises(ValueError, match="takes images") as caught:
        MODEL.predict_proba(images)
    assert str(caught.value) == (
        f"the new model 'small' takes images (n, 8, 8) uint8, got {array.shape} {array.dtype}; "
        "prepare them with inkdigits.prepare.prepare(ink, 'uci-8')"
    )


def refusal(content: bytes) -> str:
    """Return the words in which a file is refused."""
    with pytest.raises(ModelFileError) as caught:
        Model(content, source="it")
    return str(caught.value)


CUT_OFF = "cannot use it: it is cut off or not an ONNX file; copy or train it again"


@pytest.mark.parametrize("content", [b"", b"seven\n", b"<html></html>", b"\x89PNG\r\n\x1a\n", bytes(100)])
def test_what_is_no_model_is_refused(content: bytes) -> None:
    """An empty file, a text, a web page, a picture, zeros: each is told in one line."""
    assert refusal(content) == CUT_OFF


@pytest.mark.parametrize("model", [MODEL, CONVNET], ids=["mlp", "convnet"])
def test_a_truncated_model_is_refused(model: Model) -> None:
    """Wherever the end is missing: in the header, the weights or the metadata."""
    for length in range(0, len(model.content), 7):
        assert refusal(model.content[:length]).startswith("cannot use it: ")


@STEADY
@given(
    st.sampled_from([MODEL.content, CONVNET.content]),
    st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), min_size=1, max_size=4),
)
def test_any_flipped_byte_gives_probabilities_or_a_model_file_error(
    content: bytes, damages: list[tuple[int, int]]
) -> None:
    """A damaged file is refused, or it still answers with probabilities: finite, from 0 to 1, of sum 1."""
    flipped = bytearray(content)
    for position, value in damages:
        flipped[position % len(content)] = value
    assert_probabilities_or_error(bytes(flipped))


@STEADY
@given(st.binary(max_size=300))
def test_any_bytes_give_a_model_file_error(content: bytes) -> None:
    """No bytes make anything else come out."""
    assert refusal(content).isprintable()


def assert_probabilities_or_error(content: bytes) -> None:
    """Check that a file either gives probabilities or is refused with one line."""
    try:
        model = Model(content)
        size = model.image_size
        probabilities = model.predict_proba(np.random.default_rng(1).integers(0, 256, (3, size, size), np.uint8))
    except ModelFileError as error:
        refused = str(error)
    else:
        refused = ""
        assert np.isfinite(probabilities).all()
        assert probabilities.min() >= 0
        assert np.allclose(probabilities.sum(axis=1), 1)
    assert refused.isprintable()  # which a line break is not


def test_a_weight_that_is_not_a_number_is_refused() -> None:
    """NaN makes every probability NaN: seen when the model is opened."""
    weights = np.full((64, 10), np.nan)
    with pytest.raises(ModelFileError, match=r"it does not return 10 probabilities; train it again$"):
        with_layers(Layer("Flatten"), Layer("Gemm", (weights,)))


def test_a_weight_that_overflows_is_refused_when_it_does() -> None:
    """A huge weight is harmless on a blank image; on others it gives no number, and is refused, not returned."""
    model = with_layers(Layer("Flatten"), Layer("Gemm", (np.full((64, 10), 1e308),)))
    assert np.allclose(model.predict_proba(np.zeros((1, 8, 8), np.uint8)), 0.1)
    with pytest.raises(ModelFileError, match=r"it does not return 10 probabilities; train it again$"):
        model.predict_proba(np.full((1, 8, 8), 16, np.uint8))


def test_another_programs_model_is_refused() -> None:
    """A plain ONNX file is named by who wrote it."""
    proto = onnx.load_model_from_string(MODEL.content)
    del proto.metadata_props[:]
    proto.producer_name = "pytorch"
    assert refusal(proto.SerializeToString()) == (
        "cannot use it: it is written by 'pytorch' and has no inkdigits metadata; "
        "train one with 'inkdigits train --out my.onnx'"
    )


def test_data_outside_the_file_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A weight that lies in another file is refused, and that file is not even opened."""
    secret = tmp_path / "weights.bin"
    secret.write_bytes(bytes(64 * 5 * 4))
    monkeypatch.chdir(tmp_path)

    def move_outside(proto: Any) -> None:
        tensor = proto.graph.initializer[1]
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="weights.bin")

    assert refusal(changed(move_outside)) == (
        "cannot use it: it asks for data outside the file, which is not safe; train it again"
    )


def test_a_hidden_external_reference_is_refused_too() -> None:
    """The reference counts even where the tensor claims to hold its data itself."""

    def hide(proto: Any) -> None:
        proto.graph.initializer[1].external_data.add(key="location", value="/etc/passwd")

    assert "data outside the file" in refusal(changed(hide))


def test_an_operator_outside_the_list_is_refused() -> None:
    """Only what readers of digits are made of may be in a file."""

    def loop(proto: Any) -> None:
        proto.graph.node[1].op_type = "Loop"

    assert refusal(changed(loop)) == "cannot use it: it needs Loop, which no inkdigits model does; train it again"


def test_an_operator_of_another_domain_is_refused() -> None:
    """An operator that a plug-in brings is not ours, whatever its name."""

    def foreign(proto: Any) -> None:
        proto.graph.node[1].domain = "com.microsoft"

    assert "it needs com.microsoft.Flatten, which" in refusal(changed(foreign))


def test_a_subgraph_is_refused() -> None:
    """A graph inside an attribute could hold anything: the node is refused although its operator is known."""

    def nest(proto: Any) -> None:
        inner = helper.make_graph([helper.make_node("Loop", ["a"], ["b"])], "inner", [], [])
        proto.graph.node[1].attribute.append(helper.make_attribute("body", inner))

    assert "it needs Flatten, which" in refusal(changed(nest))


def test_functions_of_its_own_are_refused() -> None:
    """A file may not bring operators along."""

    def bring(proto: Any) -> None:
        proto.functions.append(helper.make_function("own", "Relu", ["x"], ["y"], [], [helper.make_opsetid("", 17)]))

    assert "it needs functions of its own, which" in refusal(changed(bring))


def test_the_runtime_reads_what_was_checked() -> None:
    """A file that ONNX Runtime would take for its own format, which we do not check, is read as ONNX."""
    disguised = b"\x32\x06  ORTM" + MODEL.content  # an ONNX remark whose bytes are the mark of that format
    assert np.array_equal(Model(disguised).predict_proba(IMAGES), MODEL.predict_proba(IMAGES))


@pytest.mark.parametrize("size", [0, -1, 2**40])
def test_a_weight_that_declares_another_size_is_refused(size: int) -> None:
    """A size that does not fit is seen before memory is asked for."""

    def declare(proto: Any) -> None:
        proto.graph.initializer[1].dims[0] = size

    assert refusal(changed(declare)).startswith("cannot use it: its layers do not fit together (")


@pytest.mark.parametrize(
    "layers",
    [
        [Layer("Unsqueeze", (np.array([1]),)), Layer("Conv", (np.ones((10, 1, 3, 3)),), {"pads": [30_000] * 4})],
        [Layer("Flatten"), Layer("Unsqueeze", (np.array([1, 2]),)), Layer("Div", (np.ones((1, 10, 20_000, 1)),))],
    ],
    ids=["padding", "broadcasting"],
)
def test_a_layer_that_asks_for_gigabytes_is_refused(layers: list[Layer]) -> None:
    """A small file can ask for much memory: seen in the shapes, before anything runs."""
    pooled = [*layers, Layer("GlobalAveragePool"), Layer("Flatten"), Layer("Div", (np.array(1.0),))]
    with pytest.raises(
        ModelFileError, match=r"is of unknown size, or larger than in any reader of digits; train it again$"
    ):
        with_layers(*pooled)


ENLARGING = Layer("ConvTranspose", (np.ones((1, 1, 8, 8), np.float32),), {"strides": [2, 2], "pads": [3, 3, 3, 3]})


def test_a_model_may_enlarge_its_images() -> None:
    """A transposed convolution makes 8x8 images 16x16; it is no operator that the runtime or we refuse."""
    head = Layer("Gemm", (np.zeros((256, 10), np.float32),))
    model = with_layers(Layer("Unsqueeze", (np.array([1]),)), ENLARGING, Layer("Flatten"), head)
    assert np.allclose(model.predict_proba(IMAGES), 0.1)


@pytest.mark.parametrize(
    "layers",
    [
        [
            Layer("Unsqueeze", (np.array([1]),)),
            Layer("ConvTranspose", (np.ones((1, 1, 201, 201)),), {"pads": [100] * 4}),
        ],
        [
            Layer("Unsqueeze", (np.array([1, 4]),)),
            Layer("Unsqueeze", (np.array([5]),)),
            Layer("Conv", (np.ones((1, 1, 201, 201, 1, 1)),), {"pads": [100, 100, 0, 0] * 2}),
        ],
    ],
    ids=["transposed", "four dimensions"],
)
def test_a_convolution_that_unfolds_to_gigabytes_is_refused(layers: list[Layer]) -> None:
    """A wide kernel whose result is small: the runtime would copy the image once for each of its weights."""
    with pytest.raises(
        ModelFileError, match=r"is of unknown size, or larger than in any reader of digits; train it again$"
    ):
        with_layers(*layers, Layer("Flatten"), Layer("Gemm", (np.zeros((64, 10)),)))


def rename_input(proto: Any) -> None:
    """Call the input something else, everywhere."""
    proto.graph.input[0].name = proto.graph.node[0].input[0] = "pixels"


def take_floats(proto: Any) -> None:
    """Declare the input as float32."""
    proto.graph.input[0].type.tensor_type.elem_type = TensorProto.FLOAT


@pytest.mark.parametrize("change", [rename_input, take_floats])
def test_other_inputs_are_refused(change: Callable[[Any], None]) -> None:
    """A model takes one input, `images`, of uint8."""
    assert refusal(changed(change)) == "cannot use it: it does not take images and return probabilities"


@pytest.mark.parametrize("size", [2, 100])
def test_images_of_a_size_that_no_digit_has_are_refused(size: int) -> None:
    """Images have 4 to 64 pixels a side."""
    layers = [Layer("Flatten"), Layer("Gemm", (np.ones((size * size, 10)),))]
    with pytest.raises(
        ModelFileError, match=rf"its images are \['n', {size}, {size}\], not square with 4 to 64 pixels"
    ):
        Model.from_layers(layers, METADATA, image_size=size)


def test_a_file_without_an_answer_for_each_label_is_refused() -> None:
    """Ten outputs need ten labels."""
    text = dataclasses.replace(METADATA, labels="012").to_json()
    assert refusal(with_metadata(text)) == "cannot use it: it does not return 3 probabilities; train it again"


def test_a_later_format_asks_for_an_upgrade() -> None:
    """A file of a later inkdigits is not misread."""
    text = json.dumps({**json.loads(METADATA.to_json()), "format": 2})
    assert refusal(with_metadata(text)) == (
        "cannot use it: it is of model format 2 and this inkdigits reads 1; upgrade inkdigits or train the model again"
    )


def test_fields_of_a_later_inkdigits_are_passed_over() -> None:
    """Within a format, what we do not know does no harm."""
    text = json.dumps({**json.loads(METADATA.to_json()), "mood": "good"})
    assert Model(with_metadata(text)).metadata == METADATA


def metadata_text(**changes: Any) -> str:
    """Return the small model's metadata as JSON, changed."""
    return json.dumps({**json.loads(METADATA.to_json()), **changes})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "{}",
        "[" * 100_000,
        '{"format": 1}',
        metadata_text(preparation=None),
        metadata_text(thresholds=[]),
        metadata_text(thresholds={"0.01": "high"}),
        metadata_text(thresholds={"0.01": math.nan}),
        metadata_text(coverages=None),
        metadata_text(coverages={"0.01": 95}),
        metadata_text(labels=""),
        metadata_text(labels="-"),
        metadata_text(labels="-0123456789"),
        metadata_text(labels="0123456789--"),
        metadata_text(labels="0123456788"),
        metadata_text(labels="abcdefghij"),
        metadata_text(labels="0123456789.,-=_"),
        metadata_text(preparation="line-32"),
        metadata_text(temperature=None),
        metadata_text(temperature=0),
        metadata_text(temperature=math.inf),
    ],
    ids=lambda text: text[-60:],
)
def test_damaged_metadata_is_refused(text: str) -> None:
    """Missing, misspelt or senseless values are seen when the file is opened, not when a digit is read."""
    message = refusal(with_metadata(text))
    assert message.startswith("cannot use it: its metadata is damaged (")
    assert message.endswith("); train the model again")
    assert message.isprintable()


@pytest.mark.parametrize("promises", ["thresholds", "coverages"])
@pytest.mark.parametrize(
    ("rate", "reason"),
    [
        ("many", "could not convert string to float: 'many'"),
        ("", "could not convert string to float: ''"),
        ("0", "a promised error rate is not between 0 and 1"),
        ("1", "a promised error rate is not between 0 and 1"),
        ("-0.01", "a promised error rate is not between 0 and 1"),
        ("nan", "a promised error rate is not between 0 and 1"),
    ],
)
def test_a_promise_that_is_no_rate_is_refused(promises: str, rate: str, reason: str) -> None:
    """What a model promises is an error rate between 0 and 1."""
    text = metadata_text(**{promises: {"0.01": 0.9, rate: 0.9}})
    assert refusal(with_metadata(text)) == (f"cannot use it: its metadata is damaged ({reason}); train the model again")


def test_a_missing_model_file_is_named(tmp_path: Path) -> None:
    """The error says which file was looked for."""
    path = tmp_path / "no.onnx"
    with pytest.raises(ModelFileError) as caught:
        Model.load(path)
    assert str(caught.value) == f"cannot read model file '{path}': No such file or directory; check the path"


def test_a_folder_is_no_model_file(tmp_path: Path) -> None:
    """The system's reason is passed on."""
    with pytest.raises(ModelFileError, match=r"Is a directory; check the path$"):
        Model.load(tmp_path)


def test_a_model_file_without_permission_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unreadable file is a ModelFileError; the refusal is made up, because tests may run as root."""

    def refuse(path: Path, mode: str) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ModelFileError, match=r"secret\.onnx': Permission denied; check the path$"):
        Model.load(tmp_path / "secret.onnx")


def test_a_file_far_larger_than_ours_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A language model is not parsed to find that it reads no digits; nor is a device without an end."""
    monkeypatch.setattr(modelfile, "MAX_BYTES", 1000)
    path = tmp_path / "llama.onnx"
    path.write_bytes(bytes(1001))
    endless = Path("/dev/zero")
    for large in (path, *([endless] if endless.exists() else [])):
        with pytest.raises(ModelFileError) as caught:
            Model.load(large)
        assert str(caught.value) == (
            f"cannot use model file '{large}': it has more than the 1,000 bytes of any inkdigits model; "
            "is it another program's?"
        )


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("missing/model.onnx", "No such file or directory"),
        ("file/model.onnx", "Not a directory"),
        ("folder", "Is a directory"),
        ("a\0b", "embedded null byte"),
    ],
)
def test_where_a_model_cannot_be_saved_nothing_is_left(tmp_path: Path, name: str, reason: str) -> None:
    """The error names the path and the reason; no half-written file stays."""
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(ModelFileError) as caught:
        MODEL.save(tmp_path / name)
    assert str(caught.value) == f"cannot write model file '{tmp_path / name}': {reason}; choose another --out"
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "folder"]


def test_the_bundled_models_can_be_used() -> None:
    """Each model that is shipped opens, promises something and prepares as we can."""
    for name, path in bundled_models().items():
        metadata = open_any(path).metadata
        assert (path.suffix, path.stem) == (".onnx", name)
        assert metadata.preparation in ("mnist-28", "uci-8", "line-32")
        assert metadata.card


def test_the_bundled_models_pass_the_check_that_others_must(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is opened unchecked, because it is bundled, would be opened as the same model from anywhere else."""
    bundled = {name: open_any(name) for name in bundled_models()}
    monkeypatch.setattr(modelfile, "bundled_models", dict)
    for model in bundled.values():
        checked = open_content(model.content, source="a copy")
        assert (type(checked), checked.metadata) == (type(model), model.metadata)


def test_a_bundled_model_with_anything_changed_is_checked() -> None:
    """Bundled is what has the bytes of a bundled file: neither its name nor what it says of itself counts."""
    changed = onnx.load_model_from_string(open_any(DEFAULT_MODEL).content)
    changed.graph.node[1].op_type = "Loop"
    assert refusal(changed.SerializeToString()) == (
        "cannot use it: it needs Loop, which no inkdigits model does; train it again"
    )
