"""What ONNX's operators cost and read, for tables and receptive fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from featuremap_cli.analysis import layer_kinds
from featuremap_cli.analysis.layer_kinds import LayerKind
from featuremap_cli.analysis.layers import LayerFacts, Shape, View, Window
from featuremap_cli.analysis.taps import transposed_taps, window_taps
from featuremap_cli.convolution.geometry import Pair, same_padding
from featuremap_cli.graph.nodes import Node

POINT_BY_POINT = (
    *("Add", "Sub", "Mul", "Div", "Sum", "Mean", "Max", "Min", "Pow", "Neg", "Abs", "Sqrt", "Exp", "Log", "Where"),
    *("Relu", "LeakyRelu", "PRelu", "Clip", "Sigmoid", "Tanh", "Elu", "Selu", "Celu", "Softplus", "Softsign", "Erf"),
    *("HardSigmoid", "HardSwish", "Gelu", "Mish", "ThresholdedRelu", "Reciprocal", "Sign", "Floor", "Ceil", "Round"),
    *("BatchNormalization", "LRN", "Dropout", "Identity", "Cast", "QuantizeLinear", "DequantizeLinear"),
)
"""Operators that look at one position at a time."""

WHOLE = ("InstanceNormalization", "GroupNormalization", "Gemm", "Flatten")


@dataclass(frozen=True)
class Laid:
    """A window laid over an image by ONNX's rules, whose padding may differ at every side.

    Attributes:
        size, strides, dilation: of the window, (height, width).
        before, after: padding in front and behind, (height, width); None for that of SAME.
        multiplies: `filters` of `channels / groups` channels, `transposed` ones, or a `pool` of none.
        filters: feature maps it makes; 0 for a pool, which makes as many as it is given.
        groups: of the channels.
        bias: a number a filter is added.
        extra: positions that a transposed convolution adds behind (`output_padding`).
        rounds_up: a pool's last window may reach beyond the padding (`ceil_mode`).
    """

    size: Pair
    strides: Pair
    dilation: Pair
    before: Pair | None
    after: Pair | None
    multiplies: Literal["filters", "transposed", "pool"]
    filters: int = 0
    groups: int = 1
    bias: bool = False
    extra: Pair = (0, 0)
    rounds_up: bool = False

    @property
    def window(self) -> Window | None:
        """How it is laid, where that has a name: SAME, VALID, or as much on every side."""
        sides = {*(self.before or ()), *(self.after or ())}
        if self.before is None:
            return Window(self.size, self.strides, self.dilation, "same")
        if len(sides) == 1:
            (side,) = sides
            return Window(self.size, self.strides, self.dilation, side or "valid")
        is_same = self.multiplies != "transposed" and all(
            stride == 1 and (before, after) == same_padding(size, size, 1, dilation)
            for size, stride, dilation, before, after in zip(
                self.size, self.strides, self.dilation, self.before, self.after or self.before, strict=True
            )
        )
        return Window(self.size, self.strides, self.dilation, "same") if is_same else None

    def facts(self, shape: Shape) -> LayerFacts:
        """See `LayerKind`."""
        lengths, taps = [], []
        for axis in (0, 1):
            size, stride, dilation = self.size[axis], self.strides[axis], self.dilation[axis]
            before, after = self._sides(shape[axis], axis)
            span = (size - 1) * dilation + 1
            if self.multiplies == "transposed":
                lengths.append((shape[axis] - 1) * stride + span - before - after + self.extra[axis])
                taps.append(transposed_taps(size, stride, dilation, before))
                continue
            room = shape[axis] + before + after - span
            lengths.append((-(-room // stride) if self.rounds_up else room // stride) + 1)
            taps.append(window_taps(size, stride, dilation, before))
        filters = self.filters or shape[2]
        area = self.size[0] * self.size[1]
        weights = 0 if self.multiplies == "pool" else area * (shape[2] // self.groups) * self.filters
        places = shape[0] * shape[1] if self.multiplies == "transposed" else lengths[0] * lengths[1]
        return LayerFacts(
            (lengths[0], lengths[1], filters), weights + self.bias * self.filters, places * weights, (taps[0], taps[1])
        )

    def _sides(self, length: int, axis: int) -> Pair:
        if self.before is not None and self.after is not None:
            return self.before[axis], self.after[axis]
        return same_padding(length, self.size[axis], self.strides[axis], self.dilation[axis])


def laid(node: Node, size: tuple[int, ...], kernel: tuple[int, ...] | None, bias: bool) -> Laid | None:
    """How a convolution or pool over images lays its window; None for one over something else.

    Args:
        node: a Conv, ConvTranspose, QLinearConv or a pool.
        size: of its window.
        kernel: the shape of its filters; None for a pool.
        bias: whether it adds one.
    """
    if len(size) != 2:
        return None
    strides, dilation = _pair(node, "strides"), _pair(node, "dilations")
    rule = node.attributes.get("auto_pad", "NOTSET")
    pads = node.attributes.get("pads", (0, 0, 0, 0))
    before: Pair | None = None
    after: Pair | None = None
    if rule in ("NOTSET", "VALID") and isinstance(pads, tuple):
        sides = [int(one) for one in pads] if rule == "NOTSET" else [0] * 4
        before, after = (sides[0], sides[1]), (sides[2], sides[3])
    elif rule != "SAME_UPPER":
        return None
    group = node.attributes.get("group", 1)
    groups = group if isinstance(group, int) else 1
    if kernel is None:
        rounds_up = bool(node.attributes.get("ceil_mode", 0))
        return Laid((size[0], size[1]), strides, dilation, before, after, "pool", rounds_up=rounds_up)
    if node.operator == "ConvTranspose":
        if "output_shape" in node.attributes or before is None:
            return None
        extra = _pair(node, "output_padding", 0)
        filters = kernel[1] * groups
        return Laid((size[0], size[1]), strides, dilation, before, after, "transposed", filters, groups, bias, extra)
    return Laid((size[0], size[1]), strides, dilation, before, after, "filters", kernel[0], groups, bias)


def _pair(node: Node, name: str, default: int = 1) -> Pair:
    value = node.attributes.get(name)
    return (int(value[0]), int(value[1])) if isinstance(value, tuple) and len(value) == 2 else (default, default)


def arithmetic_of(node: Node) -> LayerKind | View:
    """The kind of an operator that lays no window."""
    if node.operator in ("GlobalAveragePool", "GlobalMaxPool"):
        return layer_kinds.GlobalPooling()
    if node.operator in WHOLE:
        return View.WHOLE
    if node.operator in POINT_BY_POINT:
        return View.POINT
    if node.operator in ("Concat", "Split", "Softmax", "LogSoftmax"):
        return View.POINT if node.attributes.get("axis", 1) in (1, -3) else View.UNKNOWN
    return View.UNKNOWN
