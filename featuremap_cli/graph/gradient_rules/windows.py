"""Gradients of operators that lay a window over an image: convolutions and pools.

The gradient of a convolution by its input is a transposed convolution with the same filters, and the other way round.
A max-pool puts the signal where its indices say, added up where windows overlap.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from featuremap_cli.graph.gradient_rules.backward import Backward, Rule, Shape, Signals
from featuremap_cli.graph.nodes import Attribute, Node
from featuremap_cli.graph.runtime import GraphError


@dataclass(frozen=True)
class _Laid:
    """How a window lies over an input, one number an axis of the image.

    Attributes:
        size, strides, dilations: of the window.
        before: positions of padding before the first.
        after: how far the last window reaches beyond the input; below zero where it ends before.
    """

    size: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]

    @property
    def spread(self) -> dict[str, Attribute]:
        """The attributes of the transposed convolution that takes a signal of the output back to the input."""
        ends = tuple(max(end, 0) for end in self.after)
        return {
            "strides": self.strides,
            "dilations": self.dilations,
            "pads": (*self.before, *ends),
            "output_padding": tuple(max(-end, 0) for end in self.after),
        }


def _laid(node: Node, size: tuple[int, ...], image: Shape, output: Shape) -> _Laid:
    """How a node's window lies over images of a shape (batch, channels, ...), so that it gives the output's shape."""
    rank = len(size)
    strides, dilations = _numbers(node, "strides", rank, 1), _numbers(node, "dilations", rank, 1)
    begins = _begins(node, size, strides, dilations, image, output)
    reach = [
        (int(output[axis + 2] or 0) - 1) * strides[axis] + (size[axis] - 1) * dilations[axis] + 1
        for axis in range(rank)
    ]
    after = tuple(reach[axis] - int(image[axis + 2] or 0) - begins[axis] for axis in range(rank))
    return _Laid(size, strides, dilations, begins, after)


def _begins(
    node: Node,
    size: tuple[int, ...],
    strides: tuple[int, ...],
    dilations: tuple[int, ...],
    image: Shape,
    output: Shape,
) -> tuple[int, ...]:
    """The padding before each axis, worked out where the node leaves it to the runtime."""
    rule = node.attributes.get("auto_pad", "NOTSET")
    if rule not in ("SAME_UPPER", "SAME_LOWER"):
        return _numbers(node, "pads", 2 * len(size), 0)[: len(size)] if rule == "NOTSET" else (0,) * len(size)
    totals = [
        max(
            (int(output[axis + 2] or 0) - 1) * strides[axis]
            + (size[axis] - 1) * dilations[axis]
            + 1
            - int(image[axis + 2] or 0),
            0,
        )
        for axis in range(len(size))
    ]
    return tuple((total + (rule == "SAME_LOWER")) // 2 for total in totals)


def _numbers(node: Node, name: str, count: int, default: int) -> tuple[int, ...]:
    value = node.attributes.get(name)
    return tuple(int(one) for one in value) if isinstance(value, tuple) else (default,) * count


def _group(node: Node) -> int:
    value = node.attributes.get("group", 1)
    return value if isinstance(value, int) else 1


def _convolution(node: Node, signals: Signals, at: Backward) -> Signals:
    image, output = at.shape(node.inputs[0]), at.shape(node.outputs[0])
    size = tuple(int(length or 0) for length in at.shape(node.inputs[1])[2:])
    laid = _laid(node, size, image, output)
    _require_fixed_weights(node, at)
    return [at.nodes.add("ConvTranspose", _only(signals), node.inputs[1], group=_group(node), **laid.spread)]


def _transposed(node: Node, signals: Signals, at: Backward) -> Signals:
    """Its gradient is the convolution that it is the transpose of: windows over its output, one an input position."""
    image, output = at.shape(node.inputs[0]), at.shape(node.outputs[0])
    size = tuple(int(length or 0) for length in at.shape(node.inputs[1])[2:])
    rank = len(size)
    strides, dilations = _numbers(node, "strides", rank, 1), _numbers(node, "dilations", rank, 1)
    _require_fixed_weights(node, at)
    if node.attributes.get("auto_pad", "NOTSET") in ("SAME_UPPER", "SAME_LOWER") or "output_shape" in node.attributes:
        raise GraphError("ConvTranspose has no gradient here where its padding is left to the runtime")
    begins = _numbers(node, "pads", 2 * rank, 0)[:rank]
    reach = [
        (int(image[axis + 2] or 0) - 1) * strides[axis] + (size[axis] - 1) * dilations[axis] + 1 for axis in range(rank)
    ]
    after = [reach[axis] - begins[axis] - int(output[axis + 2] or 0) for axis in range(rank)]
    signal = _only(signals)
    if min(after) < 0:  # zeros at the end that no pixel was spread over
        kept = [int(output[axis + 2] or 0) + min(after[axis], 0) for axis in range(rank)]
        axes = at.whole(*range(2, rank + 2))
        signal = at.nodes.add("Slice", signal, at.whole(*(0,) * rank), at.whole(*kept), axes)
    pads = (*begins, *(max(end, 0) for end in after))
    settings: dict[str, Attribute] = {"strides": strides, "dilations": dilations, "pads": pads}
    return [at.nodes.add("Conv", signal, node.inputs[1], group=_group(node), **settings)]


def _require_fixed_weights(node: Node, at: Backward) -> None:
    if node.inputs[1] in at.moving:
        raise GraphError(f"{node.operator} has no gradient here where its filters are computed from the image")


def _max_pool(node: Node, signals: Signals, at: Backward) -> Signals:
    if len([signal for signal in signals if signal]) != 1 or len([name for name in node.outputs if name]) > 2:
        raise GraphError("MaxPool has no gradient here by its indices")
    image = at.shape(node.inputs[0])
    _, indices = at.nodes.add_several("MaxPool", node.inputs[:1], 2, **_in_rows(node))
    flat = at.nodes.add("Reshape", _only(signals), at.whole(-1))
    places = at.nodes.add("Reshape", indices, at.whole(-1))
    length = at.nodes.add("Reshape", at.nodes.add("Size", node.inputs[0]), at.whole(1))
    zeros = at.nodes.add("ConstantOfShape", length, value=np.zeros(1, np.float32))
    scattered = at.nodes.add("ScatterElements", zeros, places, flat, axis=0, reduction="add")
    return [at.reshaped(scattered, image)]


def _in_rows(node: Node) -> dict[str, Attribute]:
    """A pool's settings, its indices counted along rows."""
    return {name: value for name, value in node.attributes.items() if name != "storage_order"}


