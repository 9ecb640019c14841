"""The layers in a graph that holds only operations.

A layer is read from operations that follow one another in one name scope: a convolution, the addition of a bias, an
activation. Keras of every version and TF-Slim wrote their layers so.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np

from featuremap_cli.networks.image_input import ImageInput
from featuremap_cli.networks.layer_entry import LayerEntry, why_undrawable
from featuremap_cli.networks.recording import Spot
from featuremap_cli.networks.startup import tensorflow

CONVOLUTIONS = {
    "Conv2D": "Conv2D",
    "DepthwiseConv2dNative": "DepthwiseConv2D",
    "Conv2DBackpropInput": "Conv2DTranspose",
    "Conv3D": "Conv3D",
}
"""{operation: the layer that makes it}; a one-dimensional convolution is a Conv2D between ExpandDims and Squeeze."""

LAYER_KINDS = {*CONVOLUTIONS.values(), "SeparableConv2D"}

STILL_LINEAR = ("BiasAdd", "AddV2", "Add", "BatchToSpaceND", "Squeeze")
"""What may follow a convolution before its activation; BatchToSpaceND ends a dilated one."""

ACTIVATIONS = ("Relu", "Relu6", "LeakyRelu", "Elu", "Selu", "Sigmoid", "Tanh", "Softplus", "Softsign")

OWN_LAYER = ("MaxPool", "AvgPool", "FusedBatchNormV3", "ConcatV2", "Pad", "PadV2", "MirrorPad")
"""Operations that are never part of a convolutional layer."""

OTHERS = (*ACTIVATIONS, *OWN_LAYER, "AddV2")
"""The operations that are listed as layers beside the convolutions."""

SMALL_SCALE = 0.1
"""A factor below this is made for pixels in [0, 255], as 1/255 and 2/255 are."""

_CALLS = re.compile(r"^(?:(?:Stateful)?PartitionedCall(?:_\d+)?/)+")


def image_keeps_channels_first(graph: Any) -> bool:
    """Whether the graph's first convolution has its channels before height and width."""
    formats = (
        op.get_attr("data_format") for op in graph.get_operations() if op.type in ("Conv2D", "DepthwiseConv2dNative")
    )
    return next(formats, b"NHWC") == b"NCHW"


@dataclass(frozen=True, eq=False)
class GraphLayer:
    """A layer in a graph.

    Attributes:
        scope: the name scope of its operations.
        kind: the Keras layer that makes such operations, or the type of the operation.
        before_activation, output: its tensors, with the batch axis.
    """

    scope: str
    kind: str
    before_activation: Any
    output: Any


def graph_layers(
    function: Any, image: ImageInput, found: Sequence[GraphLayer]
) -> tuple[tuple[LayerEntry, ...], dict[int, Spot]]:
    """The layers of a frozen function, with their paths.

    Args:
        function: TensorFlow's wrapped function, its variables frozen.
        image: its input that takes the image.
        found: of `find_layers`.

    Returns:
        The layers, and {entry.index: where it is} for those that can be drawn.
    """
    others = [tensor for place, tensor in enumerate(function.inputs) if place != image.position]
    foreign = {op: tensor.op.name for tensor in others for op in _reached_from(tensor, function.graph.get_operations())}
    entries, spots = [], {}
    for index, (path, layer) in enumerate(zip(readable_paths([layer.scope for layer in found]), found, strict=True)):
        shape = tuple(layer.output.shape[1:])
        turned = image.channels_first and len(shape) == 3
        shown = (*shape[1:], shape[0]) if turned else shape
        needed = foreign.get(layer.output.op)
        undrawable = f"needs the input `{needed}` beside the image" if needed else why_undrawable(shown)
        entries.append(LayerEntry(index, path, layer.kind, shown, layer.kind in LAYER_KINDS, undrawable))
        if undrawable is None:
            spots[index] = Spot(layer.output, layer.before_activation, turned)
    return tuple(entries), spots


def readable_paths(scopes: Sequence[str]) -> list[str]:
    """Layer paths from the name scopes of a graph.

    `StatefulPartitionedCall/net_1/stem_1/conv_1` becomes `stem/conv`: what the export added is taken off, the calls
    before, the model's name, and the `_1` after every layer's name. Equal paths are numbered `#1`, `#2`.

    Args:
        scopes: one a layer, in the graph's order.
    """
    names = [_parts(scope) for scope in scopes]
    if model_name(scopes):
        names = [parts[1:] for parts in names]
    if all(parts[0].endswith("_1") for parts in names):
        names = [[part.removesuffix("_1") for part in parts] for parts in names]
    paths = ["/".join(parts) for parts in names]
    times, numbers = Counter(paths), defaultdict[str, Iterator[int]](lambda: count(1))
    return [f"{path}#{next(numbers[path])}" if times[path] > 1 else path for path in paths]


