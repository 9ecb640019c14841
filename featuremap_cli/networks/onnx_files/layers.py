"""From the nodes of an ONNX file to layers: their paths, their filters in Keras's order of axes, their arithmetic."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from numpy.typing import NDArray

from featuremap_cli.analysis import layer_kinds
from featuremap_cli.analysis.layer_kinds import LayerKind
from featuremap_cli.analysis.layers import View
from featuremap_cli.graph.encoding import ValueType
from featuremap_cli.graph.nodes import Node
from featuremap_cli.networks.layered_graph import Call, Layer, Shape
from featuremap_cli.networks.onnx_files.arithmetic import Laid, arithmetic_of, laid
from featuremap_cli.networks.onnx_files.reading import ReadGraph
from featuremap_cli.networks.onnx_files.weights import kernels_of, node_weights, onnx_shape, source_of

CONVOLUTIONS = ("Conv", "ConvTranspose", "QLinearConv", "ConvInteger")

ACTIVATIONS: Mapping[str, str] = MappingProxyType(
    {
        "Relu": "relu",
        "LeakyRelu": "leaky_relu",
        "PRelu": "prelu",
        "Clip": "clip",
        "Sigmoid": "sigmoid",
        "Tanh": "tanh",
        "Elu": "elu",
        "Selu": "selu",
        "Celu": "celu",
        "Softplus": "softplus",
        "Softsign": "softsign",
        "HardSigmoid": "hard_sigmoid",
        "HardSwish": "hard_silu",
        "Gelu": "gelu",
        "Mish": "mish",
    }
)
"""Operators that are a convolution's activation where they alone take what it makes, in Keras's words."""

_INTERPOLATIONS: Mapping[str, Literal["nearest", "bilinear", "bicubic"]] = MappingProxyType(
    {"nearest": "nearest", "linear": "bilinear", "cubic": "bicubic"}
)


@dataclass(frozen=True, eq=False)
class OnnxLayers:
    """The layers of a file.

    Attributes:
        calls: one a node, in the order of execution.
        weights: {path: a layer's arrays, in the order of `Layer.weights`}.
    """

    calls: tuple[Call, ...]
    weights: Mapping[str, Sequence[NDArray[Any]]]


def read_layers(graph: ReadGraph, types: Mapping[str, ValueType], image: str) -> OnnxLayers:
    """The layers.

    Args:
        graph: the file's.
        types: of its values, as far as they are known.
        image: the input that takes the image.
    """
    users = Counter(name for node in graph.nodes for name in {*node.inputs, *node.captured})
    next_node = {name: node for node in graph.nodes for name in node.inputs}
    foreign = _reached_from_others(graph, image)
    paths = list(_paths(graph))
    calls, weights, counted = [], {}, set[str]()
    for node, path in zip(graph.nodes, paths, strict=True):
        arrays = node_weights(node, graph.arrays)
        own = {name: array for name, array in arrays.items() if source_of(node, name) not in counted}
        counted.update(source_of(node, name) for name in arrays)
        after = next_node.get(node.outputs[0])
        is_alone = users[node.outputs[0]] == 1 and node.outputs[0] not in graph.outputs
        activation = after if node.operator in CONVOLUTIONS and is_alone and _is_activation(after) else None
        layer = _layer(node, path, arrays, own, activation)
        if layer.weights:
            weights[path] = [arrays[name] for name in layer.weights]
        calls.append(_call(node, layer, activation, types, graph, foreign))
    return OnnxLayers(tuple(calls), weights)


def _call(
    node: Node,
    layer: Layer,
    activation: Node | None,
    types: Mapping[str, ValueType],
    graph: ReadGraph,
    foreign: Mapping[str, str],
) -> Call:
    nodes = [node]
    made = node.outputs[0]
    if node.operator == "QLinearConv":
        made = f"{made} dequantized"
        nodes.append(Node("DequantizeLinear", (node.outputs[0], *node.inputs[6:8]), (made,)))
    output = made if activation is None else activation.outputs[0]
    return Call(
        layer=layer,
        number=0,
        inputs=tuple(name for name in (*node.inputs, *node.captured) if name and name not in graph.arrays),
        output=output,
        shape=channels_last(types.get(node.outputs[0])),
        before_activation=None if activation is None else made,
        nodes=tuple(nodes),
        arithmetic=_arithmetic(node, graph.arrays, types),
        needs=foreign.get(node.outputs[0]),
    )


def channels_last(kind: ValueType | None) -> Shape | None:
    """A value's shape without the batch axis, channels last; None where it is not known."""
    if kind is None or not kind.shape:
        return None
    sizes = kind.shape[1:]
    return (*sizes[1:], sizes[0]) if len(sizes) == 3 else sizes


def _is_activation(node: Node | None) -> bool:
    return node is not None and node.operator in ACTIVATIONS


def _paths(graph: ReadGraph) -> Iterator[str]:
    """The name that the file gives each node, or that of what it makes; equal ones are numbered."""
    times: Counter[str] = Counter()
    for node, name in zip(graph.nodes, graph.names, strict=True):
        path = name or next((one for one in node.outputs if one), node.operator)
        times[path] += 1
        yield path if times[path] == 1 else f"{path}~{times[path]}"


def _reached_from_others(graph: ReadGraph, image: str) -> dict[str, str]:
    """The values that depend on an input beside the image, and which."""
    reached = {name: name for name in graph.inputs if name != image}
    for node in graph.nodes:
        needed = next((reached[name] for name in (*node.inputs, *node.captured) if name in reached), None)
        if needed is not None:
            reached.update(dict.fromkeys(node.outputs, needed))
    return reached


def _layer(
    node: Node,
    path: str,
    arrays: Mapping[str, NDArray[Any]],
    own: Mapping[str, NDArray[Any]],
    activation: Node | None,
) -> Layer:
    kernel, is_convolution = arrays.get("kernel"), node.operator in CONVOLUTIONS
    if not is_convolution or kernel is None or kernel.ndim != 4:
        return Layer(path, node.operator, {name: array.shape for name, array in own.items()}, {}, None, is_convolution)
    window = _laid(node, kernel, "bias" in arrays)
    groups = node.attributes.get("group", 1)
    shape = onnx_shape(node, kernel)
    kernels = kernels_of(node, shape)
    lies = window.window if window is not None else None
    settings: dict[str, Any] = {
        "filters": kernel.shape[2] if node.operator == "ConvTranspose" else shape[0],
        "depth_multiplier": kernel.shape[3],
        "kernel_size": list(kernel.shape[:2]),
        "strides": list(window.strides if window is not None else (1, 1)),
        "dilation_rate": list(window.dilation if window is not None else (1, 1)),
        "groups": groups if kernels == "Conv2D" else 1,
        "use_bias": "bias" in arrays,
        "padding": None if lies is None else lies.padding,
        "activation": None if activation is None else activation_word(activation),
    }
    weights = {name: array.shape for name, array in arrays.items()}
    return Layer(path, node.operator, weights, settings, kernels, True, window=lies)


def activation_word(node: Node) -> str:
    """What an activation is called in Keras's words."""
    return ACTIVATIONS[node.operator]


def _laid(node: Node, kernel: NDArray[Any], bias: bool) -> Laid | None:
    return laid(node, tuple(kernel.shape[:2]), onnx_shape(node, kernel), bias)


def _arithmetic(node: Node, arrays: Mapping[str, NDArray[Any]], types: Mapping[str, ValueType]) -> LayerKind | View:
    """The kind whose arithmetic a node has."""
    if node.operator in CONVOLUTIONS:
        kernel = node_weights(node, arrays).get("kernel")
        found = (
            None if kernel is None or kernel.ndim != 4 else _laid(node, kernel, "bias" in node_weights(node, arrays))
        )
        return found or View.UNKNOWN
    if node.operator in ("MaxPool", "AveragePool", "LpPool"):
        size = node.attributes.get("kernel_shape", ())
        pool = laid(node, tuple(int(one) for one in size), None, False) if isinstance(size, tuple) else None
        return pool or View.UNKNOWN
    if node.operator in ("Gemm", "MatMul") and len(node.inputs) > 1 and node.inputs[1] in arrays:
        kernel = arrays[node.inputs[1]]
        units = kernel.shape[0 if node.attributes.get("transB", 0) else -1]
        return layer_kinds.Dense(units, len(node.inputs) > 2) if kernel.ndim == 2 else View.UNKNOWN
    before, after = (types.get(name) for name in (node.inputs[0], node.outputs[0]))
    if before is None or after is None:
        return arithmetic_of(node)
    return _arranged(node, before.shape, after.shape, arrays)


def _arranged(
    node: Node, before: tuple[int | None, ...], after: tuple[int | None, ...], arrays: Mapping[str, NDArray[Any]]
) -> LayerKind | View:
    """The kind of an operator by the shapes that it takes and makes, channels first."""
    is_image = len(before) == len(after) == 4
    if node.operator in ("Reshape", "Flatten", "Squeeze", "Unsqueeze"):
        if len(before) == 4 and len(after) == 2:
            return layer_kinds.Flattening()
        keeps_places = len(before) > 3 and len(after) > 3 and None not in before[-2:] and before[-2:] == after[-2:]
        return View.POINT if keeps_places or len(before) == 2 else View.UNKNOWN
    if node.operator == "Transpose":
        order = node.attributes.get("perm", ())
        rank = len(before)
        if isinstance(order, tuple) and order[-2:] == (rank - 2, rank - 1):
            return View.POINT
        return View.POINT if order == (0, 3, 1, 2) and node.inputs[0] not in arrays else View.UNKNOWN
    if node.operator == "Pad" and is_image and node.attributes.get("mode", "constant") == "constant":
        return _border(node, arrays)
    if node.operator in ("Resize", "Upsample") and is_image and after[2] and after[3]:
        mode = _INTERPOLATIONS.get(str(node.attributes.get("mode", "nearest")))
        return View.UNKNOWN if mode is None else layer_kinds.Resizing(size=(after[2], after[3]), interpolation=mode)
    if node.operator in ("ReduceMean", "ReduceSum", "ReduceMax") and len(before) == 4:
        return layer_kinds.GlobalPooling() if len(after) == 2 or after[2:] == (1, 1) else View.UNKNOWN
    if node.operator == "Slice" and is_image and before[2:] == after[2:] and None not in before[2:]:
        return View.POINT
    return arithmetic_of(node)


def _border(node: Node, arrays: Mapping[str, NDArray[Any]]) -> LayerKind | View:
    given = node.attributes.get("pads")
    if len(node.inputs) > 3 and node.inputs[3]:
        return View.UNKNOWN
    if len(node.inputs) > 1 and node.inputs[1] in arrays:
        given = tuple(int(one) for one in arrays[node.inputs[1]])
    if not isinstance(given, tuple) or len(given) != 8:
        return View.UNKNOWN
    _, _, top, left, _, _, bottom, right = (int(one) for one in given)
    return layer_kinds.Border(top, bottom, left, right)