def _average_pool(node: Node, signals: Signals, at: Backward) -> Signals:
    image, output = at.shape(node.inputs[0]), at.shape(node.outputs[0])
    size = _numbers(node, "kernel_shape", len(image) - 2, 1)
    laid = _laid(node, size, image, output)
    channels = int(image[1] or 0)
    shared = at.nodes.add("Div", _only(signals), at.nodes.constant(_covered(node, laid, image, output)))
    ones = at.nodes.constant(np.ones((channels, 1, *size), np.float32))
    return [at.nodes.add("ConvTranspose", shared, ones, group=channels, **laid.spread)]


def _covered(node: Node, laid: _Laid, image: Shape, output: Shape) -> np.ndarray:
    """How many positions each window of an average is over, so that it goes with the output's shape."""
    total = np.ones((), np.float32)
    declared = _numbers(node, "pads", 2 * len(laid.size), 0)[len(laid.size) :]
    counts_padding = bool(node.attributes.get("count_include_pad", 0))
    for axis, size in enumerate(laid.size):
        length, outputs = int(image[axis + 2] or 0), int(output[axis + 2] or 0)
        begin, end = (-laid.before[axis], length + declared[axis]) if counts_padding else (0, length)
        taps = (np.arange(outputs) * laid.strides[axis] - laid.before[axis])[:, None] + np.arange(
            size
        ) * laid.dilations[axis]
        counts = ((taps >= begin) & (taps < end)).sum(axis=1).astype(np.float32)
        total = np.multiply.outer(total, counts)
    return total[np.newaxis, np.newaxis]


def _global_average(node: Node, signals: Signals, at: Backward) -> Signals:
    image = at.shape(node.inputs[0])
    positions = math.prod(int(size or 0) for size in image[2:])
    shared = at.nodes.add("Mul", _only(signals), at.number(1 / positions))
    return [at.nodes.add("Expand", shared, at.whole(1, *(int(size or 0) for size in image[1:])))]


def _global_max(node: Node, signals: Signals, at: Backward) -> Signals:
    """The signal where the maximum is, shared where it is in several places, as TensorFlow does."""
    axes = at.whole(*range(2, len(at.shape(node.inputs[0]))))
    is_most = at.nodes.add("Cast", at.nodes.add("Equal", *node.inputs[:1], node.outputs[0]), to=1)
    count = at.nodes.add("ReduceSum", is_most, axes, keepdims=1)
    return [at.nodes.add("Div", at.nodes.add("Mul", is_most, _only(signals)), count)]


def _only(signals: Signals) -> str:
    return next(signal for signal in signals if signal)


WINDOWS: Mapping[str, Rule] = MappingProxyType(
    {
        "Conv": Rule(_convolution),
        "ConvTranspose": Rule(_transposed),
        "MaxPool": Rule(_max_pool),
        "AveragePool": Rule(_average_pool),
        "GlobalAveragePool": Rule(_global_average),
        "GlobalMaxPool": Rule(_global_max),
    }
)