def model_name(scopes: Sequence[str]) -> str:
    """The model's name, which all the scopes of a graph begin with; empty where they begin differently."""
    names = [_parts(scope) for scope in scopes]
    is_common = len({parts[0] for parts in names}) == 1 and min(len(parts) for parts in names) > 1
    return names[0][0].removesuffix("_1") if is_common else ""


def scales_bytes(image: Any, operations: Sequence[Any]) -> bool:
    """Whether a graph brings pixels in [0, 255] down before its first convolution."""
    for operation in _reached_from(image, operations):
        if operation.type in CONVOLUTIONS:
            return False
        constants = [tensorflow.get_static_value(tensor) for tensor in operation.inputs]
        sizes = [float(np.max(np.abs(value))) for value in constants if value is not None and np.size(value)]
        if (operation.type == "Mul" and any(0 < size < SMALL_SCALE for size in sizes)) or (
            operation.type in ("RealDiv", "Sub") and any(size > 1 / SMALL_SCALE for size in sizes)
        ):
            return True
    return False


def _parts(scope: str) -> list[str]:
    return _CALLS.sub("", f"{scope}/").strip("/").split("/")


def find_layers(image: Any, operations: Sequence[Any]) -> list[GraphLayer]:
    """The layers that depend on the image, in the graph's order.

    Args:
        image: the tensor that the image is given to.
        operations: all of the graph's.
    """
    reached = _reached_from(image, operations)
    consumers: dict[Any, list[Any]] = defaultdict(list)
    for operation in reached:
        for taken in {tensor.op for tensor in operation.inputs}:
            consumers[taken].append(operation)
    found: dict[Any, GraphLayer] = {}
    inside: set[Any] = set()
    for operation in reached:
        if operation.type in CONVOLUTIONS and not any(_within(operation, user.name) for user in consumers[operation]):
            layer, members = _convolution(operation, consumers, reached)
            found[layer.output.op] = layer
            inside |= members
    alone = {
        _scope(op): op for op in reached if op.type in OTHERS and op not in inside and op.outputs[0].shape.rank == 4
    }
    found.update((op, GraphLayer(scope, op.type, op.outputs[0], op.outputs[0])) for scope, op in alone.items())
    return [found[operation] for operation in reached if operation in found]


def _convolution(
    operation: Any, consumers: dict[Any, list[Any]], reached: Sequence[Any]
) -> tuple[GraphLayer, set[Any]]:
    """The layer that a convolution belongs to, and all its operations."""
    scope = _scope(operation)
    first_half = [tensor.op for tensor in operation.inputs if _within(tensor.op, operation.name)]
    separable = any(op.type in CONVOLUTIONS for op in first_half)
    members = {operation, *first_half}
    linear = operation
    while (follower := _only(consumers[linear], scope)) is not None and follower.type in STILL_LINEAR:
        if follower.type in ("AddV2", "Add") and any(
            _is_map(tensor) and tensor.op is not linear for tensor in follower.inputs
        ):
            break  # two sets of maps added, a residual connection
        linear = follower
        members.add(linear)
    rest = _followers(linear, scope, reached)
    if not scope or any(op.type in CONVOLUTIONS or op.type in OWN_LAYER for op in rest):
        # A scope of several layers: no more than an activation right after it is this one's.
        rest = [op for op in [_only(consumers[linear], scope)] if op is not None and op.type in ACTIVATIONS]
    ends = [op for op in rest if op.outputs and op.outputs[0].shape.rank == linear.outputs[0].shape.rank]
    kind = "SeparableConv2D" if separable else CONVOLUTIONS[operation.type]
    output = (ends[-1] if ends else linear).outputs[0]
    return GraphLayer(scope, kind, linear.outputs[0], output), members | set(rest)


def _followers(start: Any, scope: str, reached: Sequence[Any]) -> list[Any]:
    """The operations of a scope that depend on `start`, in the graph's order."""
    seen = {start}
    for operation in reached:
        if _within(operation, scope) and any(tensor.op in seen for tensor in operation.inputs):
            seen.add(operation)
    return [operation for operation in reached if operation in seen and operation is not start]


def _only(users: Iterable[Any], scope: str) -> Any | None:
    """The one operation that uses a result, where it is of this scope and the only one."""
    listed = list(users)
    return listed[0] if len(listed) == 1 and _within(listed[0], scope) else None


def _reached_from(tensor: Any, operations: Sequence[Any]) -> list[Any]:
    """The operations that depend on a tensor, in the graph's order, in which each stands after what it takes."""
    reached = {tensor.op}
    ordered = []
    for operation in operations:
        if operation.outputs and any(taken.op in reached for taken in operation.inputs):
            reached.add(operation)
            ordered.append(operation)
    return ordered


def _is_map(tensor: Any) -> bool:
    """A tensor that is more than one number a channel."""
    shape = tensor.shape
    return shape.rank is None or any(size is None or size > 1 for size in list(shape)[:-1])


def _scope(operation: Any) -> str:
    return str(operation.name.rpartition("/")[0])


def _within(operation: Any, scope: str) -> bool:
    return operation.name.startswith(f"{scope}/") if scope else "/" not in operation.name
