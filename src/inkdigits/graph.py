"""A network as an ONNX graph: built from layers, checked, opened.

Nothing in a file can run code: one that asks for operators outside the short list below, for data outside itself, or
for gigabytes, is refused.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from inkdigits.errors import ModelFileError, one_line
from inkdigits.prepare import MAX_LINE_WIDTH

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, ValueInfoProto
    from onnxruntime import InferenceSession

    Session: TypeAlias = InferenceSession

OPSET = 17  # the oldest that has all we write; ONNX Runtime has read it since 1.12
IR_VERSION = 8  # the version that belongs to opset 17
MAX_VALUES = 1_000_000  # in one layer, per image; our largest has 25,000 (32 x 28 x 28)
BATCH, WIDTH, FRAMES = "n", "w", "t"  # the names of the dimensions that are left open; the last two of lines only
METADATA_KEY = "inkdigits"
OPERATORS = frozenset(  # what our networks are made of; none loops, allocates at will or reads files
    {"Cast", "Conv", "ConvTranspose", "Clip", "Div", "Flatten", "Gemm", "GlobalAveragePool", "MaxPool"}
    | {"Relu", "Sigmoid", "Softmax", "Squeeze", "Tanh", "Unsqueeze"}
)


@dataclass(frozen=True)
class Layer:
    """One ONNX operator with its weights: what a trained network is translated to before it is stored."""

    operator: str
    weights: tuple[NDArray[Any], ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)  # whole numbers or lists of them


def build_graph(
    layers: Sequence[Layer], *, name: str, temperature: float, metadata: str, takes: list[Any], gives: list[Any]
) -> bytes:
    """Write a model file: images -> cast to the weights' type -> layers -> temperature -> probabilities.

    Parameters
    ----------
    metadata
        Stored beside the graph.
    takes, gives
        The shapes of the images and of the probabilities, open dimensions by their names.
    """
    from onnx import TensorProto, checker, helper, numpy_helper

    number = next(w.dtype for layer in reversed(layers) for w in layer.weights if w.dtype.kind == "f")
    precision = helper.np_dtype_to_tensor_dtype(number)
    complete = [*layers, Layer("Div", (np.array(temperature, number),)), Layer("Softmax", (), {"axis": 1})]
    nodes = [helper.make_node("Cast", ["images"], ["0.out"], to=precision)]
    stored = []
    for index, layer in enumerate(complete, start=1):
        names = [f"{index}.weight{i}" for i in range(len(layer.weights))]
        stored += [numpy_helper.from_array(w, name) for w, name in zip(layer.weights, names, strict=True)]
        out = "probabilities" if index == len(complete) else f"{index}.out"
        nodes.append(helper.make_node(layer.operator, [f"{index - 1}.out", *names], [out], **layer.attributes))
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("images", TensorProto.UINT8, takes)],
        [helper.make_tensor_value_info("probabilities", precision, gives)],
        stored,
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="inkdigits"
    )
    helper.set_model_props(model, {METADATA_KEY: metadata})
    checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))


def parse_graph(content: bytes, source: str) -> ModelProto:
    """Parse a model file, which errors name source, without loading anything it refers to."""
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load_model_from_string(content)
    except DecodeError:
        model = onnx.ModelProto()
    if not model.HasField("graph"):
        raise ModelFileError(f"cannot use {source}: it is cut off or not an ONNX file; copy or train it again")
    return model


def check_graph(model: ModelProto, source: str) -> None:
    """Raise ModelFileError for what we would never write: it may be unsafe to open."""
    _check_safe(model, source)
    _check_memory(model, source)


def read_layers(model: ModelProto) -> list[Layer]:
    """Return the layers between the cast, and temperature and softmax, as `build_graph` was given them."""
    from onnx import helper, numpy_helper

    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    return [
        Layer(
            node.op_type,
            tuple(stored[name] for name in node.input[1:] if name in stored),
            {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute},
        )
        for node in model.graph.node[1:-2]
    ]


def _check_safe(model: ModelProto, source: str) -> None:
    """Refuse what we would never write."""
    from onnx import TensorProto

    for tensor in model.graph.initializer:
        if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
            raise ModelFileError(
                f"cannot use {source}: it asks for data outside the file, which is not safe; train it again"
            )
    foreign = sorted(_foreign_operators(model.graph))
    if foreign or model.functions or model.training_info or model.graph.sparse_initializer:
        what = one_line(", ".join(foreign) or "functions of its own")
        raise ModelFileError(f"cannot use {source}: it needs {what}, which no inkdigits model does; train it again")


def _check_memory(model: ModelProto, source: str) -> None:
    """Refuse a layer that would ask for gigabytes: by wide padding, or by stretching two vectors to a table."""
    from onnx import shape_inference

    bare = type(model)()
    bare.CopyFrom(model)
    del bare.graph.value_info[:]  # what it declares counts for nothing
    for value in bare.graph.input:
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param == WIDTH:
                dim.dim_value = MAX_LINE_WIDTH  # no line is wider
    for output in bare.graph.output:
        output.type.tensor_type.ClearField("shape")
    try:
        graph = shape_inference.infer_shapes(bare, strict_mode=True).graph
    except Exception as error:  # noqa: BLE001 - onnx raises classes of its own
        raise ModelFileError(f"cannot use {source}: its layers do not fit together ({one_line(error)})") from None
    sizes = {value.name: _values_per_image(value) for value in (*graph.value_info, *graph.output)}
    results = ((name, sizes.get(name, math.inf)) for node in graph.node for name in node.output if name)
    for name, values in (*results, *_unfolded_values(graph, sizes)):
        if values > MAX_VALUES:
            raise ModelFileError(
                f"cannot use {source}: its layer {one_line(name)} is of unknown size, or larger than in any reader of "
                "digits; train it again"
            )


def _unfolded_values(graph: GraphProto, sizes: Mapping[str, float]) -> Iterator[tuple[str, float]]:
    """Yield the convolutions for which the runtime unfolds an image, and at most how many numbers that takes."""
    weights = {tensor.name: tensor.dims for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type in {"Conv", "ConvTranspose"} and len(node.input) > 1 and node.output:
            dims = weights.get(node.input[1], (math.inf,))
            unfolded = node.input[0] if node.op_type == "ConvTranspose" else node.output[0]
            if node.op_type == "ConvTranspose" or len(dims) != 4:  # a flat Conv works in small pieces
                yield node.output[0], math.prod(dims) * sizes.get(unfolded, math.inf)


def _values_per_image(value: ValueInfoProto) -> float:
    """Return how many numbers a layer gives for one image, infinity where that is not known beforehand."""
    if not value.type.tensor_type.HasField("shape"):
        return math.inf
    dims = value.type.tensor_type.shape.dim
    sizes = [dim.dim_value if dim.dim_value > 0 else math.inf for dim in dims]
    if dims and dims[0].dim_param == BATCH:
        sizes[0] = 1
    return math.prod(sizes)


def _foreign_operators(graph: GraphProto) -> Iterator[str]:
    for node in graph.node:
        with_subgraph = any(a.HasField("g") or a.graphs or a.HasField("t") or a.tensors for a in node.attribute)
        if node.domain not in ("", "ai.onnx") or node.op_type not in OPERATORS or with_subgraph:
            yield f"{node.domain}.{node.op_type}".lstrip(".")


def read_metadata(model: ModelProto, source: str) -> str:
    """Return what is stored beside the graph; raise ModelFileError where it is not one of ours."""
    for entry in model.metadata_props:
        if entry.key == METADATA_KEY:
            return str(entry.value)
    maker = f"written by {model.producer_name!r}" if model.producer_name else "of unknown origin"
    raise ModelFileError(
        f"cannot use {source}: it is {maker} and has no inkdigits metadata; "
        "train one with 'inkdigits train --out my.onnx'"
    )


def open_session(content: bytes, source: str) -> Session:
    """Open a model file with ONNX Runtime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.load_model_format", "ONNX")  # not ORT's own, which we did not check
    options.log_severity_level = 4  # only fatal ones: what goes wrong is raised, in our words
    options.intra_op_num_threads = 1  # small networks: more threads only wait for each other
    try:
        return onnxruntime.InferenceSession(  # its fallback prints, and tries the same again
            content, options, providers=["CPUExecutionProvider"], enable_fallback=False
        )
    except Exception as error:  # noqa: BLE001 - ONNX Runtime raises classes of its own, none public
        raise ModelFileError(f"cannot use {source}: ONNX Runtime refuses it ({one_line(error)})") from None
