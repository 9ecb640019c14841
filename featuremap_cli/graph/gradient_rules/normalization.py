"""Gradients of normalizations: by numbers from training, and by the values' own mean and deviation."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from featuremap_cli.graph.gradient_rules.backward import Backward, Rule, Signals
from featuremap_cli.graph.nodes import Attribute, Node
from featuremap_cli.graph.runtime import GraphError


def _batch(node: Node, signals: Signals, at: Backward) -> Signals:
    """BatchNormalization in a prediction: a factor a channel."""
    _, scale, _, _, variance = node.inputs[:5]
    deviation = at.nodes.add("Sqrt", at.nodes.add("Add", variance, at.number(_setting(node, "epsilon", 1e-5))))
    rank = len(at.shape(node.inputs[0]))
    factor = at.nodes.add("Reshape", at.nodes.add("Div", scale, deviation), at.whole(-1, *(1,) * (rank - 2)))
    return [at.nodes.add("Mul", str(signals[0]), factor)]


def _layer(node: Node, signals: Signals, at: Backward) -> Signals:
    """LayerNormalization along the axes from `axis` on."""
    shape = at.shape(node.inputs[0])
    axis = node.attributes.get("axis", -1)
    first = int(axis) % len(shape) if isinstance(axis, int) else len(shape) - 1
    signal = at.nodes.add("Mul", str(signals[0]), node.inputs[1])
    return [_by_own_moments(node, signal, range(first, len(shape)), at)]


def _instance(node: Node, signals: Signals, at: Backward) -> Signals:
    """InstanceNormalization: each channel of each image along its positions."""
    rank = len(at.shape(node.inputs[0]))
    scale = at.nodes.add("Reshape", node.inputs[1], at.whole(-1, *(1,) * (rank - 2)))
    return [_by_own_moments(node, at.nodes.add("Mul", str(signals[0]), scale), range(2, rank), at)]


def _by_own_moments(node: Node, signal: str, axes: range, at: Backward) -> str:
    """The gradient of (x - mean) / deviation along axes: (R - mean(R) - y * mean(R * y)) / deviation."""
    mean: dict[str, Attribute] = {"axes": tuple(axes), "keepdims": 1}
    value = node.inputs[0]
    centered = at.nodes.add("Sub", value, at.nodes.add("ReduceMean", value, **mean))
    variance = at.nodes.add("ReduceMean", at.nodes.add("Mul", centered, centered), **mean)
    deviation = at.nodes.add("Sqrt", at.nodes.add("Add", variance, at.number(_setting(node, "epsilon", 1e-5))))
    made = at.nodes.add("Div", centered, deviation)
    along = at.nodes.add("ReduceMean", at.nodes.add("Mul", signal, made), **mean)
    rest = at.nodes.add("Sub", signal, at.nodes.add("ReduceMean", signal, **mean))
    return at.nodes.add("Div", at.nodes.add("Sub", rest, at.nodes.add("Mul", made, along)), deviation)


def _local_response(node: Node, signals: Signals, at: Backward) -> Signals:
    """LRN, y = x * D^-beta with D = bias + alpha/size * (sum of squares of the channels around)."""
    size = int(_setting(node, "size", 1))
    alpha, beta, bias = (_setting(node, name, by) for name, by in (("alpha", 1e-4), ("beta", 0.75), ("bias", 1.0)))
    value, signal = node.inputs[0], str(signals[0])
    before, after = (size - 1) // 2, size // 2
    squares = _around(at.nodes.add("Mul", value, value), node, before, after, at)
    scale = at.nodes.add("Add", at.nodes.add("Mul", squares, at.number(alpha / size)), at.number(bias))
    divisor = at.nodes.add("Pow", scale, at.number(-beta))
    weighted = at.nodes.add("Div", at.nodes.add("Mul", at.nodes.add("Mul", signal, value), divisor), scale)
    shared = _around(weighted, node, after, before, at)
    inhibited = at.nodes.add("Mul", at.nodes.add("Mul", value, shared), at.number(2 * alpha * beta / size))
    return [at.nodes.add("Sub", at.nodes.add("Mul", signal, divisor), inhibited)]


def _around(value: str, node: Node, before: int, after: int, at: Backward) -> str:
    """The sum over channels from `before` before each to `after` after it."""
    shape = at.shape(node.inputs[0])
    if len(shape) != 4:
        raise GraphError("LRN has no gradient here but for images")
    channels = int(shape[1] or 0)
    offsets = np.arange(channels)[None, :] - np.arange(channels)[:, None]
    near = ((offsets >= -before) & (offsets <= after)).astype(np.float32)
    return at.nodes.add("Conv", value, at.nodes.constant(near[:, :, None, None]))


def _setting(node: Node, name: str, default: float) -> float:
    value = node.attributes.get(name, default)
    return float(value) if isinstance(value, int | float) else default


NORMALIZATION: Mapping[str, Rule] = MappingProxyType(
    {
        "BatchNormalization": Rule(_batch),
        "LayerNormalization": Rule(_layer),
        "InstanceNormalization": Rule(_instance),
        "LRN": Rule(_local_response),
    }
)
