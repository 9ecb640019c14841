"""A convolution or transposed convolution as passes: plain convolutions that each fill some rows and columns.

A convolution is one pass that fills every output. A transposed convolution with strides (s, t) is s * t passes of
stride 1: the outputs of one phase, every s-th row and t-th column, all read the same taps (Dumoulin and Visin 2016,
"A guide to convolution arithmetic for deep learning", chapter 4, done without the zeros between the inputs).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd

from featuremap_cli.arrays import Float32
from featuremap_cli.convolution import geometry
from featuremap_cli.convolution.geometry import Pair
from featuremap_cli.convolution.operation import Operation
from featuremap_cli.errors import UsageError


@dataclass(frozen=True)
class AxisPass:
    """One axis of a pass.

    Output `first + step * n` reads the pixels `origin + stride * n + dilation * j` for j = 0, 1, ..., with the filter's
    tap `taps[j]`. Positions outside the image are its border.

    Attributes:
        first: the first output that is filled.
        step: from one filled output to the next.
        count: how many are filled.
        origin: the pixel under the first tap of the first output.
        stride: pixels from one output to the next.
        dilation: pixels from one tap to the next.
        taps: which of the filter's taps are used, in the order of the pixels they meet; empty where none reaches.
    """

    first: int
    step: int
    count: int
    origin: int
    stride: int
    dilation: int
    taps: tuple[int, ...]

    def index_from(self, output: int) -> int:
        """Return how many of the filled outputs come before `output`."""
        return min(max(-(-(output - self.first) // self.step), 0), self.count)

    def reach(self, outputs: int) -> int:
        """Return how many pixels that many outputs in a row read, from the first to the last."""
        return (outputs - 1) * self.stride + geometry.span(len(self.taps), self.dilation)


@dataclass(frozen=True, eq=False)
class Pass:
    """A plain convolution that fills the outputs of its two axes.

    Attributes:
        weights: float32 (filter_height, filter_width, channels, filters): the taps that are used.
        rows: the vertical axis.
        columns: the horizontal axis.
    """

    weights: Float32
    rows: AxisPass
    columns: AxisPass


def output_size(size: Pair, filter_size: Pair, operation: Operation) -> Pair:
    """Return (height, width) of the maps, before pooling.

    Args:
        size: (height, width) of the image.
        filter_size: (height, width) of the filters.
        operation: padding, strides, dilation and transpose are looked at.

    Raises:
        UsageError: nothing is left: the filter is larger than the image, or the padding cuts everything off.
    """
    height, width = (_output_length(size[axis], filter_size[axis], axis, operation) for axis in (0, 1))
    if height < 1 or width < 1:
        raise UsageError(_nothing_left(size, filter_size, operation))
    return height, width


def passes(weights: Float32, size: Pair, operation: Operation) -> list[Pass]:
    """Return the passes that together fill every output.

    Args:
        weights: float32 (filter_height, filter_width, channels, filters).
        size: (height, width) of the image.
        operation: padding, strides, dilation and transpose are looked at.
    """
    axis_passes = _transposed if operation.transpose else _forward
    rows, columns = (axis_passes(size[axis], int(weights.shape[axis]), axis, operation) for axis in (0, 1))
    return [Pass(weights[list(row.taps)][:, list(column.taps)], row, column) for row in rows for column in columns]


def _output_length(length: int, size: int, axis: int, operation: Operation) -> int:
    laid = size, operation.strides[axis], operation.dilation[axis]
    if operation.transpose:
        return geometry.transposed_length(length, *laid, operation.padding)
    return geometry.output_length(length, *laid, *geometry.padding_around(length, *laid, operation.padding))


def _forward(length: int, size: int, axis: int, operation: Operation) -> list[AxisPass]:
    stride, dilation = operation.strides[axis], operation.dilation[axis]
    before, _ = geometry.padding_around(length, size, stride, dilation, operation.padding)
    count = _output_length(length, size, axis, operation)
    return [AxisPass(0, 1, count, -before, stride, dilation, tuple(range(size)))]


def _transposed(length: int, size: int, axis: int, operation: Operation) -> list[AxisPass]:
    stride = operation.strides[axis]
    cut = geometry.transposed_cut(size, stride, operation.dilation[axis], operation.padding)
    outputs = _output_length(length, size, axis, operation)
    return [
        _phase(first, cut, outputs, size, stride, operation.dilation[axis]) for first in range(min(stride, outputs))
    ]


def _phase(first: int, cut: int, outputs: int, size: int, stride: int, dilation: int) -> AxisPass:
    # Before cutting, input i and tap t meet at output stride * i + dilation * t. The output `whole` is therefore made
    # of the taps with dilation * t = phase (mod stride), tap t meeting input (whole - dilation * t) / stride.
    whole = first + cut
    phase = whole % stride
    taps = tuple(tap for tap in range(size) if (dilation * tap - phase) % stride == 0)[::-1]
    origin = (whole - dilation * taps[0]) // stride if taps else 0
    count = -(-(outputs - first) // stride)
    return AxisPass(first, stride, count, origin, 1, dilation // gcd(dilation, stride), taps)


def _nothing_left(size: Pair, filter_size: Pair, operation: Operation) -> str:
    spans = [geometry.span(filter_size[axis], operation.dilation[axis]) for axis in (0, 1)]
    dilated = f" ({spans[0]}x{spans[1]} with its dilation)" if operation.dilation != (1, 1) else ""
    filters, image = f"{filter_size[0]}x{filter_size[1]}{dilated}", f"{size[0]}x{size[1]}"
    if operation.transpose:
        return (
            f"padding {operation.padding} cuts off all that a {filters} filter makes of a {image} image; "
            "take a smaller --padding, or same"
        )
    return (
        f"a filter of {filters} is larger than the image of {image} (height x width) under padding "
        f"{operation.padding}; take --padding same, or a smaller filter"
    )
